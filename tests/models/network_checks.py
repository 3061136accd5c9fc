"""What the tests of the networks share: gradients against differences, training, counting the steps of a cell."""

from collections.abc import Callable
from typing import Any

import numpy as np

import minigrad as mg
from minigrad import Tensor
from minigrad.nn import Embedding, Module
from minigrad.optim import Adam, clip_grad_norm
from models import GRUCell, Layer
from tests.ops.oracles import differences


def assert_gradients(model: Module, loss: Callable[[], Tensor]) -> None:
    """First and second derivative of the loss along chance directions, against differences in float64."""
    parameters = list(model.to(np.float64).parameters())
    values = [p.numpy().copy() for p in parameters]
    rng = np.random.default_rng(1)
    vs, ws = ([rng.uniform(-1, 1, v.shape) for v in values] for _ in range(2))

    def at(arrays: Any) -> None:
        for parameter, array in zip(parameters, arrays):
            parameter.assign_(array)

    def value(arrays: Any) -> np.ndarray:
        at(arrays)
        return loss().numpy()

    def slope(arrays: Any, create_graph: bool = False) -> Tensor:
        at(arrays)
        model.zero_grad()
        loss().backward(create_graph=create_graph)
        total = mg.tensor(np.float64(0))
        for parameter, v in zip(parameters, vs):
            assert parameter.grad is not None, "a parameter without influence"
            total = total + (parameter.grad * v).sum()
        return total

    np.testing.assert_allclose(slope(values).numpy(), differences(value, values, vs), rtol=1e-7, atol=1e-9)
    first = slope(values, create_graph=True)
    model.zero_grad()
    first.backward()
    second = sum(np.sum(p.grad.numpy() * w) for p, w in zip(parameters, ws) if p.grad is not None)
    np.testing.assert_allclose(second, differences(lambda a: slope(a).numpy(), values, ws), rtol=1e-6, atol=1e-8)


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
