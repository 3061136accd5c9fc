"""The same entries in another arrangement; joining and cutting."""

import numpy as np

from ..graph import primitive
from .arithmetic import where


@primitive(vjp=lambda g, y, x, shape: reshape(g, x.shape))
def reshape(x, /, shape):
    """The same entries, in row-major order, in another shape; one size may be -1."""
    return np.reshape(x, shape)


@primitive
def transpose(x, /, axes=None):
    """Axes in another order (None: reversed)."""
    return np.transpose(x, axes)


@transpose.vjp
def _(g, y, x, axes):
    return transpose(g, None if axes is None else tuple(np.argsort([a % x.ndim for a in axes]).tolist()))


@primitive(vjp=lambda g, y, x, axis1, axis2: swapaxes(g, axis1, axis2))
def swapaxes(x, /, axis1, axis2):
    """Two axes exchanged."""
    return np.swapaxes(x, axis1, axis2)


@primitive(vjp=lambda g, y, x, axis: reshape(g, x.shape))
def expand_dims(x, /, axis):
    """New axes of size 1 at `axis` (an int or a tuple)."""
    return np.expand_dims(x, axis)


@primitive(vjp=lambda g, y, x, axis: reshape(g, x.shape))
def squeeze(x, /, axis=None):
    """Without the axes of size 1 at `axis` (None: all of them)."""
    return np.squeeze(x, axis)


@primitive(vjp=lambda g, y, x, shape: g)  # the walk sums it back
def broadcast_to(x, /, shape):
    """Stretched to `shape` by NumPy's rules."""
    return np.broadcast_to(x, shape)


@primitive(vjp=lambda g, y, x, axis: flip(g, axis))
def flip(x, /, axis=None):
    """Entries in reverse order along `axis` (an int, a tuple, or None for all)."""
    return np.flip(x, axis)


@primitive
def pad(x, /, pad_width, constant_values=0):
    """`constant_values` put around x; `pad_width` as in NumPy: n, (before, after), or such a pair per axis."""
    return np.pad(x, pad_width, constant_values=constant_values)


@pad.vjp
def _(g, y, x, pad_width, constant_values):
    widths = np.broadcast_to(pad_width, (x.ndim, 2)).tolist()
    return g[tuple(slice(before, before + n) for (before, _), n in zip(widths, x.shape, strict=True))]


@primitive
def concatenate_(*arrays, axis):
    return np.concatenate(arrays, axis=axis)


@concatenate_.vjp
def _(g, y, *arrays, axis):
    ends = np.cumsum([np.shape(x)[axis] for x in arrays])
    return tuple(split(g, ends[:-1].tolist(), axis))


def concatenate(arrays, axis=0):
    """Arrays joined along an axis that they have (None: flattened first)."""
    if axis is None:
        return concatenate_(*(reshape(x, -1) for x in arrays), axis=0)
    return concatenate_(*arrays, axis=axis)


def stack(arrays, axis=0):
    """Arrays of one shape joined along a new axis."""
    return stack_(*arrays, axis=axis)


@primitive(vjp=lambda g, y, *arrays, axis: unstack(g, axis))
def stack_(*arrays, axis):
    return np.stack(arrays, axis=axis)


@primitive(vjp=lambda g, y, x, axis: stack(g, axis) if g else where(False, x, 0))
def unstack(x, /, axis=0):
    """A tuple of the slices along `axis`. All of them make one node, so a loop over time stays linear."""
    return tuple(np.moveaxis(x, axis, 0))


@primitive(vjp=lambda g, y, x, indices_or_sections, axis: concatenate(g, axis))
def split(x, /, indices_or_sections, axis=0):
    """A tuple of parts along `axis`: n equal ones, or cut before each of the given indices."""
    parts = tuple(np.split(x, indices_or_sections, axis))
    if sum(part.shape[axis] for part in parts) != x.shape[axis]:
        raise ValueError(f"split: expected rising indices, got {indices_or_sections}")
    return parts
