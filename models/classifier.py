"""Many to one: a recurrent network reads the whole sequence, and its last hidden state is classified or regressed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

import minigrad as mg
from minigrad import Tensor, functional
from minigrad.data import batches
from minigrad.errors import check_sizes
from minigrad.nn import Linear, Module

from .bridge import summary
from .embedded import size_of_outputs


class ManyToOne(Module):
    """x [batch, time, input] -> numbers [batch, size], by any layer or stack of them; tokens by an `Embedded` one."""

    def __init__(self, network: Module, size: int) -> None:
        self.network = network
        self.head = Linear(size_of_outputs(type(self).__name__, network), size)

    def forward(self, x: Tensor, lengths: ArrayLike | None = None) -> Tensor:
        _, final = self.network(x, lengths=lengths)
        return self.head(summary(self.network, final))


class Classifier(ManyToOne):
    """x [batch, time, input] -> logits [batch, classes]."""

    def loss(self, x: Tensor, targets: ArrayLike, lengths: ArrayLike | None = None) -> Tensor:
        """Mean cross entropy against class indices [batch]."""
        return functional.cross_entropy(self(x, lengths), targets)

    def predict(self, x: Tensor, lengths: ArrayLike | None = None) -> np.ndarray:
        """The likeliest class of each sequence [batch]."""
        with mg.no_grad():
            return self(x, lengths).argmax(axis=-1).numpy()


class MultiClassifier(Classifier):
    """x [batch, time, input] -> logits [batch, heads, classes]: several questions about one sequence, a head for each.

    Targets and predictions are [batch, heads].
    """

    def __init__(self, network: Module, heads: int, num_classes: int) -> None:
        check_sizes("MultiClassifier", heads=heads, num_classes=num_classes)
        super().__init__(network, heads * num_classes)
        self.heads = heads

    def forward(self, x: Tensor, lengths: ArrayLike | None = None) -> Tensor:
        logits = super().forward(x, lengths)
        return logits.reshape(len(logits), self.heads, logits.shape[1] // self.heads)


class Regressor(ManyToOne):
    """x [batch, time, input] -> predictions [batch, size]."""

    def loss(self, x: Tensor, targets: ArrayLike, lengths: ArrayLike | None = None) -> Tensor:
        """Mean squared error against numbers [batch, size]."""
        return functional.mse_loss(self(x, lengths), targets)

    def predict(self, x: Tensor, lengths: ArrayLike | None = None) -> np.ndarray:
        """The numbers for each sequence [batch, size]."""
        with mg.no_grad():
            return self(x, lengths).numpy()


def predict_all(model: Any, inputs: Any, batch_size: int = 500) -> np.ndarray:
    """`model.predict` for many records [n, ...], a batch at a time.

    inputs: an array [n, ...], or a list of sequences that differ in length.
    """
    parts = []
    for (batch,) in batches(inputs, batch_size=batch_size, shuffle=False):
        x, *lengths = batch if isinstance(batch, tuple) else (batch,)
        parts.append(model.predict(mg.tensor(x), *lengths))
    return np.concatenate(parts)
