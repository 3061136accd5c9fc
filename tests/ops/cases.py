"""What the registry-driven tests need to know of a primitive beside its domain: inputs, settings, and NumPy's answer.

A pointwise primitive needs nothing here but a formula, if NumPy does not have it under its name.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigrad.domain import Domain
from minigrad.graph import Primitive, registry

LAYOUTS = ["contiguous", "transposed", "reversed", "strided"]
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
FILLED = hnp.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=3)
BOOLEANS = st.booleans()


@dataclass
class Source:
    """Where a case gets its arrays: inside a domain, of a dtype, in any memory layout, distinct where asked."""

    draw: Any
    dtypes: Iterator[Any]
    domains: Callable[[int], Domain]
    seed: int

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.grid = iter(self.rng.permutation(200) / 200)  # distinct, and further apart than any oracle's step
        self.drawn = 0

    def integers(self, low: int, high: int, shape: tuple[int, ...]) -> np.ndarray:
        return self.rng.integers(low, high, shape) if high > low else np.zeros(shape, int)

    def booleans(self, shape: tuple[int, ...]) -> np.ndarray:
        self.drawn += 1
        return np.asarray(self.rng.random(shape) < 0.5)

    def __call__(self, shape: tuple[int, ...]) -> np.ndarray:
        domain = self.domains(self.drawn)
        self.drawn += 1
        n = math.prod(shape)
        unit = np.array([next(self.grid) for _ in range(n)]) if domain.distinct else self.rng.random(n)
        values = domain.low + (domain.high - domain.low) * unit.reshape(shape)
        for kink in domain.kinks:
            values = np.where(np.abs(values - kink) < 0.1, kink + 0.2, values)
        dtype = next(self.dtypes)
        if np.dtype(dtype).kind in "iu":
            values = np.ceil(values) + (np.ceil(values) == 0)  # 0 is seldom in the domain
        return laid_out(np.asarray(values, dtype), self.draw(st.sampled_from(LAYOUTS)))


def laid_out(values: np.ndarray, layout: str) -> np.ndarray:
    """The same entries, in another order in memory."""
    if layout == "transposed":
        return values.T.copy().T
    if layout == "reversed":
        return np.flip(np.flip(values).copy())[...]
    if layout == "strided":
        every_other = np.zeros([2 * n for n in values.shape], values.dtype)[
            (..., *[slice(None, None, 2)] * values.ndim)
        ]
        every_other[...] = values
        return every_other
    return values


class Case(NamedTuple):
    """One way to call a primitive."""

    primitive: Primitive
    inputs: tuple[np.ndarray, ...]
    settings: dict[str, Any]

    @property
    def differentiable(self) -> list[int]:
        """Which inputs can carry a gradient."""
        return [i for i, x in enumerate(self.inputs) if x.dtype.kind == "f"]

    @property
    def expected(self) -> tuple[Any, ...]:
        """NumPy's outputs."""
        name = self.primitive.name
        reference = TABLE[name].numpy if name in TABLE else FORMULAS.get(name) or getattr(np, name)
        return outputs_of(reference(*self.inputs, **self.settings))


def outputs_of(result: Any) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else (result,)


@st.composite
def calls(draw: Any, name: str, *dtypes: Any) -> Case:
    """Calls of one primitive, whose floats are of one of the given dtypes each."""
    primitive = registry[name]
    domain = primitive.domain
    array = Source(
        draw,
        dtypes=(draw(st.sampled_from(dtypes)) for _ in iter(int, 1)),
        domains=lambda i: domain if isinstance(domain, Domain) else domain[i],
        seed=draw(st.integers(0, 2**32 - 1)),
    )
    inputs, settings = TABLE[name].build(draw, array) if name in TABLE else pointwise(draw, array, primitive)
    return Case(primitive, inputs, settings)


def pointwise(draw: Any, array: Source, primitive: Primitive) -> Any:
    shapes = hnp.mutually_broadcastable_shapes(
        num_shapes=primitive.arity, min_dims=0, max_dims=3, min_side=0, max_side=3
    )
    inputs = tuple(array(shape) for shape in draw(shapes).input_shapes)
    return inputs, {setting: draw(SETTINGS[primitive.name, setting]) for setting in primitive.setting_names}


# settings of the pointwise primitives that have some
SETTINGS: dict[tuple[str, str], st.SearchStrategy] = {
    ("clip", "min"): st.just(-1.0),  # its domain's kinks
    ("clip", "max"): st.just(1.0),
    ("leaky_relu", "negative_slope"): st.sampled_from([0.01, 0.3, -0.5]),
    ("astype", "dtype"): st.just(np.float64),  # rounding to float32 has no slope to compare with
}

# pointwise primitives that NumPy does not have under their names
FORMULAS: dict[str, Callable[..., Any]] = {
    "sigmoid": lambda x: (1 / (1 + np.exp(-np.asarray(x, np.float64)))).astype(floating(x)),
    "softplus": lambda x: np.logaddexp(0, np.asarray(x, np.float64)).astype(floating(x)),
    "silu": lambda x: (x / (1 + np.exp(-np.asarray(x, np.float64)))).astype(floating(x)),
    "erf": lambda x: each(math.erf, x),
    "gelu": lambda x: each(lambda t: t * math.erfc(-t / math.sqrt(2)) / 2, x),
    "relu": lambda x: x * (x > 0),
    "leaky_relu": lambda x, negative_slope: np.maximum(x, 0) + negative_slope * np.minimum(x, 0),
    "astype": lambda x, dtype: x.astype(dtype),
}


def floating(x: np.ndarray) -> Any:
    """The dtype in which NumPy computes a function of real numbers."""
    return x.dtype if x.dtype.kind == "f" else np.float64


def each(f: Callable[[float], float], x: np.ndarray) -> np.ndarray:
    return np.array([f(t) for t in np.ravel(x).tolist()], floating(x)).reshape(x.shape)


# ways to call the primitives that are not pointwise


def axis_of(draw: Any, x: np.ndarray, *, none: bool = True) -> Any:
    axes = st.integers(-x.ndim, x.ndim - 1)
    return draw(st.one_of(st.none(), axes) if none else axes) if x.ndim else None


def axes_of(draw: Any, x: np.ndarray) -> Any:
    """None, an axis or a tuple of them, counted from either end."""
    some = st.lists(st.integers(0, max(x.ndim - 1, 0)), unique=True, max_size=x.ndim if x.ndim else 0)
    tuples = st.tuples(some, BOOLEANS).map(lambda t: tuple(a - x.ndim if t[1] else a for a in t[0]))
    return draw(st.one_of(tuples, st.just(axis_of(draw, x))))


def reduction(draw: Any, array: Source) -> Any:
    x = array(draw(SHAPES))
    return (x,), {"axis": axes_of(draw, x), "keepdims": draw(BOOLEANS)}


def reduction_of_something(draw: Any, array: Source) -> Any:
    x = array(draw(FILLED))
    return (x,), {"axis": axes_of(draw, x), "keepdims": draw(BOOLEANS)}


def variance(draw: Any, array: Source) -> Any:
    x = array(draw(FILLED))
    axis = axes_of(draw, x)
    among = np.size(x) if axis is None else math.prod(np.take(x.shape, axis).ravel().tolist())
    return (x,), {"axis": axis, "ddof": draw(st.integers(0, 1)) if among > 1 else 0, "keepdims": draw(BOOLEANS)}


def winner(draw: Any, array: Source) -> Any:
    x = array(draw(FILLED))
    return (x,), {"axis": axis_of(draw, x), "keepdims": draw(BOOLEANS)}


def along_an_axis(draw: Any, array: Source) -> Any:
    x = array(draw(SHAPES))
    return (x,), {"axis": axis_of(draw, x)}


def along_axes(draw: Any, array: Source) -> Any:
    x = array(draw(SHAPES))
    return (x,), {"axis": axes_of(draw, x)}


def reshaped(draw: Any, array: Source) -> Any:
    x = array(draw(SHAPES))
    shape = tuple(draw(st.permutations(x.shape)))
    if x.size and draw(BOOLEANS):
        shape = (*shape[:-1], -1)
    return (x,), {"shape": draw(st.sampled_from([shape, -1, (1, x.size)])) if x.size else shape}


def transposed(draw: Any, array: Source) -> Any:
    x = array(draw(SHAPES))
    order = draw(st.permutations(range(x.ndim)))
    return (x,), {"axes": draw(st.sampled_from([None, tuple(order), tuple(a - x.ndim for a in order)]))}


def swapped(draw: Any, array: Source) -> Any:
    x = array(draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=3)))
    return (x,), {"axis1": axis_of(draw, x, none=False), "axis2": axis_of(draw, x, none=False)}


def expanded(draw: Any, array: Source) -> Any:
    x = array(draw(SHAPES))
    places = draw(st.lists(st.integers(0, x.ndim + 1), unique=True, min_size=2, max_size=2))
    return (x,), {"axis": draw(st.sampled_from([tuple(places), -1, 0]))}


def squeezed(draw: Any, array: Source) -> Any:
    x = array(draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=2)))
    ones = [i for i, n in enumerate(x.shape) if n == 1]
    return (x,), {"axis": draw(st.sampled_from([None, tuple(ones), tuple(ones[:1])]))}


def stretched(draw: Any, array: Source) -> Any:
    shapes = draw(hnp.mutually_broadcastable_shapes(num_shapes=2, min_dims=0, max_dims=3, min_side=0, max_side=3))
    return (array(shapes.input_shapes[0]),), {"shape": shapes.result_shape}


def padded(draw: Any, array: Source) -> Any:
    x = array(draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=3)))
    widths = st.tuples(st.integers(0, 2), st.integers(0, 2))
    width = draw(st.one_of(st.integers(0, 2), widths, st.tuples(*[widths] * x.ndim)))
    return (x,), {"pad_width": width, "constant_values": draw(st.sampled_from([0, 2.5]))}


def joined(draw: Any, array: Source) -> Any:
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=3))
    axis = draw(st.integers(0, len(shape) - 1))
    sizes = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    inputs = tuple(array((*shape[:axis], n, *shape[axis + 1 :])) for n in sizes)
    return inputs, {"axis": draw(st.sampled_from([axis, axis - len(shape)]))}


def stacked(draw: Any, array: Source) -> Any:
    shape = draw(SHAPES)
    inputs = tuple(array(shape) for _ in range(draw(st.integers(1, 3))))
    return inputs, {"axis": draw(st.integers(-len(shape) - 1, len(shape)))}


def unstacked(draw: Any, array: Source) -> Any:
    x = array(draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=3)))
    return (x,), {"axis": axis_of(draw, x, none=False)}


def cut(draw: Any, array: Source) -> Any:
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=3))
    axis, parts = draw(st.integers(0, len(shape) - 1)), draw(st.integers(1, 3))
    if draw(BOOLEANS):
        x = array((*shape[:axis], parts * shape[axis], *shape[axis + 1 :]))
        return (x,), {"indices_or_sections": parts, "axis": axis - x.ndim}
    places = sorted(draw(st.lists(st.integers(0, shape[axis] + 1), max_size=2)))
    return (array(shape),), {"indices_or_sections": places, "axis": axis}


def index_into(draw: Any, array: Source, shape: tuple[int, ...]) -> Any:
    """Slices with steps of either sign, None and Ellipsis; a mask; or integer arrays with repeats."""
    kinds = ["basic", "mask", "integers", "mixed"] if shape and all(shape) else ["basic", "mask"]
    kind = draw(st.sampled_from(kinds))
    if kind == "basic":
        return draw(hnp.basic_indices(shape, allow_newaxis=True))
    if kind == "mask":
        return array.rng.random(shape[: draw(st.integers(0, len(shape)))]) < 0.6
    broadcast = draw(hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=4))
    picked = [array.integers(-n, n, broadcast) for n in shape]
    if kind == "integers":
        return tuple(picked[: draw(st.integers(1, len(shape)))])
    return (Ellipsis, draw(st.sampled_from([picked[-1], picked[-1].tolist()])))


def indexed(draw: Any, array: Source) -> Any:
    x = array(draw(SHAPES))
    return (x,), {"index": index_into(draw, array, x.shape)}


def scattered(draw: Any, array: Source) -> Any:
    shape = draw(SHAPES)
    index = index_into(draw, array, shape)
    return (array(np.zeros(shape)[index].shape),), {"shape": shape, "index": index}


def added_at(x: np.ndarray, shape: tuple[int, ...], index: Any) -> np.ndarray:
    total = np.zeros(shape, x.dtype)
    places = np.arange(math.prod(shape)).reshape(shape)[index]
    for place, value in zip(np.ravel(places).tolist(), np.ravel(x)):
        total.reshape(-1)[place] += value
    return total


def looked_up(draw: Any, array: Source) -> Any:
    x = array(draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=3)))
    axis = axis_of(draw, x)
    n = x.size if axis is None else x.shape[axis]
    return (x, array.integers(-n, n, draw(SHAPES))), {"axis": axis}


def looked_up_along(draw: Any, array: Source) -> Any:
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=3))
    axis = draw(st.integers(0, len(shape) - 1))
    picks = list(shape)
    picks[axis] = draw(st.integers(0, 4))
    if len(shape) > 1 and draw(BOOLEANS):
        picks[axis - 1] = 1
    return (array(shape), array.integers(-shape[axis], shape[axis], tuple(picks))), {"axis": axis - len(shape)}


def matrices(draw: Any, array: Source) -> Any:
    return tuple(array(shape) for shape in draw(hnp.mutually_broadcastable_shapes(
        signature=np.matmul.signature, max_dims=2, min_side=0, max_side=3)).input_shapes), {}  # fmt: skip


def summed_over(draw: Any, array: Source) -> Any:
    sizes = {k: draw(st.integers(0, 3)) for k in "abcd"}
    term = st.lists(st.sampled_from("abcd"), unique=True, max_size=3).map("".join)
    terms = tuple(draw(st.lists(term, min_size=1, max_size=3)))
    used = sorted(set("".join(terms)))
    output = "".join(draw(st.permutations(used))[: draw(st.integers(0, len(used)))])
    return tuple(array(tuple(sizes[k] for k in t)) for t in terms), {"terms": terms, "output": output}


def einstein(*operands: np.ndarray, terms: tuple[str, ...], output: str) -> Any:
    """The definition: a sum over all values of all indices of the product of the entries."""
    letters = sorted(set("".join(terms)))
    aligned: Any = np.ones((), operands[0].dtype)
    for x, term in zip(operands, terms):
        in_order = np.transpose(x, np.argsort([letters.index(k) for k in term]))
        full = [x.shape[term.index(k)] if k in term else 1 for k in letters]
        aligned = aligned * in_order.reshape(full)
    summed = np.sum(aligned, axis=tuple(i for i, k in enumerate(letters) if k not in output), dtype=aligned.dtype)
    left = [k for k in letters if k in output]
    return np.transpose(summed, [left.index(k) for k in output])


def sizes_and_strides(draw: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    return draw(st.tuples(st.integers(1, 2), st.integers(1, 3))), draw(st.tuples(st.integers(1, 3), st.integers(1, 2)))


def windowed(draw: Any, array: Source) -> Any:
    size, stride = sizes_and_strides(draw)
    leading = draw(hnp.array_shapes(min_dims=0, max_dims=1, min_side=0, max_side=2))
    x = array((*leading, size[0] + draw(st.integers(0, 3)), size[1] + draw(st.integers(0, 3))))
    return (x,), {"size": size, "stride": stride}


def windows(x: np.ndarray, size: tuple[int, int], stride: tuple[int, int]) -> np.ndarray:
    rows = range(0, x.shape[-2] - size[0] + 1, stride[0])
    columns = range(0, x.shape[-1] - size[1] + 1, stride[1])
    cut_out = [[x[..., i : i + size[0], j : j + size[1]] for j in columns] for i in rows]
    return np.moveaxis(np.array(cut_out), (0, 1), (-4, -3))


def overlapped(draw: Any, array: Source) -> Any:
    (x,), settings = windowed(draw, array)
    shape = windows(x, **settings).shape
    return (array(shape),), {"shape": x.shape[-2:], "stride": settings["stride"]}


def added_up(x: np.ndarray, shape: tuple[int, int], stride: tuple[int, int]) -> np.ndarray:
    total = np.zeros((*x.shape[:-4], *shape), x.dtype)
    for i in range(x.shape[-4]):
        for j in range(x.shape[-3]):
            top, left = i * stride[0], j * stride[1]
            total[..., top : top + x.shape[-2], left : left + x.shape[-1]] += x[..., i, j, :, :]
    return total


def chosen(draw: Any, array: Source) -> Any:
    a, b, c = draw(hnp.mutually_broadcastable_shapes(num_shapes=3, max_dims=3, min_side=0, max_side=3)).input_shapes
    return (array.booleans(a), array(b), array(c)), {}


class Entry(NamedTuple):
    """How to call a primitive, and NumPy's own way to its value."""

    build: Callable[[Any, Source], Any]
    numpy: Callable[..., Any]


TABLE = {
    "where": Entry(chosen, np.where),
    "sum": Entry(reduction, np.sum),
    "mean": Entry(reduction_of_something, np.mean),
    "var": Entry(variance, np.var),
    "prod": Entry(reduction, np.prod),
    "max": Entry(reduction_of_something, np.max),
    "min": Entry(reduction_of_something, np.min),
    "logsumexp": Entry(
        reduction_of_something,
        lambda x, axis, keepdims: np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims)).astype(floating(x)),
    ),
    "cumsum": Entry(along_an_axis, np.cumsum),
    "argmax": Entry(winner, np.argmax),
    "argmin": Entry(winner, np.argmin),
    "reshape": Entry(reshaped, np.reshape),
    "transpose": Entry(transposed, np.transpose),
    "swapaxes": Entry(swapped, np.swapaxes),
    "expand_dims": Entry(expanded, np.expand_dims),
    "squeeze": Entry(squeezed, np.squeeze),
    "broadcast_to": Entry(stretched, np.broadcast_to),
    "flip": Entry(along_axes, np.flip),
    "pad": Entry(padded, np.pad),
    "concatenate": Entry(joined, lambda *arrays, axis: np.concatenate(arrays, axis)),
    "stack": Entry(stacked, lambda *arrays, axis: np.stack(arrays, axis)),
    "unstack": Entry(unstacked, lambda x, axis: tuple(np.take(x, i, axis) for i in range(x.shape[axis]))),
    "split": Entry(cut, lambda x, indices_or_sections, axis: tuple(np.split(x, indices_or_sections, axis))),
    "getitem": Entry(indexed, lambda x, index: x[index]),
    "scatter": Entry(scattered, added_at),
    "take": Entry(looked_up, np.take),
    "take_along_axis": Entry(looked_up_along, np.take_along_axis),
    "matmul": Entry(matrices, np.matmul),
    "einsum": Entry(summed_over, einstein),
    "sliding_windows": Entry(windowed, windows),
    "overlap_add": Entry(overlapped, added_up),
}
