"""Long short-term memory (Hochreiter and Schmidhuber 1997), with the forget gate of Gers et al. (2000)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from minigrad import Tensor, sigmoid, tanh
from minigrad.functional import layer_norm
from minigrad.nn import Module, Parameter

from .cell import Cell
from .deep import recurrent


class LSTMState(NamedTuple):
    """Hidden state h and cell state c, both [batch, hidden]."""

    h: Tensor
    c: Tensor


class LSTMCell(Cell):
    """Gates i, f, o and candidate g, each an affine map of x and h; c' = f * c + i * g; h' = o * tanh(c').

        i = sigmoid(W_i x + U_i h + b_i)        g = tanh(W_g x + U_g h + b_g)
        f = sigmoid(W_f x + U_f h + b_f)        o = sigmoid(W_o x + U_o h + b_o)

    With `peephole`, i and f see p * c as well, and o sees p * c' (Gers, Schraudolph and Schmidhuber 2002);
    `weight_peephole` is [3, hidden], for i, f, o, and starts at 0. Blocks of the matrices are in PyTorch's order
    i, f, g, o. The bias of the forget gate starts at 1, so that the cell remembers at first (Jozefowicz et al. 2015).
    """

    gates = 4
    gate_names = ("i", "f", "g", "o")
    State = LSTMState
    weight_peephole: Parameter

    def __init__(self, input_size: int, hidden_size: int, peephole: bool = False, **shapes: tuple[int, ...]) -> None:
        self.peephole = peephole
        if peephole:
            shapes["weight_peephole"] = (3, hidden_size)
        super().__init__(input_size, hidden_size, **shapes)

    def reset_parameters(self) -> None:
        """As every cell's, and forget-gate biases of 1."""
        super().reset_parameters()
        i, f, g, o = np.split(np.zeros(self.bias.shape), 4)
        self.bias.assign_(np.concatenate([i, f + 1, g, o]))

    def body(self, x: Sequence[Tensor], h: Sequence[Tensor], state: LSTMState) -> LSTMState:
        i, f, g, o = (a + b for a, b in zip(x, h, strict=True))
        if self.peephole:
            p_i, p_f, p_o = self.weight_peephole
            i, f = i + p_i * state.c, f + p_f * state.c
        c = sigmoid(f) * state.c + sigmoid(i) * tanh(g)
        if self.peephole:
            o = o + p_o * c
        return LSTMState(sigmoid(o) * self.shown(c), c)

    def shown(self, c: Tensor) -> Tensor:
        """What the output gate lets through."""
        return tanh(c)


class LayerNormLSTMCell(LSTMCell):
    """An LSTM whose affine maps and cell state are normalised (Ba, Kiros and Hinton 2016, eqs. 20 to 22).

    `gain_x`, `gain_h` [4 * hidden] and `gain_c`, `bias_c` [hidden] scale and shift what was normalised; the shift of
    the maps is `bias`. The normalisation is over all four gates' maps together, as in the paper.
    """

    gain_x: Parameter
    gain_h: Parameter
    gain_c: Parameter
    bias_c: Parameter

    def __init__(self, input_size: int, hidden_size: int) -> None:
        gates, one = (4 * hidden_size,), (hidden_size,)
        super().__init__(input_size, hidden_size, gain_x=gates, gain_h=gates, gain_c=one, bias_c=one)

    def reset_parameters(self) -> None:
        """As an LSTM's, and gains of 1."""
        super().reset_parameters()
        for gain in (self.gain_x, self.gain_h, self.gain_c):
            gain.assign_(np.ones(gain.shape))

    def input_map(self, x: Tensor) -> Tensor:
        """The normalised map of the input, shifted by the bias."""
        return layer_norm(x @ self.weight_ih.T, self.gain_x) + self.bias

    def hidden_map(self, h: Tensor) -> Tensor:
        """The normalised map of the hidden state."""
        return layer_norm(h @ self.weight_hh.T, self.gain_h)

    def shown(self, c: Tensor) -> Tensor:
        """What the output gate lets through."""
        return tanh(layer_norm(c, self.gain_c, self.bias_c))


def LSTM(  # noqa: N802 (it stands where PyTorch has a class)
    input_size: int,
    hidden_size: int,
    num_layers: int = 1,
    bidirectional: bool = False,
    dropout: float = 0.0,
    peephole: bool = False,
) -> Module:
    """An LSTM over a sequence; see `models.deep.recurrent` for the sizes and what it returns."""
    return recurrent(partial(LSTMCell, peephole=peephole), input_size, hidden_size, num_layers, bidirectional, dropout)
