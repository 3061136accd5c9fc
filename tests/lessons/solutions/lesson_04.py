"""Solutions of lesson 4's exercises."""

import numpy as np


def undo_broadcasting(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    return g.sum(axis=tuple(axis for axis, size in enumerate(shape) if size == 1), keepdims=True)


def distances_gradient(x: np.ndarray, g: np.ndarray) -> np.ndarray:
    differences = 2 * g[:, :, None] * (x[:, None] - x[None, :])
    return differences.sum(axis=1) - differences.sum(axis=0)
