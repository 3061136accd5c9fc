"""Reductions over some axes (all by default), and cumulative sums."""

import math

import numpy as np

from ..domain import DISTINCT
from ..graph import primitive
from .arithmetic import equal, maximum, where
from .nonlinear import exp
from .shape import broadcast_to, flip, reshape, transpose


def kept(g, x, axis, keepdims):
    """`g`, the cotangent of a reduction of `x`, with the reduced axes put back as axes of size 1."""
    if keepdims:
        return g
    return reshape(g, tuple(1 if i in axes_of(x, axis) else n for i, n in enumerate(x.shape)))


def axes_of(x, axis):
    """The axes that `axis` names (None: all), counted from the front."""
    if axis is None:
        return tuple(range(x.ndim))
    return tuple(i % x.ndim for i in (axis if isinstance(axis, tuple) else (axis,)) if x.ndim)


def count_of(x, axis):
    """How many entries go into each result."""
    return math.prod(x.shape[i] for i in axes_of(x, axis))


@primitive(vjp=lambda g, y, x, axis, keepdims: broadcast_to(kept(g, x, axis, keepdims), x.shape))
def sum(x, /, axis=None, keepdims=False):
    """Sum over `axis` (an int, a tuple of them, or None for all)."""
    return np.sum(x, axis=axis, keepdims=keepdims)


@primitive(vjp=lambda g, y, x, axis, keepdims: broadcast_to(kept(g, x, axis, keepdims) / count_of(x, axis), x.shape))
def mean(x, /, axis=None, keepdims=False):
    """Arithmetic mean over `axis`."""
    return np.mean(x, axis=axis, keepdims=keepdims)


@primitive(analytic=False)
def var(x, /, axis=None, ddof=0, keepdims=False):
    """Variance over `axis`; divides by n - `ddof` (0 for the population's, as NumPy; 1 for the sample's)."""
    return np.var(x, axis=axis, ddof=ddof, keepdims=keepdims)


@var.vjp
def _(g, y, x, axis, ddof, keepdims):
    deviation = x - mean(x, axis=axis, keepdims=True)
    return 2 * kept(g, x, axis, keepdims) * deviation / (count_of(x, axis) - ddof)


@primitive
def prod(x, /, axis=None, keepdims=False):
    """Product over `axis`. The gradient is right where entries are 0, too."""
    return np.prod(x, axis=axis, keepdims=keepdims)


@prod.vjp
def _(g, y, x, axis, keepdims):
    g, y = kept(g, x, axis, keepdims), kept(y, x, axis, keepdims)
    size = np.abs(np.asarray(y))
    if np.all((size >= np.finfo(size.dtype).tiny) & (size < np.inf)):  # else the quotient is not that of the others
        return g * y / x
    return g * product_of_others(x, axes_of(x, axis))


def product_of_others(x, axes):
    """For each entry of `x` the product of the others over `axes`: n * n entries, but no division by 0."""
    order = (*(i for i in range(x.ndim) if i not in axes), *axes)
    rows = transpose(x, order)
    row = reshape(rows, (*rows.shape[: x.ndim - len(axes)], 1, count_of(x, axes)))
    others = prod(where(np.eye(row.shape[-1], dtype=bool), 1, row), axis=-1)
    return transpose(reshape(others, rows.shape), tuple(np.argsort(order).tolist()))


def share_of_winners(g, y, x, axis, keepdims):
    won = equal(x, kept(y, x, axis, keepdims))
    return where(won, kept(g, x, axis, keepdims) / maximum(sum(won, axis=axis, keepdims=True), 1), 0)


@primitive(vjp=share_of_winners, domain=DISTINCT, analytic=False)
def max(x, /, axis=None, keepdims=False):
    """Largest entry over `axis`; NaN if there is one. Entries that tie share the gradient equally."""
    return np.max(x, axis=axis, keepdims=keepdims)


@primitive(vjp=share_of_winners, domain=DISTINCT, analytic=False)
def min(x, /, axis=None, keepdims=False):
    """Smallest entry over `axis`; NaN if there is one. Entries that tie share the gradient equally."""
    return np.min(x, axis=axis, keepdims=keepdims)


@primitive(vjp=lambda g, y, x, axis, keepdims: kept(g, x, axis, keepdims) * exp(x - kept(y, x, axis, keepdims)))
def logsumexp(x, /, axis=None, keepdims=False):
    """log(sum(exp(x))) over `axis`, without overflow; -inf where all entries are."""
    x = x if x.dtype.kind in "fc" else np.asarray(x, float)
    top = np.max(np.real(x), axis=axis, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, np.zeros_like(top))
    with np.errstate(divide="ignore", over="ignore"):
        y = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return y if keepdims else np.squeeze(y, axis=axes_of(x, axis))


@primitive(vjp=lambda g, y, x, axis: reshape(flip(cumsum(flip(g, axis or 0), axis or 0), axis or 0), x.shape))
def cumsum(x, /, axis=None):
    """Running sum along `axis` (None: of the flattened entries)."""
    return np.cumsum(x, axis=axis)


@primitive
def argmax(x, /, axis=None, keepdims=False):
    """Index of the largest entry along `axis` (None: of the flattened entries); the first at a tie. No gradient."""
    return np.argmax(x, axis=axis, keepdims=keepdims)


@primitive
def argmin(x, /, axis=None, keepdims=False):
    """Index of the smallest entry along `axis` (None: of the flattened entries); the first at a tie. No gradient."""
    return np.argmin(x, axis=axis, keepdims=keepdims)
