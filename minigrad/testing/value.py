"""A value of a program while the program is drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..domain import Domain

PROBE = 1e-2  # how far inputs are moved to see how far values follow
REACH = 0.02  # inputs may move so far, and no value passes a kink or a tie
MARGIN = 0.05  # and no value is nearer to one than this
FOLLOWED = 8.0  # an operand's change for inputs that move by 1, at most
LARGEST, STEEPEST, MOST_ENTRIES = 100.0, 100.0, 64  # a result, its change for inputs that move by 1, and its size


class Value:
    """An array of the program that is being drawn, and what it becomes where the inputs are moved a little."""

    def __init__(self, versions: Sequence[np.ndarray]) -> None:
        self.versions = versions
        self.array = versions[0]
        self.shape = self.array.shape
        self.is_float = self.array.dtype.kind == "f"
        moved = [abs(other - self.array).max(initial=0) for other in versions[1:]] if self.is_float else [0.0]
        self.follows = float(max(moved)) / PROBE
        self.margin = max(MARGIN, REACH * self.follows)
        self.top = float(abs(self.array).max(initial=0))

    def keeps(self, domain: Domain) -> bool:
        """Whether the value is inside a domain and off its kinks, and stays so where the inputs move by REACH."""
        if not self.array.size:
            return True
        low, high = float(self.array.min()), float(self.array.max())
        inside = domain.low <= low and high <= domain.high and low - REACH * self.follows >= domain.low - MARGIN
        return (
            inside
            and self.follows <= FOLLOWED
            and all(abs(self.array - kink).min() >= self.margin for kink in domain.kinks)
        )

    @property
    def is_tame(self) -> bool:
        """Whether other steps can go on from it: not large, not steep, no subnormal number."""
        return self.array.size <= MOST_ENTRIES and (
            not self.is_float
            or bool(
                self.top <= LARGEST
                and self.follows <= STEEPEST
                and np.all((self.array == 0) | (abs(self.array) >= np.finfo(self.array.dtype).tiny))
            )
        )
