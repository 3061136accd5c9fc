"""One pool of threads for everything that is worth sharing. Kernels release the GIL; each thread takes a range.

Who waits stays awake for a while (`spin.py`): to share costs 8 us then, and 60 us where all have to be woken.
"""

import functools
import os
import threading
from collections.abc import Callable
from itertools import pairwise
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

import numpy as np

from . import compile

Work = Callable[[int, int], Any]
AWAKE = 300  # us that a caller waits awake for the others, and they for what comes next
APART = 3  # us from one helper's start to the next one's: until the one before has let go of the GIL
_size = 0  # threads in all, the caller's included; 0: not asked yet
_tasks: SimpleQueue["Task"] = SimpleQueue()
_helpers: list[threading.Thread] = []
_lock = threading.Lock()
_bell = np.zeros(1, np.int64)  # says something new when there are new tasks


class Spin(NamedTuple):
    """What `spin.py` has, and how many turns it makes in a microsecond."""

    until: Callable[..., bool]
    rest: Callable[..., None]
    step_aside: Callable[[list[int]], None]
    turns: float


@functools.cache
def spin() -> Spin | None:
    """How to wait awake; None where nothing may be compiled."""
    if not compile.available():
        return None
    from . import spin

    with compile.first_use("a pool of threads"):
        spin.step_aside([])
        return Spin(spin.until, spin.rest, spin.step_aside, spin.turns_per_microsecond())


class Done:
    """What a caller waits for: the end of a task, and the error that it may have ended with."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self.said = np.zeros(1, np.int64)  # 1: done, for a caller that is still awake
        self.lock = threading.Lock()
        self.lock.acquire()

    def wait(self) -> None:
        if (awake := spin()) is not None:
            awake.until(self.said, 0, int(AWAKE * awake.turns))
        self.lock.acquire()


class Task(NamedTuple):
    """A part of what is shared. `taken`: the processors of those who do it."""

    work: Work
    start: int
    stop: int
    done: Done
    taken: list[int]


def set_num_threads(n: int) -> None:
    """How many threads share the work from now on (at first: the processors that this process may use).

    They serve matrix products, recurrences and long elementwise loops. Raises ValueError unless n is at least 1.
    """
    global _size
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise ValueError(f"set_num_threads: expected a number of threads, 1 or more, got {n!r}")
    _size = n


def get_num_threads() -> int:
    """How many threads share the work."""
    if not _size:
        affinity = getattr(os, "sched_getaffinity", None)  # Linux alone has it
        set_num_threads(len(affinity(0)) if affinity else os.cpu_count() or 1)
    return _size


def share(work: Work, total: int, threads: int) -> None:
    """Call work(start, stop) on parts of range(total) at once, one for each of at most `threads` threads."""
    threads = min(threads, total, get_num_threads())
    if threads <= 1 or threading.current_thread() in _helpers:  # a helper that waited for helpers would wait for ever
        work(0, total)
        return
    while len(_helpers) < threads - 1:
        _start_helper()
    bounds = [i * total // threads for i in range(threads + 1)]
    waiting: list[Done] = []
    taken: list[int] = []
    if (awake := spin()) is not None:
        awake.step_aside(taken)
    for start, stop in pairwise(bounds[1:]):
        waiting.append(Done())
        _tasks.put(Task(work, start, stop, waiting[-1], taken))
    _bell[0] += 1
    try:
        work(0, bounds[1])
    finally:
        for done in waiting:
            done.wait()
    for done in waiting:
        if done.error is not None:
            raise done.error


def _start_helper() -> None:
    spin()  # compiled by a caller, not by its helpers
    with _lock:
        helper = threading.Thread(target=_help, args=(_tasks, len(_helpers)), name="minigrad", daemon=True)
        _helpers.append(helper)
        helper.start()


def _help(tasks: SimpleQueue[Task], index: int) -> None:
    awake, done = spin(), Done()
    while True:
        heard, before = int(_bell[0]), done
        try:
            work, start, stop, done, taken = tasks.get_nowait()
            before.said[0] = 1
        except Empty:
            if awake is not None:  # says it without the GIL, which the caller wants next
                awake.rest(before.said, _bell, heard, int(AWAKE * awake.turns), int(APART * (index + 1) * awake.turns))
            work, start, stop, done, taken = tasks.get()
        if awake is not None:
            awake.step_aside(taken)
        try:
            work(start, stop)
        except BaseException as error:
            done.error = error
        finally:
            del work
            done.lock.release()


def _after_fork() -> None:
    """A child has none of its parent's threads."""
    global _tasks, _lock
    _tasks, _lock = SimpleQueue(), threading.Lock()
    _helpers.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
