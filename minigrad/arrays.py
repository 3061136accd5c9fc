"""What is taken for an array, and how it is written: conversions, with clear refusals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike


def as_data(x: Any, name: str) -> Any:
    """Numbers and arrays as they are, a list as an array; what no computation can take is refused."""
    if type(x) in (float, int, bool):
        return x
    array = np.asarray(x)
    if array.dtype.kind not in "fiubc":
        raise TypeError(f"{name}: expected numbers, got {type(x).__name__} of dtype {array.dtype}")
    return x if isinstance(x, np.generic) else array


def private(x: Any, name: str) -> Any:
    """x as a graph keeps it: its own copy of an array that somebody else could change. Complex numbers are refused."""
    if np.iscomplexobj(x):
        raise TypeError(f"{name}: expected real numbers beside a Tensor that wants a gradient, got {x.dtype}")
    return x.copy() if is_writeable(x) else x


def own_array(data: Any, dtype: DTypeLike | None = None) -> np.ndarray:
    """A new array of real numbers or booleans: Python floats become float32, NumPy's numbers keep their dtype."""
    first = first_of(data)
    if isinstance(data, Sequence) and hasattr(first, "requires_grad"):
        raise TypeError(
            "tensor: expected numbers, got a list of Tensors; join them with stack(), which keeps gradients"
        )
    try:
        array = np.array(data)  # not yet of `dtype`: that would make numbers of text and NaN of None
    except ValueError as error:
        raise ValueError(f"tensor: {error}") from None
    if dtype is None:
        dtype = (
            np.float32 if array.dtype == np.float64 and not isinstance(first, np.ndarray | np.generic) else array.dtype
        )
    for kind in (array.dtype, np.dtype(dtype)):
        if kind.kind not in "fiub":
            raise TypeError(
                f"tensor: expected real numbers or booleans, got dtype {kind}; convert text and objects to numbers "
                "first"
            )
    array = array.astype(dtype, copy=False)
    array.flags.writeable = False
    return array


def first_of(data: Any) -> Any:
    """The first thing in nested lists, by which they are judged."""
    while isinstance(data, Sequence) and not isinstance(data, str) and len(data):
        data = data[0]
    return data


def is_writeable(x: Any) -> bool:
    """Whether somebody else could change the array under a graph that keeps it."""
    while isinstance(x, np.ndarray):
        if x.flags.writeable:
            return True
        x = x.base  # a read-only view shows what its owner writes
    return False


def swapped(op: Any) -> Any:
    """The op with its two inputs exchanged, for `2 - x`."""
    return lambda b, a: op(a, b)


def one_or_many(sizes: tuple[Any, ...]) -> Any:
    """`(2, 3)` from `f(2, 3)` and from `f((2, 3))`."""
    return sizes[0] if len(sizes) == 1 and not isinstance(sizes[0], int | np.integer) else sizes


def plain_index(index: Any) -> Any:
    """An index without Tensors in it, and with its own copy of every array."""
    if isinstance(index, tuple):
        return tuple(np.array(part) if isinstance(part, tuple) else plain_index(part) for part in index)
    several = hasattr(index, "__array__") or (hasattr(index, "__len__") and not isinstance(index, str))
    return np.array(index) if several else index
