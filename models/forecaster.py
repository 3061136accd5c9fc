"""Many to many: a sequence of vectors goes on, each vector made from those before it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

import minigrad as mg
from minigrad import Tensor, functional
from minigrad.errors import check_sizes
from minigrad.nn import Linear, Module

from .bridge import summary
from .embedded import check_looks_back, size_of_outputs


class Forecaster(Module):
    """x [batch, time, size] -> the `steps` vectors that follow [batch, steps, size].

    From the first on, each is fed back as the next step's input, in training as well: what is lowered is the error
    of a network on its own. network: any that reads vectors of this size, and does not read backward.
    """

    def __init__(self, network: Module, size: int) -> None:
        check_sizes("Forecaster", size=size)
        check_looks_back("Forecaster", network)
        self.network = network
        self.head = Linear(size_of_outputs("Forecaster", network), size)

    def forward(self, x: Tensor, steps: int) -> Tensor:
        return mg.stack(self.made(x, steps), axis=1)

    def made(self, x: Tensor, steps: int) -> list[Tensor]:
        """What follows, step by step [batch, size]."""
        check_sizes("Forecaster", steps=steps)
        _, state = self.network(x)
        made = [self.head(summary(self.network, state))]
        while len(made) < steps:
            _, state = self.network(made[-1][:, None], state)
            made.append(self.head(summary(self.network, state)))
        return made

    def loss(self, x: Tensor, targets: ArrayLike) -> Tensor:
        """Mean squared error against what followed [batch, steps, size]."""
        return functional.mse_loss(self(x, np.shape(targets)[1]), targets)

    def step_losses(self, x: Tensor, targets: ArrayLike) -> list[Tensor]:
        """The share in `loss` of each step that is forecast, which they add up to [steps]."""
        wanted = np.asarray(targets)
        made = self.made(x, wanted.shape[1])
        return [functional.mse_loss(y, wanted[:, t]) / len(made) for t, y in enumerate(made)]

    def predict(self, x: Tensor, steps: int) -> np.ndarray:
        """What follows each sequence [batch, steps, size]."""
        with mg.no_grad():
            return self(x, steps).numpy()
