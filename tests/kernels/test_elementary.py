"""kernels.elementary: error bounds, dtypes, layouts, and what happens around the first use."""

import inspect
import math
import os
import pathlib
import platform
import re
import subprocess
import sys
import time

import hypothesis.extra.numpy as npst
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad import kernels
from minigrad.kernels import compile, scalar

BOUNDS = {"sigmoid": 4, "softplus": 5, "silu": 8, "gelu": 9, "erf": 4, "relu": 0}  # ulp
LIBM = 1  # ulp: what math.erf and math.erfc may be off by
DTYPES = [np.float32, np.float64]
LONG = np.longdouble

by_name = pytest.mark.parametrize("name", BOUNDS)
by_dtype = pytest.mark.parametrize("dtype", DTYPES)


def erfc(x):
    """In long double, by one Taylor step from the nearest float64."""
    near = x.astype(np.float64)
    value = np.array([math.erfc(v) for v in near], LONG)
    return value - 2 / np.sqrt(LONG(np.pi)) * np.exp(-(LONG(near) ** 2)) * (x - near)


REFERENCES = {
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softplus": lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "gelu": lambda x: x * erfc(-x / np.sqrt(LONG(2))) / 2,
    "erf": lambda x: np.array([math.erf(v) for v in x], LONG),
    "relu": lambda x: np.maximum(x, 0),
}


def assert_within(name, y, expected, extra=0):
    info = np.finfo(y.dtype)
    exponent = np.frexp(np.maximum(np.abs(expected), info.tiny))[1]
    ulp = np.ldexp(LONG(1), exponent - 1 - info.nmant)
    error = np.abs(y - expected) / ulp
    worst = np.argmax(error)
    assert error[worst] <= BOUNDS[name] + extra, f"{y[worst]!r} is {error[worst]:.1f} ulp from {expected[worst]!r}"


def paths(name):
    """The public function, and the NumPy formula behind it."""
    function = getattr(kernels, name)
    return function, inspect.unwrap(function)


def spread(dtype, rng, n=20_000):
    """Every magnitude, and evenly where the functions underflow, saturate and bend."""
    edge = {np.float32: 120, np.float64: 770}[dtype]
    powers = 10.0 ** rng.uniform(math.log10(np.finfo(dtype).smallest_subnormal), 3, n) * rng.choice([-1, 1], n)
    return np.concatenate([powers, rng.uniform(-edge, edge, n), rng.uniform(-3, 3, n)]).astype(dtype)


@by_name
@by_dtype
def test_error_bound(name, dtype):
    x = spread(dtype, np.random.default_rng(1))
    expected = REFERENCES[name](x.astype(LONG))
    for function in paths(name):
        y = function(x)
        assert y.dtype == dtype
        assert_within(name, y, expected, LIBM)


@by_name
@given(x=st.floats())
def test_error_bound_anywhere(name, x):
    limits = {"silu": (-0.0, math.inf), "gelu": (-0.0, math.inf), "erf": (-1, 1), "sigmoid": (0, 1)}
    for dtype in DTYPES:
        with np.errstate(over="ignore"):
            number = np.array([x]).astype(dtype)
        if np.isfinite(number[0]):
            with np.errstate(over="ignore"):
                expected = REFERENCES[name](number.astype(LONG))
        elif np.isnan(number[0]):
            expected = number
        else:
            expected = np.array([limits.get(name, (0, math.inf))[int(number[0] > 0)]], LONG)
        for function in paths(name):
            y = function(number)
            if np.isfinite(expected[0]):
                assert_within(name, y, expected, LIBM)
            else:
                np.testing.assert_array_equal(y, expected)


@by_name
@by_dtype
@pytest.mark.parametrize("path", [0, 1], ids=["kernel", "formula"])
def test_special_values_raise_no_flag(name, dtype, path):
    function = paths(name)[path]
    big, small = np.finfo(dtype).max, np.finfo(dtype).smallest_subnormal
    # long enough for vector instructions, and for the scalar ones that finish the rest
    x = np.repeat(np.array([np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, big, -big, small, -small], dtype), 37)
    with np.errstate(invalid="raise", over="raise", divide="raise"):
        y = function(x)
    assert np.array_equal(np.isnan(y), np.isnan(x))
    at = dict(zip(["inf", "-inf", "0", "-0", "big", "-big"], y[2 * 37 :: 37]))
    unbounded = name not in ("sigmoid", "erf")
    assert at["inf"] == (np.inf if unbounded else 1)
    assert at["big"] == (big if unbounded else 1)
    assert at["-inf"] == at["-big"] == (-1 if name == "erf" else 0)
    if name in ("erf", "gelu", "silu"):
        assert np.signbit(at["-0"]) and not np.signbit(at["0"])


@by_name
@by_dtype
@given(data=st.data())
def test_any_layout(name, dtype, data):
    function, formula = paths(name)
    shape = data.draw(npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=9))
    whole = np.random.default_rng(2).normal(0, 3, shape).astype(dtype)
    x = whole.transpose(data.draw(st.permutations(range(whole.ndim))))
    x = x[tuple(slice(None, None, data.draw(st.sampled_from([1, 2, -1]))) for _ in x.shape)]
    before = x.copy()
    y = function(x)
    assert y.shape == x.shape and y.dtype == dtype
    assert not np.shares_memory(x, y)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(y, function(np.ascontiguousarray(x)).reshape(x.shape))
    assert formula(x).shape == x.shape


@by_name
@by_dtype
def test_kernel_equals_formula(name, dtype):
    function, formula = paths(name)
    x = spread(dtype, np.random.default_rng(3))
    assert_within(name, function(x), formula(x).astype(LONG), BOUNDS[name])


@by_name
@pytest.mark.parametrize("dtype", ["?", "b", "B", "h", "i", "q", "e", ">f4", ">f8"])
def test_other_dtypes(name, dtype):
    x = np.array([0, 1, 1, 0]).astype(dtype)
    y = getattr(kernels, name)(x)
    assert y.dtype == (np.maximum(x, 0) if name == "relu" else np.exp(x)).dtype  # relu keeps integers
    np.testing.assert_allclose(
        y, getattr(kernels, name)(x.astype(np.float64)), rtol=np.finfo(np.result_type(y.dtype, np.float16)).eps
    )


@by_name
def test_long_double_stays(name):
    x = np.array([0.5], np.longdouble)
    y = getattr(kernels, name)(x)
    assert y.dtype == x.dtype
    np.testing.assert_allclose(y, getattr(kernels, name)(x.astype(np.float64)), rtol=1e-15)


@by_name
def test_python_scalars_and_lists(name):
    function = getattr(kernels, name)
    assert function(0.5).dtype == function([1.0, 2.0]).dtype == np.float64
    assert function([0.5])[0] == function(0.5)


@pytest.mark.parametrize("name", ["sigmoid", "softplus", "silu"])
@given(x=st.floats(-30, 30))
def test_complex_input_is_analytic(name, x):
    function, step = getattr(kernels, name), 1e-20
    slope = np.imag(function(np.array([x + 1j * step]))) / step
    wide = np.longdouble([x - 1e-6, x + 1e-6])
    low, high = REFERENCES[name](wide)
    np.testing.assert_allclose(slope, float((high - low) / (wide[1] - wide[0])), rtol=1e-8, atol=1e-9)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="looks for x86 instructions")
@pytest.mark.skipif(not compile.available(), reason="no compiler")
@pytest.mark.parametrize("name", sorted(BOUNDS.keys() - {"relu"}))
@by_dtype
def test_vector_instructions(name, dtype):
    import numba

    scalar.register()
    kernel = numba.njit(forceinline=True, fastmath={"contract"})(getattr(scalar, name))

    @numba.njit(error_model="numpy")
    def loop(x, y):
        for i in range(x.size):
            y[i] = kernel(x[i])

    x = np.zeros(8, dtype)
    loop(x, x.copy())
    (code,) = loop.inspect_asm().values()
    assert re.search(r"\bv?mulp[sd]\b", code)  # packed; a scalar product is mulss, mulsd


def run(code, **environment):
    root = pathlib.Path(__file__).parents[2]
    env = {**os.environ, "NUMBA_DISABLE_JIT": "0", **environment}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=env, stdout=subprocess.PIPE, text=True, check=True
    ).stdout


PRINT_ALL = """
import numpy as np
from minigrad import kernels
for dtype in (np.float32, np.float64):
    x = np.linspace(-20, 20, 1001, dtype=dtype)
    for name in kernels.__all__:
        print(name, x.dtype, getattr(kernels, name)(x).tobytes().hex())
"""


def assert_same_numbers(output):
    lines = output.splitlines()
    assert len(lines) == len(DTYPES) * len(BOUNDS)
    for line in lines:
        name, dtype, data = line.split()
        y = np.frombuffer(bytes.fromhex(data), dtype)
        expected = getattr(kernels, name)(np.linspace(-20, 20, 1001, dtype=dtype))
        assert_within(name, y, expected.astype(LONG), BOUNDS[name])


def test_without_compiler():
    code = "from minigrad.kernels import elementary\ndef refuse(*_): raise AssertionError\n"
    code += "elementary.compile.ufunc = refuse\n" + PRINT_ALL
    assert_same_numbers(run(code, NUMBA_DISABLE_JIT="1"))


@pytest.mark.parametrize(
    "obstacle",
    ["tempfile.TemporaryFile = refuse", "numba.core.caching.IndexDataCacheFile.save = refuse"],
    ids=["no folder", "no writing"],
)
def test_without_cache_folder(obstacle, tmp_path):
    code = f"import tempfile, numba.core.caching\ndef refuse(*_, **__): raise PermissionError\n{obstacle}\n"
    assert_same_numbers(run(code + PRINT_ALL, NUMBA_CACHE_DIR=str(tmp_path)))


def test_first_calls_at_once(tmp_path):
    code = """
import threading
import numpy as np
from minigrad import kernels
from minigrad.kernels import compile
built, build = [], compile.ufunc
compile.ufunc = lambda *which: built.append(which) or build(*which)
x, results = np.ones(5), []
threads = [threading.Thread(target=lambda: results.append(kernels.sigmoid(x))) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert len(results) == 8 and all(np.array_equal(result, results[0]) for result in results)
assert len(built) == 1
"""
    run(code, NUMBA_CACHE_DIR=str(tmp_path))


def test_import_leaves_numba_alone():
    # a stand-in for the package, whose other floors are not the question here
    code = """
import importlib.util, sys, types
package = types.ModuleType("minigrad")
package.__path__ = importlib.util.find_spec("minigrad").submodule_search_locations
sys.modules["minigrad"] = package
import minigrad.kernels
assert "numba" not in sys.modules
"""
    run(code)


def test_a_long_first_use_says_so(capfd, monkeypatch):
    monkeypatch.setattr(compile, "PATIENCE", 0.02)
    with compile.first_use("nothing for float32"):
        pass
    with compile.first_use("sigmoid for float32"):
        time.sleep(0.2)
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 1 and said[0].startswith("minigrad: compiling sigmoid for float32")
