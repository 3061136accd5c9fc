"""What a page can show, as plain data: a dataclass for each kind of section."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Section:
    """A heading, and a line of prose under it."""

    title: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Rows(Section):
    """A table: a heading for each column, and rows of text."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.headings):
                raise ValueError(f"Rows: expected {len(self.headings)} entries, one a heading, got {list(row)}")


@dataclass(frozen=True)
class Panel:
    """Lines in one pair of axes: numbers by name, one for each x, which counts up from `first` by `step`.

    `dots` marks one point of a line by its index. log: upwards, powers of ten; what is not above 0 is left out then.
    """

    title: str
    series: Mapping[str, Sequence[float]]
    x: str = "epoch"
    unit: str = ""
    first: int = 1
    step: int = 1
    log: bool = True
    dots: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.series or not all(map(len, self.series.values())):
            raise ValueError(f"Panel {self.title!r}: expected at least one line, and no empty one; leave the panel out")


@dataclass(frozen=True, kw_only=True)
class Curves(Section):
    """Panels of lines, side by side where there is room."""

    panels: Sequence[Panel]


@dataclass(frozen=True)
class FlowAt:
    """The flow at one time of training.

    norms: |dL_t/dh_s| [losses, states], by rule the losses of steps 1 to T, and the states 0 (before the first step)
    to T. jacobian: |dh_t/dh_0| [states], or None.
    """

    label: str
    norms: np.ndarray
    jacobian: np.ndarray | None = None

    def __post_init__(self) -> None:
        losses, states = np.shape(self.norms) if np.ndim(self.norms) == 2 else (0, 0)
        if not losses or not states:
            raise ValueError(f"FlowAt {self.label!r}: expected norms [losses, states], got {np.shape(self.norms)}")
        if self.jacobian is not None and np.shape(self.jacobian) != (states,):
            raise ValueError(
                f"FlowAt {self.label!r}: expected jacobian [states] = ({states},), got {np.shape(self.jacobian)}"
            )


@dataclass(frozen=True)
class Flows:
    """The flow through one recurrent network, at several times of training (the slider's stops), of one shape.

    ends: lengths of sequences that end before the last step. cuts: steps, from 0, whose incoming state had no
    history, so that no gradient passes. first: the step of the first loss.
    """

    name: str
    stops: Sequence[FlowAt]
    ends: Sequence[int] = ()
    cuts: Sequence[int] = ()
    first: int = 1

    def __post_init__(self) -> None:
        if len({np.shape(stop.norms) for stop in self.stops}) != 1:
            shapes = [np.shape(stop.norms) for stop in self.stops]
            raise ValueError(f"Flows {self.name!r}: expected norms of one shape at one time at least, got {shapes}")


@dataclass(frozen=True, kw_only=True)
class FlowSection(Section):
    """Gradients through time: the picture of |dL_t/dh_s| with a slider over training, |dh_t/dh_0| under it."""

    flows: Sequence[Flows]


@dataclass(frozen=True)
class Units:
    """What the units of one network did over one sequence.

    steps: what was read at each step, a word, a letter or "". values: by name ("h", "f", ...) an array [time, units],
    the units in the order in which they are offered, most telling first; `units` has their numbers. saliency: [time],
    how much each step spoke for the loss. picture: [time, features], if what is read is a picture, a row a step.
    """

    name: str
    steps: Sequence[str]
    values: Mapping[str, np.ndarray]
    units: Sequence[int]
    saliency: np.ndarray | None = None
    picture: np.ndarray | None = None

    def __post_init__(self) -> None:
        wanted = (len(self.steps), len(self.units))
        for name, array in self.values.items():
            if np.shape(array) != wanted:
                raise ValueError(f"Units {self.name!r}: expected {name} [time, units] {wanted}, got {np.shape(array)}")
        for name, along in (("saliency", self.saliency), ("picture", self.picture)):
            if along is not None and len(along) != wanted[0]:
                raise ValueError(f"Units {self.name!r}: expected {name} of {wanted[0]} steps, got {len(along)}")


@dataclass(frozen=True, kw_only=True)
class UnitsSection(Section):
    """States and gates over text or over a picture's rows: colour by one unit, chosen from a list.

    joined: whether the steps are letters, to be shown without gaps.
    """

    views: Sequence[Units]
    joined: bool = False


@dataclass(frozen=True)
class Attention:
    """weights [written, read]: how much each written token looked at each one read."""

    name: str
    read: Sequence[str]
    written: Sequence[str]
    weights: np.ndarray

    def __post_init__(self) -> None:
        wanted = (len(self.written), len(self.read))
        if np.shape(self.weights) != wanted or not all(wanted):
            raise ValueError(
                f"Attention {self.name!r}: expected weights [written, read] {wanted}, none of them 0, "
                f"got {np.shape(self.weights)}"
            )


@dataclass(frozen=True, kw_only=True)
class AttentionSection(Section):
    """Where a decoder looked."""

    views: Sequence[Attention]


@dataclass(frozen=True)
class Box:
    """A box of a graph, with lines of text under its title.

    kind: "op", "module", "leaf", "constant" or "loop". inputs: the indices of boxes before it. depth: a box that is
    followed by deeper ones is a frame around them.
    """

    title: str
    lines: Sequence[str] = ()
    kind: str = "op"
    inputs: Sequence[int] = ()
    depth: int = 0


@dataclass(frozen=True, kw_only=True)
class GraphSection(Section):
    """Boxes in one column, inputs above what is made of them; `texts` say the same in words, or in other languages."""

    boxes: Sequence[Box]
    texts: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_order("GraphSection", self.boxes)


@dataclass(frozen=True)
class WalkStep:
    """One visit of the way back. rule: source code. sent, arrived: pairs of a name and a value, in words.

    box: the index of the node visited among the section's boxes.
    """

    op: str
    rule: str
    output: str
    cotangent: str
    sent: Sequence[tuple[str, str]]
    arrived: Sequence[tuple[str, str]]
    box: int


@dataclass(frozen=True, kw_only=True)
class WalkSection(Section):
    """The way back, one node at a time: next and previous; the graph beside it."""

    boxes: Sequence[Box]
    steps: Sequence[WalkStep]

    def __post_init__(self) -> None:
        check_order("WalkSection", self.boxes)


def check_order(name: str, boxes: Sequence[Any]) -> None:
    """Refuse no boxes, and one that comes before its input."""
    if not boxes:
        raise ValueError(f"{name}: expected at least one box, got none")
    for i, box in enumerate(boxes):
        if not all(0 <= source < i for source in box.inputs):
            raise ValueError(f"{name}: expected inputs before box {i} ({box.title}), got {list(box.inputs)}")
