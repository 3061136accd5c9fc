"""Two exercises for you to solve: unfinished on purpose. test_lesson_05.py says when they are right."""

import numpy as np


def step_back(W: np.ndarray, x: np.ndarray, h: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For one step, new = relu(W concat(x, h)): the cotangents of W, x and h, given that of new, g.

    W [hidden, features + hidden], x [features], h and g [hidden]; in plain NumPy. relu's slope at 0 is 0.
    """
    raise NotImplementedError("exercise 5.1: relu's mask first, then an outer product, then the transpose of W")


def gradient_through_time(W: np.ndarray, X: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """dL/dW for L = sum over all steps of counts[t] . h_t, from h = 0 on; in plain NumPy.

    X [time, features]; counts [time, hidden], how much the loss minds each entry of each hidden state.
    """
    raise NotImplementedError("exercise 5.2: forward, keeping the states; then back, adding what comes from two sides")
