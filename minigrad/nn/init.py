"""Initial weights: functions of a shape that return an array, drawn from the generator that `manual_seed` sets.

A weight is [out, in], or [out, in, *window] for a convolution; fan_in is in * prod(window), fan_out out * prod(window).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from ..random import generator


def zeros(shape: Sequence[int], dtype: DTypeLike = np.float32) -> np.ndarray:
    """All zeros."""
    return np.zeros(shape, dtype)


def uniform(shape: Sequence[int], bound: float, dtype: DTypeLike = np.float32) -> np.ndarray:
    """Uniform from -bound to bound."""
    return generator().uniform(-bound, bound, shape).astype(dtype)


def normal(shape: Sequence[int], std: float = 1.0, dtype: DTypeLike = np.float32) -> np.ndarray:
    """Normal with mean 0 and standard deviation `std`."""
    return (std * generator().standard_normal(shape)).astype(dtype)


def glorot_uniform(shape: Sequence[int], gain: float = 1.0, dtype: DTypeLike = np.float32) -> np.ndarray:
    """Uniform with variance 2 gain^2 / (fan_in + fan_out) (Glorot and Bengio 2010, eq. 16). For tanh and linear."""
    return uniform(shape, gain * math.sqrt(6 / sum(fans("glorot_uniform", shape))), dtype)


def glorot_normal(shape: Sequence[int], gain: float = 1.0, dtype: DTypeLike = np.float32) -> np.ndarray:
    """Normal with variance 2 gain^2 / (fan_in + fan_out) (Glorot and Bengio 2010, eq. 12). For tanh and linear."""
    return normal(shape, gain * math.sqrt(2 / sum(fans("glorot_normal", shape))), dtype)


def he_uniform(shape: Sequence[int], dtype: DTypeLike = np.float32) -> np.ndarray:
    """Uniform with variance 2 / fan_in (He et al. 2015, eq. 10). For ReLU."""
    return uniform(shape, math.sqrt(6 / fans("he_uniform", shape)[0]), dtype)


def he_normal(shape: Sequence[int], dtype: DTypeLike = np.float32) -> np.ndarray:
    """Normal with variance 2 / fan_in (He et al. 2015, eq. 10). For ReLU."""
    return normal(shape, math.sqrt(2 / fans("he_normal", shape)[0]), dtype)


def orthogonal(shape: Sequence[int], gain: float = 1.0, dtype: DTypeLike = np.float32) -> np.ndarray:
    """`gain` times a random matrix [shape[0], prod of the rest] with orthonormal rows or columns (Saxe et al. 2013).

    Which of the two: the fewer. Uniform over all of them: the QR decomposition is made unique by R's signs
    (Mezzadri 2007, section 5).
    """
    fans("orthogonal", shape)
    rows, columns = shape[0], math.prod(shape[1:])
    q, r = np.linalg.qr(generator().standard_normal((max(rows, columns), min(rows, columns))))
    q *= np.where(np.diagonal(r) < 0, -1, 1)
    return (gain * (q if rows >= columns else q.T)).reshape(shape).astype(dtype)


def fans(name: str, shape: Sequence[int]) -> tuple[int, int]:
    """fan_in and fan_out: how many inputs an output has, how many outputs an input reaches."""
    if len(shape) < 2 or 0 in shape:
        raise ValueError(f"{name}: expected a weight's shape, [out, in] or [out, in, *window], got {tuple(shape)}")
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window
