"""RMSProp: the gradient divided by a running root mean square of itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..tensor import Tensor
from .checks import hyperparameter
from .optimizer import Optimizer, decayed


def rmsprop(
    param: np.ndarray,
    grad: np.ndarray,
    square_avg: np.ndarray,
    momentum_buffer: np.ndarray | None = None,
    *,
    lr: float,
    alpha: float,
    eps: float,
    momentum: float = 0.0,
) -> np.ndarray:
    """The next `param`; `square_avg` and `momentum_buffer` are updated in place.

    Tieleman and Hinton (2012), lecture 6.5 of "Neural Networks for Machine Learning"; momentum as in Graves
    (2013), eqs. 38-45, without his centring.
    """
    square_avg *= alpha
    square_avg += (1 - alpha) * grad * grad
    direction = grad / (np.sqrt(square_avg) + eps)
    if momentum_buffer is None:
        return param - lr * direction
    momentum_buffer *= momentum
    momentum_buffer += direction
    return param - lr * momentum_buffer


class RMSProp(Optimizer):
    """RMSProp (`rmsprop` says how). alpha and momentum in [0, 1), eps and weight_decay at least 0."""

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ) -> None:
        self.alpha = hyperparameter(self.name, "alpha", alpha, below=1)
        self.eps = hyperparameter(self.name, "eps", eps)
        self.momentum = hyperparameter(self.name, "momentum", momentum, below=1)
        self.weight_decay = hyperparameter(self.name, "weight_decay", weight_decay)
        super().__init__(params, lr, buffers=["square_avg", "momentum_buffer"] if momentum else ["square_avg"])

    def update(self, param: np.ndarray, grad: np.ndarray, state: dict[str, Any]) -> np.ndarray:
        """One step of `rmsprop`."""
        grad = decayed(grad, param, self.weight_decay)
        return rmsprop(param, grad, **state, lr=self.lr, alpha=self.alpha, eps=self.eps, momentum=self.momentum)
