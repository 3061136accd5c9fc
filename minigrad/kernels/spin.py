"""Waiting awake, for the threads of the pool: one that sleeps takes 40 us to wake. Only importing this needs Numba."""

import platform
import time
from typing import Any

import numpy as np
from llvmlite import ir
from numba import extending, types

from .compile import compiled

intrinsic: Any = extending.intrinsic  # its type hints ask for the context, which no call gives
BREATH = {"x86_64": "llvm.x86.sse2.pause", "AMD64": "llvm.x86.sse2.pause"}.get(platform.machine())


@intrinsic
def glance(context: Any, cell: Any) -> Any:
    """cell[0] as it is now, whoever wrote it; and a breath, which leaves the core to a thread that shares it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if BREATH:
            builder.call(builder.module.declare_intrinsic(BREATH, (), ir.FunctionType(ir.VoidType(), [])), [])
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
    """Whether cell[0] ceases to be `old` within so many turns."""
    for _ in range(turns):  # noqa: SIM110  what Numba reads
        if glance(cell) != old:
            return True
    return False


@compiled
def rest(mine: Any, bell: Any, heard: int, turns: int, pause: int) -> None:
    """Say 1 in `mine`; then stay awake until the bell says something new, and for a pause after it."""
    ring(mine, 1)
    if until(bell, heard, turns):
        until(mine, 1, pause)


def turns_per_microsecond() -> float:
    """Measured, in a third of a millisecond."""
    cell, turns = np.zeros(1, np.int64), 1 << 13
    until(cell, 0, 1)
    start = time.perf_counter()
    until(cell, 0, turns)
    return turns / (time.perf_counter() - start) / 1e6
