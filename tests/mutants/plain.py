"""Generated code as plain Python: doubles of what Numba's intrinsics do, so that no mutant has to be compiled first.

A reading or writing past the end of memory, which machine code would not notice, is an IndexError here.
"""

import os
from collections.abc import Callable
from typing import Any

import numba
import numpy as np


def arguments_apart() -> None:
    """A promise to LLVM."""


def row(array: np.ndarray, start: int, size: int) -> np.ndarray:
    """The view of `size` entries of a contiguous array's memory."""
    within(array, start, start + size)
    return array.reshape(-1)[start : start + size]


def flat_from(array: np.ndarray, start: int) -> np.ndarray:
    """The view of an array's memory from `start` on."""
    return row(array, start, array.size - start)


def tile(rows: int, vectors: int, a: np.ndarray, a0: int, a_row: int, a_k: int, b: np.ndarray, b0: int,
         c: np.ndarray, c0: int, c_row: int, k: int, accumulate: bool) -> None:  # fmt: skip
    """The product of one tile, summed in the order of k: to the bit the same for any division into tiles."""
    from minigrad.kernels.tile import BYTES, ROWS, VECTORS

    if not (1 <= rows <= ROWS and 1 <= vectors <= VECTORS):
        raise IndexError(f"there is no tile of {rows} rows by {vectors} vectors")
    lines, columns = np.arange(rows)[:, np.newaxis], np.arange(vectors * BYTES // c.itemsize)
    in_a, in_b = a0 + lines * a_row + np.arange(k) * a_k, b0 + np.arange(k)[:, np.newaxis] * columns.size + columns
    in_c = c0 + lines * c_row + columns
    for array, places in ((a, in_a), (b, in_b), (c, in_c)):
        within(array, places.min(initial=0), places.max(initial=0) + 1)
    total = np.zeros(in_c.shape, c.dtype)
    for one, other in zip(a.reshape(-1)[in_a].T, b.reshape(-1)[in_b]):
        total += one[:, np.newaxis] * other
    c.reshape(-1)[in_c] = total + c.reshape(-1)[in_c] if accumulate else total


def within(array: np.ndarray, start: int, stop: int) -> None:
    """Refuse a range that is not in the array's memory."""
    if not (array.flags.c_contiguous and 0 <= start <= stop <= array.size):
        raise IndexError(f"entries {start} to {stop} of an array of {array.size}")


def as_plain(function: Callable[..., Any], dtype: np.dtype) -> Callable[..., Any]:
    """What stands in for a ufunc: the NumPy formula of that name, or the function entry by entry."""
    from minigrad.kernels import elementary

    if formula := getattr(elementary, function.__name__, None):
        return formula.__wrapped__  # type: ignore[no-any-return]
    return lambda *arrays: np.array([function(*entries) for entries in zip(*(a.flat for a in arrays))], dtype).reshape(
        arrays[0].shape
    )


def install(folder: str) -> None:
    """Let this process run what it generates, written to `folder`, as plain Python."""
    os.environ.update(MINIGRAD_CACHE=folder, NUMBA_DISABLE_JIT="1")
    numba.config.reload_config()
    np.seterr(all="ignore")  # machine code does not warn
    from minigrad.kernels import compile, pool, rows

    rows.row, rows.flat_from, rows.arguments_apart = row, flat_from, arguments_apart
    compile.available = lambda: True
    pool.spin = lambda: None  # type: ignore[assignment]  # who waits for a thread sleeps
    compile.ufunc = as_plain  # type: ignore[assignment]
    from minigrad.kernels import tile as kernel

    kernel.tile = tile
