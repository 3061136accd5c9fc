"""Backward, one node at a time: what comes in, by which rule it goes on, what goes where, and what adds up there."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from operator import attrgetter
from types import FunctionType
from typing import Any

import numpy as np

from ..backward import deliver, reachable, unbroadcast
from ..checkpoint import Replay
from ..errors import describe, not_recorded
from ..fusion.pointwise import Loops
from ..fusion.recurrence import Recurrence
from ..mode import enable_grad
from ..nn import Module
from ..node import Node, Traced
from ..ops import astype
from ..tensor import Tensor
from .graph import array_of, key_of, leaves_of, name_of, named, norm, outputs_of, seeded

SHOWN = 12  # entries up to which an array is printed in full


@dataclass(frozen=True, eq=False, repr=False)
class Step:
    """One node on the way back. All arrays are NumPy's; a node of several outputs has tuples of them.

    `number`: from 1, of `count`. `name`, `inputs` and `arrived` say `%3` for the third node that was recorded,
    `%3.0` for its first output. `sent`: what goes to each input, None where nothing does; `arrived`: by name, what
    has added up so far, for each node yet to be visited and each leaf.
    """

    number: int
    count: int
    name: str
    node: Node
    op: str
    rule: str
    cotangent: Any
    output: Any
    inputs: tuple[tuple[str, Any], ...]
    sent: tuple[np.ndarray | None, ...]
    arrived: Mapping[str, np.ndarray]

    @property
    def title(self) -> str:
        """`%3 = tanh(%2)`"""
        return f"{self.name} = {self.op}({', '.join(name for name, _ in self.inputs)})"

    def __repr__(self) -> str:
        return f"<step {self.number} of {self.count}: {self.title}>"

    def __str__(self) -> str:
        rows = [("rule", self.rule), ("comes in, g", numbers(self.cotangent)), ("output, y", numbers(self.output))]
        rows += [(f"input {name}", numbers(value)) for name, value in dict(self.inputs).items()]
        rows += [(f"sent to {name}", numbers(c)) for name, c in self.moves()]
        rows += [(f"{name} has now", numbers(self.arrived[name])) for name in dict(self.moves())]
        width = max(len(what) for what, _ in rows) + 2
        texts = (text.replace("\n", "\n" + " " * (width + 2)) for _, text in rows)
        lines = (f"  {what:{width}}{text}" for (what, _), text in zip(rows, texts))
        return "\n".join([f"step {self.number} of {self.count}: {self.title}", *lines])

    def moves(self) -> list[tuple[str, np.ndarray]]:
        """What goes where, by name; what nobody wants left out."""
        return [(name, c) for (name, _), c in zip(self.inputs, self.sent) if c is not None]


def walk(y: Tensor, gradient: Any = None, names: Module | Mapping[str, Tensor] | None = None) -> Iterator[Step]:
    """What `y.backward(gradient)` does, as a `Step` for each node, newest first.

    No leaf's `grad` changes, and the graph is kept. What has arrived at the leaves in the end is what `backward()`
    adds to their `grad`, to the bit. gradient: y's shape; may be left out where y has one entry. names: a Module, or
    a dict from names to Tensors. Raises as `backward()` does, before the first step.
    """
    if not isinstance(y, Tensor):
        raise TypeError(f"walk: expected a Tensor, got {type(y).__name__}")
    if y.node is None:
        raise not_recorded("walk")
    cotangents = seeded("walk", y, gradient)
    nodes = reachable(cotangents)
    return steps(nodes, cotangents, labels(nodes, names))


def steps(nodes: list[Node], cotangents: dict[Node, Any], known: Mapping[Any, str]) -> Iterator[Step]:
    """The steps for the nodes, newest first."""
    arrived: dict[str, Any] = {}
    for number, node in enumerate(nodes, 1):
        g = cotangents.get(node)
        if isinstance(g, dict):
            g = tuple(g[i] if i in g else np.zeros_like(part) for i, part in enumerate(node.output))
        inputs = node.inputs or ()
        sent = pulled(node, g, cotangents) if g is not None else (None,) * len(inputs)  # None: nothing was sent here
        cotangents.pop(node, None)
        for i in (None, *range(len(outputs_of(node.output)))):
            arrived.pop(known.get((node, i), ""), None)
        for c, x in zip(sent, inputs):
            if c is not None:
                total = cotangents[x.node]
                arrived[known[key_of(x)]] = shown(total if x.index is None else total[x.index])
        sources = tuple((label_of(x, i, inputs, known), shown(array_of(x))) for i, x in enumerate(inputs))
        yield Step(
            number, len(nodes), known[node, None], node, name_of(node), rule_of(node), shown(g), shown(node.output),
            sources, tuple(map(shown, sent)), dict(arrived),
        )  # fmt: skip


def shown(value: Any) -> Any:
    """Read-only views of an array or a tuple of them: the graph has saved it, or what adds up is made of it."""
    if value is None or isinstance(value, tuple):
        return value and tuple(map(shown, value))
    view = np.asarray(value).view()
    view.flags.writeable = False
    return view


def pulled(node: Node, g: Any, cotangents: dict[Node, Any]) -> tuple[np.ndarray | None, ...]:
    """What a node sends to each input, after it has been added to what is there."""
    inputs = node.inputs or ()
    with enable_grad():  # a checkpoint records again, whatever rules outside
        if isinstance(node.primitive, Replay):
            return retraced(node, cotangents)
        sent = node.primitive.rule(g, node.output, *(node.values or ()), **node.settings)
    sent = sent if type(sent) is tuple else (sent,)
    found = [own(c, x) for c, x in zip(sent, inputs)]
    for c, x in zip(found, inputs):
        if c is not None:
            deliver(cotangents, x, c)
    return (*found, *[None] * (len(inputs) - len(found)))


def own(c: Any, x: Any) -> np.ndarray | None:
    """The cotangent as it goes to the input x: of x's own shape and dtype, None where nobody wants it."""
    if c is None or not isinstance(x, Traced) or x.node is None:
        return None
    c = c() if type(c) is FunctionType else c
    c = c if c.shape == x.array.shape else unbroadcast(c, x.array.shape)
    return c if c.dtype == x.array.dtype else astype(c, x.array.dtype)


def retraced(node: Node, cotangents: dict[Node, Any]) -> tuple[np.ndarray | None, ...]:
    """What a checkpoint sends: its function is run once more to see that, apart from what adds up."""
    g = cotangents[node]
    alone: dict[Node, Any] = {}
    for into in (alone, cotangents):
        node.primitive.retrace(node, dict(g), into, set(), False)
    found = (alone.get(x.node) for x in node.inputs or ())
    return tuple(c.get(x.index) if isinstance(c, dict) else c for c, x in zip(found, node.inputs or ()))


# what is shown


def labels(nodes: list[Node], names: Any) -> dict[Any, str]:
    """A name of its own for every leaf and every output of the nodes, which come newest first."""
    given = dict(named(names, nodes).tensors)
    leaves = sorted(leaves_of(nodes), key=attrgetter("serial"))
    keys: dict[Any, str] = {(leaf, None): f"leaf {i}" for i, leaf in enumerate(leaves, 1)}
    for i, node in enumerate(reversed(nodes), 1):
        keys[node, None] = f"%{i}"
        if isinstance(node.output, tuple):
            keys |= {(node, k): f"%{i}.{k}" for k in range(len(node.output))}
    known, taken = dict[Any, str](), set[str]()
    for key, name in (keys | given).items():
        known[key] = name if name not in taken else f"{name} ({keys.get(key, 'constant')})"
        taken.add(known[key])
    return known


def label_of(x: Any, i: int, inputs: Sequence[Any], known: Mapping[Any, str]) -> str:
    """The name of input i, which is x; a constant's is its value or its place."""
    if key_of(x) in known:
        return known[key_of(x)]
    if np.ndim(array_of(x)) == 0:
        return str(array_of(x))
    constants = [other for other in inputs if key_of(other) not in known and np.ndim(array_of(other))]
    return "constant" if len(constants) == 1 else f"constant {i + 1}"


def rule_of(node: Node) -> str:
    """The source of a node's rule."""
    op = node.primitive
    if isinstance(op, Replay):
        return "none: the function is run again, and what it records is walked"
    if isinstance(op, Loops | Recurrence):
        return "generated: a compiled loop, made from the body and the rules of the ops in it"
    return source(op.rule)


@functools.cache
def source(rule: Any) -> str:
    """A rule as it is written: a `def`, or the `lambda` alone."""
    rule = inspect.unwrap(rule)  # of one that is compiled for long arrays
    try:
        if rule.__name__ != "<lambda>":
            return textwrap.dedent(inspect.getsource(rule)).rstrip()
        text = "".join(inspect.findsource(rule)[0])
    except (OSError, TypeError):
        return "its source cannot be read"
    line = rule.__code__.co_firstlineno
    there = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Lambda) and node.lineno == line)
    found = ast.get_source_segment(text, min(there, key=lambda node: node.col_offset)) or ""
    first, _, rest = found.partition("\n")
    return f"{first}\n{textwrap.dedent(rest)}" if rest else first


def numbers(value: Any) -> str:
    """Every entry to its last digit where there are few; else what the array is like."""
    return "nothing" if value is None else "\n".join(map(entries, outputs_of(value)))


def entries(array: Any) -> str:
    if np.size(array) > SHOWN:
        return f"{describe(array)}, norm {norm(array):.6g}"
    return np.array2string(np.asarray(array), separator=", ", max_line_width=100, formatter={"float_kind": str})


def show_walk(y: Tensor, gradient: Any = None, names: Module | Mapping[str, Tensor] | None = None) -> None:
    """Print the walk as a table (with `rich`; without it, step by step). Arguments, errors: as `walk`."""
    found = walk(y, gradient, names)
    if not find_spec("rich"):
        print("\n\n".join(map(str, found)))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("node", "rule", "comes in, g", "goes out", show_lines=True)
    for step in found:
        out = [f"{name} {numbers(c)}" for name, c in step.moves()]
        more = {name: step.arrived[name] for name, c in step.moves() if not np.array_equal(step.arrived[name], c)}
        out += [f"{name} has now {numbers(total)}" for name, total in more.items()]
        cells = f"{step.number}: {step.title}", step.rule, numbers(step.cotangent), "\n".join(out)
        table.add_row(*(Text(cell, overflow="fold") for cell in cells))
    Console().print(table)
