"""A cell over a sequence (what TensorFlow calls dynamic_rnn): the only loop over time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

import minigrad as mg
from minigrad import Tensor
from minigrad.mode import steps
from minigrad.nn import Dropout, Module

from .cell import Cell, State, check_input, hidden, like, map_state, parts


class Layer(Module):
    """Runs a cell over the time axis; with `reverse`, from each sequence's end to its start.

    `input_dropout` and `recurrent_dropout` are shares of entries of x and of h that do not reach the cell in
    training, the same entries at every step of a sequence (Gal and Ghahramani 2016).
    """

    def __init__(
        self, cell: Cell, reverse: bool = False, input_dropout: float = 0.0, recurrent_dropout: float = 0.0
    ) -> None:
        if not isinstance(cell, Cell):
            raise TypeError(f"Layer: expected a Cell, got {type(cell).__name__}")
        super().__init__()
        self.cell = cell
        self.reverse = reverse
        self.input_dropout, self.recurrent_dropout = Dropout(input_dropout), Dropout(recurrent_dropout)

    @property
    def output_size(self) -> int:
        """Size of the outputs' last axis."""
        return self.cell.hidden_size

    def reset_parameters(self) -> None:
        """Draw the cell's parameters anew."""
        self.cell.reset_parameters()

    def forward(
        self, x: Tensor, state: State = None, lengths: ArrayLike | None = None, unroll: bool = False
    ) -> tuple[Tensor, State]:
        """x [batch, time, input] -> outputs [batch, time, hidden], final state.

        state: the cell's (None: zeros). lengths [batch]: how many steps of each sequence count; outputs past them
        are zero, the final state is each sequence's true last one, and what stands in the padding (NaN, even) has
        no influence. `unroll` asks for the recorded, step-by-step graph. Raises ValueError or TypeError for
        another shape, an empty sequence, or a length that is 0 or past the end.
        """
        check_input(type(self.cell).__name__, x, ("batch", "time", "input"), self.cell.input_size)
        batch, time = x.shape[:2]
        state = self.cell.checked_state(state, batch)
        within = None if lengths is None else steps_within(lengths, batch, time)
        if within is not None:
            x = without_padding(x, within)
        if self.training and self.input_dropout.p:
            x = x * self.input_dropout(ones_like(x[:, :1]))
        mask = None
        if self.training and self.recurrent_dropout.p:
            mask = self.recurrent_dropout(ones_like(hidden(state)))
        compiled = None if unroll else self.cell.compiled(x, state)
        if compiled is None:
            return self.unrolled(x, state, within, mask)

        def replay(x: Tensor, before: Sequence[Tensor]) -> tuple[Tensor, ...]:
            outputs, final = self.unrolled(x, like(state, before), within, mask)
            return outputs, *parts(final)

        counts = np.full(batch, time) if within is None else within.sum(axis=1)
        outputs, *final = compiled(x, parts(state), counts, self.reverse, None if mask is None else mask.array, replay)
        return outputs, like(state, final)

    def unrolled(self, x: Tensor, state: State, within: np.ndarray | None, mask: Tensor | None) -> tuple[Tensor, State]:
        """The outputs and the final state, step by step; `within` [batch, time] says which steps are not padding."""
        mapped = mg.unstack(self.cell.input_map(x), axis=1)
        outputs: list[Any] = [None] * len(mapped)
        for t in steps(reversed(range(len(mapped))) if self.reverse else range(len(mapped))):
            new = self.cell.step(mapped[t], state, mask)
            if within is None:
                state, outputs[t] = new, hidden(new)
            else:
                alive = within[:, t : t + 1]
                state = map_state(partial(mg.where, alive), new, state)
                outputs[t] = mg.where(alive, hidden(new), 0)
        return mg.stack(outputs, axis=1), state


def ones_like(x: Tensor) -> Tensor:
    return mg.tensor(np.ones(x.shape, x.dtype))


def without_padding(x: Tensor, within: np.ndarray) -> Tensor:
    """x [batch, time, features] with zeros where it is not `within` a sequence [batch, time], whatever stood there."""
    return mg.where(within[:, :, np.newaxis], x, 0)


def steps_within(lengths: ArrayLike, batch: int, time: int) -> np.ndarray:
    """Which steps [batch, time] are not padding."""
    return np.arange(time) < checked_lengths(lengths, batch, time)[:, None]


def checked_lengths(lengths: ArrayLike | Tensor, batch: int, time: int) -> np.ndarray:
    """Lengths as integers [batch], each from 1 to `time`; ValueError otherwise."""
    array = np.asarray(lengths)
    if array.dtype.kind not in "iu" or array.shape != (batch,):
        raise ValueError(
            f"lengths: expected {batch} integers, one per sequence, got {array.dtype} of shape {array.shape}"
        )
    if array.min() < 1 or array.max() > time:
        raise ValueError(
            f"lengths: every length must be from 1 to {time}, the number of steps; got {array.min()} to {array.max()}"
        )
    return array
