"""The vanilla recurrent network (Elman 1990): one affine map of input and hidden state, and a nonlinearity."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from minigrad import Tensor, relu, tanh
from minigrad.nn import Module

from .cell import Cell
from .deep import recurrent

NONLINEARITIES = {"tanh": tanh, "relu": relu}


class RNNCell(Cell):
    """h' = tanh(W x + U h + b), or relu (Elman 1990, "Finding structure in time").

    Also written with one matrix, h' = tanh([W U] concat(x, h) + b).
    """

    gates = 1
    gate_names = ("h",)

    def __init__(self, input_size: int, hidden_size: int, nonlinearity: str = "tanh") -> None:
        if nonlinearity not in NONLINEARITIES:
            raise ValueError(f"RNNCell: nonlinearity must be one of {list(NONLINEARITIES)}, got {nonlinearity!r}")
        super().__init__(input_size, hidden_size)
        self.nonlinearity = nonlinearity

    def body(self, x: Sequence[Tensor], h: Sequence[Tensor], state: Tensor) -> Tensor:
        return NONLINEARITIES[self.nonlinearity](x[0] + h[0])


def RNN(  # noqa: N802 (it stands where PyTorch has a class)
    input_size: int,
    hidden_size: int,
    num_layers: int = 1,
    bidirectional: bool = False,
    dropout: float = 0.0,
    nonlinearity: str = "tanh",
) -> Module:
    """A vanilla recurrent network over a sequence; see `models.deep.recurrent` for the sizes and what it returns."""
    cell = partial(RNNCell, nonlinearity=nonlinearity)
    return recurrent(cell, input_size, hidden_size, num_layers, bidirectional, dropout)
