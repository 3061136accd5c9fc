"""The boxes and arrows of a drawing, from a folded graph."""

from __future__ import annotations

import math
import reprlib
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from ..errors import describe
from ..fusion.pointwise import Loops
from ..fusion.recurrence import Recurrence
from ..nn import Parameter
from ..node import Node, Traced
from .fold import Call, Loop, Op, nodes_of
from .graph import Names, array_of, counted, is_loop, key_of, leaves_of, made, name_of, source_of, steps_of

SMALL = 6  # ops up to which a loop shows its step
WIDTH = 40  # characters in a line of a box


@dataclass(eq=False)
class Box:
    """One box; with `parts`, a frame around others. `kind`: leaf, constant, op, module or loop."""

    kind: str
    title: str
    lines: list[str] = field(default_factory=list)
    parts: list[Box] = field(default_factory=list)

    def everything(self) -> Iterator[Box]:
        """This box, and all that are in it."""
        yield self
        for part in self.parts:
            yield from part.everything()


@dataclass(eq=False)
class Arrow:
    """What goes from one box to another; `carried`: from one iteration of a loop to a later one."""

    source: Box
    target: Box
    carried: bool
    at: int  # which input of the target it is, the first if there are several
    label: str = ""


class Place(NamedTuple):
    """Where a node is drawn: in which box, and as which of the nodes that make one iteration of it."""

    box: Box
    at: int


class Sketch:
    """The boxes for folded items, and the arrows between them.

    `instead`: what stands for the outputs of nodes that were replayed. `norms`: of the gradient, by node.
    """

    def __init__(
        self, items: Sequence[Any], outputs: Sequence[Traced], names: Names, norms: Mapping[Node, float],
        instead: Mapping[Node, Any], unfold: bool | str,
    ) -> None:  # fmt: skip
        self.names, self.norms, self.unfold = names, norms, unfold
        self.places: dict[Node, Place] = {}
        self.iterations: dict[Box, Sequence[Sequence[Node | None]]] = {}  # the nodes that a box stands for
        self.arrows: dict[tuple[Box, Box, bool], Arrow] = {}
        self.carried: dict[tuple[Box, Box], dict[Any, str]] = {}  # what goes from step to step, in words
        self.leaving: dict[Box, dict[Any, str]] = {}  # what comes out of a box
        self.boxes = [self.drawn([item]) for item in items]
        steps = dict(steps_in(items))
        sources: dict[tuple[Place, int], list[Any]] = {}  # leaves and constants, by where they go
        for node, place in self.places.items():
            for i, x in enumerate(node.inputs or ()):
                x = source_of(x, instead)
                if isinstance(x, Traced) and x.node in self.places:
                    self.connect(x, place.box, i, is_carried(steps[x.node], steps[node]))
                else:
                    sources.setdefault((place, i), []).append(x)
        self.outputs: list[Box] = []
        for y in (source_of(y, instead) for y in outputs):
            if y.node in self.places:
                self.outputs.append(self.places[y.node].box)
                self.leaves(y, self.outputs[-1])
        self.draw_sources(sources)
        self.write_lines()

    # from items to boxes

    def drawn(self, alike: Sequence[Any]) -> Box:
        """One box for items that look the same."""
        if isinstance(alike[0], Op):
            nodes = [item.node for item in alike]
            return self.closed(self.op_box(nodes), [[node] for node in nodes])
        return self.call_box(alike) if isinstance(alike[0], Call) else self.loop_box(alike)

    def op_box(self, nodes: Sequence[Node]) -> Box:
        node = nodes[0]
        if not isinstance(node.primitive, Recurrence):
            return Box("op", " ".join([name_of(node), *settings_of(nodes)]), [made(node.output)])
        compiled = "compiled" + ", from the end to the start" * node.settings["run"].backwards
        return Box("loop" if is_loop(node) else "module", self.title([node], steps_of(node)), [compiled])

    def call_box(self, alike: Sequence[Call]) -> Box:
        call, title = alike[0], self.call_title(alike[0])
        if is_plain(call.items) and not self.unfold:
            return self.closed(Box("module", title, ops_in(call.items)), [list(nodes_of(item)) for item in alike])
        parts = [self.drawn([other.items[k] for other in alike]) for k in range(len(call.items))]
        if len(parts) > 1 or self.unfold:
            return Box("module", title, parts=parts)
        parts[0].title = f"{title}: {parts[0].title}"
        return parts[0]

    def loop_box(self, alike: Sequence[Loop]) -> Box:
        iterations = [step for loop in alike for step in loop.iterations]
        pattern = next(step for step in iterations if None not in step)
        title = self.title(chain(*map(nodes_of, pattern)), len(alike[0].iterations), is_plain(pattern))
        if is_plain(pattern) and len(pattern) > SMALL and not self.unfold:
            steps = [[item and item.node for item in step] for step in iterations]
            return self.closed(Box("loop", title, ops_in(pattern)), steps)
        columns = ([step[k] for step in iterations if step[k] is not None] for k in range(len(pattern)))
        return Box("loop", title, parts=[self.drawn(column) for column in columns])

    def closed(self, box: Box, iterations: Sequence[Sequence[Node | None]]) -> Box:
        """The box, which stands for these nodes; None where an iteration lacks one."""
        self.places |= {node: Place(box, at) for nodes in iterations for at, node in enumerate(nodes) if node}
        self.iterations[box] = iterations
        return box

    def call_title(self, call: Call) -> str:
        if (whole := call.whole) is not None:
            fused = isinstance(whole.primitive, Loops)
            return name_of(whole) if fused else f"{self.title([whole], steps_of(whole))}, compiled"
        return f"{call.origin[1].__name__} {self.names.modules.get(id(call.origin[0]()), '')}".strip()

    def title(self, nodes: Iterable[Node], count: int, named: bool = True) -> str:
        """`LSTMCell x 1000`, where all parameters that the nodes use are one module's."""
        owners = {self.names.owners[leaf] for leaf in leaves_of(nodes) if leaf in self.names.owners}
        return f"{type(owners.pop()).__name__ if named and len(owners) == 1 else 'loop'} x {count}"

    # from inputs to arrows

    def connect(self, x: Traced, target: Box, i: int, carried: bool) -> None:
        """An arrow for what one recorded node takes from another."""
        source = self.places[x.node]  # type: ignore[index]
        if carried:
            self.carried.setdefault((source.box, target), {})[source.at, x.index] = describe(x.array)
        if source.box is not target:
            self.leaves(x, source.box)
        if source.box is not target or carried:
            key = source.box, target, carried
            self.arrows.setdefault(key, Arrow(*key, i))

    def leaves(self, x: Traced, box: Box) -> None:
        """Note that x is used outside of the box that it comes from."""
        self.leaving.setdefault(box, {})[key_of(x)] = describe(x.array)

    def draw_sources(self, sources: Mapping[tuple[Place, int], Sequence[Any]]) -> None:
        """Leaves and constants: parameters of one module inside it, those that differ from step to step as one box."""
        groups: dict[tuple[Any, ...], dict[Box, int]] = {}
        known: dict[Any, Any] = {}
        for (place, i), found in sources.items():
            if all(map(is_number, found)):
                if place.box.kind == "op" and len(found) == len(self.iterations[place.box]):
                    place.box.lines.append(f"with {counted(map(str, map(array_of, found)), '{what}')}")
                continue
            known |= {key_of(x): x for x in found}
            groups.setdefault(tuple(dict.fromkeys(map(key_of, found))), {}).setdefault(place.box, i)
        around = {part: box.parts for top in self.boxes for box in top.everything() for part in box.parts}
        tops, written = [], dict[Box, list[Parameter]]()
        for keys, targets in groups.items():
            x, first = known[keys[0]], next(iter(targets))
            home, own = around.get(first, self.boxes), isinstance(x, Parameter) and len(keys) == 1
            if own and len(targets) == 1 and first.kind != "op":
                written.setdefault(first, []).append(x)
                continue
            box = self.source_box(keys, x)
            self.arrows |= {(box, target, False): Arrow(box, target, False, i) for target, i in targets.items()}
            if own and all(around.get(target, self.boxes) is home for target in targets):
                home.insert(home.index(first), box)
            else:
                tops.append(box)
        self.boxes = [*tops, *self.boxes]
        for box, parameters in written.items():
            names = self.short_names(parameters)
            box.lines += [f"{name} {describe(x.array)}" for name, x in zip(names, parameters)]

    def short_names(self, parameters: Sequence[Parameter]) -> list[str]:
        """The names of parameters without their modules', if that tells them apart."""
        full = [self.names.tensors.get(key_of(x), "parameter") for x in parameters]
        short = [name.rpartition(".")[2] for name in full]
        return short if len({*short}) == len(short) else full

    def source_box(self, keys: Sequence[Any], x: Any) -> Box:
        kind = "leaf" if isinstance(x, Traced) and x.node is not None else "constant"
        title = self.names.tensors.get(keys[0], kind) if len(keys) == 1 else f"{len(keys)} x {kind}"
        lines = [describe(array_of(x))]
        if kind == "leaf" and x.node in self.norms and len(keys) == 1:
            lines.append(f"gradient norm {self.norms[x.node]:.3g}")
        return Box(kind, title, lines)

    # what is written into boxes and on arrows

    def write_lines(self) -> None:
        """What is carried, what comes out of a module or a loop, and norms of the gradient."""
        for (source, target), values in self.carried.items():
            self.arrows[source, target, True].label = counted(values.values(), "{count} x {what}")
        for box, iterations in self.iterations.items():
            first = next(node for nodes in iterations for node in nodes if node)
            if is_loop(first):  # a compiled one, which stands alone
                self.arrows[box, box, True] = Arrow(box, box, True, 4, made(first.output[1:]))
            if box.kind != "op" and box in self.leaving:
                box.lines.append(f"gives {counted(self.leaving[box].values(), '{count} x {what}')}")
            if self.norms:
                box.lines += self.norm_line(box)

    def norm_line(self, box: Box) -> list[str]:
        """The norm of the gradient at what a box hands on; in a loop, of the first step and the last."""
        handed = {at for at, _ in self.carried.get((box, box), ())}
        handed = handed or {self.places[node].at for node, _ in self.leaving.get(box, ())}
        norms = [
            math.hypot(*(self.norms.get(node, 0.0) for at, node in enumerate(nodes) if node and at in handed))
            for nodes in self.iterations[box]
            if any(nodes)
        ]
        if len(norms) == 1:
            return [f"gradient norm {norms[0]:.3g}"]
        return [f"gradient norm {norms[0]:.3g} first, {norms[-1]:.3g} last"]


def is_plain(items: Iterable[Any]) -> bool:
    """Whether there are only single ops here, no calls and no loops."""
    return all(isinstance(item, Op) and not is_loop(item.node) for item in items)


def steps_in(items: Iterable[Any], outer: tuple[tuple[int, int], ...] = ()) -> Iterator[tuple[Node, Any]]:
    """For each node, the loops that it is in, outermost first: which one, and in which iteration."""
    for item in items:
        if isinstance(item, Op):
            yield item.node, outer
        elif isinstance(item, Call):
            yield from steps_in(item.items, outer)
        elif item is not None:
            for i, step in enumerate(item.iterations):
                yield from steps_in(step, (*outer, (id(item), i)))


def is_carried(made_in: Iterable[tuple[int, int]], used_in: Iterable[tuple[int, int]]) -> bool:
    """Whether a value goes from one iteration of a loop to another."""
    return any(a[0] == b[0] and a[1] != b[1] for a, b in zip(made_in, used_in))


def ops_in(items: Iterable[Any]) -> list[str]:
    """Which ops there are, in lines."""
    names = counted((name_of(item.node) for item in items), "{count}\N{NO-BREAK SPACE}{what}")
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in textwrap.wrap(names, WIDTH)]


def settings_of(nodes: Sequence[Node]) -> list[str]:
    """The settings that are not the op's defaults, where they are the same for all nodes."""
    defaults = getattr(nodes[0].primitive, "defaults", None)
    if defaults is None:
        return []
    words = [
        [f"{name}={short(value)}" for name, value in node.settings.items() if differs(value, defaults.get(name))]
        for node in nodes
    ]
    return words[0] if all(other == words[0] for other in words) else []


def differs(value: Any, default: Any) -> bool:
    return type(value) is not type(default) or short(value) != short(default)


def short(value: Any) -> str:
    return reprlib.repr(value).replace("slice(None, None, None)", ":")


def is_number(x: Any) -> bool:
    """Whether x is a constant without axes."""
    return not (isinstance(x, Traced) and x.node is not None) and np.ndim(array_of(x)) == 0
