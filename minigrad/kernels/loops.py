"""Loops over memory that NumPy takes several passes for, or takes entry by entry."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from . import compile


def either(plain: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The decorated loop, compiled at its first use; `plain` where nothing may be compiled."""

    def choose(loop: Callable[..., Any]) -> Callable[..., Any]:
        @functools.cache
        def chosen() -> Callable[..., Any]:
            if not compile.available():
                return plain
            return compile.announced(compile.compiled(loop, ("contract", "reassoc")), loop.__name__)

        @functools.wraps(loop)
        def function(*arrays: np.ndarray) -> Any:
            return chosen()(*arrays)

        return function

    return choose


@either(lambda x: float(np.sum(np.square(x, dtype=np.float64))))
def sum_of_squares(x: Any) -> float:
    """The sum of the squares of x, flat, in float64: squares of float32 neither overflow nor vanish."""
    total = 0.0
    for i in range(len(x)):  # by index: LLVM makes no vectors of `for value in x` (a 17th of the time)
        total += np.float64(x[i]) * np.float64(x[i])
    return total


def add_at(total: np.ndarray, index: Any, x: np.ndarray) -> None:
    """total[index] += x, where `index` may name an entry more than once."""
    rows = index[0] if isinstance(index, tuple) and len(index) == 1 else None
    if (
        isinstance(rows, np.ndarray)
        and rows.dtype.kind in "iu"
        and total.ndim in (1, 2)
        and x.size
        and total.dtype.char in "fd"
    ):
        rows = np.where(rows < 0, rows + len(total), rows)
        add_rows(total.reshape(len(total), -1), rows.reshape(-1), np.ascontiguousarray(x).reshape(rows.size, -1))
    else:
        np.add.at(total, index, x)


@either(lambda total, index, rows: np.add.at(total, index, rows))
def add_rows(total: Any, index: Any, rows: Any) -> None:
    """Add rows [m, n] to those rows of total [k, n] that index [m] names, none below 0."""
    for i in range(len(index)):
        for j in range(rows.shape[1]):
            total[index[i], j] += rows[i, j]
