"""Numba, asked for late: nothing is imported or compiled before the first use, and what is compiled stays on disk."""

import functools
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

PATIENCE = 1.0  # seconds of silence before a first use says what it is doing

_lock = threading.RLock()
_alive: list[Any] = []  # the owners of the machine code; a ufunc does not keep its own


def available() -> bool:
    """Whether Numba may compile: NUMBA_DISABLE_JIT=1 says no."""
    return not settings()["DISABLE_JIT"]


@functools.cache
def settings() -> dict[str, Any]:
    """Numba's own, as they are now."""
    from numba import config

    return vars(config)


@contextmanager
def first_use(what: str) -> Iterator[None]:
    """One thread at a time; a line on stderr when it takes longer than PATIENCE."""
    line = f"minigrad: compiling {what} (once, where Numba's cache folder can be written)"
    with _lock:
        timer = threading.Timer(PATIENCE, print, [line], {"file": sys.stderr, "flush": True})
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def ufunc(function: Callable[..., Any], dtype: np.dtype) -> np.ufunc:
    """A NumPy ufunc with one loop, `function` of `dtype` numbers, compiled now or loaded from Numba's cache."""
    from numba import from_dtype, vectorize

    number = from_dtype(dtype)
    signature = number(*[number] * function.__code__.co_argcount)

    def build(cache: bool) -> Any:
        return vectorize([signature], cache=cache, fastmath={"contract"})(function)

    try:
        compiled = build(cache=True)
    except (RuntimeError, OSError):  # no folder to cache in, or none that can be written
        compiled = build(cache=False)
    _alive.append(compiled)
    return compiled.ufunc  # Numba's own wrapper around it looks for overrides first: 0.87 us a call, not 0.27


def compiled(function: Callable[..., Any], fastmath: Collection[str] = ("contract",)) -> Any:
    """The function compiled for each kind of arguments, at their first use, without the GIL."""
    from numba import njit

    options: Any = {"nogil": True, "error_model": "numpy", "fastmath": {*fastmath}}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # no folder to cache in
        return njit(**options)(function)


def announced(function: Callable[..., Any], what: str) -> Callable[..., Any]:
    """The function, whose first call says what it is doing if it takes long."""
    fresh = [True]

    def call(*arguments: Any) -> Any:
        if not fresh:
            return function(*arguments)
        with first_use(what):
            result = function(*arguments)
            fresh.clear()
            return result

    return call
