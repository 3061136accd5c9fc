"""Learning-rate schedules: a plain function says by what factor, `Schedule` applies it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from . import checks
from .optimizer import Optimizer

Factor = Callable[[int], float]


class Schedule:
    """Sets optimizer.lr to what it was at first, times factor(t), where t counts the calls of `step()` from 0.

    factor: any function of t, such as `warmup(100, then=cosine(1000))`. What t counts, batches or epochs, is
    where `step()` is called. What else is written to optimizer.lr meanwhile is lost at the next `step()`.
    """

    def __init__(self, optimizer: Optimizer, factor: Factor) -> None:
        self.optimizer = optimizer
        self.factor = factor
        self.initial_lr = optimizer.lr
        self.go_to(0)

    def step(self) -> None:
        """Go on to the next learning rate."""
        self.go_to(self.t + 1)

    def go_to(self, t: int) -> None:
        """Set the learning rate of time `t`."""
        self.optimizer.lr = self.initial_lr * self.factor(t)
        self.t = t

    def state_dict(self) -> dict[str, Any]:
        """Where the schedule is, by name, for `mg.save`; the factor is not in it."""
        return {"initial_lr": self.initial_lr, "t": self.t}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict()`. Raises ValueError, and loads nothing, if names, shapes or dtypes differ."""
        arrays = checks.state("Schedule", state, self.state_dict())
        initial_lr, t = checks.hyperparameter("Schedule", "initial_lr", arrays["initial_lr"].item()), arrays["t"].item()
        self.optimizer.lr = initial_lr * self.factor(t)
        self.initial_lr, self.t = initial_lr, t


def constant(t: int) -> float:
    """1 throughout."""
    return 1.0


def step_decay(step_size: int, gamma: float = 0.1) -> Factor:
    """Times `gamma` at every multiple of `step_size` (PyTorch's StepLR)."""
    step_size = checks.count("step_decay", "step_size", step_size)
    gamma = checks.hyperparameter("step_decay", "gamma", gamma)
    return lambda t: gamma ** (t // step_size)


def cosine(total_steps: int, min_factor: float = 0.0) -> Factor:
    """From 1 down to `min_factor` at `total_steps` along half a cosine, and there it stays.

    Loshchilov and Hutter (2017), eq. 5, without restarts (PyTorch's CosineAnnealingLR, which rises again after
    `total_steps`; its eta_min is min_factor * lr).
    """
    total_steps = checks.count("cosine", "total_steps", total_steps)
    min_factor = checks.hyperparameter("cosine", "min_factor", min_factor)

    def factor(t: int) -> float:
        return min_factor + (1 - min_factor) * (1 + math.cos(math.pi * min(t / total_steps, 1))) / 2

    return factor


def warmup(steps: int, then: Factor = constant) -> Factor:
    """From 1 / steps up to 1 in equal steps, and after these `then`, which counts from 0 (Goyal et al. 2017, 2.2).

    PyTorch's LinearLR with start_factor = 1 / steps and total_iters = steps - 1.
    """
    steps = checks.count("warmup", "steps", steps)
    return lambda t: (t + 1) / steps if t < steps else then(t - steps)
