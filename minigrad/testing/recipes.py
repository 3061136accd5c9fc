"""How to call a primitive on values that are there already: operands that fit together, and settings.

A pointwise primitive without required settings needs no recipe. For one of your own that does:

>>> @recipe("my_op")
... def _(draw, pool):
...     x = pool.value(lambda shape: len(shape) > 0)
...     return (x,), {"axis": draw(st.integers(0, len(x.shape) - 1))}
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from hypothesis import strategies as st

from ..graph import Primitive
from .literals import literal
from .shapes import Draw, Shape, axes, axis, indices, integer_arrays, masks, shapes, stretching_to
from .value import Value

Call = tuple[tuple[Any, ...], dict[str, Any]]  # operands (values of the pool, arrays, numbers), settings
Suits = Callable[[Shape], bool]
Code = Callable[[Sequence[str], Mapping[str, Any]], str]  # of the operands' names or literals, and the settings


class Pool(Protocol):
    """The values that a recipe can choose from."""

    def value(self, suits: Suits = ..., otherwise: st.SearchStrategy[Shape] = ...) -> Value:
        """A value whose shape suits; where there is none, or by chance, a new input of a shape drawn `otherwise`."""

    def is_clear_of(self, x: Value, number: float) -> bool:
        """Whether no oracle's step takes an entry of x across the number."""

    def record(self, name: str, *operands: Any) -> Value:
        """One more step: a primitive without settings, applied to operands that are in its domain."""


class Recipe(NamedTuple):
    """How to draw a call, and how it is written where `mg.name(*operands, **settings)` would not do."""

    draw: Callable[[Draw, Pool], Call]
    code: Code | None = None


recipes: dict[str, Recipe] = {}


def recipe(*names: str, code: Code | None = None) -> Callable[[Callable[[Draw, Pool], Call]], Any]:
    """Declare a function of `draw` and a pool that returns operands and settings as the recipe of some primitives."""

    def declare(draw: Callable[[Draw, Pool], Call]) -> Callable[[Draw, Pool], Call]:
        recipes.update(dict.fromkeys(names, Recipe(draw, code)))
        return draw

    return declare


def pointwise(draw: Draw, pool: Pool, primitive: Primitive) -> Call:
    """Operands that broadcast together."""
    operands = [pool.value()]
    while len(operands) < primitive.arity:
        operands.append(broadcasting_with(pool, *operands))
    return tuple(operands), {}


def broadcasting_with(pool: Pool, *others: Value) -> Value:
    shape = np.broadcast_shapes(*(x.shape for x in others))
    return pool.value(lambda other: broadcast(shape, other), stretching_to(shape))


def broadcast(a: Shape, b: Shape) -> bool:
    return all(m == n or 1 in (m, n) for m, n in zip(a[::-1], b[::-1]))


def filled(shape: Shape) -> bool:
    return 0 not in shape


def has_axes(shape: Shape) -> bool:
    return len(shape) > 0


any_filled = shapes(min_side=1)
any_with_axes = shapes(min_dims=1)
any_filled_with_axes = shapes(min_dims=1, min_side=1)
booleans = st.booleans()


def one_axis(draw: Draw, x: Value) -> int:
    return draw(st.integers(-len(x.shape), len(x.shape) - 1))


# pointwise, with settings or a condition


@recipe("where")
def where(draw: Draw, pool: Pool) -> Call:
    a = pool.value()
    b = broadcasting_with(pool, a)
    if draw(booleans) and pool.is_clear_of(a, 0.25):
        return (pool.record("greater", a, 0.25), a, b), {}
    return (draw(masks(draw(stretching_to(np.broadcast_shapes(a.shape, b.shape))))), a, b), {}


@recipe("clip")
def clip(draw: Draw, pool: Pool) -> Call:
    return (pool.value(),), {"min": -1.0, "max": 1.0}  # its domain's kinks


@recipe("leaky_relu")
def leaky_relu(draw: Draw, pool: Pool) -> Call:
    return (pool.value(),), {"negative_slope": draw(st.sampled_from([0.25, 0.01, -0.5]))}


@recipe("astype")
def astype(draw: Draw, pool: Pool) -> Call:
    return (pool.value(),), {"dtype": np.float64}  # rounding to float32 has no slope to compare with


# reductions


@recipe("sum", "prod")
def reduction(draw: Draw, pool: Pool) -> Call:
    x = pool.value()
    return (x,), {"axis": draw(axes(len(x.shape))), "keepdims": draw(booleans)}


@recipe("mean", "logsumexp", "max", "min")
def reduction_of_something(draw: Draw, pool: Pool) -> Call:
    x = pool.value(filled, any_filled)
    return (x,), {"axis": draw(axes(len(x.shape))), "keepdims": draw(booleans)}


@recipe("var")
def variance(draw: Draw, pool: Pool) -> Call:
    (x,), settings = reduction_of_something(draw, pool)
    sizes = x.shape if settings["axis"] is None else np.take(x.shape, settings["axis"]).ravel().tolist()
    return (x,), {**settings, "ddof": draw(st.integers(0, 1)) if math.prod(sizes) > 1 else 0}


@recipe("cumsum")
def cumsum(draw: Draw, pool: Pool) -> Call:
    x = pool.value()
    return (x,), {"axis": draw(axis(len(x.shape)))}


# shapes


@recipe("reshape")
def reshape(draw: Draw, pool: Pool) -> Call:
    x = pool.value()
    shape = tuple(draw(st.permutations(x.shape)))
    size = math.prod(shape)
    return (x,), {"shape": draw(st.sampled_from([shape, -1, (1, size), (*shape[:-1], -1)])) if size else shape}


@recipe("transpose")
def transpose(draw: Draw, pool: Pool) -> Call:
    x = pool.value()
    order = draw(st.permutations(range(len(x.shape))))
    return (x,), {"axes": draw(st.sampled_from([None, tuple(order), tuple(a - len(order) for a in order)]))}


@recipe("swapaxes")
def swapaxes(draw: Draw, pool: Pool) -> Call:
    x = pool.value(has_axes, any_with_axes)
    return (x,), {"axis1": one_axis(draw, x), "axis2": one_axis(draw, x)}


@recipe("expand_dims")
def expand_dims(draw: Draw, pool: Pool) -> Call:
    x = pool.value()
    return (x,), {"axis": draw(st.sampled_from([0, -1, (0, -1), (0, 1)]))}


@recipe("squeeze")
def squeeze(draw: Draw, pool: Pool) -> Call:
    x = pool.value(lambda shape: 1 in shape, st.sampled_from([(1,), (3, 1), (1, 2, 1)]))
    ones = tuple(i for i, size in enumerate(x.shape) if size == 1)
    return (x,), {"axis": draw(st.sampled_from([None, ones, ones[-1]]))}


@recipe("broadcast_to")
def broadcast_to(draw: Draw, pool: Pool) -> Call:
    x = pool.value()
    stretched = draw(st.integers(0, 3))
    return (x,), {"shape": (*draw(shapes(max_dims=1)), *(stretched if size == 1 else size for size in x.shape))}


@recipe("flip")
def flip(draw: Draw, pool: Pool) -> Call:
    x = pool.value()
    return (x,), {"axis": draw(axes(len(x.shape)))}


@recipe("pad")
def pad(draw: Draw, pool: Pool) -> Call:
    x = pool.value(has_axes, any_with_axes)
    width = st.integers(0, 2)
    pair = st.tuples(width, width)
    settings = {"pad_width": draw(st.one_of(width, pair, st.tuples(*[pair] * len(x.shape))))}
    return (x,), {**settings, "constant_values": draw(st.sampled_from([0, 2.5]))}


@recipe("concatenate", code=lambda xs, s: f"mg.concatenate([{', '.join(xs)}], axis={s['axis']})")
def concatenate(draw: Draw, pool: Pool) -> Call:
    first = pool.value(has_axes, any_with_axes)
    place = draw(st.integers(0, len(first.shape) - 1))
    sizes = lambda n: (*first.shape[:place], n, *first.shape[place + 1 :])  # noqa: E731
    fits = lambda shape: len(shape) == len(first.shape) and shape == sizes(shape[place])  # noqa: E731
    others = [pool.value(fits, st.integers(0, 3).map(sizes)) for _ in range(draw(st.integers(0, 2)))]
    return (first, *others), {"axis": draw(st.sampled_from([place, place - len(first.shape)]))}


@recipe("stack", code=lambda xs, s: f"mg.stack([{', '.join(xs)}], axis={s['axis']})")
def stack(draw: Draw, pool: Pool) -> Call:
    first = pool.value()
    others = [pool.value(lambda s: s == first.shape, st.just(first.shape)) for _ in range(draw(st.integers(0, 2)))]
    return (first, *others), {"axis": draw(st.integers(-len(first.shape) - 1, len(first.shape)))}


@recipe("unstack")
def unstack(draw: Draw, pool: Pool) -> Call:
    x = pool.value(lambda shape: has_axes(shape) and filled(shape), any_filled_with_axes)
    return (x,), {"axis": one_axis(draw, x)}


@recipe("split")
def split(draw: Draw, pool: Pool) -> Call:
    x = pool.value(has_axes, any_with_axes)
    place = one_axis(draw, x)
    size = x.shape[place]
    equal = [n for n in (1, 2, 3) if size % n == 0]
    cuts = st.lists(st.integers(0, size), max_size=2).map(sorted)
    return (x,), {"indices_or_sections": draw(st.sampled_from(equal) | cuts), "axis": place}


# picking entries


@recipe("getitem", code=lambda xs, s: f"{xs[0]}[{literal(s['index'])}]")
def getitem(draw: Draw, pool: Pool) -> Call:
    x = pool.value()
    return (x,), {"index": draw(indices(x.shape))}


@recipe("scatter")
def scatter(draw: Draw, pool: Pool) -> Call:
    shape = draw(shapes(max_dims=2))
    index = draw(indices(shape))
    picked = np.zeros(shape)[index].shape
    return (pool.value(lambda s: s == picked, st.just(picked)),), {"shape": shape, "index": index}


@recipe("take")
def take(draw: Draw, pool: Pool) -> Call:
    x = pool.value(lambda shape: has_axes(shape) and filled(shape), any_filled_with_axes)
    place = draw(axis(len(x.shape)))
    size = math.prod(x.shape) if place is None else x.shape[place]
    return (x, np.asarray(draw(integer_arrays(draw(shapes(max_dims=2)), size)), np.intp)), {"axis": place}


@recipe("take_along_axis")
def take_along_axis(draw: Draw, pool: Pool) -> Call:
    x = pool.value(lambda shape: has_axes(shape) and filled(shape), any_filled_with_axes)
    place = one_axis(draw, x) % len(x.shape)
    shape = list(x.shape)
    shape[place] = draw(st.integers(0, 4))
    if len(shape) > 1 and draw(booleans):
        shape[place - 1] = 1
    return (x, np.asarray(draw(integer_arrays(tuple(shape), x.shape[place])), np.intp)), {"axis": place - len(shape)}


# products and windows


@recipe("matmul")
def matmul(draw: Draw, pool: Pool) -> Call:
    a = pool.value(has_axes, any_with_axes)
    inner, leading = a.shape[-1], a.shape[:-2]

    def fits(shape: Shape) -> bool:
        return bool(shape) and shape[-2:][0] == inner and broadcast(leading, shape[:-2])

    columns = st.integers(0, 3).map(lambda n: (inner, n))
    stacked = st.tuples(stretching_to(leading), columns).map(lambda parts: parts[0] + parts[1])
    return (a, pool.value(fits, columns | st.just((inner,)) | stacked)), {}


@recipe("affine", code=lambda xs, s: f"mg.functional.linear({', '.join(xs)})")
def affine(draw: Draw, pool: Pool) -> Call:
    x = pool.value(has_axes, any_with_axes)
    rows = st.integers(0, 3).map(lambda n: (n, x.shape[-1]))
    weight = pool.value(lambda shape: len(shape) == 2 and shape[1] == x.shape[-1], rows)
    bias = weight.shape[:1]
    return (x, weight, pool.value(lambda shape: shape == bias, st.just(bias))), {}


@recipe("einsum", code=lambda xs, s: f"mg.einsum({','.join(s['terms']) + '->' + s['output']!r}, {', '.join(xs)})")
def einsum(draw: Draw, pool: Pool) -> Call:
    operands = [pool.value() for _ in range(draw(st.integers(1, 3)))]
    sizes: dict[str, int] = {}
    terms = tuple(term_of(draw, x.shape, sizes) for x in operands)
    return tuple(operands), {"terms": terms, "output": some_of(draw, sizes)}


def term_of(draw: Draw, shape: Shape, sizes: dict[str, int]) -> str:
    """A letter for each axis: one that stands for the size already, or a new one."""
    term = ""
    for size in shape:
        known = [letter for letter in sizes if sizes[letter] == size and letter not in term]
        letter = draw(st.sampled_from([*known, "abcdefghijklmnopqrst"[len(sizes)]]))
        term += letter
        sizes[letter] = size
    return term


def some_of(draw: Draw, letters: Mapping[str, int]) -> str:
    """Up to three of the letters, in any order."""
    return "".join(draw(st.permutations(sorted(letters)))[: draw(st.integers(0, min(3, len(letters))))])


@recipe("sliding_windows")
def sliding_windows(draw: Draw, pool: Pool) -> Call:
    x = pool.value(lambda shape: len(shape) > 1 and filled(shape[-2:]), shapes(2, 3, 1))
    height, width = x.shape[-2:]
    size = draw(st.tuples(st.integers(1, min(2, height)), st.integers(1, min(3, width))))
    return (x,), {"size": size, "stride": draw(strides)}


strides = st.tuples(st.integers(1, 2), st.integers(1, 2))


@recipe("overlap_add")
def overlap_add(draw: Draw, pool: Pool) -> Call:
    windows = pool.value(lambda shape: len(shape) > 3 and filled(shape[-4:]), shapes(4, 5, 1, 2))
    stride = draw(strides)
    rows, columns, height, width = windows.shape[-4:]
    shape = stride[0] * (rows - 1) + height, stride[1] * (columns - 1) + width
    return (windows,), {"shape": shape, "stride": stride}
