"""Two exercises for you to solve: unfinished on purpose. test_lesson_06.py says when they are right."""

from collections.abc import Callable, Sequence

import numpy as np

from minigrad import Tensor


def gradient_of_each_use(W: np.ndarray, h: np.ndarray, xs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What each step sends to W, for h_t = tanh(W h_(t-1) + x_t) and the sum of the last state as the loss.

    W [hidden, hidden], h [hidden] the first state, xs one array [hidden] for each step. Returns an array like W for
    each step, the first step first.
    """
    raise NotImplementedError("exercise 6.1: by copies of W as above, or by hand")


def state_gradients(
    step: Callable[[Tensor, float], Tensor], h: float, xs: Sequence[float], loss: Callable[[Tensor], Tensor]
) -> list[float]:
    """dL/dh_s for every state, h_0 first, where h_t = step(h_(t-1), x_t) and L = loss(h_T).

    h is the number h_0; a state is a Tensor of one number.
    """
    raise NotImplementedError("exercise 6.2: only a leaf keeps its gradient; how do you make a leaf of each state?")
