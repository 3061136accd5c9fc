"""What a cell is: an affine map of the input, one of the hidden state, and a pointwise body."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np

import minigrad as mg
from minigrad import Tensor
from minigrad.functional import linear
from minigrad.fusion import recurrence
from minigrad.nn import Module, Parameter, init

State = Any  # the hidden state, a Tensor [batch, hidden], or a NamedTuple of such Tensors whose first is that


class Cell(Module):
    """One step of a recurrent network. A subclass gives `gates`, `body` and, for more than h, `State`.

    Parameters, as in PyTorch but with one bias: `weight_ih` [gates * hidden, input] (Glorot and Bengio 2010),
    `weight_hh` [gates * hidden, hidden] (each gate orthogonal; Saxe et al. 2013), `bias` [gates * hidden] (zeros).
    Other texts write the two matrices as one, on `concat(x, h)`: [weight_ih weight_hh]. A subclass may name `shapes`
    of more; they start at 0.
    """

    gates: ClassVar[int]
    gate_names: ClassVar[tuple[str, ...]] = ()  # in the blocks' order, for pictures
    State: ClassVar[Any] = None  # a NamedTuple of Tensors, h first; None where h is all there is
    weight_ih: Parameter
    weight_hh: Parameter
    bias: Parameter

    def __init__(self, input_size: int, hidden_size: int, **shapes: tuple[int, ...]) -> None:
        for name, size in (("input_size", input_size), ("hidden_size", hidden_size)):
            if not isinstance(size, int | np.integer) or size < 1:
                raise ValueError(f"{type(self).__name__}: {name} must be a positive integer, got {size!r}")
        super().__init__()
        self.input_size, self.hidden_size = int(input_size), int(hidden_size)
        rows = self.gates * self.hidden_size
        shapes = {
            "weight_ih": (rows, self.input_size),
            "weight_hh": (rows, self.hidden_size),
            "bias": (rows,),
            **shapes,
        }
        for name, shape in shapes.items():
            setattr(self, name, Parameter(np.zeros(shape, np.float32)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters anew; override it for another initialisation."""
        size, gates = self.hidden_size, range(self.gates)
        for parameter in self.parameters():
            parameter.assign_(np.zeros(parameter.shape))
        self.weight_ih.assign_(np.concatenate([init.glorot_uniform((size, self.input_size)) for _ in gates]))
        self.weight_hh.assign_(np.concatenate([init.orthogonal((size, size)) for _ in gates]))

    def body(self, x: Sequence[Tensor], h: Sequence[Tensor], state: Any) -> Any:
        """The next state, from this step's two affine maps, cut into `gates` blocks [batch, hidden]."""
        raise TypeError(f"{type(self).__name__} must define body(self, x, h, state)")

    def forward(self, x_t: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """One step: x_t [batch, input], state (None: zeros) -> output [batch, hidden], next state."""
        check_input(type(self).__name__, x_t, ("batch", "input"), self.input_size)
        batch = x_t.shape[0]
        state = self.checked_state(state, batch)
        compiled = self.compiled(x_t, state)
        if compiled is None:
            new = self.step(self.input_map(x_t), state)
            return hidden(new), new

        def replay(x: Tensor, before: Sequence[Tensor]) -> tuple[Tensor, ...]:
            new = self.step(self.input_map(mg.squeeze(x, 1)), like(state, before))
            return mg.expand_dims(hidden(new), 1), *parts(new)

        sequence = mg.expand_dims(x_t, 1)  # of one step
        _, *parts_of_new = compiled(sequence, parts(state), np.ones(batch, int), False, None, replay)
        new = like(state, parts_of_new)
        return hidden(new), new

    def input_map(self, x: Tensor) -> Tensor:
        """The affine map of the input, [..., input] -> [..., gates * hidden]: for all steps at once."""
        return linear(x, self.weight_ih, self.bias)

    def hidden_map(self, h: Tensor) -> Tensor:
        """The linear map of the hidden state, [batch, hidden] -> [batch, gates * hidden]."""
        return h @ self.weight_hh.T

    def step(self, mapped_x: Tensor, state: Any, mask: Tensor | None = None) -> Any:
        """The next state from the mapped input [batch, gates * hidden]; `mask` drops entries of h on its way in."""
        h = hidden(state) if mask is None else hidden(state) * mask
        return self.checked_new(self.body(self.blocks(mapped_x), self.blocks(self.hidden_map(h)), state))

    def checked_new(self, new: Any) -> Any:
        """What the body returned, if it is of the state's kind; TypeError otherwise."""
        if not isinstance(new, kind := self.State or Tensor):
            raise TypeError(f"{type(self).__name__}.body must return the next state, {kind.__name__}, got {new!r}")
        return new

    def blocks(self, mapped: Tensor) -> tuple[Tensor, ...]:
        """One block [..., hidden] for each gate."""
        return mg.split(mapped, self.gates, -1)

    def fusible(self) -> bool:
        """Whether a step is the affine map of x, the linear map of h, and the body, so that it can be compiled."""
        return type(self).step is Cell.step and self.plain_maps()

    def plain_maps(self) -> bool:
        """Whether a subclass has left the maps of x and h as they are."""
        return all(getattr(type(self), name) is getattr(Cell, name) for name in ("input_map", "hidden_map", "blocks"))

    def compiled(self, x: Tensor, state: Any) -> Any:
        """The loop over time for this cell, generated from its body; None where there can be none."""
        weights, given = (self.weight_ih, self.bias, self.weight_hh), parts(state)
        dtype = x.dtype
        if any(tensor.dtype != dtype for tensor in (*weights, *given)):
            return None
        loop = recurrence(self, self.fusible_body, self.gates, len(given), self.hidden_size, dtype)
        return loop and partial(loop, weights)

    def fusible_body(self) -> Callable[..., Any] | None:
        """The body on blocks [hidden] of both maps and of the state; None for a cell that is not fusible."""
        if not self.fusible():
            return None
        gates, kind = self.gates, self.State

        def body(*blocks: Tensor) -> Any:
            x, h, state = blocks[:gates], blocks[gates : 2 * gates], blocks[2 * gates :]
            return self.checked_new(self.body(x, h, kind(*state) if kind else state[0]))

        return body

    def zero_state(self, batch: int) -> Any:
        """The state before the first step: zeros."""
        zeros = Tensor(np.zeros((batch, self.hidden_size), self.bias.dtype))
        return self.State(*[zeros] * len(self.State._fields)) if self.State else zeros

    def checked_state(self, state: Any, batch: int) -> Any:
        """The state itself, or zeros for None. Raises TypeError or ValueError for another kind or shape."""
        if state is None:
            return self.zero_state(batch)
        name, wanted = type(self).__name__, (batch, self.hidden_size)
        kind = self.State or Tensor
        if not isinstance(state, kind):
            raise TypeError(f"{name}: expected a state of type {kind.__name__}, got {type(state).__name__}")
        for part in parts(state):
            if not isinstance(part, Tensor):
                raise TypeError(f"{name}: expected a state of Tensors, got {type(part).__name__}")
            if part.shape != wanted:
                raise ValueError(f"{name}: expected a state of shape [batch, hidden] = {wanted}, got {part.shape}")
        return state


def parts(state: State) -> tuple[Tensor, ...]:
    """The Tensors in a state."""
    return tuple(state) if isinstance(state, tuple) else (state,)


def like(state: State, tensors: Sequence[Tensor]) -> State:
    """A state of the same kind, of other Tensors."""
    return type(state)(*tensors) if isinstance(state, tuple) else tensors[0]


def hidden(state: State) -> Tensor:
    """The hidden state h: what a cell shows to the outside."""
    return parts(state)[0]


def map_state(f: Callable[..., Tensor], *states: State) -> State:
    """`f` on each Tensor of a state (of several alike, side by side)."""
    if isinstance(states[0], tuple):
        return type(states[0])(*(f(*tensors) for tensors in zip(*states, strict=True)))
    return f(*states)


def check_input(name: str, x: Any, axes: tuple[str, ...], size: int) -> None:
    """Refuse an input that is no Tensor of floats with these axes, the last of `size`."""
    if not isinstance(x, Tensor):
        raise TypeError(f"{name}: expected a Tensor, got {type(x).__name__}; make one with minigrad.tensor()")
    if x.ndim != len(axes) or x.shape[-1] != size or 0 in x.shape:
        raise ValueError(
            f"{name}: expected x [{', '.join(axes)}] with {axes[-1]} = {size} and nothing empty, got shape {x.shape}"
        )
    if x.dtype.kind != "f":
        raise TypeError(f"{name}: expected floats, got {x.dtype}; embed or one-hot symbols first")
