"""What a failed check says: the op, the input and the index first, then what one needs to look into it."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np

from .. import ops
from ..errors import describe
from ..graph import Primitive
from ..node import Node, Traced
from .compare import Check, Comparison, dot_product
from .literals import NUMBERS, abridged, literal
from .locate import Culprit, Place, Trouble, failure, first_not_finite, worst
from .oracles import Arrays
from .subject import Recording, Subject, outputs_of, replay

LINES = 24  # a graph longer than that is not written out


class GradientError(AssertionError):
    """A gradient that is wrong, or cannot be judged; the message is the report."""


def of_culprit(run: Recording, culprit: Culprit, check: Check, order: int) -> str:
    """The report on an op that is off by itself."""
    node, local, place, trouble = culprit
    names = numbered(run)
    owner = f"`{node.primitive.name}`"
    at = f" for its {local.names[place.input]}, at index {list(place.entry)}" if place else ""
    rank = "gradient" if order == 1 else "second derivative"
    return "\n".join(
        [
            f"{verdict(owner, rank, at, place, trouble, check)}",
            f"  it is {line_of(node, names)}, the oldest recorded op whose own {rank} is off",
            *hint(check, order),
            *table(place, trouble),
            *heading("to reproduce", reproducer(culprit, check, order)),
            *heading("the recorded graph", graph_lines(run, names, node)),
        ]
    )


def of_whole(subject: Subject, arrays: Arrays, trouble: Trouble, check: Check, order: int) -> str:
    """The report where no op is off by itself."""
    whole = subject.gradient() if order == 2 else subject
    place = worst(arrays, partial(failure, whole, check, arrays), few=1)
    trouble = place.trouble if place else trouble
    at = f" for {subject.names[place.input]}, at index {list(place.entry)}" if place else ""
    rank = "gradient" if order == 1 else "second derivative"
    run = subject.record(arrays)
    names = numbered(run)
    return "\n".join(
        [
            verdict("f", rank, at, place, trouble, check),
            f"  {reason(run, subject, arrays, trouble, check, order)}",
            *table(place, trouble),
            *heading("the inputs", (f"{n} = {abridged(x)}" for n, x in zip(subject.names, arrays))),
            *heading("the recorded graph", graph_lines(run, names)),
        ]
    )


def verdict(owner: str, rank: str, at: str, place: Place | None, trouble: Trouble, check: Check) -> str:
    """The first line."""
    if isinstance(trouble, Exception):
        return f"the {rank} of {owner} cannot be computed{at}: {type(trouble).__name__}: {trouble}"
    worst_entry = int(np.argmax(trouble.excess))
    step = place.step if place else 1.0
    analytic, numeric = trouble.analytic[worst_entry] / step, trouble.numeric.value[worst_entry] / step
    if not trouble.conclusive:
        return f"the {rank} of {owner} cannot be judged{at}: analytic {analytic:.10g}, numeric unsettled"
    if check is dot_product:
        return f"the {rank} of {owner} is wrong{at}: vjp {analytic:.10g}, jvp {numeric:.10g}"
    return (
        f"the {rank} of {owner} is wrong{at}: analytic {analytic:.10g}, numeric {numeric:.10g} ({trouble.numeric.how})"
    )


def hint(check: Check, order: int) -> list[str]:
    """What is behind most failures of a kind."""
    if check is dot_product or order == 2:
        return [
            "  a rule must be linear in its cotangent, and compute with the Tensors that it is given, not with arrays"
        ]
    return []


def reason(run: Recording, subject: Subject, arrays: Arrays, trouble: Trouble, check: Check, order: int) -> str:
    """Why the whole is wrong while each op is right."""
    if isinstance(trouble, Comparison) and not trouble.conclusive:
        return "the differences do not settle at any step: here and nearby f jumps, or is noisy"
    if closed := sorted({node.primitive.name for node in run.nodes if not isinstance(node.primitive, Primitive)}):
        return (
            f"no op outside of {', '.join(closed)} is off by itself; to see into it, check f without checkpoint, "
            "without fuse, or with unroll=True"
        )
    recorded = Subject(replay(run), subject.names, list(arrays))
    if failure(recorded if order == 1 else recorded.gradient(), check, arrays) is None:
        return (
            "no recorded op is off, and what was recorded has this derivative: f computes part of its result outside "
            "of the graph (numpy(), item(), detach(), no_grad(), a branch that depends on the input)"
        )
    return "no recorded op is off by itself: cotangents are lost, or added up wrongly, on the way between them"


def of_not_finite(run: Recording) -> str:
    """The report on a function whose value is NaN or infinite."""
    names, node = numbered(run), first_not_finite(run)
    first = f"it begins in `{node.primitive.name}`: {line_of(node, names)}" if node else "it is in an input"
    return "\n".join(
        [
            "f is NaN or infinite at these inputs, where no derivative can be judged",
            f"  {first}; choose inputs inside the domain",
            *heading("the recorded graph", graph_lines(run, names, node)),
        ]
    )


def table(place: Place | None, trouble: Trouble) -> list[str]:
    """The differences at each step, and how far they are from backpropagation's answer."""
    if isinstance(trouble, Exception) or not trouble.numeric.table:
        return []
    step = place.step if place else 1.0
    rows = [(h * step, float(d[0]) / step) for h, d in trouble.numeric.table]
    analytic = float(trouble.analytic[0]) / step
    lines = (f"{h:9.1e}  {d: .12e}  {abs(analytic - d):.1e}" for h, d in rows)
    return heading(
        "error against step size (outputs weighted by a random cotangent)",
        ["     step  central difference    |analytic - it|", *lines],
    )


def heading(title: str, lines: Iterable[str]) -> list[str]:
    return ["", f"{title}:", *(f"  {line}" for line in lines)]


# the graph as text


def numbered(run: Recording) -> dict[Any, str]:
    """A name for every leaf and node."""
    return {node: f"%{i}" for i, node in enumerate([*(x.node for x in run.leaves), *run.nodes])}


def graph_lines(run: Recording, names: dict[Any, str], centre: Node | None = None) -> list[str]:
    """A line for every leaf and node; of many, the ends and those around `centre`."""
    lines = [f"{names[x.node]} = leaf  {describe(x.array)}" for x in run.leaves]
    middle = len(lines) + run.nodes.index(centre) if centre else len(lines)
    lines += [line_of(node, names) + ("   <-- here" if node is centre else "") for node in run.nodes]
    lines.append(f"outputs: {', '.join(name_of(y, names) for y in run.outputs)}")
    if len(lines) <= LINES:
        return lines
    shown = {*range(4), *range(middle - 6, middle + 7), *range(len(lines) - 4, len(lines))}
    return list(elided(lines, shown))


def elided(lines: list[str], shown: set[int]) -> Iterator[str]:
    skipped = 0
    for i, line in enumerate(lines):
        if i in shown:
            if skipped:
                yield f"... {skipped} more"
            yield line
        skipped = 0 if i in shown else skipped + 1


def line_of(node: Node, names: dict[Any, str]) -> str:
    """`%3 = sum(%1, axis=0)  float64[4]`"""
    inputs = [name_of(x, names) for x in node.inputs or ()]
    settings = [f"{key}={reprlib.repr(value)}" for key, value in node.settings.items()]
    made = ", ".join(describe(y) for y in outputs_of(node.output))
    return f"{names[node]} = {node.primitive.name}({', '.join(inputs + settings)})  {made}"


def name_of(x: Any, names: dict[Any, str]) -> str:
    """`%3`, `%3.0` for one of several outputs, and constants by what they are."""
    if not isinstance(x, Traced):
        return describe(x)
    if x.node not in names:
        return describe(x.array)
    return names[x.node] + ("" if x.index is None else f".{x.index}")


# code to paste


def reproducer(culprit: Culprit, check: Check, order: int) -> Iterator[str]:
    """A program that fails in the same way."""
    node, local = culprit.node, culprit.local
    primitive = node.primitive
    public = getattr(getattr(ops, primitive.name, None), "primitive", None) is primitive
    places = [int(name.split()[1]) for name in local.names]
    yield "import numpy as np"
    yield "import minigrad as mg"
    if not public:
        yield "from minigrad.graph import registry  # and import the module that declares the op"
    if any(np.size(value) > NUMBERS for value in node.values or ()):
        yield "# large arrays are others of the same range"
    yield from (f"x{i} = {abridged(node.values[i])}" for i in places)  # type: ignore[index]
    given = ", ".join(f"x{i}" for i in places)
    arguments = [f"x{i}" if i in places else abridged(value) for i, value in enumerate(node.values or ())]
    arguments += [f"{key}={literal(value)}" for key, value in node.settings.items()]
    op = f"mg.ops.{primitive.name}" if public else f'registry["{primitive.name}"].apply'
    mode = "dot" if check is dot_product else "direction"
    call = f"lambda {given}: {op}({', '.join(arguments)})"
    yield f'mg.testing.check_gradients({call}, {given}, order={order}, modes="{mode}")'
