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
from .layer import checked_lengths


class ManyToOne(Module):
    """x [batch, time, input] -> numbers [batch, size], by any layer or stack of them; tokens by an `Embedded` one."""

    def __init__(self, network: Module, size: int) -> None:
        self.network = network
        self.head = Linear(size_of_outputs(type(self).__name__, network), size)

    def forward(self, x: Tensor, lengths: ArrayLike | None = None) -> Tensor:
        _, final = self.network(x, lengths=lengths)
        return self.answer(summary(self.network, final))

    def answer(self, known: Tensor) -> Tensor:
        """What is said from the last hidden state [batch, output_size]."""
        return self.head(known)

    def error(self, answers: Tensor, targets: ArrayLike) -> Tensor:
        """The one number that is lowered: how far the answers are from the targets."""
        raise TypeError(f"{type(self).__name__} must define error(self, answers, targets)")

    def loss(self, x: Tensor, targets: ArrayLike, lengths: ArrayLike | None = None) -> Tensor:
        """The error of the answers, where nothing past `lengths` counts."""
        return self.error(self(x, lengths), targets)

    def step_losses(self, x: Tensor, targets: ArrayLike, lengths: ArrayLike | None = None) -> list[Tensor]:
        """For each step, what `loss` would be if every sequence ended there (unless it has ended before).

        Raises ValueError where the outputs are not the states that are read at the end: in both directions, a
        backward state is another for every end; with residual connections, outputs are sums.
        """
        for part in self.network.modules():
            if getattr(part, "reverse", False) or getattr(part, "residual", False):
                raise ValueError(
                    f"{type(self).__name__}.step_losses: expected a network that reads forward, without residual "
                    f"connections, got a {type(part).__name__} of another kind; use loss() alone"
                )
        outputs, _ = self.network(x, lengths=lengths)
        batch, time = outputs.shape[:2]
        last = np.full(batch, time) if lengths is None else checked_lengths(lengths, batch, time)
        known = (outputs[np.arange(batch), np.minimum(t, last - 1)] for t in range(time))
        return [self.error(self.answer(h), targets) for h in known]


class Classifier(ManyToOne):
    """x [batch, time, input] -> logits [batch, classes]; the loss: mean cross entropy against class indices [batch]."""

    def error(self, answers: Tensor, targets: ArrayLike) -> Tensor:
        return functional.cross_entropy(answers, targets)

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

    def answer(self, known: Tensor) -> Tensor:
        logits = super().answer(known)
        return logits.reshape(len(logits), self.heads, logits.shape[1] // self.heads)


class Regressor(ManyToOne):
    """x [batch, time, input] -> predictions [batch, size]; the loss: mean squared error against numbers like these."""

    def error(self, answers: Tensor, targets: ArrayLike) -> Tensor:
        return functional.mse_loss(answers, targets)

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
