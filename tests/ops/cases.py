"""What the registry-driven tests need to know of a primitive beside its domain and recipe: NumPy's answer."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from minigrad.domain import Domain
from minigrad.graph import Primitive, registry
from minigrad.testing import strategies
from minigrad.testing.recipes import any_filled, recipes
from minigrad.testing.value import Value


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
        return outputs_of(formula(self.primitive.name)(*self.inputs, **self.settings))


def outputs_of(result: Any) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else (result,)


class NewInputs:
    """The pool of a recipe that is drawn by itself: each value is a new one, of one of the dtypes."""

    def __init__(self, draw: Any, primitive: Primitive, dtypes: Sequence[Any]) -> None:
        self.draw, self.dtypes, self.count = draw, dtypes, 0
        self.domains = primitive.domain

    def value(self, suits: Any = None, otherwise: Any = None) -> Value:
        dtype = self.draw(st.sampled_from(self.dtypes))
        domain = self.domains if isinstance(self.domains, Domain) else self.domains[self.count]
        self.count += 1
        if np.dtype(dtype).kind != "f":
            domain = domain._replace(distinct=False)  # there are not enough integers
        return Value([self.draw(strategies.arrays(otherwise, dtype, domain))] * 2)

    def is_clear_of(self, x: Value, number: float) -> bool:
        return True  # nothing but x itself is looked at

    def record(self, name: str, *operands: Any) -> Value:
        return Value([registry[name].run([x.array if isinstance(x, Value) else x for x in operands])] * 2)


@st.composite
def calls(draw: Any, name: str, *dtypes: Any) -> Case:
    """Calls of one primitive, whose floats are of one of the given dtypes each."""
    primitive = registry[name]
    if name in recipes or name in INDICES:
        recipe = recipes[name].draw if name in recipes else index_of_winner
        operands, settings = recipe(draw, NewInputs(draw, primitive, dtypes))
        return Case(primitive, tuple(x.array if isinstance(x, Value) else x for x in operands), settings)
    return Case(primitive, draw(broadcastable_inputs(primitive, dtypes)), {})


@st.composite
def broadcastable_inputs(draw: Any, primitive: Primitive, dtypes: Sequence[Any]) -> tuple[np.ndarray, ...]:
    """Inputs of a pointwise primitive."""
    kinds = [draw(st.sampled_from(dtypes)) for _ in range(primitive.arity)]
    domain = primitive.domain
    if isinstance(domain, Domain):
        domain = domain._replace(distinct=domain.distinct and np.dtype(kinds[0]).kind == "f")
        inputs = draw(strategies.broadcastable_arrays(primitive.arity, kinds[0], domain))
        return tuple(x.astype(kind, copy=False) for x, kind in zip(inputs, kinds))
    shapes = draw(strategies.broadcastable(primitive.arity))
    return tuple(draw(strategies.arrays(shape, *each)) for shape, *each in zip(shapes, kinds, domain))


# without a rule, and so without a recipe
INDICES = {"argmax", "argmin"}


def index_of_winner(draw: Any, pool: NewInputs) -> Any:
    x = pool.value(otherwise=any_filled)
    return (x,), {"axis": draw(strategies.axis(len(x.shape))), "keepdims": draw(st.booleans())}


# primitives that NumPy does not have under their names, or calls in another way
FORMULAS: dict[str, Callable[..., Any]] = {
    "sigmoid": lambda x: (1 / (1 + np.exp(-np.asarray(x, np.float64)))).astype(floating(x)),
    "softplus": lambda x: np.logaddexp(0, np.asarray(x, np.float64)).astype(floating(x)),
    "silu": lambda x: (x / (1 + np.exp(-np.asarray(x, np.float64)))).astype(floating(x)),
    "erf": lambda x: each(math.erf, x),
    "gelu": lambda x: each(lambda t: t * math.erfc(-t / math.sqrt(2)) / 2, x),
    "relu": lambda x: x * (x > 0),
    "leaky_relu": lambda x, negative_slope: np.maximum(x, 0) + negative_slope * np.minimum(x, 0),
    "astype": lambda x, dtype: x.astype(dtype),
    "logsumexp": lambda x, axis, keepdims: np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims)).astype(floating(x)),
    "affine": lambda x, weight, bias: np.einsum("...i,oi->...o", x, weight) + bias,
    "concatenate": lambda *arrays, axis: np.concatenate(arrays, axis),
    "stack": lambda *arrays, axis: np.stack(arrays, axis),
    "unstack": lambda x, axis: tuple(np.take(x, i, axis) for i in range(x.shape[axis])),
    "split": lambda x, indices_or_sections, axis: tuple(np.split(x, indices_or_sections, axis)),
    "getitem": lambda x, index: x[index],
    "scatter": lambda x, shape, index: added_at(x, shape, index),
    "einsum": lambda *operands, terms, output: einstein(*operands, terms=terms, output=output),
    "sliding_windows": lambda x, size, stride: windows(x, size, stride),
    "overlap_add": lambda x, shape, stride: added_up(x, shape, stride),
}


def formula(name: str) -> Callable[..., Any]:
    """What a primitive computes, in plain NumPy."""
    if name not in FORMULAS and not hasattr(np, name):
        raise LookupError(f"NumPy has no {name}: FORMULAS in tests/ops/cases.py has to say what it computes")
    return FORMULAS.get(name) or getattr(np, name)


def floating(x: np.ndarray) -> Any:
    """The dtype in which NumPy computes a function of real numbers."""
    return x.dtype if x.dtype.kind == "f" else np.float64


def each(f: Callable[[float], float], x: np.ndarray) -> np.ndarray:
    return np.array([f(t) for t in np.ravel(x).tolist()], floating(x)).reshape(x.shape)


def added_at(x: np.ndarray, shape: tuple[int, ...], index: Any) -> np.ndarray:
    total = np.zeros(shape, x.dtype)
    places = np.arange(math.prod(shape)).reshape(shape)[index]
    for place, value in zip(np.ravel(places).tolist(), np.ravel(x)):
        total.reshape(-1)[place] += value
    return total


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


def windows(x: np.ndarray, size: tuple[int, int], stride: tuple[int, int]) -> np.ndarray:
    rows = range(0, x.shape[-2] - size[0] + 1, stride[0])
    columns = range(0, x.shape[-1] - size[1] + 1, stride[1])
    cut_out = [[x[..., i : i + size[0], j : j + size[1]] for j in columns] for i in rows]
    return np.moveaxis(np.array(cut_out), (0, 1), (-4, -3))


def added_up(x: np.ndarray, shape: tuple[int, int], stride: tuple[int, int]) -> np.ndarray:
    total = np.zeros((*x.shape[:-4], *shape), x.dtype)
    for i in range(x.shape[-4]):
        for j in range(x.shape[-3]):
            top, left = i * stride[0], j * stride[1]
            total[..., top : top + x.shape[-2], left : left + x.shape[-1]] += x[..., i, j, :, :]
    return total
