"""Cells that a user might write: coupled gates, one gate alone, three parts, a learned number, a fused activation."""

from typing import NamedTuple

import numpy as np

import minigrad as mg
from minigrad import Tensor, sigmoid, tanh
from minigrad.nn import Parameter
from models import LSTMState
from models.cell import Cell


class CoupledLSTMCell(Cell):
    """An LSTM that forgets as much as it takes in."""

    gates = 3
    State = LSTMState

    def body(self, x, h, state):
        i, g, o = (a + b for a, b in zip(x, h))
        i = sigmoid(i)
        c = (1 - i) * state.c + i * tanh(g)
        return LSTMState(sigmoid(o) * tanh(c), c)


class MinimalGatedUnit(Cell):
    """A GRU with one gate, whose candidate sees the gated product."""

    gates = 2

    def body(self, x, h, state):
        f = sigmoid(x[0] + h[0])
        return (1 - f) * state + f * tanh(x[1] + f * h[1])


class ThreeParts(NamedTuple):
    h: Tensor
    fast: Tensor
    before: Tensor


class ThreePartCell(Cell):
    """Two memories and the last output; one gate does not see h, one does not see x, one block is not used at all."""

    gates = 3
    State = ThreeParts

    def body(self, x, h, state):
        fast = sigmoid(x[0]) * state.fast + tanh(h[1])
        return ThreeParts(tanh(fast + 0.5 * state.before), fast, state.h)


@mg.fuse
def activation(x):
    return x * sigmoid(x)


class LearnedNumberCell(Cell):
    """A learned number, a learned vector that is squared first, a constant, and an activation of one's own."""

    gates = 1

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size, rate=(), scale=(hidden_size,))
        self.mask = np.arange(hidden_size) % 2 == 0
        self.power = 2

    def body(self, x, h, state):
        new = tanh(activation(x[0] + h[0]) * self.scale**self.power + self.rate * state)
        return mg.where(self.mask, new, 0.5 * new)


class SoftmaxCell(Cell):
    """Not pointwise: it looks at a whole row."""

    gates = 1

    def body(self, x, h, state):
        return mg.functional.softmax(x[0] + h[0])


class NonlinearityCell(Cell):
    """What it applies is an attribute."""

    gates = 1

    def __init__(self, input_size, hidden_size, nonlinearity=tanh):
        super().__init__(input_size, hidden_size)
        self.nonlinearity = nonlinearity
        self.factors = [1.0]
        self.slope = Parameter(np.ones(hidden_size, np.float32))

    def body(self, x, h, state):
        return self.nonlinearity(self.slope * (x[0] + h[0])) * self.factors[0]
