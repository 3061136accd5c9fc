"""Two exercises for you to solve: unfinished on purpose. test_lesson_09.py says when they are right."""

import numpy as np

from minigrad import Tensor


def truncated_gradient(w: float, xs: np.ndarray, window: int) -> tuple[float, float]:
    """The loss h_1 + ... + h_T of h_t = w * h_(t-1) + x_t, h_0 = 0, and its gradient by w, truncated.

    xs [T]. The state goes through the whole sequence, but the way back ends where a window of `window` steps begins.
    The last window may be shorter.
    """
    raise NotImplementedError("exercise 9.1: a loop over windows; one backward() for each, and detach between them")


def mean_over_steps(losses: Tensor, lengths: np.ndarray) -> Tensor:
    """The mean of losses [batch, time] over the steps within `lengths` [batch], each step counting the same.

    What stands past a sequence's end has no influence on the mean or on any gradient, NaN included.
    """
    raise NotImplementedError("exercise 9.2: NaN * 0 is NaN, so a product will not do; what does?")
