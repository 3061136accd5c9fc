"""Stochastic gradient descent, plain, with momentum, and with Nesterov's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..tensor import Tensor
from .checks import hyperparameter
from .optimizer import Optimizer, decayed


def sgd(
    param: np.ndarray,
    grad: np.ndarray,
    momentum_buffer: np.ndarray | None = None,
    *,
    lr: float,
    momentum: float = 0.0,
    nesterov: bool = False,
) -> np.ndarray:
    """The next `param`; `momentum_buffer` is updated in place.

    Sutskever, Martens, Dahl and Hinton (2013), eqs. 1-2, and with `nesterov` eqs. 3-4, in PyTorch's form: the
    velocity is kept in units of the gradient, so that a change of `lr` acts on all of it at once.
    """
    if momentum_buffer is None:
        return param - lr * grad
    momentum_buffer *= momentum
    momentum_buffer += grad
    return param - lr * (grad + momentum * momentum_buffer if nesterov else momentum_buffer)


class SGD(Optimizer):
    """Stochastic gradient descent (`sgd` says how). momentum in [0, 1), weight_decay at least 0."""

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        self.momentum = hyperparameter(self.name, "momentum", momentum, below=1)
        self.weight_decay = hyperparameter(self.name, "weight_decay", weight_decay)
        self.nesterov = nesterov
        if nesterov and not momentum:
            raise ValueError(f"{self.name}: nesterov=True needs a momentum above 0")
        super().__init__(params, lr, buffers=["momentum_buffer"] if momentum else [])

    def update(self, param: np.ndarray, grad: np.ndarray, state: dict[str, Any]) -> np.ndarray:
        """One step of `sgd`."""
        grad = decayed(grad, param, self.weight_decay)
        return sgd(param, grad, **state, lr=self.lr, momentum=self.momentum, nesterov=self.nesterov)
