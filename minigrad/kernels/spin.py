"""Waiting awake, for the threads of the pool: one that sleeps takes 40 us to wake. Only importing this needs Numba."""

import math
import os
import time
from contextlib import suppress
from typing import Any

import numpy as np
from numba import types

from .compile import compiled
from .rows import intrinsic

SLOWEST = 0.2  # turns in a microsecond

if hasattr(os, "sched_yield"):
    give_way = types.ExternalFunction("sched_yield", types.int32())
else:

    @compiled
    def give_way() -> int:
        """Nothing, where the system has no such call."""
        return 0


if hasattr(os, "sched_setaffinity"):  # Linux
    sched_getcpu = types.ExternalFunction("sched_getcpu", types.int32())

    @compiled
    def processor() -> Any:
        """The number of the processor that this thread is on."""
        return sched_getcpu()
else:

    def processor() -> Any:
        """One that no processor has, where the system does not say."""
        return -1


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


def step_aside(taken: list[int]) -> None:
    """Leave the processors `taken` by others who do the same work, if there is a free one; then take this thread's.

    The system leaves two threads on one processor, the other idle, for as long as each sleeps or gives way within a
    tick: a loop of 12 x 20 x 100 x 128 then takes 0.66 ms, not 0.36.
    """
    if (here := processor()) in taken and here >= 0:
        with suppress(OSError):  # forbidden, as in a sandbox
            allowed = os.sched_getaffinity(0)  # this thread's own
            if free := allowed.difference(taken):
                os.sched_setaffinity(0, free)
                os.sched_setaffinity(0, allowed)
        here = processor()
    taken.append(here)


def turns_per_microsecond() -> float:
    """Measured, in half a millisecond: the best of short runs, as another process may have the processor in between.

    Where it has it all the time, at least as many as the slowest of systems would make.
    """
    cell, turns, shortest = np.zeros(1, np.int64), 4, math.inf
    until(cell, 0, 1)
    end = time.perf_counter() + 5e-4
    while (start := time.perf_counter()) < end:
        until(cell, 0, turns)
        shortest = min(shortest, time.perf_counter() - start)
    return max(SLOWEST, turns / (shortest * 1e6))
