"""Products of matrices."""

import math

import numpy as np

from ..errors import matmul_clash
from ..graph import primitive
from ..kernels import products
from .shape import expand_dims, reshape, swapaxes


def rows(x):  # [..., n] as a matrix
    return reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))


@primitive
def matmul(a, b, /):
    """Matrix product over the last two axes; the others broadcast. A 1-D `a` is a row, a 1-D `b` a column."""
    if clash := matmul_clash(np.shape(a), np.shape(b)):
        raise clash
    if b.ndim == 2:  # one product of matrices, not one for each of a's leading axes
        return products.product(rows(a), b).reshape(*a.shape[:-1], b.shape[1])
    return np.matmul(a, b)


@matmul.vjp
def _(g, y, a, b):
    if b.ndim == 1:
        return lambda: expand_dims(g, -1) * b, lambda: expand_dims(g, -1) * a
    if a.ndim == 1:
        return lambda: matmul(expand_dims(g, -2), swapaxes(b, -1, -2)), lambda: expand_dims(a, 1) * expand_dims(g, -2)
    if b.ndim == 2:
        return lambda: matmul(g, swapaxes(b, 0, 1)), lambda: matmul(swapaxes(rows(a), 0, 1), rows(g))
    return lambda: matmul(g, swapaxes(b, -1, -2)), lambda: matmul(swapaxes(a, -1, -2), g)


@primitive
def affine(x, weight, bias, /):
    """x weight^T + bias over the last axis: x [..., in], weight [out, in], bias [out] -> [..., out]."""
    return products.affine(rows(x), weight, bias).reshape(*x.shape[:-1], len(weight))


@affine.vjp
def _(g, y, x, weight, bias):
    return lambda: matmul(g, weight), lambda: matmul(swapaxes(rows(g), 0, 1), rows(x)), g
