"""Adam, and AdamW with its decoupled weight decay."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..tensor import Tensor
from .checks import hyperparameter
from .optimizer import Optimizer, decayed


def adam(
    param: np.ndarray,
    grad: np.ndarray,
    exp_avg: np.ndarray,
    exp_avg_sq: np.ndarray,
    step: int,
    *,
    lr: float,
    betas: tuple[float, float],
    eps: float,
) -> np.ndarray:
    """The next `param`, at step number `step` (from 1); the two averages are updated in place.

    Kingma and Ba (2015), algorithm 1, where `exp_avg` is m and `exp_avg_sq` is v.
    """
    beta1, beta2 = betas
    exp_avg *= beta1
    exp_avg += (1 - beta1) * grad
    exp_avg_sq *= beta2
    exp_avg_sq += (1 - beta2) * grad * grad
    size = lr / (1 - beta1**step)
    return param - size * exp_avg / (np.sqrt(exp_avg_sq) / (1 - beta2**step) ** 0.5 + eps)


class Adam(Optimizer):
    """Adam (`adam` says how). betas in [0, 1), eps and weight_decay at least 0; the decay is added to the gradient."""

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        if len(betas) != 2:
            raise ValueError(f"{self.name}: betas must be two numbers, got {betas!r}")
        beta1, beta2 = (hyperparameter(self.name, f"betas[{i}]", beta, below=1) for i, beta in enumerate(betas))
        self.betas = beta1, beta2
        self.eps = hyperparameter(self.name, "eps", eps)
        self.weight_decay = hyperparameter(self.name, "weight_decay", weight_decay)
        super().__init__(params, lr, buffers=["exp_avg", "exp_avg_sq"])

    def initial_state(self, param: np.ndarray) -> dict[str, Any]:
        """The two averages, and how many steps the parameter has made (none while it had no gradient)."""
        return {**super().initial_state(param), "step": 0}

    def update(self, param: np.ndarray, grad: np.ndarray, state: dict[str, Any]) -> np.ndarray:
        """One step of `adam`, on the gradient with the decay in it."""
        state["step"] += 1
        grad = decayed(grad, param, self.weight_decay)
        return adam(param, grad, **state, lr=self.lr, betas=self.betas, eps=self.eps)


class AdamW(Adam):
    """Adam with decoupled weight decay: the parameter itself shrinks (Loshchilov and Hutter 2019, algorithm 2)."""

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)

    def update(self, param: np.ndarray, grad: np.ndarray, state: dict[str, Any]) -> np.ndarray:
        """One step of `adam`, from the shrunk parameter."""
        state["step"] += 1
        shrunk = (1 - self.lr * self.weight_decay) * param
        return adam(shrunk, grad, **state, lr=self.lr, betas=self.betas, eps=self.eps)
