"""kernels.scalar as plain Python: the formulas themselves keep their bounds, without the fused multiply-add of
compiled code, and on machines where there is no compiler."""

import numpy as np
import pytest

from minigrad.kernels import compile, scalar
from tests.kernels.test_elementary import LIBM, LONG, REFERENCES, assert_within, by_dtype, by_name

needs_compiler = pytest.mark.skipif(not compile.available(), reason="no compiler")
WITHOUT_FUSED = 1  # ulp more: a product is rounded before it is added


def points(dtype):
    """Around 0, where the functions bend, saturate and underflow, and of every magnitude."""
    edge, small = {np.float32: (110, 2**-20), np.float64: (750, 2**-45)}[dtype]
    sides = np.concatenate([np.linspace(0, 1.2, 150), np.linspace(1.2, 40, 250), np.geomspace(40, edge, 60)])
    return np.concatenate([sides, -sides, [small, -small]]).astype(dtype)


@by_name
@by_dtype
def test_formula_keeps_its_bound(name, dtype):
    x = points(dtype)
    with np.errstate(all="ignore"):
        y = np.array([getattr(scalar, name)(number) for number in x])
    assert y.dtype == dtype
    assert_within(name, y, REFERENCES[name](x.astype(LONG)), LIBM + (WITHOUT_FUSED if name != "relu" else 0))


@by_name
@by_dtype
@pytest.mark.parametrize("special", [np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30])
def test_special_values(name, dtype, special):
    x = dtype(special)
    with np.errstate(all="ignore"):
        y = getattr(scalar, name)(x)
    low, high = {"sigmoid": (0, 1), "erf": (-1, 1)}.get(name, (0, x))
    middle = {"sigmoid": dtype(0.5), "softplus": np.log(dtype(2)), "relu": dtype(0)}.get(name, x)
    expected = x if np.isnan(x) else middle if x == 0 else high if x > 0 else low
    assert y.dtype == dtype
    np.testing.assert_allclose(y, expected, rtol=2 * np.finfo(dtype).eps)
    if x == 0:
        assert np.signbit(y) == np.signbit(middle)


def logarithms(dtype):
    """Points of every magnitude, subnormal ones too, and around 1."""
    info = np.finfo(dtype)
    near = 1 + np.concatenate([np.geomspace(1e-6, 0.5, 200), -np.geomspace(1e-6, 0.5, 200)])
    return np.concatenate([np.geomspace(info.smallest_subnormal, info.max / 2, 600), near, [1]]).astype(dtype)


ONLY_GENERATED = {"tanh": (points, np.tanh, 3), "exp": (points, np.exp, 2), "log": (logarithms, np.log, 2)}


def one_by_one(name, x):
    return np.array([getattr(scalar, name)(number) for number in x])


def compiled(name, x):
    scalar.register()
    return compile.ufunc(getattr(scalar, name), x.dtype)(x)


@by_dtype
@pytest.mark.parametrize("name", ONLY_GENERATED)
@pytest.mark.parametrize("call", [one_by_one, pytest.param(compiled, marks=needs_compiler)])
def test_what_only_generated_kernels_call(name, dtype, call):
    draw, reference, bound = ONLY_GENERATED[name]
    x = np.concatenate([draw(dtype), dtype([np.inf, -np.inf, 0.0, -0.0, np.nan, -np.nan, -1, 1e-30, 80])])
    with np.errstate(all="ignore"):
        y = call(name, x)
        exact = reference(x.astype(LONG))
        expected = exact.astype(dtype)
        error = np.abs(y - exact) / np.spacing(np.maximum(np.abs(expected), np.finfo(dtype).tiny))
    normal = np.isfinite(expected)
    assert y.dtype == dtype
    assert np.max(error[normal]) <= bound, x[normal][np.argmax(error[normal])]
    np.testing.assert_array_equal(y[~normal], expected[~normal])
    np.testing.assert_array_equal(np.signbit(y[normal]), np.signbit(expected[normal]))
