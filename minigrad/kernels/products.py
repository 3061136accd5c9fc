"""Matrix products of arrays, shared among the pool's threads; small ones are NumPy's."""

import functools
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from . import compile, memory
from .memory import constant
from .pool import get_num_threads, share

# Multiplications up to which OpenBLAS stays on one thread by itself, and costs less to call. Beyond, its threads
# would fight with ours over the cores: stalls of 8 ms.
BLAS, BLAS_VECTOR = 1 << 18, 9000
TOGETHER = 1 << 21  # multiplications, 40 us, from which on a second thread is worth calling


class Compiled(NamedTuple):
    """What `gemm.py` compiles, and the width of its panels and vectors in bytes."""

    pack: Callable[..., None]
    multiply: Callable[..., None]
    panel: int
    vector: int

    def panels(self, n: int, dtype: np.dtype) -> int:
        """How many panels n columns make."""
        return -(-n * dtype.itemsize // self.panel)

    def whole_vectors(self, n: int, dtype: np.dtype) -> int:
        """n, rounded up to what fills vectors."""
        return -(-n * dtype.itemsize // self.vector) * self.vector // dtype.itemsize


@functools.cache
def gemm() -> Compiled | None:
    """The compiled products; None where nothing may be compiled."""
    if not compile.available():
        return None
    from . import gemm

    pack, multiply = (compile.announced(f, "matrix products") for f in (gemm.pack, gemm.multiply))
    return Compiled(pack, multiply, gemm.VECTORS * gemm.BYTES, gemm.BYTES)


def threads_for(multiplications: int) -> int:
    """All threads, or one for what is done before a second would be awake."""
    return get_num_threads() if multiplications > TOGETHER else 1


def is_small(a: np.ndarray, n: int) -> bool:
    """Whether NumPy multiplies `a` with what has n columns."""
    m, k = a.shape
    most = BLAS if m > 1 and n > 1 else BLAS_VECTOR
    return m * k * n <= most or a.dtype.char not in "fd" or gemm() is None


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a [m, k] times b [k, n]."""
    if a.dtype != b.dtype or is_small(a, b.shape[1]):
        return np.matmul(a, b)
    return times_packed(a, packed(b), b.shape[1])


def affine(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """x [m, k] times the transpose of weight [n, k], plus bias [n]. The packed weight is kept as long as `weight`."""
    if not x.dtype == weight.dtype == bias.dtype or is_small(x, len(weight)):
        return np.matmul(x, weight.T) + bias
    return times_packed(x, packed_weight(weight, True), len(weight), bias)


def times_packed(a: np.ndarray, b: np.ndarray, n: int, bias: np.ndarray | None = None) -> np.ndarray:
    """a times a packed matrix of n columns, plus bias. The threads share the rows, or the columns of very few rows."""
    m, k = a.shape
    source, down, across = flat(a)
    c = memory.empty((m, n), a.dtype)
    library: Any = gemm()
    multiply = functools.partial(
        library.multiply, source, down, across, k, b, n, c.reshape(-1), constant(a[:0, 0] if bias is None else bias)
    )
    panels, threads = library.panels(n, a.dtype), threads_for(m * k * n)
    if m >= 16:
        share(lambda top, bottom: multiply(top, bottom, 0, panels), m, threads)
    else:
        share(lambda first, last: multiply(0, m, first, last), panels, threads)
    return c


def flat(a: np.ndarray) -> tuple[np.ndarray, int, int]:
    """The memory of a matrix or, if it is neither one block nor the transpose of one, of a copy; steps down, across."""
    if a.T.flags.c_contiguous and not a.flags.c_contiguous:
        return constant(a.T).reshape(-1), 1, a.shape[0]
    return constant(a).reshape(-1), a.shape[1], 1


def packed(b: np.ndarray) -> np.ndarray:
    """b [k, n] in the order in which products read it."""
    k, n = b.shape
    source, down, across = flat(b)
    library: Any = gemm()
    target = memory.empty((k * library.whole_vectors(n, b.dtype),), b.dtype)
    work = functools.partial(library.pack, source, 0, down, across, k, n, target)
    share(work, library.panels(n, b.dtype), threads_for(16 * k * n))
    return target


_kept: dict[tuple[int, bool], tuple[Any, np.ndarray]] = {}


def packed_weight(weight: np.ndarray, transposed: bool) -> np.ndarray:
    """The packed weight (or its transpose); of an array that nobody may write to (a Tensor's) it is made only once."""
    if weight.flags.writeable:
        return packed(weight.T if transposed else weight)
    key = id(weight), transposed
    found = _kept.get(key)
    if found is None or found[0]() is not weight:
        reference = weakref.ref(weight, lambda gone: forget(key, gone))
        _kept[key] = found = reference, packed(weight.T if transposed else weight)
    return found[1]


def forget(key: tuple[int, bool], gone: Any) -> None:
    """Drop what was packed of an array that is no more, unless another one has its place already."""
    if (found := _kept.get(key)) is not None and found[0] is gone:
        del _kept[key]
