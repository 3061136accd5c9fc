"""Where a primitive is smooth: for tests, which draw their inputs from there."""

from typing import NamedTuple


class Domain(NamedTuple):
    """`low <= x <= high`, off the `kinks`; with `distinct`, no two entries that are compared may be equal."""

    low: float = -3.0
    high: float = 3.0
    kinks: tuple[float, ...] = ()
    distinct: bool = False


REAL = Domain()
POSITIVE = Domain(low=0.2)
NONZERO = Domain(kinks=(0.0,))
DISTINCT = Domain(distinct=True)
