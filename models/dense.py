"""One to one: plain networks that see the whole input at once, to compare recurrent ones with."""

from __future__ import annotations

import math

import numpy as np

from minigrad import Tensor, functional, no_grad, relu
from minigrad.nn import Conv2d, Flatten, Linear, MaxPool2d, Module, Sequential


class FeedForward(Module):
    """Layers that end in logits [batch, classes], and what is lowered and predicted with them."""

    def loss(self, x: Tensor, targets: np.ndarray) -> Tensor:
        """Mean cross entropy against class indices [batch]."""
        return functional.cross_entropy(self(x), targets)

    def predict(self, x: Tensor) -> np.ndarray:
        """The likeliest class of each input [batch]."""
        with no_grad():
            return self(x).argmax(axis=-1).numpy()


class DenseClassifier(FeedForward):
    """All entries of x [batch, ...] -> a hidden layer of rectified units -> logits [batch, classes]."""

    def __init__(self, input_size: int, hidden_size: int, num_classes: int) -> None:
        super().__init__()
        self.hidden = Linear(input_size, hidden_size)
        self.head = Linear(hidden_size, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        flat = x.reshape(x.shape[0], math.prod(x.shape[1:]))
        return self.head(relu(self.hidden(flat)))


class ConvolutionalClassifier(FeedForward):
    """Pictures x [batch, rows, columns] -> twice 3x3 filters, rectified, the largest of 2x2 -> logits [batch, classes].

    `channels` filters at first, then twice as many (after LeCun et al. 1998). rows and columns: at least 4.
    """

    def __init__(self, rows: int, columns: int, channels: int, num_classes: int) -> None:
        super().__init__()
        self.features = Sequential(
            Conv2d(1, channels, 3, padding=1), relu, MaxPool2d(2),
            Conv2d(channels, 2 * channels, 3, padding=1), relu, MaxPool2d(2),
            Flatten(),
        )  # fmt: skip
        self.head = Linear(2 * channels * (rows // 4) * (columns // 4), num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x.reshape(x.shape[0], 1, *x.shape[1:])))
