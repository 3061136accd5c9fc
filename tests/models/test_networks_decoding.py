"""Decoding on a toy model small enough for trying every sequence: what beam search returns, and when it stops."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from models.decoding import beam_search, decode
from models.sampling import sampler

TOKENS, EOS, MAX_NEW = 3, 2, 4
greedy = sampler(temperature=0)
seeds = st.integers(0, 10_000)
penalties = st.sampled_from([0.0, 0.5, 1.0, 2.0])


class Toy:
    """A small random network: what comes next depends on all that came before."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self.recurrent, self.vectors = rng.normal(size=(4, 4)), rng.normal(size=(TOKENS, 4))
        self.out = 2 * rng.normal(size=(4, TOKENS))
        self.start = mg.tensor(rng.normal(size=(1, TOKENS))), mg.tensor(rng.normal(size=(1, 4)))

    def step(self, tokens, state):
        state = mg.tanh(state @ self.recurrent + self.vectors[tokens])
        return state @ self.out, state

    def log_probability(self, sequence):
        logits, state = self.start
        total = 0.0
        for token in sequence:
            total += mg.functional.log_softmax(logits).numpy()[0, token]
            logits, state = self.step(np.array([token]), state)
        return total

    def all_scores(self, length_penalty):
        """Every hypothesis there is: up to MAX_NEW tokens of which eos can only be the last."""
        sequences = [
            (*before, last)
            for length in range(1, MAX_NEW + 1)
            for before in product(range(TOKENS - 1), repeat=length - 1)
            for last in range(TOKENS)
            if last == EOS or length == MAX_NEW
        ]
        return {
            sequence[: -1 if sequence[-1] == EOS else None]: self.log_probability(sequence)
            / len(sequence) ** length_penalty
            for sequence in sequences
        }

    def beam(self, width, length_penalty=0.0):
        return beam_search(self.step, *self.start, EOS, MAX_NEW, width, length_penalty)


@given(seeds, penalties, st.integers(1, 6))
def test_scores_are_true_and_in_order(seed, length_penalty, width):
    toy = Toy(seed)
    scores, found = toy.all_scores(length_penalty), toy.beam(width, length_penalty)
    for tokens, score in found:
        np.testing.assert_allclose(score, scores[tuple(tokens)], rtol=1e-10)
    assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)
    assert found[0].score <= max(scores.values()) + 1e-10
    assert len({tuple(h.tokens) for h in found}) == len(found)


@given(seeds, penalties)
def test_a_beam_as_wide_as_there_are_continuations_finds_the_best(seed, length_penalty):
    toy = Toy(seed)
    scores = toy.all_scores(length_penalty)
    best = toy.beam(TOKENS**MAX_NEW, length_penalty)[0]
    assert tuple(best.tokens) == max(scores, key=scores.get)


@given(seeds, penalties)
def test_a_beam_of_one_is_greedy(seed, length_penalty):
    toy = Toy(seed)
    np.testing.assert_array_equal(
        toy.beam(1, length_penalty)[0].tokens, decode(toy.step, *toy.start, greedy, MAX_NEW, EOS)[0]
    )


class Independent(Toy):
    """Each step has its own distribution, whatever came before: here a wider beam cannot do worse."""

    def __init__(self, seed):
        super().__init__(seed)
        self.logits = np.random.default_rng(seed).normal(size=(MAX_NEW + 1, TOKENS))
        self.start = mg.tensor(self.logits[:1]), mg.tensor(np.ones((1, 1)))

    def step(self, tokens, state):
        return mg.tensor(self.logits[state.numpy()[:, 0].astype(int)]), state + 1


@given(seeds)
def test_a_wider_beam_is_never_worse_where_steps_are_independent(seed):
    scores = [Independent(seed).beam(width)[0].score for width in range(1, 10)]
    assert all(after >= before - 1e-12 for before, after in pairwise(scores))
    np.testing.assert_allclose(scores[-1], max(Independent(seed).all_scores(0.0).values()), rtol=1e-10)


def garden_path(tokens, state):
    """After 0, the likelier start, everything is as likely; after 1, eos is all but sure."""
    sure = tokens[:, None] == 1
    return mg.tensor(np.where(sure, np.log([0.01, 0.01, 0.98]), np.log([1 / 3] * 3))), state


def test_a_wider_beam_leaves_the_garden_path():
    start = mg.tensor(np.log([[0.5, 0.4, 0.1]])), mg.tensor(np.zeros((1, 1)))
    hypotheses = [beam_search(garden_path, *start, EOS, 4, width)[0] for width in (1, 2, 3, 20)]
    assert hypotheses[0].tokens.tolist() == [0, 0, 0, 0]
    assert [h.tokens.tolist() for h in hypotheses[1:]] == [[1]] * 3
    scores = [h.score for h in hypotheses]
    assert scores == sorted(scores)
    np.testing.assert_allclose(scores[-1], np.log(0.4 * 0.98))


def fixed(chances):
    """A model that always says the same."""
    logits = mg.tensor(np.log([chances]))

    def step(tokens, state):
        return mg.tensor(np.repeat(logits.numpy(), len(tokens), 0)), state

    return step, logits, mg.tensor(np.zeros((1, 1)))


def test_length_penalty_favours_longer_hypotheses():
    # "eos": log 0.3; "0 0 0 0": 4 log 0.6
    model = fixed([0.6, 0.1, 0.3])
    assert beam_search(*model, EOS, 4, 8)[0].tokens.tolist() == []
    best = beam_search(*model, EOS, 4, 8, length_penalty=1.0)[0]
    assert best.tokens.tolist() == [0, 0, 0, 0]
    np.testing.assert_allclose(best.score, np.log(0.6))


class Scripted:
    """Logits by the number of the call."""

    def __init__(self, *logits):
        self.logits, self.calls = logits, 0

    def __call__(self, tokens, state):
        self.calls += 1
        return mg.tensor([self.logits[self.calls - 1]] * len(tokens)), state


def test_nothing_is_computed_after_eos():
    start = mg.tensor([[5.0, 0.0, 0.0]]), mg.tensor(np.zeros((1, 1)))
    for search in (
        lambda step: decode(step, *start, greedy, 100, EOS)[0],
        lambda step: beam_search(step, *start, EOS, 100, width=1)[0].tokens,
    ):
        step = Scripted([0.0, 5.0, 0.0], [0.0, 0.0, 50.0])
        assert search(step).tolist() == [0, 1]
        assert step.calls == 2


def test_each_row_ends_on_its_own():
    rows = np.array([[0, 0, EOS, 1], [EOS, 1, 1, 1], [1, 0, 1, 0]])
    assert [tokens.tolist() for tokens in chosen(rows)] == [[0, 0], [], [1, 0, 1, 0]]


def test_decoding_stops_when_every_row_has_met_eos_once():
    rows = np.array([[0, EOS], [EOS, 1]])  # a third choice would raise
    assert [tokens.tolist() for tokens in chosen(rows, max_new=10)] == [[0], []]


def chosen(rows, max_new=4):
    """What `decode` makes of these choices [batch, time]."""
    choices = iter(rows.T)
    return decode(lambda tokens, state: (None, state), None, None, lambda logits: next(choices), max_new, EOS)


def test_without_eos_there_are_max_new_tokens():
    model = fixed([0.1, 0.1, 0.8])
    assert decode(*model, greedy, 5)[0].tolist() == [2] * 5


def test_impossible_tokens_are_not_in_the_way():
    step, _, state = fixed([0.25, 0.25, 0.5])
    best = beam_search(step, mg.tensor([[-np.inf, 0.0, -np.inf]]), state, EOS, 3, 9)[0]
    assert best.tokens.tolist() == [1]
    np.testing.assert_allclose(best.score, np.log(0.5), rtol=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_new": 0}, "max_new to be an integer from 1 up, got 0"),
        ({"max_new": 2.5}, "max_new to be an integer from 1 up, got 2.5"),
        ({"width": 0}, "width to be an integer from 1 up, got 0"),
        ({"length_penalty": -1.0}, "a length_penalty from 0 up, got -1.0"),
        ({"length_penalty": np.nan}, "a length_penalty from 0 up, got nan"),
    ],
)
def test_bad_beams_are_refused(settings, message):
    with pytest.raises(ValueError, match=f"beam_search: expected {message}"):
        beam_search(*fixed([0.5, 0.25, 0.25]), EOS, **{"max_new": 3, "width": 2, **settings})


def test_logits_of_nan_are_refused():
    step, _, state = fixed([0.5, 0.25, 0.25])
    with pytest.raises(ValueError, match="expected finite logits"):
        beam_search(step, mg.tensor([[np.nan, 0.0, 0.0]]), state, EOS, 3, 2)
