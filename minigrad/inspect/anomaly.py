"""detect_anomaly: which op made the first NaN or infinity, at which step of a sequence, in which line of code."""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import ContextDecorator
from pathlib import Path
from threading import Lock
from types import FrameType, FunctionType
from typing import Any, NamedTuple

import numpy as np

from ..graph import Primitive
from ..mode import mode
from ..node import Node, Traced
from ..tensor import Tensor

LIBRARY = f"{Path(__file__).parents[1]}{os.sep}"
_lock, _inside = Lock(), 0  # of how many contexts, in all threads


class detect_anomaly(ContextDecorator):  # noqa: N801 (PyTorch's name, which everybody knows)
    """Raise FloatingPointError at the first op that makes a NaN or an infinity; a context or a decorator.

    Both ways count: forward inside the context, and `backward()` of what was recorded inside, wherever it is called.
    The error names the op, the entry, the time step (in networks of `models`) and the line of code. Networks and
    fused functions run op by op here, some 5 to 20 times slower. An infinity that came in from outside may pass
    through, as that of a mask does; a NaN may not.
    """

    def __init__(self) -> None:
        self.outside: list[tuple[bool, int | None]] = []

    def __enter__(self) -> None:
        global _inside
        self.outside.append((mode.checking, mode.step))
        mode.checking, mode.step = True, None
        with _lock:
            _inside += 1
            Traced.wrap = checked  # type: ignore[assignment]

    def __exit__(self, *_: object) -> None:
        global _inside
        mode.checking, mode.step = self.outside.pop()
        with _lock:
            _inside -= 1
            if not _inside:
                Traced.wrap = Tensor

    def _recreate_cm(self) -> detect_anomaly:  # a decorated function may call itself
        return type(self)()


class Place(NamedTuple):
    """Where an op was called: lines of code, innermost first, and the step of a loop over time."""

    lines: Sequence[str]
    step: int | None

    def __str__(self) -> str:
        step = [] if self.step is None else [f"at time step {self.step}, counted from 0"]
        return "".join(f"\n  {text}" for text in (*step, *self.lines))


class Watched:
    """A primitive whose rule looks at what it sends back."""

    def __init__(self, primitive: Any, place: Place) -> None:
        self.primitive, self.place = primitive, place

    def __getattr__(self, name: str) -> Any:
        return getattr(self.primitive, name)

    def rule(self, g: Any, y: Any, *inputs: Any, **settings: Any) -> tuple[Any, ...]:
        """The primitive's own cotangents, all finite."""
        sent = self.primitive.rule(g, y, *inputs, **settings)
        sent = sent if type(sent) is tuple else (sent,)
        arrived = [*(g if isinstance(g, tuple) else (g,)), *inputs]
        return tuple(self.looked_at(i, c, arrived) for i, c in enumerate(sent))

    def looked_at(self, i: int, c: Any, arrived: Iterable[Any]) -> Any:
        """The cotangent of input i; what is made only if it is wanted is looked at then."""
        if type(c) is FunctionType:
            return lambda: self.looked_at(i, c(), arrived)
        if c is not None and (trouble := first_trouble(c, arrived)):
            name = self.primitive.name
            raise FloatingPointError(f"detect_anomaly: backward of {name} sent {trouble} to its input {i}{self.place}")
        return c


def checked(array: Any, node: Node | None = None, index: int | None = None) -> Tensor:
    """The Tensor that an op returns, if it is finite."""
    if mode.checking and not mode.tracing:
        frame = sys._getframe(1)
        primitive, values = (node.primitive, node.values) if node else called(frame)
        if trouble := first_trouble(array, values or ()):
            name = getattr(primitive, "name", "an op")
            raise FloatingPointError(f"detect_anomaly: {name} returned {trouble}{place(frame)}")
        if node is not None and node.primitive.rule and not isinstance(node.primitive, Watched):
            node.primitive = Watched(node.primitive, place(frame))
    return Tensor(array, node, index)


def called(frame: FrameType | None) -> tuple[Any, Sequence[Any]]:
    """The primitive that is being called, where it is not recorded, and its inputs."""
    while frame is not None and frame.f_code.co_filename.startswith(LIBRARY):
        seen = frame.f_locals
        for this in (seen.get("this"), seen.get("self")):
            if isinstance(this, Primitive):
                return this, seen.get("values") or [seen.get("value")]
        frame = frame.f_back
    return None, ()


def first_trouble(array: Any, sources: Iterable[Any]) -> str:
    """What is not finite in an array, and where; "" for nothing, or for infinities that one of its sources had."""
    entries = entries_of(array)
    finite = np.isfinite(entries)
    if finite.all():
        return ""
    given = [entries_of(source) for source in sources]
    if any(np.isinf(x).any() for x in given):
        finite = ~np.isnan(entries)
        if finite.all():
            return ""
    first = tuple(map(int, np.argwhere(~finite)[0]))
    count = entries.size - np.count_nonzero(finite)
    kind = f"{float(entries[first])} at {first}" + (f" ({count} of {entries.size} entries)" if entries.size > 1 else "")
    known = [f"input {i} held a NaN already" for i, x in enumerate(given) if np.isnan(x).any()]
    return ", as ".join([kind, *known[:1]])


def entries_of(x: Any) -> np.ndarray:
    """Numbers as an array; none for what holds no floats."""
    array = np.asarray(x.array if isinstance(x, Traced) else x)
    return array if array.dtype.kind in "fc" else np.empty(0)


def place(frame: FrameType | None) -> Place:
    """Where the library was called: by `models`, say, and the first line that belongs to neither."""
    lines, seen_models = [], False
    while frame is not None:
        path, package = frame.f_code.co_filename, frame.f_globals.get("__package__") or ""
        inside = package.split(".")[0] == "models"
        if not path.startswith(LIBRARY) and not (inside and seen_models):
            line = linecache.getline(path, frame.f_lineno).strip()
            lines.append(f"{path}:{frame.f_lineno}, in {frame.f_code.co_name}: {line}")
            if not inside:
                break
            seen_models = True
        frame = frame.f_back
    return Place(lines, mode.step)
