"""Products of matrices."""

import math

import numpy as np

from ..errors import matmul_clash
from ..graph import primitive
from .shape import expand_dims, reshape, swapaxes


@primitive
def matmul(a, b, /):
    """Matrix product over the last two axes; the others broadcast. A 1-D `a` is a row, a 1-D `b` a column."""
    if clash := matmul_clash(np.shape(a), np.shape(b)):
        raise clash
    if a.ndim > 2 and b.ndim == 2:  # one product of matrices, not one for each of a's leading axes
        return np.matmul(a.reshape(math.prod(a.shape[:-1]), a.shape[-1]), b).reshape(*a.shape[:-1], b.shape[1])
    return np.matmul(a, b)


@matmul.vjp
def _(g, y, a, b):
    if b.ndim == 1:
        column = expand_dims(g, -1)
        return lambda: column * b, lambda: column * a
    if a.ndim == 1:
        row = expand_dims(g, -2)
        return lambda: matmul(row, swapaxes(b, -1, -2)), lambda: expand_dims(a, 1) * row
    if b.ndim == 2:
        rows = math.prod(a.shape[:-1])
        flat = lambda x: reshape(x, (rows, x.shape[-1]))  # noqa: E731
        return lambda: matmul(g, swapaxes(b, 0, 1)), lambda: matmul(swapaxes(flat(a), 0, 1), flat(g))
    return lambda: matmul(g, swapaxes(b, -1, -2)), lambda: matmul(swapaxes(a, -1, -2), g)
