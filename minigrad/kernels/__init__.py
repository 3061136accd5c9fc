"""The ground floor: loops over NumPy arrays that Numba compiles. It knows nothing of the rest of minigrad."""

from .elementary import erf, gelu, relu, sigmoid, silu, softplus

__all__ = ["erf", "gelu", "relu", "sigmoid", "silu", "softplus"]
