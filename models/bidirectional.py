"""Both directions at once (Schuster and Paliwal 1997)."""

from __future__ import annotations

from copy import deepcopy

from numpy.typing import ArrayLike

import minigrad as mg
from minigrad import Tensor
from minigrad.nn import Module

from .cell import State
from .layer import Layer

MERGES = {
    "concat": lambda forward, backward: mg.concatenate([forward, backward], axis=-1),
    "sum": lambda forward, backward: forward + backward,
    "mean": lambda forward, backward: (forward + backward) * 0.5,
}


class Bidirectional(Module):
    """A layer and its mirror image, with parameters of its own, that runs from each sequence's end to its start."""

    def __init__(self, layer: Layer, merge: str = "concat") -> None:
        if not isinstance(layer, Layer):
            raise TypeError(f"Bidirectional: expected a Layer, got {type(layer).__name__}")
        if merge not in MERGES:
            raise ValueError(f"Bidirectional: merge must be one of {list(MERGES)}, got {merge!r}")
        super().__init__()
        self.merge = merge
        self.forward_layer, self.backward_layer = layer, deepcopy(layer)
        self.backward_layer.reverse = not layer.reverse
        self.backward_layer.reset_parameters()
        self.backward_layer.zero_grad()  # deepcopy took the gradients along

    @property
    def output_size(self) -> int:
        """Size of the outputs' last axis."""
        return self.forward_layer.output_size * (2 if self.merge == "concat" else 1)

    def forward(
        self, x: Tensor, state: State = None, lengths: ArrayLike | None = None, unroll: bool = False
    ) -> tuple[Tensor, State]:
        """x [batch, time, input] -> outputs [batch, time, output_size], (forward, backward) final states.

        At a step, the outputs of both directions are concatenated, added or averaged (`merge`). The rest as `Layer`.
        """
        if state is not None and not (type(state) is tuple and len(state) == 2):
            raise TypeError(f"Bidirectional: expected a (forward, backward) pair of states, got {type(state).__name__}")
        ahead, back = state if state is not None else (None, None)
        forward, last = self.forward_layer(x, ahead, lengths, unroll)
        backward, first = self.backward_layer(x, back, lengths, unroll)
        return self.merged(forward, backward), (last, first)

    def merged(self, forward: Tensor, backward: Tensor) -> Tensor:
        """What the two directions say, as one."""
        return MERGES[self.merge](forward, backward)
