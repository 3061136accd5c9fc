"""Rules in one pass: the same numbers as the rule as it is written, and only where one loop may take the arrays."""

import sys
import warnings

import numpy as np
import pytest

import minigrad as mg
from minigrad.graph import registry
from minigrad.kernels import compile
from minigrad.testing import check_gradients

needs_compiler = pytest.mark.skipif(not compile.available(), reason="no compiler")
IN_ONE_PASS = [name for name, op in registry.items() if hasattr(op.rule, "__wrapped__")]
by_name = pytest.mark.parametrize("name", IN_ONE_PASS)
by_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@pytest.fixture(autouse=True)
def long_from_one_entry(monkeypatch):
    monkeypatch.setattr(sys.modules["minigrad.fusion.rule"], "LONG", 1)


def arrays(name, dtype, special=False):
    """g, y, x in three rows: around 0 and far out, and what is no number."""
    rng = np.random.default_rng(0)
    extra = [np.nan, np.inf, -np.inf, 0.0, -0.0, 90.0] if special else []
    x = np.array([*np.linspace(-9, 9, 60 - len(extra)), *extra], dtype).reshape(3, 20)
    with np.errstate(all="ignore"):
        return rng.normal(size=x.shape).astype(dtype), registry[name].run((x,)), x


def assert_close(found, expected, g):
    """Within a few units in the last place of what is added up: a gate's slope is a difference."""
    bound = 16 * np.finfo(expected.dtype).eps
    assert found.dtype == expected.dtype and found.shape == expected.shape
    np.testing.assert_array_less(np.abs(found - expected), bound * (np.abs(expected) + np.abs(g)) + 1e-37)


def test_which():
    assert set(IN_ONE_PASS) == {"erf", "gelu", "relu", "sigmoid", "silu", "softplus", "tanh"}


@by_name
@by_dtype
def test_the_same_as_the_rule(name, dtype):
    g, y, x = arrays(name, dtype)
    rule = registry[name].rule
    assert_close(rule(g, y, x), rule.__wrapped__(g, y, x), g)


@by_name
@by_dtype
def test_what_is_no_number_is_where_it_would_be_and_nothing_warns(name, dtype):
    g, y, x = arrays(name, dtype, special=True)
    rule = registry[name].rule
    with np.errstate(all="ignore"):
        expected = rule.__wrapped__(g, y, x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = rule(g, y, x) if compile.available() else expected
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(found[~finite], expected[~finite])
    assert_close(found[finite], expected[finite], g[finite])


@by_name
def test_other_arrays(name):
    rule = registry[name].rule
    g, y, x = arrays(name, np.float64)
    expected = rule.__wrapped__(g, y, x)
    assert_close(rule(g.T, y.T, x.T), expected.T, g.T)
    row = np.broadcast_to(g[:1], g.shape)
    assert_close(rule(row, y, x), rule.__wrapped__(row, y, x), row)
    assert_close(rule(g[:1], y, x), rule.__wrapped__(g[:1], y, x), row)
    mixed = rule(g.astype(np.float32), y, x)
    np.testing.assert_array_equal(mixed, rule.__wrapped__(g.astype(np.float32), y, x))
    for dtype in (np.float16, np.dtype(np.float64).newbyteorder()):  # what nothing is compiled for
        others = [a.astype(dtype) for a in (g, y, x)]
        np.testing.assert_array_equal(rule(*others), rule.__wrapped__(*others))


@by_name
def test_derivatives_of_any_order(name):
    op = getattr(mg, name)
    x = mg.tensor(arrays(name, np.float64)[2][1] + 0.25, requires_grad=True)
    check_gradients(op, x, order=2)


@needs_compiler
def test_one_ufunc_for_each_dtype(monkeypatch):
    module = sys.modules["minigrad.fusion.rule"]
    built, build = [], compile.ufunc
    monkeypatch.setattr(compile, "ufunc", lambda *which: built.append(which[1]) or build(*which))
    rule = module.in_one_pass(registry["sigmoid"].rule.__wrapped__, "sigmoid")
    for dtype in (np.float32, np.float64, np.float32):
        rule(*arrays("sigmoid", dtype))
    assert built == [np.float32, np.float64]
    monkeypatch.setattr(module, "LONG", 61)
    module.in_one_pass(registry["tanh"].rule.__wrapped__, "tanh")(*arrays("tanh", np.float32))
    assert len(built) == 2
