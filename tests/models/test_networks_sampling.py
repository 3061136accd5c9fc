"""Temperature, top-k, nucleus, and the draw: what their definitions say, for any logits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import minigrad as mg
from models.sampling import nucleus_only, probabilities, sample, sampler, top_k_only

logits = arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(1, 8)), elements=st.floats(-30, 30))
temperatures = st.floats(0, 5)
shares = st.floats(0.01, 1)


@given(logits, temperatures, st.none() | st.integers(1, 9), st.none() | shares)
def test_settings_give_probabilities(x, temperature, top_k, top_p):
    chances = probabilities(x, temperature, top_k, top_p)
    assert chances.shape == x.shape and chances.dtype == np.float64
    assert (chances >= 0).all()
    np.testing.assert_allclose(chances.sum(axis=-1), 1, rtol=1e-12)


@given(logits)
def test_plain_probabilities_are_the_softmax(x):
    np.testing.assert_allclose(probabilities(x), mg.functional.softmax(x), rtol=1e-13)
    np.testing.assert_array_equal(probabilities(mg.tensor(x)), probabilities(x))


@given(logits, st.floats(0.05, 5))
def test_temperature_divides_the_logits(x, temperature):
    np.testing.assert_allclose(probabilities(x, temperature), mg.functional.softmax(x / temperature), rtol=1e-10)


@given(logits)
def test_temperature_zero_is_the_limit_of_small_ones(x):
    x = x.round(2)
    greedy = probabilities(x, temperature=0)
    np.testing.assert_array_equal(greedy.argmax(axis=-1), x.argmax(axis=-1))
    assert set(np.unique(greedy)) <= {0.0, 1.0}
    unique = (x == x.max(axis=-1, keepdims=True)).sum(axis=-1) == 1
    np.testing.assert_array_equal(probabilities(x, temperature=1e-300)[unique], greedy[unique])


@given(logits, st.integers(1, 9))
def test_top_k_keeps_k_of_the_likeliest_in_proportion(x, k):
    chances = probabilities(x)
    kept = top_k_only(chances, k)
    count = min(k, x.shape[-1])
    assert (np.count_nonzero(kept, axis=-1) == count).all()
    for row, before in zip(kept, chances):
        assert before[row > 0].min() >= before[row == 0].max(initial=0)
        np.testing.assert_allclose(row[row > 0] * before[row > 0].sum(), before[row > 0], rtol=1e-12)


@given(logits, shares)
def test_nucleus_is_the_smallest_set_that_reaches_p(x, p):
    chances = probabilities(x)
    for row, before in zip(nucleus_only(chances, p), chances):
        inside = np.sort(before[row > 0])
        assert inside.sum() >= p - 1e-12
        assert p == 1 or inside[1:].sum() < p + 1e-12, "one less would do"
        assert inside[0] >= before[row == 0].max(initial=0)
        np.testing.assert_allclose(row[row > 0] * inside.sum(), before[row > 0], rtol=1e-12)


def test_of_equals_the_first_are_kept():
    chances = np.full(4, 0.25)
    assert np.flatnonzero(top_k_only(chances, 2)).tolist() == [0, 1]
    assert np.flatnonzero(nucleus_only(chances, 0.5)).tolist() == [0, 1]
    assert np.flatnonzero(nucleus_only(chances, 0.51)).tolist() == [0, 1, 2]


def test_top_k_comes_before_top_p():
    chances = probabilities(np.log([0.4, 0.3, 0.2, 0.1]), top_k=2, top_p=0.5)  # of the two left, the first has 4 / 7
    np.testing.assert_allclose(chances, [1, 0, 0, 0])


def test_impossible_tokens_stay_impossible():
    np.testing.assert_allclose(probabilities(np.array([0, -np.inf, 0])), [0.5, 0, 0.5])


@given(arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 6)), elements=st.sampled_from([0.0, 1.0, 2.0])))
def test_only_what_has_a_chance_is_drawn(weights):
    weights[:, 0] += weights.sum(axis=-1) == 0
    drawn = sample(weights / weights.sum(axis=-1, keepdims=True))
    assert drawn.shape == weights.shape[:1]
    assert (weights[np.arange(len(weights)), drawn] > 0).all()


@pytest.mark.parametrize(("number", "token"), [(0.0, 1), (np.nextafter(0.5, 0), 1), (0.5, 3), (np.nextafter(1, 0), 3)])
def test_numbers_at_the_edges_draw_what_has_a_chance(number, token, monkeypatch):
    class Fixed:
        def random(self, shape):
            return np.full(shape, number)

    monkeypatch.setattr("models.sampling.generator", Fixed)
    assert sample(np.array([[0.0, 0.5, 0.0, 0.5, 0.0]])).tolist() == [token]


def test_draws_are_as_frequent_as_they_are_likely():
    chances = np.array([0.5, 0.0, 0.2, 0.3, 0.0])
    counts = np.bincount(sample(np.broadcast_to(chances, (20_000, 5))), minlength=5)
    np.testing.assert_allclose(counts / 20_000, chances, atol=0.02)
    assert counts[1] == counts[4] == 0


def test_manual_seed_repeats_the_draws():
    x, draw = np.zeros((50, 10)), sampler(temperature=0.7, top_p=0.9)
    mg.manual_seed(3)
    first = draw(x)
    assert (draw(x) != first).any()
    mg.manual_seed(3)
    np.testing.assert_array_equal(draw(x), first)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": -0.1}, "expected a temperature from 0 up .*, got -0.1"),
        ({"temperature": np.nan}, "temperature .* got nan"),
        ({"temperature": np.inf}, "temperature .* got inf"),
        ({"top_k": 0}, "top_k to be a positive integer or None, got 0"),
        ({"top_k": 1.5}, "top_k .* got 1.5"),
        ({"top_p": 0.0}, "top_p above 0 and up to 1, or None, got 0.0"),
        ({"top_p": 1.1}, "top_p .* got 1.1"),
        ({"top_p": np.nan}, "top_p .* got nan"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        probabilities(np.zeros(3), **settings)
    with pytest.raises(ValueError, match=message):
        sampler(**settings)


@pytest.mark.parametrize("x", [[0, np.nan], [np.inf, 0], [-np.inf, -np.inf]])
def test_logits_without_a_likeliest_token_are_refused(x):
    with pytest.raises(ValueError, match="expected finite logits, got NaN or infinity"):
        probabilities(np.array(x))
