"""Strategies of arrays: values inside a primitive's domain, off its kinks, in any memory layout."""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from numpy.typing import DTypeLike

from ..domain import REAL, Domain
from .shapes import Draw, Shape, broadcastable, shapes

LAYOUTS = ("contiguous", "transposed", "reversed", "strided")
FROM_BYTES = 256  # arrays of up to so many entries shrink entry by entry; the others, seed and all
OFF_KINKS = 0.1
LEVELS = 192  # numbers to choose from: what a byte can name


class PaddedBatch(NamedTuple):
    """Sequences that differ in length: values [batch, time, features], and int64 lengths [batch]."""

    values: np.ndarray
    lengths: np.ndarray


@st.composite
def arrays(
    draw: Draw,
    shape: Shape | st.SearchStrategy[Shape] | None = None,
    dtype: DTypeLike = np.float64,
    domain: Domain = REAL,
    allow_subnormal: bool = False,
) -> np.ndarray:
    """Arrays of multiples of a power of two (1/32 where the domain is -3 to 3) inside a domain, in any memory layout.

    shape: one, or a strategy of them (None: `shapes()`). dtype: float32, float64, integers or bool. Entries are
    from `domain.low` to `domain.high`, 0.1 and more away from its kinks; where it is `distinct`, all differ. They
    shrink to small integers. With
    `allow_subnormal` there may be numbers so small that they lose digits, too. Raises ValueError for a domain that
    holds no such number, or not enough of them.

    >>> x = arrays((2, 3))
    >>> positive = arrays(shapes(max_dims=2), np.float32, Domain(low=0.5))
    """
    sizes: Shape = shape if isinstance(shape, tuple) else draw(shapes() if shape is None else shape)
    values = draw(contents(math.prod(sizes), dtype, domain, allow_subnormal)).reshape(sizes)
    return laid_out(values, draw(st.sampled_from(LAYOUTS))) if values.ndim else values


@st.composite
def broadcastable_arrays(
    draw: Draw, n: int, dtype: DTypeLike = np.float64, domain: Domain = REAL, max_dims: int = 3, max_side: int = 3
) -> tuple[np.ndarray, ...]:
    """Tuples of `n` arrays that broadcast together; where the domain is `distinct`, no two have an entry in common.

    >>> pair = broadcastable_arrays(2, domain=Domain(distinct=True))  # for maximum(a, b)
    """
    parts = draw(broadcastable(n, max_dims=max_dims, max_side=max_side))
    sizes = [math.prod(shape) for shape in parts]
    together = draw(contents(sum(sizes), dtype, domain))
    cut = np.split(together, np.cumsum(sizes)[:-1])
    return tuple(
        laid_out(values.reshape(shape), draw(st.sampled_from(LAYOUTS)) if shape else "contiguous")
        for values, shape in zip(cut, parts, strict=True)
    )


@st.composite
def padded_batches(
    draw: Draw,
    max_batch: int = 4,
    max_time: int = 5,
    max_features: int = 4,
    dtype: DTypeLike = np.float64,
    padding: tuple[float, ...] = (0.0, 99.0, math.nan),
) -> PaddedBatch:
    """Batches of sequences of 1 to `max_time` steps each, with zeros or garbage (of `padding`) past the end.

    >>> batch = padded_batches(max_features=3)  # .values [batch, time, features], .lengths [batch]
    """
    size = draw(st.tuples(st.integers(1, max_batch), st.integers(1, max_time), st.integers(1, max_features)))
    values = np.array(draw(contents(math.prod(size), dtype))).reshape(size)
    lengths = np.array(draw(st.lists(st.integers(1, size[1]), min_size=size[0], max_size=size[0])))
    values[np.arange(size[1]) >= lengths[:, np.newaxis]] = draw(st.sampled_from(padding))
    return PaddedBatch(values, lengths)


@st.composite
def contents(
    draw: Draw, count: int, dtype: DTypeLike = np.float64, domain: Domain = REAL, allow_subnormal: bool = False
) -> np.ndarray:
    """`count` numbers in a row, from few bytes: one for each, or a seed."""
    dtype = np.dtype(dtype)
    if count <= FROM_BYTES:
        codes = np.frombuffer(draw(st.binary(min_size=count, max_size=count)), np.uint8).astype(np.intp)
    else:
        codes = np.random.default_rng(draw(st.integers(0, 2**32 - 1))).integers(0, 256, count)
    if dtype.kind == "b":
        return codes % 2 == 1
    if domain.distinct:
        ladder = np.sort(levels(domain, dtype.kind in "iu", count)[:count])
        return ladder[np.argsort(np.argsort(codes, kind="stable"), kind="stable")].astype(dtype)
    choice = levels(domain, dtype.kind in "iu")
    if allow_subnormal and dtype.kind == "f":
        tiny = float(np.finfo(dtype).tiny) / np.array([4, -4])
        choice = np.concatenate([choice, [t for t in tiny if is_inside(t, domain)]])
    return choice[codes % len(choice)].astype(dtype)


@functools.cache
def levels(domain: Domain, integral: bool = False, count: int = 1) -> np.ndarray:
    """At least `count` numbers inside the domain, the simplest first: few binary places, then small, then positive."""
    if not -math.inf < domain.low < domain.high < math.inf:
        raise ValueError(f"arrays: expected a domain with finite bounds, low < high, got {domain}")
    spacing = 1.0 if integral else 2.0 ** math.ceil(math.log2((domain.high - domain.low) / LEVELS))
    for finer in range(1 if integral else 1 + math.ceil(math.log2(count + 1))):
        step = spacing * 0.5**finer
        numbers = np.arange(math.ceil(domain.low / step), math.floor(domain.high / step) + 1) * step
        found = [x for x in numbers.tolist() if is_inside(x, domain)]
        if len(found) >= count:
            return np.array(sorted(found, key=lambda x: (x.as_integer_ratio()[1], abs(x), x < 0)))
    raise ValueError(f"arrays: no {count} {'integers' if integral else 'numbers'} are inside {domain}; make it wider")


def is_inside(x: float, domain: Domain) -> bool:
    return domain.low <= x <= domain.high and all(abs(x - kink) >= OFF_KINKS for kink in domain.kinks)


def laid_out(values: np.ndarray, layout: str) -> np.ndarray:
    """The same entries, in another order in memory."""
    if layout == "transposed":
        return values.T.copy().T
    if layout == "reversed":
        return np.flip(np.flip(values).copy())
    if layout == "strided":
        spread: Any = np.zeros([2 * n for n in values.shape], values.dtype)
        every_other = spread[(..., *[slice(None, None, 2)] * values.ndim)]
        every_other[...] = values
        return every_other
    return values
