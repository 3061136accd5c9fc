"""The exercises of lesson 6, solved."""

from collections.abc import Callable, Sequence

import numpy as np

import minigrad as mg
from minigrad import Tensor


def gradient_of_each_use(W: np.ndarray, h: np.ndarray, xs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What each step sends to W, for h_t = tanh(W h_(t-1) + x_t) and the sum of the last state as the loss.

    W [hidden, hidden], h [hidden] the first state, xs one array [hidden] for each step. Returns an array like W for
    each step, the first step first.
    """
    copies = [mg.tensor(W, requires_grad=True) for _ in xs]
    for copy, x in zip(copies, xs):
        h = mg.tanh(copy @ h + x)
    h.sum().backward()
    return [copy.grad.numpy() for copy in copies]


def state_gradients(
    step: Callable[[Tensor, float], Tensor], h: float, xs: Sequence[float], loss: Callable[[Tensor], Tensor]
) -> list[float]:
    """dL/dh_s for every state, h_0 first, where h_t = step(h_(t-1), x_t) and L = loss(h_T).

    h is the number h_0; a state is a Tensor of one number.
    """
    leaves = [mg.tensor(h, requires_grad=True)]
    for x in xs:
        leaves.append(mg.tensor(step(leaves[-1], x).detach(), requires_grad=True))
    loss(leaves[-1]).backward()
    found = [leaves[-1].grad]
    for leaf, x in zip(leaves[-2::-1], xs[::-1]):
        step(leaf, x).backward(found[0])
        found.insert(0, leaf.grad)
    return [g.item() for g in found]
