"""From what one network knows at the end to where another begins."""

from __future__ import annotations

import numpy as np

from minigrad import Tensor, tanh
from minigrad.checkpoint import rebuilt, tensors
from minigrad.nn import Linear, Module

from .bidirectional import Bidirectional
from .cell import State, hidden
from .deep import Deep
from .embedded import Embedded
from .layer import Layer


class Bridge(Module):
    """A vector [batch, size] -> an initial state for a network: tanh of a Linear for each Tensor in the state.

    Bahdanau, Cho and Bengio (2015), appendix A.2.2. Raises ValueError for another size.
    """

    def __init__(self, size: int, network: Module) -> None:
        self.pattern = zero_state(network, 1)
        self.maps = [Linear(size, part.shape[1]) for part in tensors(self.pattern)]

    def forward(self, vector: Tensor) -> State:
        return rebuilt(self.pattern, (tanh(to_part(vector)) for to_part in self.maps))


def summary(network: Module, final: State) -> Tensor:
    """What a network knows at the end: its top layer's last hidden state, both directions' if it has two."""
    if isinstance(network, Embedded):
        return summary(network.network, final)
    if isinstance(network, Deep):
        return summary(network.layers[-1], final[-1])
    if isinstance(network, Bidirectional):
        return network.merged(hidden(final[0]), hidden(final[1]))
    return hidden(final)


def zero_state(network: Module, batch: int) -> State:
    """The state of any network before its first step."""
    if isinstance(network, Embedded):
        return zero_state(network.network, batch)
    if isinstance(network, Deep):
        return tuple(zero_state(layer, batch) for layer in network.layers)
    if isinstance(network, Bidirectional):
        return zero_state(network.forward_layer, batch), zero_state(network.backward_layer, batch)
    if isinstance(network, Layer):
        return network.cell.zero_state(batch)
    raise TypeError(f"zero_state: expected a layer or a stack of them, got {type(network).__name__}")


def batch_size(state: State) -> int:
    """How many sequences a state is of."""
    return next(tensors(state)).shape[0]


def rows_of(state: State, rows: np.ndarray | slice) -> State:
    """The state of some of a batch's sequences, in this order; one may come several times."""
    return rebuilt(state, (part if part is None else part[rows] for part in tensors(state)))
