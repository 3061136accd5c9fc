"""What counting tokens achieves: unigram and bigram models, smoothed, to hold a language model against."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Pairs(NamedTuple):
    """What each token follows [count], and the tokens [count], integers from 0.

    A context is the token before, or that and more in one number.
    """

    contexts: np.ndarray
    tokens: np.ndarray


def unigram_loss(train: Pairs, held_out: Pairs, size: int) -> float:
    """Mean cross entropy, in nats, of held-out tokens by how often each occurs (each count 1 higher).

    size: of the vocabulary.
    """
    counts = np.bincount(train.tokens, minlength=size) + 1.0
    return float(-np.log(counts[held_out.tokens] / counts.sum()).mean())


def bigram_loss(train: Pairs, held_out: Pairs, size: int) -> float:
    """Mean cross entropy, in nats, of held-out tokens by what follows each context: interpolated Kneser-Ney.

    Chen and Goodman (1999), section 2.7. A discount is taken from every count and given to tokens by the number of
    different contexts that they were seen in (each number 1 higher, so that nothing is impossible).
    """
    kinds, counts = np.unique(codes(train, size), return_counts=True)
    once, twice = (counts == 1).sum(), (counts == 2).sum()
    discount = once / (once + 2 * twice) if twice else 0.5
    contexts = 1 + max(train.contexts.max(), held_out.contexts.max())
    seen = np.bincount(train.contexts, minlength=contexts)[held_out.contexts]
    followers = np.bincount(kinds // size, minlength=contexts)[held_out.contexts]
    variety = np.bincount(kinds % size, minlength=size) + 1.0
    general = variety[held_out.tokens] / variety.sum()
    found = np.minimum(np.searchsorted(kinds, codes(held_out, size)), len(kinds) - 1)
    together = np.where(kinds[found] == codes(held_out, size), counts[found], 0)
    kept, freed = np.maximum(together - discount, 0), np.where(seen, discount * followers, 1)
    return float(-np.log((kept + freed * general) / np.maximum(seen, 1)).mean())


def codes(pairs: Pairs, size: int) -> np.ndarray:
    """A number for each pair: contexts are the tens, tokens the ones."""
    return pairs.contexts.astype(np.int64) * size + pairs.tokens
