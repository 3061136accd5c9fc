"""Adam, and AdamW with its decoupled weight decay."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..fusion import fuse
from ..ops import sqrt
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
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The next `param`, `exp_avg` and `exp_avg_sq`, at step number `step` (from 1).

    Kingma and Ba (2015), algorithm 1, where `exp_avg` is m and `exp_avg_sq` is v.
    """
    beta1, beta2 = betas
    numbers = beta1, 1 - beta1, beta2, 1 - beta2, lr / (1 - beta1**step), (1 - beta2**step) ** -0.5, eps
    move = moved if param.size < FUSED_FROM else moved_at_once
    return move(param, grad, exp_avg, exp_avg_sq, *numbers)


def moved(param: Any, grad: Any, m: Any, v: Any, keep_m: Any, new_m: Any, keep_v: Any, new_v: Any, size: Any,
          root: Any, eps: Any) -> tuple[Any, Any, Any]:  # fmt: skip
    """One step, entry by entry; what depends on the step alone comes as numbers."""
    m = keep_m * m + new_m * grad
    v = keep_v * v + new_v * grad * grad
    return param - size * m / (sqrt(v) * root + eps), m, v


FUSED_FROM = 1 << 14  # entries, from which on one loop is quicker, though it costs 50 us more to call
moved_at_once = fuse(moved)  # 0.26 of the time on a million entries


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
        return self.moved(param, decayed(grad, param, self.weight_decay), state)

    def moved(self, param: np.ndarray, grad: np.ndarray, state: dict[str, Any]) -> np.ndarray:
        """The next parameter; `state` takes the averages."""
        param, state["exp_avg"], state["exp_avg_sq"] = adam(
            param, grad, **state, lr=self.lr, betas=self.betas, eps=self.eps
        )
        return param


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
        return self.moved((1 - self.lr * self.weight_decay) * param, grad, state)
