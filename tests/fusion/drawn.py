"""Pointwise bodies: every op, diamonds, dead branches, parameters and constants from outside, several outputs."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

import minigrad as mg
from minigrad import Tensor

UNARY: dict[str, Callable[[Tensor], Any]] = {
    **{name: getattr(mg, name) for name in ("tanh", "sigmoid", "softplus", "sin", "cos", "silu", "erf", "gelu")},
    **{name: getattr(mg, name) for name in ("relu", "abs", "square", "negative", "sign", "expm1")},
    "exp": lambda x: mg.exp(mg.tanh(x)),
    "log": lambda x: mg.log(1.5 + mg.sin(x)),
    "log1p": lambda x: mg.log1p(mg.square(mg.tanh(x))),
    "sqrt": lambda x: mg.sqrt(1 + x * x),
    "power": lambda x: (2 + mg.sin(x)) ** 3,
    "leaky_relu": lambda x: mg.leaky_relu(x, 0.25),
    "clip": lambda x: mg.clip(x, -0.7, 0.9),
    "times": lambda x: 0.75 * x,
    "less": lambda x: 1 - x / 3,
}
BINARY: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: mg.tanh(a) * b,
    "divide": lambda a, b: a / (1 + b * b),
    "maximum": mg.maximum,
    "minimum": mg.minimum,
    "where": lambda a, b: mg.where(a > b, a, 0.5 * b),
    "where_equal": lambda a, b: mg.where(mg.less_equal(a, 0.25), b, 1),
    "first": lambda a, b: a,
}
External = tuple[Tensor, ...]


class Body(NamedTuple):
    """A function made of lines (name of an op, positions of its operands); positions below 0 are from outside."""

    inputs: int
    lines: tuple[tuple[str, tuple[int, ...]], ...]
    returned: tuple[int, ...]
    external: External = ()

    def __call__(self, *inputs: Any) -> Any:
        values: list[Any] = [*inputs]
        values = [*values, *(mg.tanh(x) for x in values[:1])]  # so that an output is never an input's own node alone
        outside = [x for e in self.external for x in (e, 2 * e)]
        for name, places in self.lines:
            operands = [values[i] if i >= 0 else outside[i % len(outside)] for i in places]
            values.append((UNARY | BINARY)[name](*operands))  # type: ignore[operator]
        found = tuple(values[i] for i in self.returned)
        return found if len(found) > 1 else found[0]

    @property
    def __name__(self) -> str:
        return "drawn"


def parameters(dtype: Any, width: int) -> External:
    """A vector of the row's size, and a number."""
    rng = np.random.default_rng(3)
    return tuple(mg.tensor(rng.normal(size=s).astype(dtype), requires_grad=True) for s in ((width,), ()))


@st.composite
def bodies(draw: Callable[..., Any], external: External = (), max_lines: int = 8) -> Body:
    """Bodies of one to three inputs."""
    inputs = draw(st.integers(1, 3))
    count, lines = inputs + 1, []
    for _ in range(draw(st.integers(1, max_lines))):
        name = draw(st.sampled_from([*UNARY, *BINARY]))
        first = draw(st.integers(0, count - 1))
        second = draw(st.integers(-2 * len(external), count - 1))
        lines.append((name, (first, second)[: 1 if name in UNARY else 2]))
        count += 1
    returned = draw(st.lists(st.integers(inputs, count - 1), min_size=1, max_size=3))
    return Body(inputs, tuple(lines), tuple(returned), external)


def flat(tree: Any) -> list[Any]:
    return [leaf for branch in tree for leaf in flat(branch)] if isinstance(tree, tuple) else [tree]


def pulled(body: Callable[..., Any], arrays: Sequence[Any], more: Sequence[Tensor] = ()) -> tuple[list, list]:
    """Outputs as arrays, and the gradients of a weighted sum of them for every float input and for `more`."""
    leaves = [mg.tensor(x, requires_grad=True) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x
              for x in arrays]  # fmt: skip
    outputs = flat(body(*leaves))
    loss = sum((weight_of(y) * y).sum() for y in outputs if y.dtype.kind == "f")
    for p in more:
        p.grad = None
    if isinstance(loss, Tensor) and loss.requires_grad:
        loss.backward()
    wanted = [x for x in (*leaves, *more) if isinstance(x, Tensor)]
    return [np.asarray(y) for y in outputs], [np.zeros(x.shape) if x.grad is None else x.grad.numpy() for x in wanted]


def weight_of(y: Any) -> np.ndarray:
    return np.cos(np.arange(y.size)).reshape(y.shape).astype(y.dtype)


def assert_same(found: Any, expected: Any, roundings: float = 200) -> None:
    """That lists of arrays agree, shapes and dtypes included, to roundings of the largest entry."""
    assert len(found) == len(expected)
    for a, b in zip(found, expected):
        a, b = np.asarray(a), np.asarray(b)
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        finite = np.abs(b[np.isfinite(b)])
        room = roundings * np.finfo(b.dtype).eps * max(1.0, finite.max(initial=0)) if b.dtype.kind == "f" else 0
        np.testing.assert_allclose(a, b, rtol=0, atol=room)
