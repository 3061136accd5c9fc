"""Functions of one number (and powers), entry by entry."""

import numpy as np

from .. import kernels
from ..domain import NONZERO, POSITIVE, REAL, Domain
from ..graph import pointwise
from .arithmetic import abs, equal, greater, where

exp = pointwise(np.exp, vjp=lambda g, y, x: g * y)
expm1 = pointwise(np.expm1, vjp=lambda g, y, x: g * exp(x))  # y + 1 would lose all digits where y is near -1
log = pointwise(np.log, vjp=lambda g, y, x: g / x, domain=POSITIVE)
log1p = pointwise(np.log1p, vjp=lambda g, y, x: g / (1 + x), domain=Domain(low=-0.8))
sin = pointwise(np.sin, vjp=lambda g, y, x: g * cos(x))
cos = pointwise(np.cos, vjp=lambda g, y, x: -g * sin(x))
sqrt = pointwise(np.sqrt, vjp=lambda g, y, x: 0.5 * g / y, domain=POSITIVE)
# not g * (1 - y * y): a Python number among arrays costs NumPy 0.3 us
tanh = pointwise(np.tanh, vjp=lambda g, y, x: g - g * y * y)

power = pointwise(
    np.power,
    doc="a ** b. Where b is 0 the gradient for a is 0; where a is 0 the one for b is 0 (the limit for b > 0).",
    vjp=lambda g, y, a, b: (
        lambda: g * b * power(a if type(b) in (int, float) and b else off_pole(a, b), b - 1),
        lambda: g * y * log(where(equal(a, 0), 1, a)),
    ),
    domain=(POSITIVE, REAL),
)


def off_pole(a, b):
    """a, but 1 where b is 0 and 1 / a would overflow: 0 * a ** -1 is then 0, and its slope for b still 1 / a."""
    return where(equal(b, 0), where(greater(abs(a), 1e-37), a, 1), a)


@pointwise(vjp=lambda g, y, x: g * (y - y * y))
def sigmoid(x, /):
    """1 / (1 + exp(-x)), the logistic function; no overflow at either end."""
    return kernels.sigmoid(x)


@pointwise(vjp=lambda g, y, x: g * sigmoid(x))
def softplus(x, /):
    """log(1 + exp(x)), without overflow (Dugas et al. 2001)."""
    return kernels.softplus(x)


@pointwise(vjp=lambda g, y, x: g * (sigmoid(x) + y * sigmoid(-x)))
def silu(x, /):
    """x * sigmoid(x) (Elfwing, Uchibe and Doya 2018), also called swish."""
    return kernels.silu(x)


@pointwise(vjp=lambda g, y, x: g * (2 / np.pi**0.5) * exp(-x * x), analytic=False)
def erf(x, /):
    """Error function, 2 / sqrt(pi) times the integral of exp(-t ** 2) from 0 to x."""
    return kernels.erf(x)


@pointwise(analytic=False)
def gelu(x, /):
    """x times the standard normal distribution function of x (Hendrycks and Gimpel 2016), the exact form."""
    return kernels.gelu(x)


@gelu.vjp
def _(g, y, x):
    distribution = 0.5 * (1 + erf(x * 0.5**0.5))
    density = exp(-0.5 * x * x) * (2 * np.pi) ** -0.5
    return g * (distribution + x * density)


@pointwise(vjp=lambda g, y, x: where(greater(x, 0), g, 0), domain=NONZERO, analytic=False)
def relu(x, /):
    """x where it is positive, 0 elsewhere. The gradient at 0 is 0."""
    return kernels.relu(x)


@pointwise(
    vjp=lambda g, y, x, negative_slope: where(greater(x, 0), g, g * negative_slope), domain=NONZERO, analytic=False
)
def leaky_relu(x, /, negative_slope=0.01):
    """x where it is positive, `negative_slope` * x elsewhere, and so for the gradient (at 0 the slope's)."""
    return np.maximum(x, 0) + negative_slope * np.minimum(x, 0)
