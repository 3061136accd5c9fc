"""What the tests of the networks share: training, counting the steps of a cell."""

from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad import Tensor
from minigrad.nn import Embedding, Module
from minigrad.optim import Adam, clip_grad_norm
from models import GRUCell, Layer


def train(model: Module, loss: Callable[[], Tensor], steps: int, lr: float = 0.02) -> float:
    """The loss after this many steps of Adam."""
    optimizer = Adam(list(model.parameters()), lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        loss().backward()
        clip_grad_norm(model.parameters(), 1.0)
        optimizer.step()
    return loss().item()


def garbage(tokens: np.ndarray, lengths: np.ndarray, extra: int, value: int) -> np.ndarray:
    """The same sequences with more padding, and this number in it."""
    padded = np.full((len(tokens), tokens.shape[1] + extra), value)
    for row, sequence, length in zip(padded, tokens, lengths):
        row[:length] = sequence[:length]
    return padded


class CountingLayer(Layer):
    """A layer that knows how many steps it has been asked for."""

    steps = 0

    def forward(self, x: Tensor, *others: Any, **named: Any) -> Any:
        self.steps += x.shape[1]
        return super().forward(x, *others, **named)


def counting(hidden: int = 6, num_tokens: int = 7, size: int = 3) -> tuple[Embedding, CountingLayer]:
    return Embedding(num_tokens, size), CountingLayer(GRUCell(size, hidden))
