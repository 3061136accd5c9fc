"""minigrad: reverse-mode automatic differentiation that can be read, and recurrent networks on it."""

from . import data, functional, inspect, io, nn, ops, optim, testing
from .checkpoint import checkpoint  # the function, which hides the module of its name
from .convolution import conv2d, max_pool2d
from .einsum import einsum
from .fusion import fuse
from .inspect import detect_anomaly
from .io import load, save
from .kernels.pool import get_num_threads, set_num_threads
from .mode import enable_grad, no_grad
from .ops import abs, add, argmax, argmin, astype, broadcast_to, clip, concatenate, cos, cumsum, divide, equal, erf, exp
from .ops import expand_dims, expm1, flip, gelu, getitem, greater, greater_equal, isfinite, isnan, leaky_relu, less
from .ops import less_equal, log, log1p, logsumexp, matmul, max, maximum, mean, min, minimum, multiply, negative
from .ops import not_equal, pad, power, prod, relu, reshape, sigmoid, sign, silu, sin, softplus, split, sqrt, square
from .ops import squeeze, stack, subtract, sum, swapaxes, take, take_along_axis, tanh, transpose, unstack, var, where
from .random import manual_seed
from .tensor import Tensor, tensor
from .transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

__all__ = [  # written out: type checkers read it
    "Tensor", "abs", "add", "argmax", "argmin", "astype", "broadcast_to", "checkpoint", "clip", "concatenate",
    "conv2d", "cos", "cumsum", "data", "detect_anomaly", "divide", "einsum", "enable_grad", "equal", "erf", "exp",
    "expand_dims", "expm1", "flip", "functional", "fuse", "gelu", "get_num_threads", "getitem", "grad", "greater",
    "greater_equal", "hessian", "hvp", "inspect", "io", "isfinite", "isnan", "jacobian", "jvp", "leaky_relu",
    "less", "less_equal", "load", "log", "log1p", "logsumexp", "manual_seed", "matmul", "max", "max_pool2d",
    "maximum", "mean", "min", "minimum", "multiply", "negative", "nn", "no_grad", "not_equal", "ops", "optim",
    "pad", "power", "prod", "relu", "reshape", "save", "set_num_threads", "sigmoid", "sign", "silu", "sin",
    "softplus", "split", "sqrt", "square", "squeeze", "stack", "subtract", "sum", "swapaxes", "take",
    "take_along_axis", "tanh", "tensor", "testing", "transpose", "unstack", "value_and_grad", "var", "vjp", "where",
]  # fmt: skip
