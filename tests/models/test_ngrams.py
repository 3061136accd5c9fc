"""Models that count: known texts, probabilities that sum to 1, and Kneser-Ney's equation."""

import numpy as np
import pytest

from models.ngrams import Pairs, bigram_loss, unigram_loss

SIZE = 7
rng = np.random.default_rng(0)
TRAIN = rng.integers(0, SIZE - 1, 60)  # the last token is never seen
PAIRS = Pairs(TRAIN[:-1], TRAIN[1:])


def chances(loss, context):
    """Probability of each token."""
    return np.exp([-loss(PAIRS, Pairs(np.array([context]), np.array([token])), SIZE) for token in range(SIZE)])


@pytest.mark.parametrize("loss", [unigram_loss, bigram_loss])
def test_probabilities_are_above_0_and_sum_to_1_after_any_context(loss):
    for context in (0, 3, SIZE - 1, 100):
        p = chances(loss, context)
        assert p.min() > 0
        np.testing.assert_allclose(p.sum(), 1, rtol=1e-12)


def test_a_coin_and_an_alternation():
    coin, turns = rng.integers(0, 2, 20_000), np.arange(20_000) % 2
    of_coin, of_turns = Pairs(coin[:-1], coin[1:]), Pairs(turns[:-1], turns[1:])
    for nats in (
        unigram_loss(of_coin, of_coin, 2),
        bigram_loss(of_coin, of_coin, 2),
        unigram_loss(of_turns, of_turns, 2),
    ):
        assert nats == pytest.approx(np.log(2), abs=0.001)
    assert bigram_loss(of_turns, of_turns, 2) == pytest.approx(0, abs=0.001)


def test_kneser_ney_by_its_equation():
    """Chen and Goodman (1999): (c(v, w) - D)+ / c(v) + D N(v, .) / c(v) * N(., w) / N(., .), each N(., w) 1 higher."""
    counts = np.zeros((SIZE, SIZE))
    for before, after in zip(*PAIRS):
        counts[before, after] += 1
    discount = (counts == 1).sum() / ((counts == 1).sum() + 2 * (counts == 2).sum())
    variety = (counts > 0).sum(axis=0) + 1
    kept = np.maximum(counts[2] - discount, 0) / counts[2].sum()
    wanted = kept + discount * (counts[2] > 0).sum() / counts[2].sum() * variety / variety.sum()
    np.testing.assert_allclose(chances(bigram_loss, 2), wanted, rtol=1e-12)


def test_the_mean_is_over_all_held_out_tokens():
    held_out = Pairs(np.array([0, 1, 2]), np.array([3, 4, 6]))
    for loss in (unigram_loss, bigram_loss):
        each = [loss(PAIRS, Pairs(*(x[i : i + 1] for x in held_out)), SIZE) for i in range(3)]
        assert loss(PAIRS, held_out, SIZE) == pytest.approx(np.mean(each))
