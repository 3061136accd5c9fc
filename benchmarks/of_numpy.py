"""What bounds the others: copying the arrays that elementwise work reads and writes, and a large matrix product."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .work import Work, normal

Run = Callable[[], Sequence[Any]]


def elementwise(work: Work) -> Run:
    """Forward reads one array and writes one; so does backward, at the least."""
    (size,) = work.shape
    x, g, y, to_x = normal(0, size), normal(1, size), np.empty(size, np.float32), np.empty(size, np.float32)

    def run() -> list[Any]:
        np.copyto(y, x)
        np.copyto(to_x, g)
        return []

    return run


def sgemm(work: Work) -> Run:
    (size,) = work.shape
    a, b = normal(0, size, size), normal(1, size, size)
    return lambda: [a @ b]


MAKERS: dict[str, Callable[[Work], Run]] = {"elementwise": elementwise, "sgemm": sgemm}
