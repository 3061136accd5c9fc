"""The exercises of lesson 10, solved."""

import numpy as np

import minigrad as mg
from minigrad import Tensor


def huber(r: Tensor) -> Tensor:
    """r^2 / 2 where |r| <= 1, |r| - 1/2 elsewhere, entry by entry (Huber 1964); any shape, the same shape.

    It is to run under `mg.fuse`, so it may use ops alone.
    """
    size = mg.abs(r)
    return mg.where(size <= 1, 0.5 * r * r, size - 0.5)


def rnn_backward(
    w: np.ndarray, u: np.ndarray, xs: np.ndarray, hs: np.ndarray, gs: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The gradients (dw, du, db) of h_t = tanh(w x_t + u h_(t-1) + b), in NumPy alone.

    w [hidden, input], u [hidden, hidden]; xs [T, input], t = 1 to T; hs [T + 1, hidden], with h_0 first;
    gs [T, hidden]: the cotangents that come to h_1, ..., h_T from outside.
    """
    into = np.empty_like(gs)  # cotangents of what goes into tanh
    from_later = np.zeros(len(u))
    for t in reversed(range(len(gs))):
        into[t] = (gs[t] + from_later) * (1 - hs[t + 1] ** 2)
        from_later = u.T @ into[t]
    return into.T @ xs, into.T @ hs[:-1], into.sum(axis=0)
