"""kernels.memory: used again when the last array on it is gone, and never before."""

import gc
import os
import platform
import sys
import threading
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.kernels import memory
from tests.kernels.processes import run

LARGE = memory.SMALLEST  # bytes


@pytest.fixture(autouse=True)
def empty_shelves(monkeypatch):
    monkeypatch.setattr(memory, "shelf", memory.Shelf())


def address(array):
    return array.__array_interface__["data"][0]


@given(shape=st.lists(st.integers(0, 60), max_size=4).map(tuple),
       dtype=st.sampled_from([np.float32, np.float64, np.int8, bool]))  # fmt: skip
def test_like_empty(shape, dtype):
    array = memory.empty(shape, dtype)
    assert array.shape == shape and array.dtype == dtype
    assert array.flags.c_contiguous and array.flags.writeable and array.flags.aligned
    array[...] = 1
    assert np.all(array == 1)


def test_freed_memory_is_used_again():
    first = memory.empty((LARGE,), np.int8)
    place = address(first)
    assert address(memory.empty((LARGE,), np.int8)) != place
    del first
    assert place in [address(a) for a in [memory.empty((LARGE,), np.int8) for _ in range(2)]]


def test_not_while_a_view_is_alive():
    array = memory.empty((LARGE,), np.float32)
    place = address(array)
    view = array.reshape(2, -1)[1:, ::3].T
    view[...] = 5
    del array
    gc.collect()
    others = [memory.empty((LARGE,), np.float32) for _ in range(4)]
    for other in others:
        other[...] = 0
    assert place not in map(address, others) and np.all(view == 5)
    del view
    assert address(memory.empty((LARGE,), np.float32)) == place


def test_weak_references_die_with_the_array():
    array = memory.empty((LARGE,), np.int8)
    reference = weakref.ref(array)
    del array
    assert reference() is None


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5)), max_size=30))
def test_living_arrays_never_meet(steps):
    """Arrays come and go; each keeps what was written into it."""
    alive = {}
    for i, (slot, size) in enumerate(steps):
        array = memory.empty((size * LARGE // 8,), np.float64)
        array[...] = i
        alive[slot] = (i, array)
        assert all(np.all(array == number) for number, array in alive.values())


def test_small_ones_are_not_kept():
    memory.empty((LARGE - 1,), np.int8)
    assert not memory.shelf.free and not memory.shelf.kept


def test_bounded(monkeypatch):
    monkeypatch.setattr(memory, "shelf", memory.Shelf(3 * LARGE))
    arrays = [memory.empty((LARGE,), np.int8) for _ in range(8)]
    del arrays
    kept = sum(block.nbytes for shelf in memory.shelf.free.values() for block in shelf)
    assert 0 < kept == memory.shelf.kept <= 3 * LARGE
    again = [memory.empty((LARGE,), np.int8) for _ in range(8)]
    assert memory.shelf.kept == 0 and len({address(a) for a in again}) == 8


def test_many_threads():
    good = []

    def work(number):
        for i in range(200):
            array = memory.empty((LARGE + i % 3 * LARGE,), np.uint8)
            array[...] = number
            other = memory.empty((LARGE,), np.uint8)
            other[...] = 100 + number
            good.append(bool(np.all(array == number)))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(good) == 1200 and all(good)


def test_the_garbage_collector_may_come_at_any_time():
    code = """
import faulthandler, gc
from minigrad.kernels import memory
faulthandler.dump_traceback_later(60, exit=True)
class Cycle: pass
with memory.shelf.lock:
    cycle = Cycle()
    cycle.itself, cycle.array = cycle, memory.empty((memory.SMALLEST,), "b")
    del cycle
    gc.collect()
print(memory.shelf.kept)
"""
    assert int(run("-c", code).stdout) > 0


def test_alive_at_exit():
    code = "from minigrad.kernels import memory\nkeep = [memory.empty((1 << 20,), 'b') for _ in range(3)]"
    assert run("-W", "error", "-c", code).stderr == ""


@pytest.mark.skipif(sys.platform != "linux" or platform.libc_ver()[0] != "glibc", reason="glibc's malloc alone is told")
@pytest.mark.parametrize("told, kept", [({}, True), ({"MALLOC_TRIM_THRESHOLD_": "131072"}, False)])
def test_malloc_keeps_pages_unless_the_user_told_it_something(told, kept):
    code = """
import resource
import numpy as np
import minigrad
x = np.ones(1 << 20)
for i in range(30):
    if i == 10:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    x + 1
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    clean = {name: "" for name in os.environ if name.startswith(("MALLOC_", "GLIBC_TUNABLES"))}
    faults = int(run("-c", code, **clean, **told, NUMPY_MADVISE_HUGEPAGE="0").stdout)
    assert faults < 1000 if kept else faults > 10_000  # 20 arrays of 2,048 pages each
