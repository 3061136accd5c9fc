"""Strategies of shapes, and of axes and indices that are valid for a shape."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

Shape = tuple[int, ...]
Draw = Callable[[st.SearchStrategy[Any]], Any]


def shapes(
    min_dims: int = 0, max_dims: int = 3, min_side: int = 0, max_side: int = 3
) -> st.SearchStrategy[tuple[int, ...]]:
    """Tuples of `min_dims` to `max_dims` sizes, each from `min_side` to `max_side`: `()` and empty arrays, too.

    >>> x_shape = shapes(max_dims=2, min_side=1)  # (), (3,), (1, 2), ...
    """
    check_range("shapes", "dims", min_dims, max_dims)
    check_range("shapes", "side", min_side, max_side)
    return st.lists(st.integers(min_side, max_side), min_size=min_dims, max_size=max_dims).map(tuple)


@st.composite
def broadcastable(
    draw: Draw, n: int, min_dims: int = 0, max_dims: int = 3, min_side: int = 0, max_side: int = 3
) -> tuple[Shape, ...]:
    """Tuples of `n` shapes that broadcast together, with every pattern of stretched, missing and empty axes.

    `max_dims` and so on are those of the result, but for axes that are stretched in all of the shapes.

    >>> pairs = broadcastable(2)  # ((3,), (2, 1)), ((), (0, 2)), ...
    """
    check_range("broadcastable", "number of shapes", 1, n)
    result = draw(shapes(min_dims, max_dims, min_side, max_side))
    return tuple(draw(stretching_to(result)) for _ in range(n))


@st.composite
def stretching_to(draw: Draw, shape: Shape) -> Shape:
    """Shapes that broadcast to `shape`: axes in front left out, others of size 1."""
    missing = draw(st.integers(0, len(shape)))
    stretched = draw(st.integers(0, 2 ** (len(shape) - missing) - 1))
    return tuple(1 if stretched >> i & 1 else size for i, size in enumerate(shape[missing:]))


def axis(ndim: int) -> st.SearchStrategy[int | None]:
    """What `axis=` takes where it names one axis: None, or an axis counted from either end.

    >>> for_cumsum = axis(2)  # None, 0, 1, -1, -2
    """
    return st.none() | st.integers(-ndim, ndim - 1) if ndim else st.none()


@st.composite
def axes(draw: Draw, ndim: int) -> int | tuple[int, ...] | None:
    """What `axis=` takes where it names any number: None, one, or a tuple (empty, too), counted from either end.

    >>> for_sum = axes(3)  # None, -1, (), (0, -1), ...
    """
    if draw(st.booleans()):
        return draw(axis(ndim))
    some = draw(st.lists(st.integers(0, ndim - 1), unique=True)) if ndim else []
    from_the_end = draw(st.integers(0, 2 ** len(some) - 1))
    return tuple(a - ndim if from_the_end >> i & 1 else a for i, a in enumerate(some))


@st.composite
def indices(draw: Draw, shape: Shape) -> Any:
    """Whatever can stand in `x[...]` for an x of `shape`: all that NumPy takes.

    Integers, slices with steps of either sign, Ellipsis, None, boolean masks, integer arrays and lists with repeats,
    alone or mixed in a tuple.

    >>> index = indices((3, 4))  # 0, (slice(None, None, -1), None), array([True, False, True]), ...
    """
    if draw(st.integers(0, 3)) == 3:
        return draw(masks(shape[: draw(st.integers(0, len(shape)))]))
    picked = draw(shapes(max_dims=2, max_side=3))  # of all integer arrays, so that they broadcast
    parts: list[Any] = []
    used, ellipsis = 0, False
    while used < len(shape):
        kind = draw(st.sampled_from(["end", "slice", "integer", "array", "None", "Ellipsis"]))
        if kind == "end" and not ellipsis:  # which would take the axes that are left, instead of its own
            break
        if kind == "None":
            parts.append(None)
        elif kind == "Ellipsis" and not ellipsis:
            ellipsis = True
            parts.append(Ellipsis)
            used += draw(st.integers(0, len(shape) - used))
        elif kind == "array" and (shape[used] or 0 in picked):
            parts.append(draw(integer_arrays(picked, shape[used])))
            used += 1
        elif kind == "integer" and shape[used]:
            parts.append(draw(st.integers(-shape[used], shape[used] - 1)))
            used += 1
        else:
            parts.append(draw(slices(shape[used])))
            used += 1
    return parts[0] if len(parts) == 1 and draw(st.booleans()) else tuple(parts)


@st.composite
def slices(draw: Draw, size: int) -> slice:
    """Slices of an axis: open or closed, past the ends, with steps of either sign."""
    bound = st.none() | st.integers(-size - 1, size + 1)
    return slice(draw(bound), draw(bound), draw(st.sampled_from([None, 2, -1, -2])))


@st.composite
def masks(draw: Draw, shape: Shape) -> np.ndarray:
    """Boolean arrays."""
    bits = draw(st.binary(min_size=math.prod(shape), max_size=math.prod(shape)))
    return np.array([byte & 1 for byte in bits], bool).reshape(shape)


@st.composite
def integer_arrays(draw: Draw, shape: Shape, size: int) -> Any:
    """Arrays or lists of integers that name entries of an axis, counted from either end, with repeats."""
    count = math.prod(shape)
    picked = np.array([byte % (2 * size) for byte in draw(st.binary(min_size=count, max_size=count))], np.intp)
    picked = np.where(picked < size, picked, size - 1 - picked).reshape(shape)
    return picked.tolist() if picked.size and picked.ndim and draw(st.booleans()) else picked


def check_range(name: str, what: str, low: int, high: int) -> None:
    if not 0 <= low <= high:
        raise ValueError(f"{name}: expected 0 <= least <= largest {what}, got {low} and {high}")
