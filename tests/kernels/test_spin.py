"""kernels.spin: who waits awake sees what other threads write, and gives up in the end."""

import os
import threading
import time

import numpy as np
import pytest

from minigrad.kernels import compile, pool
from tests.kernels.processes import run

if not compile.available():
    pytest.skip("nothing may be compiled", allow_module_level=True)

from minigrad.kernels import spin

FOR_EVER = 1 << 60  # turns


def cell(value=0):
    return np.full(1, value, np.int64)


def ended(thread):
    thread.join(timeout=60)
    return not thread.is_alive()


def test_until_something_else_is_there():
    watched, found = cell(5), []
    thread = threading.Thread(target=lambda: found.append(spin.until(watched, 5, FOR_EVER)), daemon=True)
    thread.start()
    watched[0] = 6
    assert ended(thread) and found == [True]


def test_until_the_turns_are_over():
    assert spin.until(cell(5), 5, 1000) is False
    assert spin.until(cell(6), 5, 0) is False
    assert spin.until(cell(6), 5, 1) is True


def test_rest_says_so_and_ends_with_the_bell():
    mine, bell = cell(), cell(7)
    thread = threading.Thread(target=spin.rest, args=(mine, bell, 7, FOR_EVER, 1000), daemon=True)
    thread.start()
    assert spin.until(mine, 0, FOR_EVER) and mine[0] == 1
    bell[0] = 8
    assert ended(thread)


@pytest.mark.parametrize("heard, turns", [(7, 1000), (6, FOR_EVER)])
def test_rest_ends_without_the_bell_or_when_it_has_rung_already(heard, turns):
    mine = cell()
    spin.rest(mine, cell(7), heard, turns, 1000)
    assert mine[0] == 1


@pytest.fixture
def processors():
    """The processors of this thread, which stays on them."""
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("the system does not say which processor a thread is on")
    allowed = os.sched_getaffinity(0)
    yield sorted(allowed)
    assert os.sched_getaffinity(0) == allowed


def test_step_aside_to_the_one_that_is_free(processors):
    for free in processors * 3:
        taken = [p for p in processors if p != free]
        if taken:
            os.sched_setaffinity(0, {taken[0]})  # and so on one that is taken
            os.sched_setaffinity(0, processors)
        spin.step_aside(taken)
        assert sorted(taken) == processors and taken[-1] == free


def test_nobody_steps_aside_where_all_are_taken_or_none(processors):
    for taken in [*processors], []:
        before = len(taken)
        spin.step_aside(taken)
        assert len(taken) == before + 1 and taken[-1] in processors


@pytest.mark.parametrize("call", ["sched_getaffinity", "sched_setaffinity"])
def test_who_may_not_step_aside_stays(processors, monkeypatch, call):
    asked = []

    def forbidden(*arguments):
        asked.append(arguments)
        raise PermissionError("not here")

    monkeypatch.setattr(spin, "processor", lambda: processors[0])
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {*processors, -1})  # so that one is free
    monkeypatch.setattr(os, call, forbidden)
    taken = [*processors]
    spin.step_aside(taken)
    assert taken == [*processors, processors[0]] and len(asked) == 1


def test_a_processor_without_a_number_is_never_left(processors, monkeypatch):
    monkeypatch.setattr(spin, "processor", lambda: -1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: pytest.fail("asked"))
    taken = [-1]
    spin.step_aside(taken)
    assert taken == [-1, -1]


def test_all_who_share_say_where_they_are_in_one_list():
    code = """
import threading
from minigrad.kernels import pool
awake, seen = pool.spin(), []
def step_aside(taken):
    taken.append(threading.current_thread().name)
    seen.append([*taken])
pool.spin = lambda: awake._replace(step_aside=step_aside)
pool.set_num_threads(3)
for _ in range(2):
    pool.share(lambda start, stop: None, 9, 3)
    assert [len(taken) for taken in seen] == [1, 2, 3] and seen[0] == ["MainThread"], seen
    assert set(seen[2][1:]) == {"minigrad"}, seen
    seen.clear()
"""
    run("-c", code)


def test_turns_are_measured():
    assert spin.SLOWEST <= spin.turns_per_microsecond() < 1e5


def test_turns_that_others_took_do_not_count(monkeypatch):
    calm, count, until = spin.turns_per_microsecond(), 0, spin.until

    def disturbed(*arguments):
        nonlocal count
        count += 1
        if count == 2:  # the first run that is measured
            time.sleep(2e-4)
        return until(*arguments)

    monkeypatch.setattr(spin, "until", disturbed)
    assert spin.turns_per_microsecond() > calm / 20
    monkeypatch.setattr(spin, "until", lambda *arguments: time.sleep(1e-3))
    assert spin.turns_per_microsecond() == spin.SLOWEST


def test_the_pool_waits_asleep_where_nothing_may_be_compiled():
    code = """
from minigrad.kernels import pool
pool.set_num_threads(3)
for _ in range(100):
    parts = []
    pool.share(lambda start, stop: parts.append((start, stop)), 9, 3)
    assert sorted(parts) == [(0, 3), (3, 6), (6, 9)]
assert pool.spin() is None
"""
    run("-c", code, NUMBA_DISABLE_JIT="1")


@pytest.mark.parametrize("awake", [0, 100, 1e6])
def test_the_pool_shares_the_same_whoever_is_asleep(monkeypatch, awake):
    monkeypatch.setattr(pool, "AWAKE", awake)
    for _ in range(50):
        parts = []
        pool.share(lambda start, stop, parts=parts: parts.extend(range(start, stop)), 20, 2)
        assert sorted(parts) == list(range(20))
    monkeypatch.setattr(pool, "AWAKE", 0)
    pool.share(lambda start, stop: None, 2, 2)  # nobody goes on waiting for a second
