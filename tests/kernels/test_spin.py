"""kernels.spin: who waits awake sees what other threads write, and gives up in the end."""

import threading

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


def test_turns_are_measured():
    assert 0.1 < spin.turns_per_microsecond() < 1e5


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


@pytest.mark.parametrize("patience, rest", [(0, 0), (0, 100), (200, 0), (1e6, 1e6)])
def test_the_pool_shares_the_same_whoever_is_asleep(monkeypatch, patience, rest):
    monkeypatch.setattr(pool, "PATIENCE", patience)
    monkeypatch.setattr(pool, "REST", rest)
    for _ in range(50):
        parts = []
        pool.share(lambda start, stop, parts=parts: parts.extend(range(start, stop)), 20, 2)
        assert sorted(parts) == list(range(20))
    monkeypatch.setattr(pool, "REST", 0)
    pool.share(lambda start, stop: None, 2, 2)  # nobody goes on waiting for a second
