"""What recurrent cells do while a model computes: their states, their gates, and what goes into each step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ..backward import reachable
from ..checkpoint import rebuilt, tensors
from ..mode import enable_grad
from ..nn import Module
from ..nn.module import contents
from ..node import Traced, next_serial
from ..tensor import Tensor
from .gates import Gate, find_gates

State = Any  # a Tensor [batch, hidden], or a NamedTuple of such Tensors whose first is h


class Step(NamedTuple):
    """One step of a cell: the mapped input [batch, gates * hidden] and the mask that went in, and what came out."""

    inputs: Tensor
    mask: Tensor | None  # of recurrent dropout, on h
    state: State
    gates: dict[int, Gate]


@dataclass
class Call:
    """One call of a cell, or of the layer that runs it: its steps, in the order in which they were computed."""

    start: int  # how many steps of the run came before it
    incoming: State
    cut: bool  # the incoming state has no history
    follows: bool  # the incoming state was made from the last one of the call before
    within: np.ndarray | None  # which steps are not padding [batch, time]; None: all of them
    reverse: bool
    steps: list[Step] = field(default_factory=list)

    def in_time(self) -> list[Step]:
        """The steps in order of time."""
        return self.steps[::-1] if self.reverse else self.steps


@dataclass
class Run:
    """All that a cell did while it was watched, in order of time; several calls follow on each other.

    A step that is computed twice, as where truncated backpropagation looks back further than a window, is there twice.
    Between steps there are states: `states[t]` comes before step t and `states[t + 1]` after it, so that the initial
    state is the first. A layer that reads backward has it last: `states[t + 1]` comes before step t, `states[t]` after.
    """

    name: str
    cell: Any
    calls: list[Call] = field(default_factory=list)

    def __repr__(self) -> str:
        size = f"{len(self.steps)} steps of {self.batch} sequences" if self.calls else "no step yet"
        return f"Run({self.name!r}, {type(self.cell).__name__}: {size})"

    @property
    def steps(self) -> list[Step]:
        """Each step of the cell."""
        return [step for call in self.calls for step in call.in_time()]

    @property
    def states(self) -> list[State]:
        """The states between steps, recorded, [batch, hidden] each: one more than there are steps.

        What they hold past a sequence's end means nothing, and no gradient comes to it.
        """
        return [found[0] for found in self.borders]

    @property
    def borders(self) -> list[list[State]]:
        """Between steps, the state that a step left, and the one that a call began with where it is not the same."""
        found: list[list[State]] = [[] for _ in range(len(self.steps) + 1)]
        for call in self.calls:
            for t, step in enumerate(call.in_time(), call.start):
                found[t if call.reverse else t + 1].append(step.state)
        for call in self.calls:
            if not call.follows:
                found[call.start + len(call.steps) if call.reverse else call.start].append(call.incoming)
        return found

    @property
    def inputs(self) -> list[Tensor]:
        """The mapped inputs [batch, gates * hidden] of each step, as constants."""
        return [step.inputs for step in self.steps]

    @property
    def gates(self) -> dict[str, np.ndarray]:
        """By name, the value of each gate after its nonlinearity [batch, time, hidden]; 0 past a sequence's end."""
        return {self.gate_name(k): self.over_time([s.gates[k].value for s in self.steps]) for k in self.gate_numbers}

    @property
    def nonlinearities(self) -> dict[str, str]:
        """By the gate's name, the op that its value came out of: "sigmoid", "tanh", ...; "linear" for none."""
        return {self.gate_name(k): self.steps[0].gates[k].op for k in self.gate_numbers}

    @property
    def gate_numbers(self) -> list[int]:
        """The gates that every step has."""
        return sorted(set.intersection(*(set(step.gates) for step in self.steps)))

    def gate_name(self, k: int) -> str:
        """The cell's own name for gate k, or "gate k"."""
        names = getattr(self.cell, "gate_names", ())
        return names[k] if k < len(names) else f"gate {k}"

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of the parts of a state: h alone, or the fields of the NamedTuple."""
        return getattr(self.steps[0].state, "_fields", ("h",))

    def part_number(self, name: str) -> int:
        """Which part of a state has this name. Raises ValueError where none has."""
        if name not in self.parts:
            raise ValueError(f"{self.name}: expected part to be one of {list(self.parts)}, got {name!r}")
        return self.parts.index(name)

    def part(self, state: State, name: str) -> Tensor:
        """One part [batch, hidden] of a state."""
        return list(tensors(state))[self.part_number(name)]

    def values(self, part: str = "h") -> np.ndarray:
        """One part of the state after each step [batch, time, hidden]; 0 past a sequence's end."""
        return self.over_time([self.part(step.state, part).array for step in self.steps])

    def over_time(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        """An array [batch, ...] for each step -> [batch, time, ...], 0 past a sequence's end."""
        together = np.stack(arrays, axis=1)
        return np.where(self.within[:, :, np.newaxis], together, together.dtype.type(0))

    @property
    def within(self) -> np.ndarray:
        """Which steps are not padding [batch, time]."""
        everywhere = (np.ones((self.batch, len(call.steps)), bool) for call in self.calls)
        return np.concatenate([ones if c.within is None else c.within for c, ones in zip(self.calls, everywhere)], 1)

    @property
    def lengths(self) -> np.ndarray | None:
        """How many steps of each sequence count [batch]; None where no call was given lengths."""
        return None if all(call.within is None for call in self.calls) else self.within.sum(axis=1)

    @property
    def batch(self) -> int:
        """How many sequences there are."""
        return batch_size(self.calls[0].incoming)

    @property
    def reverse(self) -> bool:
        """Whether it read from each sequence's end to its start."""
        return self.calls[0].reverse

    @property
    def starts(self) -> list[int]:
        """The steps at which a call of the cell, or of its layer, began."""
        return [call.start for call in self.calls]

    @property
    def cuts(self) -> list[int]:
        """Those of the `starts` whose incoming state had no history: where a truncation window begins."""
        return [call.start for call in self.calls if call.cut]


class Runs(dict[str, Run]):
    """What each cell did, by its dotted name."""

    def __missing__(self, name: str) -> Run:
        raise KeyError(f"watch: no cell {name!r} has made a step; there are {', '.join(map(repr, self)) or 'none'}")


class Watcher:
    """What stands in for a cell's methods, and its layer's, while they are watched."""

    def __init__(self, name: str, cell: Any, watched: dict[str, Run]) -> None:
        self.run, self.watched = Run(name, cell), watched
        self.plain_step, self.plain_blocks = cell.step, cell.blocks
        self.inside = False  # a call of the layer
        self.cuts: list[Sequence[Tensor]] = []  # affine maps, in blocks, of the step that is being made

    def begin(self, state: State, within: np.ndarray | None, reverse: bool) -> State:
        """A new call; returns its incoming state, a leaf where it had no history."""
        run = self.watched.setdefault(self.run.name, self.run)
        if run.calls and batch_size(state) != run.batch:
            raise ValueError(
                f"watch: {run.name} was called with {batch_size(state)} sequences after calls with {run.batch}; "
                "watch one batch at a time"
            )
        cut = all(x.node is None or x.is_leaf for x in tensors(state))
        state = rebuilt(state, (leaf(x) if x.node is None else x for x in tensors(state)))
        follows = bool(run.calls) and leads(run.calls[-1].steps[-1].state, state)
        run.calls.append(Call(sum(len(call.steps) for call in run.calls), state, cut, follows, within, reverse))
        return state

    def step(self, mapped_x: Tensor, state: State, mask: Tensor | None = None) -> State:
        """The cell's step, recorded; outside of its layer it is a call of its own."""
        if not self.inside:
            state = self.begin(state, None, False)
        self.cuts, since = [], next_serial()
        with enable_grad():
            new = self.plain_step(mapped_x, state, mask)
        gates = find_gates(self.cuts, list(tensors(new)), since)
        self.run.calls[-1].steps.append(Step(mapped_x.detach(), mask, new, gates))
        return new

    def blocks(self, mapped: Tensor) -> tuple[Tensor, ...]:
        """The cell's blocks, as leaves where nothing leads to them, so that gates can be traced to each."""
        found = tuple(leaf(block) if block.node is None else block for block in self.plain_blocks(mapped))
        self.cuts.append(found)
        return found

    def unrolled(self, plain: Callable[..., Any], reverse: bool) -> Callable[..., Any]:
        """A layer's loop over the cell's steps, as one call."""

        def loop(x: Tensor, state: State, within: np.ndarray | None, mask: Tensor | None) -> Any:
            state = self.begin(state, within, reverse)
            self.inside = True
            try:
                return plain(x, state, within, mask)
            finally:
                self.inside = False

        return loop


@contextmanager
def watch(model: Module) -> Iterator[dict[str, Run]]:
    """Watch every recurrent cell in a model: `with watch(model) as watched:`, and compute with the model inside.

    Gives a dict from each cell's dotted name in the model (its class where it is the model itself) to its `Run`, in
    order of first use. Inside, every cell runs step by step, whether it would have been compiled or not, to the same
    numbers; initial states are leaves that want a gradient, and the model's parameters are constants, so that the way
    back costs the states alone (they get their gradients again, and keep those that they have, when the context ends).
    Several calls, of the windows of a stream or the steps of a decoder, make one run. A cell is any module with
    `step`, `body`, `blocks` and `compiled`, as `models.Cell` has them. Raises ValueError for a model without cells,
    and for calls with batches of different sizes.
    """
    modules = {type(model).__name__: model} | dict(contents(model))
    cells = {name: found for name, found in modules.items() if has(found, "step", "body", "blocks", "compiled")}
    if not cells:
        raise ValueError(f"watch: expected a model with recurrent cells inside, got {type(model).__name__} without any")
    watched = Runs()
    watchers = {id(cell): Watcher(name, cell, watched) for name, cell in cells.items()}
    with ExitStack() as undo:
        undo.enter_context(constant(model.parameters()))
        for cell in cells.values():
            watcher = watchers[id(cell)]
            methods = {"step": watcher.step, "blocks": watcher.blocks, "compiled": lambda *_: None}
            undo.enter_context(replaced(cell, methods))
        for layer in modules.values():
            if has(layer, "cell", "unrolled", "reverse") and id(layer.cell) in watchers:
                loop = watchers[id(layer.cell)].unrolled(layer.unrolled, layer.reverse)
                undo.enter_context(replaced(layer, {"unrolled": loop}))
        yield watched


@contextmanager
def constant(parameters: Iterable[Tensor]) -> Iterator[None]:
    """Parameters that want no gradient for a while; then they do again, and have the one that they had."""
    nodes = [(parameter, parameter.node) for parameter in parameters]
    for parameter, _ in nodes:
        parameter.node = None
    try:
        yield
    finally:
        for parameter, node in nodes:
            parameter.node = node


@contextmanager
def replaced(module: Module, others: Mapping[str, Any]) -> Iterator[None]:
    """A module with other attributes for a while; methods, too."""
    attributes = vars(module)
    before = {name: attributes[name] for name in others if name in attributes}
    attributes.update(others)
    try:
        yield
    finally:
        for name in others:
            if name in before:
                attributes[name] = before[name]
            else:
                del attributes[name]


def has(module: Any, *names: str) -> bool:
    """Whether it is a module with attributes of these names."""
    return isinstance(module, Module) and all(hasattr(module, name) for name in names)


def leads(before: State, after: State) -> bool:
    """Whether one state was made from another (or is the same)."""
    sources = frozenset(x.node for x in tensors(before) if x.node is not None)
    roots = [x.node for x in tensors(after) if x.node is not None]
    nodes = reachable(roots, sources, since=min((node.serial for node in sources), default=0))
    inputs = (x.node for node in nodes for x in node.inputs or () if isinstance(x, Traced))
    return not sources.isdisjoint([*roots, *inputs])


def leaf(x: Tensor) -> Tensor:
    """The same entries, and a node that a gradient can be asked of."""
    twin = x.detach()
    twin.requires_grad = True
    return twin


def batch_size(state: State) -> int:
    """How many sequences a state is of."""
    return next(tensors(state)).shape[0]
