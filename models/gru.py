"""The gated recurrent unit (Cho et al. 2014), in both of its conventions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import minigrad as mg
from minigrad import Tensor, sigmoid, tanh
from minigrad.nn import Module, Parameter

from .cell import Cell
from .deep import recurrent


class GRUCell(Cell):
    """Reset gate r, update gate z, candidate n; h' = (1 - z) * n + z * h.

        r = sigmoid(W_r x + U_r h + b_r)        z = sigmoid(W_z x + U_z h + b_z)
        n = tanh(W_n x + b_n + r * (U_n h + b_hn))      reset_after=True: PyTorch, Keras, cuDNN
        n = tanh(W_n x + b_n + U_n (r * h))             reset_after=False: Cho et al. (2014), eq. 8

    Here z = 1 keeps the old state, as in PyTorch and in Cho et al., eq. 7; Chung et al. (2014) write
    (1 - z) * h + z * n, where z = 1 replaces it. Blocks of the matrices are in PyTorch's order r, z, n;
    `bias_hn` [hidden] is the second bias that the candidate needs where the gate comes after the product.
    """

    gates = 3
    gate_names = ("r", "z", "n")
    bias_hn: Parameter

    def __init__(self, input_size: int, hidden_size: int, reset_after: bool = True) -> None:
        self.reset_after = reset_after
        super().__init__(input_size, hidden_size, **({"bias_hn": (hidden_size,)} if reset_after else {}))

    def body(self, x: Sequence[Tensor], h: Sequence[Tensor], state: Tensor) -> Tensor:
        r, z = sigmoid(x[0] + h[0]), sigmoid(x[1] + h[1])
        n = tanh(x[2] + r * (h[2] + self.bias_hn))
        return n + z * (state - n)

    def fusible(self) -> bool:
        """Only where the reset gate comes after the product."""
        return self.reset_after and type(self).step is GRUCell.step and self.plain_maps()

    def step(self, mapped_x: Tensor, state: Tensor, mask: Tensor | None = None) -> Tensor:
        """One step; where the reset gate comes before the product, the candidate's product waits for it."""
        if self.reset_after:
            return super().step(mapped_x, state, mask)
        h = state if mask is None else state * mask
        x_r, x_z, x_n = self.blocks(mapped_x)
        u_r, u_z, u_n = mg.split(self.weight_hh, 3)
        r, z = sigmoid(x_r + h @ u_r.T), sigmoid(x_z + h @ u_z.T)
        n = tanh(x_n + (r * h) @ u_n.T)
        return n + z * (state - n)


class SimplifiedGRUCell(Cell):
    """A GRU with the update gate alone, as lectures introduce it; h' = (1 - z) * n + z * h.

        z = sigmoid(W_z x + U_z h + b_z)        n = tanh(W_n x + U_n h + b_n)

    Blocks in the order z, n. It is the GRU of Cho et al. (2014) with the reset gate held open.
    """

    gates = 2
    gate_names = ("z", "n")

    def body(self, x: Sequence[Tensor], h: Sequence[Tensor], state: Tensor) -> Tensor:
        z, n = sigmoid(x[0] + h[0]), tanh(x[1] + h[1])
        return n + z * (state - n)


def GRU(  # noqa: N802 (it stands where PyTorch has a class)
    input_size: int,
    hidden_size: int,
    num_layers: int = 1,
    bidirectional: bool = False,
    dropout: float = 0.0,
    reset_after: bool = True,
) -> Module:
    """A GRU over a sequence; see `models.deep.recurrent` for the sizes and what it returns."""
    cell = partial(GRUCell, reset_after=reset_after)
    return recurrent(cell, input_size, hidden_size, num_layers, bidirectional, dropout)
