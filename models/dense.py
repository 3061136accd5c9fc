"""One to one: a plain network that sees the whole input at once, to compare recurrent ones with."""

from __future__ import annotations

import math

import numpy as np

from minigrad import Tensor, functional, no_grad, relu
from minigrad.nn import Linear, Module


class DenseClassifier(Module):
    """All entries of x [batch, ...] -> a hidden layer of rectified units -> logits [batch, classes]."""

    def __init__(self, input_size: int, hidden_size: int, num_classes: int) -> None:
        super().__init__()
        self.hidden = Linear(input_size, hidden_size)
        self.head = Linear(hidden_size, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        flat = x.reshape(x.shape[0], math.prod(x.shape[1:]))
        return self.head(relu(self.hidden(flat)))

    def loss(self, x: Tensor, targets: np.ndarray) -> Tensor:
        """Mean cross entropy against class indices [batch]."""
        return functional.cross_entropy(self(x), targets)

    def predict(self, x: Tensor) -> np.ndarray:
        """The likeliest class of each input [batch]."""
        with no_grad():
            return self(x).argmax(axis=-1).numpy()
