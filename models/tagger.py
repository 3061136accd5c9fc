"""Many to many, in step: a label for each step of a sequence."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

import minigrad as mg
from minigrad import Tensor, functional
from minigrad.data import batches
from minigrad.nn import Dropout, Linear, Module

from .embedded import size_of_outputs
from .layer import checked_lengths
from .tokens import IGNORED, checked_tokens, refilled, shares


class Tagger(Module):
    """x [batch, time, input] -> logits [batch, time, classes], by any layer or stack of them; tokens by `Embedded`.

    A bidirectional network lets a step's label depend on what comes after it. dropout: the share of the network's
    outputs that is dropped before they are classified, in training.
    """

    def __init__(self, network: Module, num_classes: int, dropout: float = 0.0) -> None:
        self.network = network
        self.dropout = Dropout(dropout)
        self.head = Linear(size_of_outputs("Tagger", network), num_classes)

    def forward(self, x: Tensor, lengths: ArrayLike | None = None) -> Tensor:
        outputs, _ = self.network(x, lengths=lengths)
        return self.head(self.dropout(outputs))

    def loss(
        self, x: Tensor, targets: ArrayLike, lengths: ArrayLike | None = None, ignore_index: int = IGNORED
    ) -> Tensor:
        """Mean cross entropy against class indices [batch, time], over the steps that count.

        These are the ones within `lengths` whose target is not `ignore_index`.
        """
        labels = refilled(checked_tokens("Tagger: targets", targets), lengths, ignore_index)
        return functional.cross_entropy(self(x, lengths), labels, ignore_index)

    def step_losses(
        self, x: Tensor, targets: ArrayLike, lengths: ArrayLike | None = None, ignore_index: int = IGNORED
    ) -> list[Tensor]:
        """Each step's share of `loss`, which they add up to."""
        labels = refilled(checked_tokens("Tagger: targets", targets), lengths, ignore_index)
        outputs = self.dropout(self.network(x, lengths=lengths)[0])
        logits = [self.head(outputs[:, t]) for t in range(outputs.shape[1])]
        return shares("Tagger", logits, labels, ignore_index)

    def predict(self, x: Tensor, lengths: ArrayLike | None = None) -> list[np.ndarray]:
        """The likeliest label of each step, an array [length] for each sequence."""
        with mg.no_grad():
            labels = self(x, lengths).argmax(axis=-1).numpy()
        if lengths is None:
            return list(labels)
        return [row[:length] for row, length in zip(labels, checked_lengths(lengths, *labels.shape))]


def tag_all(model: Tagger, sequences: Any, batch_size: int = 500) -> list[np.ndarray]:
    """`model.predict` for a list of sequences that differ in length, a batch at a time."""
    parts = batches(sequences, batch_size=batch_size, shuffle=False)
    return [labels for (batch,) in parts for labels in model.predict(*batch)]
