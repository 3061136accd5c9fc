"""Layers on top of each other (Graves, Mohamed and Hinton 2013)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from minigrad import Tensor
from minigrad.functional import check_probability
from minigrad.nn import Dropout, Module

from .bidirectional import Bidirectional
from .cell import Cell, State
from .layer import Layer, steps_within, without_padding


class Deep(Module):
    """Any mix of layers, each fed with the outputs of the one below; dropout between them.

    With `residual`, a layer's input is added to its output wherever the two have one size.
    """

    def __init__(self, layers: Sequence[Any], dropout: float = 0.0, residual: bool = False) -> None:
        super().__init__()
        self.layers = list(layers)
        if not self.layers:
            raise ValueError("Deep: expected at least one layer")
        for layer in self.layers:
            if not hasattr(layer, "output_size"):
                raise TypeError(f"Deep: expected layers, got {type(layer).__name__}; wrap a cell in Layer()")
        self.dropout = Dropout(dropout)
        self.residual = residual

    @property
    def output_size(self) -> int:
        """Size of the outputs' last axis."""
        return self.layers[-1].output_size

    def forward(
        self, x: Tensor, state: State = None, lengths: ArrayLike | None = None, unroll: bool = False
    ) -> tuple[Tensor, State]:
        """x [batch, time, input] -> outputs of the top layer, a tuple with each layer's final state.

        state: such a tuple (None: zeros everywhere). The rest as `Layer`.
        """
        if state is not None and not (type(state) is tuple and len(state) == len(self.layers)):
            found = f"{len(state)} states" if type(state) is tuple else type(state).__name__
            raise TypeError(f"Deep: expected a tuple of {len(self.layers)} states, one per layer, got {found}")
        final = []
        for i, layer in enumerate(self.layers):
            dropped = self.dropout(x) if i else x
            outputs, last = layer(dropped, state[i] if state is not None else None, lengths, unroll)
            if self.residual and outputs.shape == x.shape:
                outputs = outputs + (x if lengths is None else without_padding(x, steps_within(lengths, *x.shape[:2])))
            x = outputs
            final.append(last)
        return x, tuple(final)


def recurrent(
    cell: Callable[[int, int], Cell],
    input_size: int,
    hidden_size: int,
    num_layers: int,
    bidirectional: bool,
    dropout: float,
) -> Module:
    """A network of one kind of cell: `num_layers` deep, in both directions if `bidirectional`.

    Called with x [batch, time, input], it returns outputs [batch, time, hidden * directions] and the final state:
    the cell's, a (forward, backward) pair of them if bidirectional, a tuple of these per layer if deep. `dropout`
    is the share of entries dropped between layers, in training.
    """
    check_probability("dropout", dropout)
    if not isinstance(num_layers, int | np.integer) or num_layers < 1:
        raise ValueError(f"num_layers must be a positive integer, got {num_layers!r}")
    layers: list[Any] = []
    for _ in range(num_layers):
        layer = Layer(cell(layers[-1].output_size if layers else input_size, hidden_size))
        layers.append(Bidirectional(layer) if bidirectional else layer)
    return layers[0] if num_layers == 1 else Deep(layers, dropout)
