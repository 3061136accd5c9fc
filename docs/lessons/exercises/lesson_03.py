"""Two exercises for you to solve: unfinished on purpose. test_lesson_03.py says when they are right."""

from collections.abc import Sequence

import numpy as np

from minigrad import Tensor


def accumulate(w: Tensor, batches: Sequence[np.ndarray]) -> None:
    """Leave on w.grad the gradient of the mean of (row . w) ** 2 over all rows of all batches.

    w [features], a leaf; batches: arrays [rows, features], of different numbers of rows. One batch's graph at a time.
    """
    raise NotImplementedError("exercise 3.1: forget the old gradient, then backward() once for each batch, weighted")


def separate_gradients(losses: Sequence[Tensor], w: Tensor) -> list[Tensor]:
    """The gradient of each loss alone with respect to the leaf w. The losses share a graph: free it in the end."""
    raise NotImplementedError("exercise 3.2: retain_graph for all but the last, and nothing on w beforehand")
