"""Two exercises for you to solve: unfinished on purpose. test_lesson_07.py says when they are right."""

import numpy as np


def jacobian_norms(W: np.ndarray, states: np.ndarray) -> np.ndarray:
    """The Frobenius norm of dh_t/dh_0 for t = 0, ..., T, in NumPy alone: [T + 1].

    W [hidden, hidden], of h_t = tanh(W h_(t-1) + what does not depend on h); states [T + 1, hidden], with h_0 first.
    At t = 0 the derivative is the identity.
    """
    raise NotImplementedError("exercise 7.1: multiply the Jacobians of the steps, and keep the norm after each")


def clipped(gradients: list[np.ndarray], max_norm: float) -> list[np.ndarray]:
    """The gradients, all scaled by one factor so that their common norm is at most `max_norm`.

    The common norm is that of all entries of all arrays together. The arrays that were given stay as they are.
    """
    raise NotImplementedError("exercise 7.2: one norm and one factor for all, and none that is above 1")
