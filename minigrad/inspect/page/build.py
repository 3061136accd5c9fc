"""Parts of a page from what `minigrad.inspect` found: flows, watched runs, drawings, walks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ...errors import describe
from ...node import Node, Traced
from ..draw import Drawing
from ..flow import Flow
from ..graph import array_of, outputs_of
from ..walk import Step, numbers
from ..watch import Run
from .sections import Box, FlowAt, Flows, GraphSection, Units, WalkSection, WalkStep

MOST = 64  # units of a network that are shown


def flows(
    name: str, found: Mapping[str, Flow], jacobians: Mapping[str, np.ndarray] | None = None, first: int = 1
) -> Flows:
    """The flow through one network, at one or several times of training: means over the batch.

    found: by what the slider says ("epoch 3"), what `gradient_flow` gave. jacobians: by the same, what
    `state_jacobians` gave. first: the step of the first loss; that of a classifier that has one loss, at the end, is
    the number of steps.
    """
    flow = next(iter(found.values()))
    steps = flow.norms.shape[1] - 1
    ends = [] if flow.lengths is None else [int(length) for length in flow.lengths if length < steps]
    stops = []
    for label, each in found.items():
        jacobian = jacobians.get(label) if jacobians else None
        stops.append(FlowAt(label, each.mean, None if jacobian is None else mean_within(jacobian, each)))
    return Flows(name, stops, ends, flow.cuts, first)


def mean_within(jacobian: np.ndarray, flow: Flow) -> np.ndarray:
    """The mean over the sequences that have not ended [states]; backward, the first state is the last."""
    within = flow.within
    mean = np.where(within, jacobian, 0).sum(axis=1) / np.maximum(within.sum(axis=1), 1)
    return mean[::-1] if flow.reverse else mean


def units(
    name: str,
    run: Run,
    sequence: int,
    steps: Sequence[str] = (),
    order: Sequence[int] | np.ndarray | None = None,
    saliency: np.ndarray | None = None,
    picture: np.ndarray | None = None,
) -> Units:
    """States and gates of one of a run's sequences, up to its end.

    steps: what was read at each step, in words. order: the units, most telling first, as `telling_units` gives them;
    64 are shown. saliency: [time]. picture: [time, features], if a step reads a row of one.
    """
    end = int(run.within[sequence].sum())
    arrays = {**{part: run.values(part) for part in run.parts}, **run.gates}
    chosen = np.arange(next(iter(arrays.values())).shape[2]) if order is None else np.asarray(order)
    chosen = chosen[:MOST]
    values = {kind: array[sequence, :end][:, chosen] for kind, array in arrays.items()}
    words = [*steps[:end], *[""] * (end - len(steps))]
    cut = [None if along is None else along[:end] for along in (saliency, picture)]
    return Units(name, words, values, chosen.tolist(), *cut)


def graph(title: str, drawing: Drawing, note: str = "") -> GraphSection:
    """A drawing, its frames and boxes in one column; as text and for Mermaid and Graphviz under it.

    Constants are in the texts alone.
    """
    flat = [(box, depth) for top in in_order(drawing) for box, depth in inside(top, 0) if box.kind != "constant"]
    place = {box: i for i, (box, _) in enumerate(flat)}
    inputs: dict[int, list[int]] = {i: [] for i in range(len(flat))}
    carried: dict[int, list[str]] = {i: [] for i in range(len(flat))}
    for arrow in drawing.arrows:
        if arrow.source not in place:
            continue
        source, target = place[arrow.source], place[arrow.target]
        if arrow.carried:
            carried[source].append(f"hands on {arrow.label}")
        elif source < target:
            inputs[target].append(source)
    boxes = []
    for i, (box, depth) in enumerate(flat):
        *around, what = box.title.split(": ")  # "Layer network: LSTMCell x 64"
        boxes.append(Box(what, [*around, *box.lines, *carried[i]], box.kind, inputs[i], depth))
    texts = {"As text": str(drawing), "For Mermaid": drawing.mermaid(), "For Graphviz": drawing.dot()}
    return GraphSection(title=title, note=note, boxes=boxes, texts=texts)


def in_order(drawing: Drawing) -> list[Any]:
    """The outermost boxes, leaves right before what they first go into."""
    top_of = {part: i for i, top in enumerate(drawing.boxes) for part in top.everything()}
    first = {box: float(i) for i, box in enumerate(drawing.boxes)}
    for box in drawing.boxes:
        if box.kind == "leaf":
            first[box] = min((top_of[a.target] - 0.5 for a in drawing.arrows if a.source is box), default=first[box])
    return sorted(drawing.boxes, key=first.__getitem__)


def inside(box: Any, depth: int) -> Iterator[tuple[Any, int]]:
    """A box and what is in it, with depths."""
    yield box, depth
    for part in box.parts:
        yield from inside(part, depth + 1)


def walk(title: str, steps: Iterable[Step], note: str = "") -> WalkSection:
    """The steps of `inspect.walk`, beside the graph that they go back through."""
    steps = list(steps)
    boxes: list[Box] = []
    place: dict[Node, int] = {}
    for step in reversed(steps):
        sources = [(name, x) for (name, _), x in zip(step.inputs, step.node.inputs or ()) if isinstance(x, Traced)]
        for name, x in sources:
            if x.node is not None and x.node not in place:
                place[x.node] = len(boxes)
                boxes.append(Box(name, [describe(array_of(x))], "leaf"))
        place[step.node] = len(boxes)
        lines = [", ".join(describe(y) for y in outputs_of(step.output))]
        inputs = [place[x.node] for _, x in sources if x.node is not None]
        boxes.append(Box(f"{step.name} = {step.op}", lines, "op", inputs))
    visits = [
        WalkStep(
            step.title,
            step.rule,
            numbers(step.output),
            numbers(step.cotangent),
            [(name, numbers(c)) for name, c in step.moves()],
            [(name, numbers(step.arrived[name])) for name, _ in step.moves()],
            place[step.node],
        )
        for step in steps
    ]
    return WalkSection(title=title, note=note, boxes=boxes, steps=visits)
