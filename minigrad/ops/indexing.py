"""Picking entries, and the scatter that gives each its gradient back (added up where it was picked twice)."""

import numpy as np

from ..arrays import plain_index
from ..graph import primitive
from ..kernels.loops import add_at
from .shape import reshape


def getitem(x, index):
    """x[index]: slices, integers, None, Ellipsis, boolean masks and integer arrays or Tensors, as in NumPy."""
    return getitem_(x, plain_index(index))


@primitive(vjp=lambda g, y, x, index: scatter(g, x.shape, index))
def getitem_(x, /, index):
    return x[index]


@primitive(vjp=lambda g, y, x, shape, index: getitem_(g, index))
def scatter(x, /, shape, index):
    """Zeros of `shape` with x added at `index`; the opposite of `getitem`."""
    total = np.zeros(shape, x.dtype)
    if has_arrays(index):
        add_at(total, index, x)
    else:
        total[index] = x
    return total


def has_arrays(index):
    """Whether an index may name one entry twice."""
    parts = index if isinstance(index, tuple) else (index,)
    return any(isinstance(part, np.ndarray | list) for part in parts)


@primitive
def take(x, indices, /, axis=None):
    """Slices of x at integer `indices` (any shape) along `axis` (None: of the flattened x): an embedding look-up."""
    return np.take(x, indices, axis=axis)


@take.vjp
def _(g, y, x, indices, axis):
    if axis is None:
        return reshape(scatter(g, (x.size,), (np.asarray(indices, np.intp),)), x.shape), None
    before = (slice(None),) * (axis % x.ndim)
    return scatter(g, x.shape, (*before, np.asarray(indices, np.intp))), None


@primitive
def take_along_axis(x, indices, /, axis=-1):
    """Entries of x at `indices` along `axis`; the other axes of the two go side by side (and broadcast)."""
    return np.take_along_axis(x, indices, axis)


@take_along_axis.vjp
def _(g, y, x, indices, axis):
    if axis is None:
        return reshape(scatter(g, (x.size,), (np.asarray(indices),)), x.shape), None
    place: list = list(np.ogrid[tuple(slice(n) for n in x.shape)])
    place[axis] = np.asarray(indices)
    return scatter(g, x.shape, tuple(place)), None
