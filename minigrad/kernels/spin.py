"""Waiting awake, for the threads of the pool: one that sleeps takes 40 us to wake. Only importing this needs Numba."""

import os
import time
from typing import Any

import numpy as np
from numba import types

from .compile import compiled
from .rows import intrinsic

if hasattr(os, "sched_yield"):
    give_way = types.ExternalFunction("sched_yield", types.int32())
else:

    @compiled
    def give_way() -> int:
        """Nothing, where the system has no such call."""
        return 0


@intrinsic
def glance(context: Any, cell: Any) -> Any:
    """cell[0] as it is now, whoever wrote it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        return builder.load_atomic(array.data, "acquire", 8)

    return types.int64(cell), generate


@intrinsic
def ring(context: Any, cell: Any, value: Any) -> Any:
    """cell[0] = value, after all that was written before."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        builder.store_atomic(arguments[1], array.data, "release", 8)
        return context.get_dummy_value()

    return types.none(cell, types.int64), generate


@compiled
def until(cell: Any, old: int, turns: int) -> bool:
    """Whether cell[0] ceases to be `old` within so many turns.

    The system may have put on one core who waits and who is waited for: without giving way, both lose all patience.
    """
    for _ in range(turns):
        if glance(cell) != old:
            return True
        give_way()
    return False


@compiled
def rest(mine: Any, bell: Any, heard: int, turns: int, pause: int) -> None:
    """Say 1 in `mine`; then stay awake until the bell says something new, and for a pause after it."""
    ring(mine, 1)
    if until(bell, heard, turns):
        until(mine, 1, pause)


def turns_per_microsecond() -> float:
    """Measured, in some hundred microseconds."""
    cell, turns = np.zeros(1, np.int64), 1 << 9
    until(cell, 0, 1)
    start = time.perf_counter()
    until(cell, 0, turns)
    return turns / (time.perf_counter() - start) / 1e6
