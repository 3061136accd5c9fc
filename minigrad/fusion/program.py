"""A pointwise function and its gradient as straight-line programs, read off the graph that recording leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from ..backward import deliver, reachable, walk
from ..checkpoint import tensors
from ..graph import Primitive
from ..mode import enable_grad, mode
from ..node import Node, Traced, next_serial
from ..random import get_state, set_state
from ..tensor import Tensor

COMPARISONS = {"equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "isnan", "isfinite"}
# What is quicker to compute again than to keep for the way back
CHEAP = COMPARISONS | {
    "abs", "add", "astype", "clip", "leaky_relu", "maximum", "minimum", "multiply", "negative", "relu", "sign",
    "square", "subtract", "where",
}  # fmt: skip


class NotPointwise(Exception):
    """The body does what one loop over entries cannot do; the message says what."""


class Step(NamedTuple):
    """One line: name = primitive(*arguments, **settings). An argument is a name, or a number."""

    name: str
    primitive: Primitive
    arguments: tuple[str | float, ...]
    settings: Mapping[str, Any]


class Program(NamedTuple):
    """What a body computes, and its gradient.

    `inputs` (x0, x1, ...) are the body's own, `externals` (p0, ...) what it found elsewhere: Tensors, arrays.
    `forward` ends in `outputs`. `backward` takes the outputs' cotangents (g0, ...), what is `saved`, and what
    needs no saving; it ends in `cotangents`, where no gradient goes to an input or external that is not there.
    """

    inputs: tuple[str, ...]
    externals: Mapping[str, Any]
    forward: Sequence[Step]
    outputs: tuple[str, ...]
    saved: tuple[str, ...]
    backward: Sequence[Step]
    cotangents: Mapping[str, str]
    prelude: Sequence[Node]  # how the body made its externals, oldest first

    def run(self, values: Mapping[str, Any]) -> list[Any]:
        """The outputs, for a value for each input and external: arrays, or Tensors, which record."""
        known: dict[Any, Any] = dict(values)
        for name, primitive, arguments, settings in self.forward:
            known[name] = primitive.apply(*(known[a] if isinstance(a, str) else a for a in arguments), **settings)
        return [known[name] for name in self.outputs]


def trace(
    body: Callable[..., Any],
    samples: Sequence[np.ndarray],
    at_hand: Iterable[int] = (),
    wanted_for: Iterable[int] | None = None,
) -> Program:
    """Run `body`, and its gradient, on sample arrays of one shape [n], and write down what happened.

    `at_hand`: positions of inputs that need no saving for the way back; nor do externals and outputs. `wanted_for`:
    positions of inputs that a gradient goes to (None: all). Raises NotPointwise where the body is no function from
    entries to entries: also where it does something else on other entries, or draws random numbers.
    """
    state = get_state()
    try:
        program, other = (traced(body, xs, at_hand, wanted_for) for xs in (samples, [-3 * x for x in samples]))
        if not np.array_equal(state, get_state()):
            raise NotPointwise("it draws random numbers")
    finally:
        set_state(state)
    if not same(program, other):
        raise NotPointwise("what it does depends on the entries")
    return program


def same(one: Program, other: Program) -> bool:
    """Whether two programs do the same."""
    steps = (one.forward, one.backward) == (other.forward, other.backward)
    ends = ([x.array if isinstance(x, Traced) else x for x in p.externals.values()] for p in (one, other))
    return steps and all(np.array_equal(a, b, equal_nan=True) for a, b in zip(*ends))


def traced(
    body: Callable[..., Any], samples: Sequence[np.ndarray], at_hand: Iterable[int], wanted_for: Iterable[int] | None
) -> Program:
    """The program of one run."""
    reader = Reader(samples[0], next_serial())
    with enable_grad(), recording_everything(), np.errstate(all="ignore"):
        leaves = [Tensor(sample, Node()) for sample in samples]
        reader.names.update({(x.node, None): f"x{i}" for i, x in enumerate(leaves)})
        try:
            returned = list(tensors(body(*leaves)))
        except Exception as error:  # if it is the body's own mistake, it comes again when the body is run on the inputs
            raise NotPointwise(f"it cannot do with one row: {error}") from error
        outputs = tuple(reader.read(y) for y in returned)
        if any(y.shape != samples[0].shape or y.dtype != samples[0].dtype for y in returned):
            raise NotPointwise("an output has another shape or dtype than its inputs")
        reader.going_back = True
        seeds = [Tensor(np.ones_like(y.array), Node()) for y in returned]
        reader.names.update({(seed.node, None): f"g{i}" for i, seed in enumerate(seeds)})
        arrived: dict[Node, Any] = {}
        for y, seed in zip(returned, seeds):
            deliver(arrived, y, seed)
        sought = leaves if wanted_for is None else [leaves[i] for i in wanted_for]
        targets = {reader.names[x.node, x.index]: x for x in (*sought, *reader.externals.values()) if has_node(x)}
        choices = {node for node in reachable(arrived, since=reader.since) if node.primitive.rule is None}
        stop = choices.union(x.node for x in (*leaves, *targets.values()))
        walk(arrived, retain_graph=True, create_graph=True, stop=frozenset(stop))
        found = {name: cotangent_of(x, arrived) for name, x in targets.items()}
        cotangents = {name: reader.read(c) for name, c in found.items() if c is not None}
    inputs = tuple(f"x{i}" for i in range(len(samples)))
    free = {inputs[i] for i in at_hand} | {*reader.externals, *outputs}
    return divided(reader, inputs, outputs, cotangents, free)


@contextmanager
def recording_everything() -> Iterator[None]:
    """Record comparisons too: a rule may choose by their outcome."""
    before, mode.tracing = mode.tracing, True
    try:
        yield
    finally:
        mode.tracing = before


def has_node(x: Any) -> bool:
    return isinstance(x, Traced) and x.node is not None


def cotangent_of(x: Traced, arrived: dict[Node, Any]) -> Any:
    """What the walk has brought to x, None for nothing."""
    found = arrived.get(x.node)  # type: ignore[arg-type]
    return found.get(x.index) if isinstance(found, dict) else found


def cotangents_of(inputs: Sequence[Any], arrived: dict[Node, Any]) -> tuple[Any, ...]:
    """What the walk has brought to each input; to one that stands there twice, all of it the first time."""
    keys = [(x.node, x.index) if has_node(x) else None for x in inputs]
    return tuple(cotangent_of(x, arrived) if key and key not in keys[:i] else None
                 for i, (x, key) in enumerate(zip(inputs, keys)))  # fmt: skip


def recorded_cotangents(outputs: Sequence[Tensor], g: Sequence[Any], inputs: Sequence[Any]) -> tuple[Any, ...]:
    """What goes to each input as g arrives at the outputs that were made of them: Tensors that know where from."""
    arrived: dict[Node, Any] = {}
    for y, c in zip(outputs, g):
        if y.node is not None:
            deliver(arrived, y, c)
    sources = frozenset(x.node for x in inputs if has_node(x))
    walk(arrived, retain_graph=True, create_graph=True, stop=sources)
    return cotangents_of(inputs, arrived)


class Reader:
    """Turns recorded nodes into steps; equal steps become one."""

    def __init__(self, sample: np.ndarray, since: int) -> None:
        self.shape, self.dtype, self.since = sample.shape, sample.dtype, since
        self.going_back = False  # whether the steps are those of the gradient
        self.names: dict[Any, str] = {}  # of a Tensor, by its node and index; of a constant, by its id
        self.externals: dict[str, Any] = {}
        self.steps: dict[Any, Step] = {}  # by what they compute
        self.summed: set[str] = set()  # cotangents that unbroadcasting sums over all entries: left to the caller

    def read(self, y: Any) -> str:
        """The name of y, after writing down the steps that lead to it."""
        if not has_node(y):
            raise NotPointwise("an output does not depend on its inputs")
        for node in reversed(reachable([y.node], since=self.since)):
            known = (self.names.get((x.node, x.index)) for x in node.inputs or () if has_node(x))
            if any(name and name not in self.externals for name in known):  # of externals alone: the prelude's
                self.names[node, None] = self.step(node)
        if (name := self.names.get((y.node, y.index))) is None:
            raise NotPointwise("an output does not depend on its inputs")
        return name

    def prelude(self) -> list[Node]:
        """The nodes that lead to the externals."""
        return reachable({x.node for x in self.externals.values() if has_node(x)}, since=self.since)[::-1]

    def step(self, node: Node) -> str:
        """The name of what this node computes."""
        op = node.primitive
        if (node, None) in self.names:
            return self.names[node, None]
        if op.name == "astype" and node.values[0].dtype == node.settings["dtype"]:  # type: ignore[index]
            return self.names[node.inputs[0].node, None]  # type: ignore[index]
        arguments = tuple(map(self.argument, node.inputs or ()))
        for x, copy, name in zip(node.inputs or (), node.values or (), arguments):
            if isinstance(x, np.ndarray) and isinstance(name, str):
                self.names[id(copy)] = name  # a rule is given the copy that the graph has kept
        if self.going_back and op.name in ("sum", "reshape") and node.output.size == 1:
            self.summed.add(name := str(arguments[0]))
            return name
        if self.summed.intersection(arguments) and not (op.name == "add" and self.summed.issuperset(arguments)):
            raise NotPointwise("it goes on with the gradient of a single number")
        if not getattr(op, "pointwise", False):
            raise NotPointwise(f"{getattr(op, 'name', 'what it uses')} is not pointwise")
        if node.output.dtype not in (self.dtype, np.bool_) or any(
            isinstance(value, np.ndarray | list | tuple | Traced) for value in node.settings.values()
        ):
            raise NotPointwise(f"{op.name} gives {node.output.dtype}, or has a setting for each entry")
        key = op.name, arguments, tuple(node.settings.items())
        if key not in self.steps:
            self.steps[key] = Step(f"v{len(self.steps)}", op, arguments, node.settings)
            if self.summed.intersection(arguments):
                self.summed.add(self.steps[key].name)
        return self.steps[key].name

    def argument(self, x: Any) -> str | float:
        """A name, or a number."""
        value = x.array if isinstance(x, Traced) else np.asarray(x)
        key = (x.node, x.index) if has_node(x) else id(x)
        if key in self.names:
            return self.names[key]
        if not isinstance(x, Traced) and value.ndim == 0:
            return value.item()
        if value.shape not in ((), (1,), self.shape) or value.dtype not in (self.dtype, np.bool_):
            raise NotPointwise(f"it uses {value.dtype} of shape {value.shape} beside its inputs")
        name = f"p{len(self.externals)}"
        self.names[key] = name
        self.externals[name] = x
        return name


def divided(
    reader: Reader, inputs: tuple[str, ...], outputs: tuple[str, ...], cotangents: Mapping[str, str], free: set[str]
) -> Program:
    """Sort the steps into forward and backward, and choose what to save.

    A value goes back to where it is needed either saved, or computed again where that is cheap and its arguments
    are there already.
    """
    back = {f"g{i}" for i in range(len(outputs))}
    steps = {step.name: step for step in reader.steps.values()}
    for step in steps.values():
        if back.intersection(step.arguments):
            back.add(step.name)
    needed = {a for s in steps.values() if s.name in back for a in s.arguments}
    needed |= {a for s in steps.values() if s.name in needed and s.primitive.name in COMPARISONS for a in s.arguments}
    saved = [name for name in inputs if name in needed and name not in free]
    there, again = {*free, *saved}, []
    for step in steps.values():  # in an order in which arguments come first
        if step.name in back or step.name in there:
            continue
        if step.primitive.name in CHEAP and there.issuperset(a for a in step.arguments if isinstance(a, str)):
            again.append(step)
        elif step.name in needed:
            saved.append(step.name)
        else:
            continue
        there.add(step.name)
    backward = wanted([*again, *(s for s in steps.values() if s.name in back)], {*cotangents.values()})
    forward = wanted([s for s in steps.values() if s.name not in back], {*outputs, *saved})
    return Program(inputs, reader.externals, forward, outputs, tuple(saved), backward, cotangents, reader.prelude())


def wanted(steps: Sequence[Step], ends: set[Any]) -> list[Step]:
    """The steps that lead to the ends."""
    used = set(ends)
    kept = []
    for step in reversed(steps):
        if step.name in used:
            kept.append(step)
            used.update(step.arguments)
    return kept[::-1]
