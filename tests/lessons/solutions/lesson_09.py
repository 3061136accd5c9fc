"""The exercises of lesson 9, solved."""

import numpy as np

import minigrad as mg
from minigrad import Tensor


def truncated_gradient(w: float, xs: np.ndarray, window: int) -> tuple[float, float]:
    """The loss h_1 + ... + h_T of h_t = w * h_(t-1) + x_t, h_0 = 0, and its gradient by w, truncated.

    xs [T]. The state goes through the whole sequence, but the way back ends where a window of `window` steps begins.
    The last window may be shorter.
    """
    weight = mg.tensor(w, requires_grad=True)
    h, total = mg.tensor(0.0), 0.0
    for start in range(0, len(xs), window):
        h, loss = h.detach(), mg.tensor(0.0)
        for x in xs[start : start + window].tolist():
            h = weight * h + x
            loss = loss + h
        loss.backward()
        total += loss.item()
    return total, weight.grad.item()


def mean_over_steps(losses: Tensor, lengths: np.ndarray) -> Tensor:
    """The mean of losses [batch, time] over the steps within `lengths` [batch], each step counting the same.

    What stands past a sequence's end has no influence on the mean or on any gradient, NaN included.
    """
    within = np.arange(losses.shape[1]) < lengths[:, None]
    return mg.where(within, losses, 0).sum() / int(lengths.sum())
