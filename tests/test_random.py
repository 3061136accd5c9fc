"""The generator: seeds, and a state that can be saved."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.random import generator, get_state, set_state

draws = st.lists(st.sampled_from(["random", "integers", "normal"]), max_size=8)


def draw(kinds):
    """integers of 32 bits leave half of a word behind for the next."""
    rng = generator()
    how = {"random": rng.random, "normal": rng.normal, "integers": lambda: rng.integers(2**32, dtype=np.uint32)}
    return [how[kind]() for kind in kinds]


@given(seed=st.integers(0, 2**64), before=draws, between=draws, after=draws)
def test_the_state_brings_the_same_draws_back(seed, before, between, after, tmp_path_factory):
    path = tmp_path_factory.mktemp("random") / "state"
    mg.manual_seed(seed)
    draw(before)
    mg.save(path, {"state": get_state()})
    wanted = draw(after)
    draw(between)
    mg.manual_seed(seed + 1)
    set_state(mg.load(path)["state"])
    assert draw(after) == wanted


def test_the_state_is_a_copy():
    state = get_state()
    again = state.copy()
    draw(["random"] * 3)
    np.testing.assert_array_equal(state, again)
    assert (get_state() != state).any()


def test_who_holds_the_generator_sees_the_state_change():
    held, state = generator(), get_state()
    first = held.random()
    set_state(state)
    assert generator() is held
    assert held.random() == first


@pytest.mark.parametrize(
    "bad, found", [(np.zeros(5, np.uint64), r"uint64\[5\]"), (np.zeros(6), r"float64\[6\]"), ([1] * 6, r"int64\[6\]")]
)
def test_anything_else_is_refused_and_the_state_stays(bad, found):
    before = get_state()
    with pytest.raises(ValueError, match=rf"^set_state: expected uint64\[6\], as get_state\(\) returns, got {found}"):
        set_state(bad)
    np.testing.assert_array_equal(get_state(), before)


def test_a_seed_that_is_no_integer_is_refused():
    with pytest.raises(TypeError, match="manual_seed: expected an integer, got None"):
        mg.manual_seed(None)
