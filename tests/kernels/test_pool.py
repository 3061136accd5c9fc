"""kernels.pool: the range is shared once and for all; errors, nesting, other threads and forks do no harm."""

import os
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.kernels import pool
from tests.kernels.processes import run


@pytest.fixture(autouse=True)
def threads_as_before():
    before = pool.get_num_threads()
    yield
    pool.set_num_threads(before)


@given(total=st.integers(0, 50), threads=st.integers(1, 9), most=st.integers(1, 9))
def test_every_part_once(total, threads, most):
    pool.set_num_threads(most)
    parts = []
    pool.share(lambda start, stop: parts.append((start, stop)), total, threads)
    assert 1 <= len(parts) <= min(threads, most, max(total, 1))
    assert sorted(i for part in parts for i in range(*part)) == list(range(total))
    if total:
        sizes = [stop - start for start, stop in parts]
        assert max(sizes) - min(sizes) <= 1


def test_as_many_threads_at_once_as_there_are():
    pool.set_num_threads(3)
    together = threading.Barrier(3, timeout=60)  # breaks unless three wait at it
    pool.share(lambda start, stop: together.wait(), 3, 64)


def test_one_thread_is_the_callers():
    pool.set_num_threads(1)
    seen = []
    pool.share(lambda start, stop: seen.append(threading.current_thread()), 10, 64)
    assert seen == [threading.current_thread()]


@pytest.mark.parametrize("where", [0, 1, 2])
def test_an_error_comes_to_the_caller_after_all_is_done(where):
    pool.set_num_threads(3)
    done = []

    def work(start, stop):
        if start == where:
            raise KeyError(where)
        done.append(start)

    for _ in range(3):
        with pytest.raises(KeyError, match=str(where)):
            pool.share(work, 3, 3)
        assert sorted(done) == [i for i in range(3) if i != where]
        done.clear()
    pool.share(lambda start, stop: done.append(start), 3, 3)  # and the pool goes on
    assert sorted(done) == [0, 1, 2]


def test_nested():
    code = """
import faulthandler
from minigrad.kernels import pool
faulthandler.dump_traceback_later(60, exit=True)
for threads in (2, 3):
    pool.set_num_threads(threads)
    found = []
    inner = lambda a, b: found.extend(range(a, b))
    middle = lambda a, b: [pool.share(inner, 5, 64) for _ in range(a, b)]
    pool.share(lambda a, b: [pool.share(middle, 4, 64) for _ in range(a, b)], 6, 64)
    assert sorted(found) == sorted(6 * 4 * [0, 1, 2, 3, 4])
"""
    run("-c", code)


def test_many_callers_at_once():
    pool.set_num_threads(2)
    totals = []

    def work():
        for _ in range(100):
            parts = []
            pool.share(lambda start, stop, parts=parts: parts.extend(range(start, stop)), 20, 64)
            totals.append(sorted(parts) == list(range(20)))

    callers = [threading.Thread(target=work) for _ in range(8)]
    [caller.start() for caller in callers]
    [caller.join() for caller in callers]
    assert len(totals) == 800 and all(totals)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_has_a_pool_of_its_own():
    code = """
import faulthandler, os, warnings
import numpy as np
from minigrad.kernels import pool, products
warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside other threads
faulthandler.dump_traceback_later(120, exit=True)
pool.set_num_threads(2)
products.TOGETHER = 0
a = np.random.default_rng(0).normal(size=(80, 80))
before = products.product(a, a)
for _ in range(5):
    if child := os.fork():
        assert os.waitpid(child, 0)[1] == 0
    else:
        good = len(pool._helpers) == 0 and np.array_equal(products.product(a, a), before)
        os._exit(0 if good and len(pool._helpers) == 1 else 1)
assert np.array_equal(products.product(a, a), before)
"""
    run("-c", code)


@pytest.mark.parametrize("n", [0, -1, 1.0, "2", None, True])
def test_refused(n):
    before = mg.get_num_threads()
    with pytest.raises(ValueError, match=f"set_num_threads: expected a number of threads, 1 or more, got {n!r}"):
        mg.set_num_threads(n)
    assert mg.get_num_threads() == before


def test_at_first_the_processors_of_this_process():
    code = "import os, minigrad as mg\nprint(mg.get_num_threads(), len(os.sched_getaffinity(0)))"
    if hasattr(os, "sched_getaffinity"):
        found, expected = run("-c", code).stdout.split()
        assert found == expected
    mg.set_num_threads(5)
    assert mg.get_num_threads() == 5


def test_results_do_not_depend_on_threads():
    x = np.random.default_rng(0).normal(size=300_000).astype(np.float32)
    fused = mg.fuse(lambda x: mg.tanh(x) * x)
    results = []
    for n in (1, 2, 5):
        mg.set_num_threads(n)
        leaf = mg.tensor(x, requires_grad=True)
        y = fused(leaf)
        y.backward(np.ones_like(x))
        results.append((y.numpy(), leaf.grad.numpy()))
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])
