"""Whether the present thread records what it computes."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import ContextDecorator


class Mode(threading.local):
    """What the present thread does: `recording` is off under `no_grad`; `tracing` records comparisons too.

    `checking` is on under `detect_anomaly`, which tells the `step` of a loop over `steps`.
    """

    recording = True
    tracing = False
    checking = False
    step: int | None = None


mode = Mode()


def steps(order: Iterable[int]) -> Iterator[int]:
    """The steps of a loop over time, one by one; of a loop inside another the outer one's are `mode.step`."""
    if mode.step is not None:
        yield from order
        return
    try:
        for mode.step in order:
            yield mode.step
    finally:
        mode.step = None


class no_grad(ContextDecorator):  # noqa: N801 (PyTorch's name, which everybody knows)
    """Record nothing inside, as a context or a decorator: results carry no gradient."""

    recording = False

    def __init__(self) -> None:
        self.outside: list[bool] = []  # one for each time that it was entered

    def __enter__(self) -> None:
        self.outside.append(mode.recording)
        mode.recording = self.recording

    def __exit__(self, *_: object) -> None:
        mode.recording = self.outside.pop()

    def _recreate_cm(self) -> no_grad:  # a decorated function may call itself
        return type(self)()


class enable_grad(no_grad):  # noqa: N801
    """Record inside, also where `no_grad` rules outside."""

    recording = True
