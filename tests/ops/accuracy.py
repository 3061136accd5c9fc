"""How far float32 results are from the truth, in ulp. `python -m tests.ops.accuracy` prints the first table of
docs/accuracy.md with what is measured here and now; the bounds stand in that table and nowhere else. With the names of
ops it prints their rows alone, for the document: those of an op that is new to it, too.

The truth for a pointwise op is its formula, and that of its slope, in float64. For the others it is the op itself in
float64, whose values and gradients the rest of the suite holds against oracles.
"""

import math
import re
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import minigrad as mg
from minigrad import functional
from minigrad.convolution import overlap_add, sliding_windows
from minigrad.graph import registry
from minigrad.ops.indexing import scatter
from tests.ops.cases import FORMULAS, formula

DOCUMENT = Path(__file__).parents[2] / "docs" / "accuracy.md"
DENSE = 2**20  # points of a sweep: 2,048 in each binade, for each sign
BEYOND = 2.0**128  # where float32 has infinity

Arrays = Sequence[np.ndarray]


class Result(NamedTuple):
    """What came out of a call and of backward(): one array for each output, then one for each input."""

    values: list[np.ndarray]
    gradients: list[np.ndarray]


class Case(NamedTuple):
    """A call with float32 data: what comes out, the truth, and the sum of the sizes of what is added up in it."""

    actual: Callable[[], Result]
    true: Callable[[], Result]
    terms: Callable[[], Result]


def evaluate(call: Callable[..., Any], inputs: Arrays, cotangent: Callable[[tuple[int, ...]], np.ndarray]) -> Result:
    """The outputs of the call, and the gradients for those inputs that are floats."""
    leaves = [mg.tensor(x, requires_grad=x.dtype.kind == "f") for x in inputs]
    y = call(*leaves)
    ys = y if isinstance(y, tuple) else (y,)
    if ys[0].requires_grad:
        sum(mg.sum(part * cotangent(part.shape).astype(part.dtype)) for part in ys).backward()
    return Result([part.numpy() for part in ys], [x.grad.numpy() for x in leaves if x.grad is not None])


def error(actual: np.ndarray, true: np.ndarray, scale: np.ndarray) -> float:
    """The largest distance of `actual` from `true`, in units in the last place that a float32 of size `scale` has."""
    distance = np.abs(np.clip(actual.astype(float), -BEYOND, BEYOND) - np.clip(true.astype(float), -BEYOND, BEYOND))
    distance = np.where(np.isnan(actual) & np.isnan(true), 0, np.where(np.isnan(distance), np.inf, distance))
    limits = np.finfo(np.float32)
    size = np.clip(np.nan_to_num(np.abs(scale.astype(float))), limits.tiny, limits.max)
    return float(np.max(distance / np.ldexp(1.0, np.frexp(size)[1] - 1 - limits.nmant), initial=0))


UNITS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "": lambda true, terms: true,
    "of largest": lambda true, terms: np.max(np.abs(true), initial=0, where=np.isfinite(true)),
    "of Σ": lambda true, terms: terms,
}


def measure(case: Case, units: Sequence[str]) -> list[float | None]:
    """The errors of value and gradient, each in its unit; None where there is no gradient."""
    with np.errstate(all="ignore"):
        parts = zip(units, case.actual(), case.true(), case.terms(), strict=True)
        return [
            max((error(a, t, UNITS[unit](t, s)) for a, t, s in zip(actual, true, terms, strict=True)), default=None)
            for unit, actual, true, terms in parts
        ]


# pointwise ops: a sweep over numbers, and the slope of each by its formula


def logistic(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


SLOPES: dict[str, Callable[..., tuple[Any, ...]]] = {
    "where": lambda condition, a, b: (condition, ~condition),
    "astype": lambda x, dtype: (np.ones_like(x),),
    "add": lambda a, b: (np.ones_like(a), np.ones_like(b)),
    "subtract": lambda a, b: (np.ones_like(a), -np.ones_like(b)),
    "multiply": lambda a, b: (b, a),
    "divide": lambda a, b: (1 / b, -a / b**2),
    "negative": lambda x: (-np.ones_like(x),),
    "square": lambda x: (2 * x,),
    "abs": lambda x: (np.sign(x),),
    "sign": lambda x: (np.zeros_like(x),),
    "maximum": lambda a, b: ((np.sign(a - b) + 1) / 2, (np.sign(b - a) + 1) / 2),
    "minimum": lambda a, b: ((np.sign(b - a) + 1) / 2, (np.sign(a - b) + 1) / 2),
    "clip": lambda x, min, max: ((min <= x) & (x <= max),),
    "exp": lambda x: (np.exp(x),),
    "expm1": lambda x: (np.exp(x),),
    "log": lambda x: (1 / x,),
    "log1p": lambda x: (1 / (1 + x),),
    "sin": lambda x: (np.cos(x),),
    "cos": lambda x: (-np.sin(x),),
    "sqrt": lambda x: (0.5 / np.sqrt(x),),
    "tanh": lambda x: (1 / np.cosh(x) ** 2,),
    "power": lambda a, b: (b * a ** (b - 1), a**b * np.log(a)),
    "sigmoid": lambda x: (logistic(x) * logistic(-x),),
    "softplus": lambda x: (logistic(x),),
    "silu": lambda x: (logistic(x) * (1 + x * logistic(-x)),),
    "erf": lambda x: (2 / np.sqrt(np.pi) * np.exp(-x * x),),
    "gelu": lambda x: (FORMULAS["gelu"](x) / x + x * np.exp(-x * x / 2) / np.sqrt(2 * np.pi),),
    "relu": lambda x: (x > 0,),
    "leaky_relu": lambda x, negative_slope: (np.where(x > 0, 1, negative_slope),),
}
SETTINGS: dict[str, dict[str, Any]] = {
    "clip": {"min": -1.0, "max": 1.0},
    "leaky_relu": {"negative_slope": 0.25},
    "astype": {"dtype": np.float64},
}


def every_binade(rng: np.random.Generator, n: int) -> np.ndarray:
    """Finite numbers evenly over all bit patterns (subnormal ones too), as many from -20 to 20 and near 1; no 0."""
    stride = 2**32 // n
    patterns = np.arange(n) * stride + rng.integers(1, stride, n)
    evenly = [rng.uniform(low, high, n).astype(np.float32) for low, high in ((-20, 20), (0.5, 2))]
    x = np.concatenate([patterns.astype(np.uint32).view(np.float32), *evenly])
    return x[np.isfinite(x)]


def binades(rng: np.random.Generator, n: int, low: float, high: float) -> np.ndarray:
    """Numbers of either sign and of size 2 ** low to 2 ** high."""
    return (2.0 ** rng.uniform(low, high, n) * rng.choice([-1, 1], n)).astype(np.float32)


def with_ties(rng: np.random.Generator, n: int) -> tuple[np.ndarray, ...]:
    return np.round(binades(rng, n, -3, 3)), np.round(binades(rng, n, -3, 3))


Sweep = Callable[[np.random.Generator, int], tuple[np.ndarray, ...]]
SWEEPS: dict[str, Sweep] = {  # else every binade, for each input
    "where": lambda rng, n: (rng.random(n) < 0.5, binades(rng, n, -149, 127), binades(rng, n, -149, 127)),
    "divide": lambda rng, n: (binades(rng, n, -40, 40), binades(rng, n, -40, 40)),  # no subnormal factor in a slope
    "power": lambda rng, n: (np.abs(binades(rng, n, -20, 20)), binades(rng, n, -10, 2)),
    "maximum": with_ties,
    "minimum": with_ties,
}


def sweep(name: str, points: int) -> tuple[np.ndarray, ...]:
    """Inputs of a pointwise op."""
    rng = np.random.default_rng(4)
    if name in SWEEPS:
        return SWEEPS[name](rng, points)
    x = every_binade(rng, points)
    return tuple(rng.permutation(x) for _ in range(registry[name].arity))


def pointwise(name: str, inputs: Arrays) -> Case:
    """The op at these inputs, beside the formulas in float64."""
    op, settings = registry[name], SETTINGS.get(name, {})
    wide = [x.astype(float) if x.dtype.kind == "f" else x for x in inputs]

    def truth() -> Result:
        y = formula(name)(*wide, **settings)
        if op.rule and name not in SLOPES:
            raise LookupError(f"SLOPES in tests/ops/accuracy.py lacks {name}: its slope, by a formula in float64")
        slopes = SLOPES[name](*wide, **settings) if op.rule else ()
        return Result([np.asarray(y)], [np.asarray(slope, float) for slope in slopes])

    return Case(lambda: evaluate(partial(op.apply, **settings), inputs, np.ones), truth, truth)


# the others: the same call in float64, and on the sizes of all numbers


def compared(call: Callable[..., Any], *inputs: np.ndarray) -> Case:
    def at(dtype: Any, size: Callable[[Any], Any]) -> Result:
        rng = np.random.default_rng(5)
        mg.manual_seed(0)
        given = [np.asarray(size(x), dtype) if x.dtype.kind == "f" else x for x in inputs]
        return evaluate(call, given, lambda shape: size(rng.normal(size=shape).astype(np.float32)))

    return Case(lambda: at(np.float32, np.asarray), lambda: at(float, np.asarray), lambda: at(float, np.abs))


DRAWN = np.random.default_rng(6)


def normal(*shape: int) -> np.ndarray:
    return DRAWN.normal(size=shape).astype(np.float32)


X, WIDE = normal(64, 1000), normal(64, 64)
ROWS, COLUMNS = np.abs(X), np.abs(normal(1000, 64))  # of one sign: there sums drift most
LOGITS, LABELS = 3 * normal(64, 1000), DRAWN.integers(0, 1000, 64)
TARGETS, PROBABILITIES = normal(64, 1000), DRAWN.random((64, 1000)).astype(np.float32)
BETWEEN = DRAWN.uniform(0.5, 2, (64, 100)).astype(np.float32)  # their product is in range
REPEATED = DRAWN.integers(0, 64, 1000)  # each about 16 times
IMAGES, FILTERS = normal(2, 8, 10, 10), normal(4, 8, 3, 3)
PLANES = normal(2, 50, 50)
# every kind of number there is
ANY = np.array(
    [0, -0.0, 1e-45, -1e-45, 1e-40, 1e-30, -1e-30, 1, -1.5, 1e30, -1e30, 3e38, -3e38, np.inf, -np.inf, np.nan],
    np.float32,
).reshape(2, 8)

f = functional
CALLS: dict[str, tuple[Any, ...]] = {
    "reshape": (lambda x: mg.reshape(x, -1), ANY),
    "transpose": (mg.transpose, ANY),
    "swapaxes": (lambda x: mg.swapaxes(x, 0, 1), ANY),
    "expand_dims": (lambda x: mg.expand_dims(x, 1), ANY),
    "squeeze": (mg.squeeze, ANY[:1]),
    "flip": (mg.flip, ANY),
    "pad": (lambda x: mg.pad(x, 1), ANY),
    "concatenate": (lambda a, b: mg.concatenate([a, b]), ANY, ANY),
    "stack": (lambda a, b: mg.stack([a, b]), ANY, ANY),
    "unstack": (mg.unstack, ANY),
    "split": (lambda x: mg.split(x, 2), ANY),
    "getitem": (lambda x: x[:, ::-2], ANY),
    "max": (lambda x: mg.max(x, axis=1), X),
    "min": (lambda x: mg.min(x, axis=1), X),
    "argmax": (lambda x: mg.argmax(x, axis=1), X),
    "argmin": (lambda x: mg.argmin(x, axis=1), X),
    "max_pool2d": (lambda x: mg.max_pool2d(x, 2), IMAGES),
    "one_hot": (lambda indices: f.one_hot(indices, 1000), LABELS),
    "broadcast_to": (lambda x: mg.broadcast_to(x, (1000, 64)), WIDE[0]),
    "getitem, entries repeated": (lambda x: x[REPEATED], WIDE),
    "take": (lambda x: mg.take(x, REPEATED, axis=0), WIDE),
    "take_along_axis": (lambda x: mg.take_along_axis(x, np.tile(REPEATED, (64, 1)), axis=1), WIDE),
    "scatter": (lambda x: scatter(x, (64, 64), REPEATED), COLUMNS),
    "sliding_windows": (lambda x: sliding_windows(x, (3, 3), (1, 1)), PLANES),
    "overlap_add": (lambda x: overlap_add(x, (12, 12), (1, 1)), normal(2, 10, 10, 3, 3)),
    "sum": (lambda x: mg.sum(x, axis=1), ROWS),
    "sum, axis 0": (lambda x: mg.sum(x, axis=0), COLUMNS),
    "mean": (lambda x: mg.mean(x, axis=1), ROWS),
    "cumsum": (lambda x: mg.cumsum(x, axis=1), ROWS),
    "matmul": (mg.matmul, ROWS, COLUMNS),
    "einsum": (lambda a, b: mg.einsum("ij,jk->ik", a, b), ROWS, COLUMNS),
    "conv2d": (mg.conv2d, IMAGES, FILTERS),
    "affine": (mg.ops.affine, ROWS, COLUMNS.T, WIDE[0]),
    "linear": (f.linear, ROWS, COLUMNS.T, WIDE[0]),
    "prod": (lambda x: mg.prod(x, axis=1), BETWEEN),
    "var": (lambda x: mg.var(x, axis=1), X),
    "var, of numbers near 1000": (lambda x: mg.var(x, axis=1), X + np.float32(1000)),
    "logsumexp": (lambda x: mg.logsumexp(x, axis=1), LOGITS),
    "softmax": (f.softmax, LOGITS),
    "log_softmax": (f.log_softmax, LOGITS),
    "cross_entropy": (lambda x: f.cross_entropy(x, LABELS, reduction="none"), LOGITS),
    "nll_loss": (lambda x: f.nll_loss(x, LABELS), X),
    "mse_loss": (f.mse_loss, X, TARGETS),
    "l1_loss": (f.l1_loss, X, TARGETS),
    "huber_loss": (f.huber_loss, X, TARGETS),
    "bce_with_logits": (lambda x, t: f.bce_with_logits(x, t, "none"), LOGITS, PROBABILITIES),
    "layer_norm": (f.layer_norm, X, TARGETS[0], TARGETS[1]),
    "dropout": (lambda x: f.dropout(x, 0.3), X),
}


def case_of(label: str, points: int) -> Case:
    """The case of a row of the table, by its label."""
    if label in CALLS:
        call, *inputs = CALLS[label]
        return compared(call, *inputs)
    if label not in registry:
        raise LookupError(f"there is no op {label}, and no such row in CALLS of tests/ops/accuracy.py")
    if not registry[label].pointwise:
        raise LookupError(f"{label} is not pointwise: say in CALLS of tests/ops/accuracy.py how it is called")
    return pointwise(label, sweep(label, points))


LABELLED = [*(name for name, op in registry.items() if op.pointwise), *CALLS]


# the document


class Row(NamedTuple):
    """A row of the table of bounds: those of the value, then those of the gradient (None where there is none)."""

    label: str
    bounds: tuple[float | None, ...]
    units: tuple[str, ...]
    measured: tuple[float | None, ...]
    remark: str


def table(heading: str) -> list[list[str]]:
    """The table under a heading of the document, headline and all."""
    parts = re.split(r"^## ", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (section,) = [part for part in parts if part.startswith(heading + "\n")]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip().replace("`", "") for cell in row] for row in rows if "---" not in row[0]]


def documented() -> list[Row]:
    """What the document promises."""
    found = []
    for label, value, measured_value, gradient, measured_gradient, remark in table("Bounds")[1:]:
        bounds, units = zip(*(bound.partition(" ")[::2] for bound in (value, gradient)))
        measured = (measured_value, measured_gradient)
        found.append(Row(label, tuple(map(number, bounds)), units, tuple(map(number, measured)), remark))
    return found


def number(cell: str) -> float | None:
    return None if cell == "–" else float(cell)


def line(row: Row, measured: Sequence[float | None]) -> str:
    """A row as the document has it, with other figures."""
    cells = [f"`{row.label}`"]
    for bound, unit, figure in zip(row.bounds, row.units, measured):
        cells += ["–", "–"] if bound is None else [f"{bound:g} {unit}".strip(), f"{figure:.3g}"]
    return "| " + " | ".join([*cells, row.remark]) + " |"


def new_row(label: str) -> Row:
    """A row for what has none: the first unit that makes a gradient's error small, and bounds a fifth above it."""
    for unit in UNITS:
        measured = measure(case_of(label, DENSE), ("", unit))
        if (measured[1] or 0) < 100:
            break
    bounds = tuple(m if m is None or m in (0, 0.5) else math.ceil(1.2 * m) for m in measured)
    return Row(label, bounds, ("", unit), tuple(measured), "")


HEADLINE, *AT_POINTS = table("Functions of one number")
POINTS = np.array(HEADLINE[1:], np.float32)


def at_points(op: Callable[..., Any], leaf: Callable[..., Any], ones: Callable[..., Any]) -> list[str]:
    """Value and slope at each of POINTS, as the document writes them."""
    x = leaf(POINTS)
    with np.errstate(all="ignore"):
        y = op(x)
        y.backward(ones(y))
    return [f"{v:.3g}; {g:.3g}" for v, g in zip(y.detach().numpy(), x.grad.detach().numpy())]


def points_line(name: str) -> str:
    """The row of the second table."""
    cells = at_points(registry[name].apply, lambda x: mg.tensor(x, requires_grad=True), lambda y: np.ones_like(y))
    return "| " + " | ".join([f"`{name}`", *cells]) + " |"


def main(*names: str) -> None:
    """Print the table with what is measured here and now; or the rows of these ops."""
    known = {row.label: row for row in documented()}
    for label in names or known:
        row = known.get(label) or new_row(label)
        print(line(row, measure(case_of(label, DENSE), row.units)), flush=True)
    for name in names:
        op = registry.get(name)
        if op and op.rule and op.pointwise and op.arity == 1 and not op.setting_names:
            print(f'\nunder "Functions of one number":\n{points_line(name)}')


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except LookupError as error:
        sys.exit(f"accuracy: {error.args[0]}")
