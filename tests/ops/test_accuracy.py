"""float32: every op within the bounds that docs/accuracy.md states, and at the ends of the range as it says."""

import inspect
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import functional
from minigrad.graph import registry
from tests.ops.accuracy import (
    AT_POINTS,
    DOCUMENT,
    HEADLINE,
    LABELLED,
    at_points,
    case_of,
    documented,
    error,
    line,
    main,
    measure,
    points_line,
    pointwise,
    table,
)

ROWS = {row.label: row for row in documented()}
SWEPT = [name for name, op in registry.items() if op.rule and op.pointwise and op.arity == 1]
HELPERS = {"below_top", "entry_of", "reduced", "reduce_kept", "is_float", "as_array"}
every_row = pytest.mark.parametrize("label", ROWS)


# bounds


def test_every_op_has_a_bound():
    documented_ops = {label.partition(",")[0] for label in ROWS}
    defined = [f for _, f in inspect.getmembers(functional, inspect.isfunction) if f.__module__ == functional.__name__]
    takes_name = {f.__name__ for f in defined if "name" in inspect.signature(f).parameters}  # checks
    functionals = {f.__name__ for f in defined} - takes_name - HELPERS
    missing = (registry.keys() | functionals) - documented_ops
    assert not missing, f"docs/accuracy.md has no row for {missing}: python -m tests.ops.accuracy NAME prints it"
    assert ROWS.keys() == set(LABELLED)


@every_row
def test_within_the_bounds(label):
    row = ROWS[label]
    for part, bound, found in zip(("value", "gradient"), row.bounds, measure(case_of(label, 2**15), row.units)):
        assert found == bound or found <= bound, f"{label}: the {part} is {found:.3g} ulp off; the bound is {bound}"


@every_row
def test_bounds_are_near_what_was_measured(label):
    row = ROWS[label]
    for bound, measured in zip(row.bounds, row.measured):
        assert (bound is None and measured is None) or measured <= bound <= 2 * measured + 1
        assert measured != 0 or bound == 0  # what is exact stays exact


@pytest.mark.parametrize("name", SWEPT)
@given(x=st.floats(width=32, allow_nan=False, allow_infinity=False).filter(lambda x: x != 0))
def test_within_the_bounds_anywhere(name, x):
    assert name in ROWS, f"docs/accuracy.md has no row for {name}: python -m tests.ops.accuracy {name} prints it"
    row = ROWS[name]
    beside = [x, 1e-9, 1.5, 2.5]  # one has the largest slope, to the last bit of float64: what "of largest" speaks of
    for bound, found in zip(row.bounds, measure(pointwise(name, [np.array(beside, np.float32)]), row.units)):
        assert found <= bound


def test_the_command_prints_the_table(monkeypatch, capsys):
    rows = documented()
    monkeypatch.setattr("tests.ops.accuracy.documented", lambda: [row for row in rows if row.label in ("sum", "max")])
    main()
    printed = capsys.readouterr().out.splitlines()
    assert [text.split("|")[1].strip() for text in printed] == ["`max`", "`sum`"]
    text = DOCUMENT.read_text(encoding="utf-8")
    assert all(line(row, row.measured) in text for row in rows)


def test_the_command_prints_the_rows_of_a_new_op(monkeypatch, capsys):
    monkeypatch.setattr("tests.ops.accuracy.documented", list)
    main("tanh", "equal")
    tanh, equal, _, _, points = capsys.readouterr().out.splitlines()
    assert re.match(r"\| `tanh` \| \d \| [\d.]+ \| \d of largest \|", tanh)
    assert equal == "| `equal` | 0 | 0 | – | – |  |"
    assert points == points_line("tanh") and points in DOCUMENT.read_text(encoding="utf-8")
    with pytest.raises(LookupError, match="there is no op softmaxx"):
        main("softmaxx")


def test_error_in_ulp():
    """The measure itself: half an ulp, one ulp of a subnormal number, the overflow, NaN where there is a number."""
    near = np.array([1 + 2**-24, 3e-45, 2.0**128, 1.0])
    actual = np.array([1, 1.4e-45, np.inf, np.nan], np.float32)
    found = [error(actual[i : i + 1], near[i : i + 1], near[i : i + 1]) for i in range(4)]
    assert found[0] == 0.5 and round(found[1]) == 1 and found[2] == 0 and found[3] == np.inf


# special values


AT_ENDS = table("Other ops")[1:]


def shown(y):
    """A number or an array as the document writes it."""
    return np.array2string(np.asarray(y), separator=", ", formatter={"float_kind": lambda v: f"{v:.3g}"})


def to_array(y):
    return y.detach().numpy()


def ours(x):
    return mg.tensor(np.array(x, np.float32), requires_grad=True)


def theirs(x):
    torch = pytest.importorskip("torch")
    return torch.tensor(np.array(x, np.float32), requires_grad=True)


def at_end(text, x, names):
    """Value and gradient of the (summed) expression at x, as the document writes them."""
    with np.errstate(all="ignore"):
        y = eval(text, names, {"x": x})
        y.sum().backward()
    return f"{shown(to_array(y))}; {shown(to_array(x.grad))}"


OURS = {**vars(functional), **vars(mg), "t": np.array([0, 1], np.float32)}


def torchs():
    torch = pytest.importorskip("torch")
    f = torch.nn.functional
    return {
        **vars(f), **vars(torch), "t": torch.tensor([0.0, 1.0]), "clip": torch.clamp,
        "softmax": lambda x: f.softmax(x, -1), "log_softmax": lambda x: f.log_softmax(x, -1),
        "logsumexp": lambda x: torch.logsumexp(x, 0), "var": lambda x: torch.var(x, correction=0),
        "layer_norm": lambda x: f.layer_norm(x, x.shape),
        "cross_entropy": lambda x, target: f.cross_entropy(x, torch.tensor(target)),
        "bce_with_logits": lambda x, t, how: f.binary_cross_entropy_with_logits(x, t, reduction=how),
    }  # fmt: skip


def point(text):
    return eval(text, {"inf": np.inf, "nan": np.nan})


def test_every_function_of_one_number_is_in_the_table():
    there, wanted = {row[0] for row in AT_POINTS}, {name for name in SWEPT if not registry[name].setting_names}
    assert not wanted - there, f"no row for {wanted - there}: python -m tests.ops.accuracy NAME prints it"
    assert not there - wanted, f"there are no such ops: {there - wanted}"


@pytest.mark.parametrize("row", AT_POINTS, ids=lambda row: row[0])
def test_at_special_points(row):
    assert at_points(getattr(mg, row[0]), ours, lambda y: np.ones(y.shape, y.dtype)) == row[1:]


@pytest.mark.parametrize("row", AT_POINTS, ids=lambda row: row[0])
def test_at_special_points_beside_torch(row):
    torch = pytest.importorskip("torch")
    op = getattr(torch, row[0], None) or getattr(torch.nn.functional, row[0])
    told = {p: result for call, p, _, _, result in AT_ENDS if call == f"{row[0]}(x)"}
    for here, there, p in zip(row[1:], at_points(op, theirs, torch.ones_like), HEADLINE[1:]):
        assert unsigned(there) == unsigned(told.get(p, here))


@pytest.mark.parametrize("row", AT_ENDS, ids=lambda row: f"{row[0]} at {row[1]}")
def test_at_the_ends(row):
    call, x, value, gradient, _ = row
    assert at_end(call, ours(point(x)), OURS) == f"{value}; {gradient}"


# numbers alone: above, where PyTorch uses vector instructions, which at gelu(inf) give something else
@pytest.mark.parametrize("row", [r for r in AT_ENDS if r[1][0] == "["], ids=lambda row: f"{row[0]} at {row[1]}")
def test_at_the_ends_beside_torch(row):
    call, x, value, gradient, expected = row
    found = at_end(call, theirs(point(x)), torchs())
    assert unsigned(found) == unsigned(f"{value}; {gradient}" if expected == "same" else expected)


def unsigned(text):
    """Without the sign of zeros."""
    return re.sub(r"-0(?![.\d])", "0", text)


@pytest.mark.parametrize("b", [0.0, [0.0, 0.0]])
def test_mixed_derivative_of_a_power_where_the_exponent_is_0(b):
    """d/db of b * a ** (b - 1) is 1 / a there."""
    slope = lambda b: mg.grad(lambda a: mg.sum(a**b))([2.0, 4.0])  # noqa: E731
    found = mg.grad(lambda b: mg.sum(slope(b)))(b)
    assert found.tolist() == ([0.5, 0.25] if found.ndim else 0.75)
