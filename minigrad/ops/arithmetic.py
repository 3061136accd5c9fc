"""Arithmetic and choice, entry by entry. Broadcasting is undone in the walk: no rule here has to."""

import functools

import numpy as np

from ..domain import DISTINCT, NONZERO, REAL, Domain
from ..graph import pointwise
from ..kernels import loops

equal, not_equal = pointwise(np.equal), pointwise(np.not_equal)  # no rule: no gradient passes
less, less_equal = pointwise(np.less), pointwise(np.less_equal)
greater, greater_equal = pointwise(np.greater), pointwise(np.greater_equal)
isfinite, isnan = pointwise(np.isfinite), pointwise(np.isnan)


@pointwise(vjp=lambda g, y, condition, a, b: (None, lambda: where(condition, g, 0), lambda: where(condition, 0, g)))
def where(condition, a, b, /):
    """a where `condition` holds, b elsewhere. `condition`: booleans, without gradient."""
    return loops.where(condition, a, b)


@pointwise(vjp=lambda g, y, x, dtype: g if y.dtype.kind == "f" else None, analytic=False)  # the walk casts g back
def astype(x, /, dtype):
    """x in another dtype; no gradient passes into integers and booleans."""
    if (wanted := np.dtype(dtype)).kind not in "fiub":
        raise TypeError(f"astype: expected a dtype of real numbers or booleans, got {wanted}")
    return np.asarray(x).astype(wanted)


add = pointwise(np.add, vjp=lambda g, y, a, b: (g, g))
subtract = pointwise(np.subtract, vjp=lambda g, y, a, b: (g, -g))
multiply = pointwise(np.multiply, vjp=lambda g, y, a, b: (g * b, g * a))
divide = pointwise(np.divide, vjp=lambda g, y, a, b: (g / b, -g * (y / b)), domain=(REAL, NONZERO))
negative = pointwise(np.negative, vjp=lambda g, y, x: -g)
square = pointwise(np.square, vjp=lambda g, y, x: 2 * g * x)

abs = pointwise(
    np.abs, vjp=lambda g, y, x: g * sign(x), domain=NONZERO, analytic=False, doc="|x|. The gradient at 0 is 0."
)
sign = pointwise(
    np.sign, vjp=lambda g, y, x: where(False, g, 0), domain=NONZERO, analytic=False, doc="-1, 0 or 1; no slope."
)


def share_of_winner(g, y, a, b):
    g = where(equal(a, b), 0.5 * g, g)
    return where(equal(a, y), g, 0), where(equal(b, y), g, 0)


winner = functools.partial(pointwise, vjp=share_of_winner, domain=DISTINCT, analytic=False)
maximum = winner(np.maximum, doc="The larger of a and b; NaN if either is. At a tie each gets half of the gradient.")
minimum = winner(np.minimum, doc="The smaller of a and b; NaN if either is. At a tie each gets half of the gradient.")


@pointwise(vjp=lambda g, y, x, min, max: where(equal(x, y), g, 0), domain=Domain(kinks=(-1.0, 1.0)), analytic=False)
def clip(x, /, min=None, max=None):
    """x, but not below `min` nor above `max`. The gradient passes inside, bounds included, and is 0 outside."""
    return np.clip(x, min, max)
