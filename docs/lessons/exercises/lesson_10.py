"""Two exercises for you to solve: unfinished on purpose. test_lesson_10.py says when they are right."""

import numpy as np

from minigrad import Tensor


def huber(r: Tensor) -> Tensor:
    """r^2 / 2 where |r| <= 1, |r| - 1/2 elsewhere, entry by entry (Huber 1964); any shape, the same shape.

    It is to run under `mg.fuse`, so it may use ops alone.
    """
    raise NotImplementedError("exercise 10.1: compute both sides, and choose with mg.where")


def rnn_backward(
    w: np.ndarray, u: np.ndarray, xs: np.ndarray, hs: np.ndarray, gs: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The gradients (dw, du, db) of h_t = tanh(w x_t + u h_(t-1) + b), in NumPy alone.

    w [hidden, input], u [hidden, hidden]; xs [T, input], t = 1 to T; hs [T + 1, hidden], with h_0 first;
    gs [T, hidden]: the cotangents that come to h_1, ..., h_T from outside.
    """
    raise NotImplementedError("exercise 10.2: from the last step to the first, then one product for each weight")
