"""Every primitive beside its vjp rule, one file per kind. Names and semantics are NumPy's."""

from .arithmetic import abs, add, astype, clip, divide, equal, greater, greater_equal, isfinite, isnan, less
from .arithmetic import less_equal, maximum, minimum, multiply, negative, not_equal, sign, square, subtract, where
from .indexing import getitem, take, take_along_axis
from .linear import affine, matmul
from .nonlinear import cos, erf, exp, expm1, gelu, leaky_relu, log, log1p, power, relu, sigmoid, silu, sin
from .nonlinear import softplus, sqrt, tanh
from .reduction import argmax, argmin, cumsum, logsumexp, max, mean, min, prod, sum, var
from .shape import broadcast_to, concatenate, expand_dims, flip, pad, reshape, split, squeeze, stack
from .shape import swapaxes, transpose, unstack
