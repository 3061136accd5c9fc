"""fusion.emit: every pointwise primitive as one line of a loop, with the op's own values, special ones included."""

import ast

import numpy as np
import pytest

import minigrad as mg
from minigrad.fusion.emit import FORMULAS, Source, Unknown
from minigrad.fusion.program import Step, trace
from minigrad.graph import registry
from minigrad.kernels import compile
from tests.kernels.test_elementary import LIBM, LONG, REFERENCES, assert_within, spread

POINTWISE = {name: op for name, op in registry.items() if op.pointwise}
WITH_SETTINGS = {
    "clip": {"min": -1.5, "max": 2.0},
    "leaky_relu": {"negative_slope": 0.3},
    "astype": {"dtype": np.float32},
}
EXACT = {"abs", "add", "astype", "clip", "divide", "leaky_relu", "maximum", "minimum", "multiply", "negative", "relu",
         "sign", "square", "subtract", "where", "isfinite", "isnan", "equal", "not_equal", "less", "less_equal",
         "greater", "greater_equal"}  # fmt: skip
EITHER_ZERO = {"maximum", "minimum", "clip", "relu", "leaky_relu", "sign"}  # NumPy forgets the sign, or may
TANH = 3  # ulp
ULP = 12  # between two functions of which each is within its own bound


def test_every_pointwise_primitive_has_a_form():
    formed = FORMULAS.keys() | {"clip", "leaky_relu", "astype"}
    lacking, unknown = POINTWISE.keys() - formed, formed - POINTWISE.keys()
    assert not lacking, f"FORMULAS in minigrad/fusion/emit.py lacks {lacking}"
    assert not unknown, f"there are no such ops: {unknown}"


def step(name, *arguments, **settings):
    return Step("v0", POINTWISE[name], arguments, settings)


@pytest.mark.parametrize("name", POINTWISE)
def test_expressions_are_python(name):
    op = POINTWISE[name]
    source = Source("float32")
    text = source.expression(step(name, *["a", "b", "c"][: op.arity], **WITH_SETTINGS.get(name, {})))
    names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    assert {*["a", "b", "c"][: op.arity]} <= names


def test_numbers_have_the_loops_precision():
    source = Source("float32")
    assert source.expression(step("multiply", "a", 0.1)) == "a * C0"
    assert source.expression(step("add", 0.1, 2)) == "C0 + C1"
    assert source.expression(step("maximum", "a", np.inf)) == "a if a >= C2 or a != a else C2"
    assert source.expression(step("where", True, "a", -np.inf)) == "a if True else C3"
    assert source.expression(step("add", "a", np.nan)) == "a + C4"
    found = {}
    exec(source.constants(), {"np": np}, found)
    assert found["C0"] == np.float32(0.1) and all(type(value) is np.float32 for value in found.values())
    assert [found["C1"], found["C2"], found["C3"]] == [2, np.inf, -np.inf] and np.isnan(found["C4"])


def test_unknown():
    op = mg.graph.Primitive(lambda x, /: x, pointwise=True, doc="")
    with pytest.raises(Unknown, match="has no form for one entry"):
        Source("float32").expression(Step("v0", op, ("a",), {}))
    with pytest.raises(Unknown, match="clip"):
        Source("float32").expression(step("clip", "a", min=np.nan, max=None))


def specials(dtype):
    info = np.finfo(dtype)
    return np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, info.max, -info.max, info.tiny, -info.tiny,
                     info.smallest_subnormal, 1, -1, 0.5, -0.3, 2, 3.7, -20, 50, 1e-10], dtype)  # fmt: skip


@pytest.fixture(scope="module")
def loops():
    """One loop for all primitives at once, by dtype: it writes what each gives for a, b."""
    if not compile.available():
        pytest.skip("no compiler")
    from minigrad.fusion.generate import HEADER, module

    made = {}
    for dtype in ("float32", "float64"):
        source = Source(dtype)
        lines = []
        for i, (name, op) in enumerate(POINTWISE.items()):
            operands = {1: ("a",), 2: ("a", "b"), 3: ("a > b", "a", "b")}[op.arity]
            settings = WITH_SETTINGS.get(name, {})
            lines.append(f"        out[{i}, j] = {source.expression(step(name, *operands, **settings))}\n")
        loop = "\n\n@compiled\ndef loop(x, y, out):\n    for j in range(x.size):\n        a, b = x[j], y[j]\n"
        made[dtype] = module("specials", HEADER + source.constants() + loop + "".join(lines)).loop
    return made


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_special_values(loops, dtype):
    """The op's own answer for every pair of NaN, infinities, zeros, huge, tiny and common numbers."""
    a, b = (x.ravel() for x in np.meshgrid(specials(dtype), specials(dtype)))
    out = np.empty((len(POINTWISE), a.size), dtype)
    loops[dtype](a, b, out)
    for found, (name, op) in zip(out, POINTWISE.items()):
        operands = {1: (a,), 2: (a, b), 3: (a > b, a, b)}[op.arity]
        settings = WITH_SETTINGS.get(name, {}) if name != "astype" else {"dtype": dtype}
        with np.errstate(all="ignore"):
            expected = op.forward(*operands, **settings).astype(dtype)
        np.testing.assert_array_equal(np.isnan(found), np.isnan(expected), err_msg=name)
        with np.errstate(all="ignore"):
            spacing = np.spacing(np.maximum(abs(expected), np.finfo(dtype).tiny))
            ulp = np.where(found == expected, 0, abs(found - expected) / spacing)
        known = ~np.isnan(expected) & (found != expected)
        wrong = known & ~(ulp <= (0 if name in EXACT else ULP))
        assert not wrong.any(), (name, a[wrong][0], b[wrong][0], found[wrong][0], expected[wrong][0])
        if name not in EITHER_ZERO:
            zeros = (expected == 0) & (found == 0)
            signs = np.signbit(found[zeros]) == np.signbit(expected[zeros])
            assert signs.all(), (name, a[zeros][~signs][0], b[zeros][~signs][0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_elementary_functions_keep_their_bounds(loops, dtype):
    """In a generated loop, too: those of kernels/elementary.py, and tanh's."""
    x = spread(dtype, np.random.default_rng(0))
    out = np.empty((len(POINTWISE), x.size), dtype)
    loops[np.dtype(dtype).name](x, x, out)
    found = dict(zip(POINTWISE, out))
    for name, reference in REFERENCES.items():
        assert_within(name, found[name], reference(x.astype(LONG)), LIBM)
    exact, ulp = np.tanh(x.astype(LONG)), np.spacing(np.abs(np.tanh(x)))
    assert np.max(np.abs(found["tanh"] - exact) / ulp) <= TANH


def test_one_loop_per_row():
    program = trace(lambda x: mg.tanh(x) * x, [np.full(3, 0.5)])
    source = Source("float64")
    text = source.function("forward", program.forward, {"x0": "x, i"}, {"y": program.outputs[0]}, {}, {"y": "out, o"},
                           "x, i, out, o, n")  # fmt: skip
    assert ast.parse(text)
    assert "def forward_row(x0_, y_):\n    arguments_apart()\n    for j in range(y_.size):\n" in text
    assert "def forward_step(x, i, out, o, n):\n    forward_row(\n        row(x, i, n),\n" in text
    assert "v0 = scalar.tanh(x0)" in text
