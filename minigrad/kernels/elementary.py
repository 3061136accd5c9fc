"""Elementary functions of arrays, where a compiled loop beats NumPy; exp, log, tanh and their kin are NumPy's own.

Each stands here as its NumPy formula. For float32 and float64 the kernel of the same name in `scalar.py` takes its
place from the first call on, if Numba may compile. Both keep the bound in the docstring: in ulp of the result, or of
the smallest normal number for results below it. NaN gives NaN, an infinity gives the limit, and no overflow is
reported. The gains quoted are the kernel's time over that of the plainest NumPy formula: 16 entries, then a million.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from . import compile, scalar

EXP_MINUS_64 = math.exp(-64)

Function = Callable[[ArrayLike], Any]


def as_exp(formula: Callable[[Any], Any], x: np.ndarray) -> Any:
    """The formula for integers and float16: a result of np.exp's dtype, computed in float32 at least."""
    dtype = np.result_type(x.dtype, np.float16)
    return formula(x.astype(np.result_type(dtype, np.float32))).astype(dtype)


def as_is(formula: Callable[[Any], Any], x: np.ndarray) -> Any:
    """The formula itself, which keeps the dtype."""
    return formula(x)


def elementwise(formula: Callable[[Any], Any], other_dtypes: Callable[[Any, Any], Any] = as_exp) -> Function:
    """The function of that formula: compiled for float32 and float64, `other_dtypes` of it for the rest."""

    def first_call(x: Any) -> Any:
        loops[x.dtype] = _loop(formula, x.dtype)
        return loops[x.dtype](x)

    loops: dict[np.dtype, Callable[[Any], Any]] = {np.dtype(np.float32): first_call, np.dtype(np.float64): first_call}

    @functools.wraps(formula)
    def function(x: ArrayLike) -> Any:
        try:
            loop = loops[x.dtype]  # type: ignore[union-attr]  # asking costs more than failing
        except (AttributeError, KeyError):
            return other_dtypes(formula, np.asarray(x))
        return loop(x)

    return function


def _loop(formula: Callable[[Any], Any], dtype: np.dtype) -> Callable[[Any], Any]:
    with compile.first_use(f"{formula.__name__} for {dtype}"):
        return _compiled(formula.__name__, dtype) if compile.available() else formula


@functools.cache
def _compiled(name: str, dtype: np.dtype) -> np.ufunc:
    scalar.register()
    return compile.ufunc(getattr(scalar, name), dtype)


@elementwise
def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)), the logistic function. Within 4 ulp; complex input too, analytically.

    Gain: 0.2 and 0.47 (float32), 0.2 and 0.62 (float64).
    """
    if np.iscomplexobj(x):
        return 1 / (1 + np.exp(-x))
    decay = np.exp(-np.abs(x))
    return np.where(x < 0, decay, 1) / (1 + decay)


@elementwise
def softplus(x: Any) -> Any:
    """log(1 + exp(x)) (Dugas et al. 2001). Within 5 ulp; complex input too, analytically.

    Gain: 0.2 and 0.36 (float32), 0.2 and 0.53 (float64).
    """
    if np.iscomplexobj(x):
        return np.log1p(np.exp(x))
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


@elementwise
def silu(x: Any) -> Any:
    """x * sigmoid(x) (Elfwing, Uchibe and Doya 2018). Within 8 ulp; complex input too, analytically.

    Gain: 0.25 and 0.53 (float32), 0.25 and 0.65 (float64).
    """
    if np.iscomplexobj(x):
        return x / (1 + np.exp(-x))
    size = np.minimum(np.abs(x), 1000)  # finite, so that -inf gives 0
    root = np.exp(-size / 2)  # multiplied in twice: exp(-size) underflows where size * exp(-size) does not
    y = 1 / (1 + root * root)
    return np.where(x < 0, -(size * root * y) * root, x * y)


@elementwise
def gelu(x: Any) -> Any:
    """x times the normal distribution function of x, exactly (Hendrycks and Gimpel 2016). Real; within 9 ulp.

    The tail is a polynomial times exp(-x ** 2 / 2) (Schonfelder 1978), so that large negative x lose nothing.
    Gain: 0.02 and 0.03 (float32), 0.01 and 0.07 (float64).
    """
    size = np.minimum(np.abs(x), 39)
    on_grid = np.rint(size * 128) / 128  # its square is exact: exp would magnify a rounding
    rest = (on_grid - size) * (on_grid + size) / 2
    scaled = scalar.mills(size) * np.exp(64 - on_grid * on_grid / 2) * np.exp(rest)  # does not underflow yet
    return np.where(x < 0, -(size * scaled) * EXP_MINUS_64, x * (1 - scaled * EXP_MINUS_64))


@elementwise
def erf(x: Any) -> Any:
    """2 / sqrt(pi) times the integral of exp(-t ** 2) from 0 to x. Real; within 4 ulp.

    A polynomial for |x| < 1, then one minus twice the normal distribution's tail (Schonfelder 1978).
    Gain: 0.02 and 0.03 (float32), 0.01 and 0.05 (float64).
    """
    form = scalar.format_of(x)
    size = np.minimum(np.abs(x), 6)
    square = size * size
    near = size * scalar.horner(square, form.erf)
    far = 1 - 2 * scalar.mills(form.sqrt_2 * size) * np.exp(-square)
    return np.copysign(np.where(size < 1, near, far), x)


@functools.partial(elementwise, other_dtypes=as_is)
def relu(x: Any) -> Any:
    """x where it is positive, 0 elsewhere. Real; exact.

    Gain: 0.5 and 0.24 (float32), 0.5 and 0.5 (float64).
    """
    return np.maximum(x, 0)
