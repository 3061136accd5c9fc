"""From logits to the next token: temperature, top-k, nucleus, and the draw."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from minigrad import Tensor
from minigrad.functional import below_top, one_hot, softmax
from minigrad.random import generator


def sampler(
    temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> Callable[[Tensor], np.ndarray]:
    """A function that draws tokens [...] for logits [..., tokens]; see `probabilities` for the settings."""
    check_settings(temperature, top_k, top_p)
    return lambda logits: sample(probabilities(logits, temperature, top_k, top_p))


def probabilities(
    logits: Tensor | np.ndarray, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> np.ndarray:
    """What to draw the next token from, float64 [..., tokens]: softmax(logits / temperature), cut by top-k, then top-p.

    Temperature 0 puts all on the likeliest token. Raises ValueError for a temperature that is negative or not finite,
    a top_k that is no positive integer, a top_p outside (0, 1], and logits that leave no likeliest token (NaN).
    """
    check_settings(temperature, top_k, top_p)
    chances = with_temperature(checked_logits(logits), temperature)
    if top_k is not None:
        chances = top_k_only(chances, top_k)
    return chances if top_p is None else nucleus_only(chances, top_p)


def with_temperature(logits: np.ndarray, temperature: float) -> np.ndarray:
    """softmax(logits / temperature); at 0 its limit, 1 for the first of the largest."""
    if temperature == 0:
        return one_hot(logits.argmax(axis=-1), logits.shape[-1], np.float64)
    with np.errstate(over="ignore"):  # -inf, a probability of 0, is right
        return softmax(below_top(logits) / temperature)


def top_k_only(chances: np.ndarray, k: int) -> np.ndarray:
    """The k likeliest tokens alone (Fan, Lewis and Dauphin 2018, section 5.2); of equals, the first."""
    return kept_only(chances, ranks(chances) < k)


def nucleus_only(chances: np.ndarray, p: float) -> np.ndarray:
    """The fewest likeliest tokens whose probabilities reach p (Holtzman et al. 2020, section 3.1); all, for p = 1."""
    if p == 1:
        return chances
    falling = -np.sort(-chances, axis=-1)
    size = 1 + (np.cumsum(falling, axis=-1)[..., :-1] < p).sum(axis=-1, keepdims=True)
    return kept_only(chances, ranks(chances) < size)


def sample(chances: np.ndarray) -> np.ndarray:
    """One token [...] from each row of probabilities [..., tokens], by the generator that `manual_seed` sets."""
    reached = np.cumsum(chances, axis=-1)
    drawn = generator().random(chances.shape[:-1])[..., None]
    return (reached / reached[..., -1:] > drawn).argmax(axis=-1)  # the last is 1 exactly, and so above any draw


def ranks(chances: np.ndarray) -> np.ndarray:
    """0 for each row's likeliest token, 1 for the next, ..."""
    return np.argsort(np.argsort(-chances, axis=-1, kind="stable"), axis=-1)


def kept_only(chances: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """0 for what is not kept, and the rest scaled to a sum of 1."""
    remaining = np.where(kept, chances, 0)
    return remaining / remaining.sum(axis=-1, keepdims=True)


def checked_logits(logits: Tensor | np.ndarray) -> np.ndarray:
    """Logits as float64; ValueError where NaN, infinity or nothing but -infinity leaves no likeliest token."""
    array = np.asarray(logits, np.float64)
    if not np.isfinite(array.max(axis=-1)).all():
        raise ValueError("sampling: expected finite logits, got NaN or infinity; has the training diverged?")
    return array


def check_settings(temperature: float, top_k: int | None, top_p: float | None) -> None:
    if not 0 <= temperature < math.inf:
        raise ValueError(f"sampling: expected a temperature from 0 up (0: the likeliest token), got {temperature}")
    if top_k is not None and not (isinstance(top_k, int | np.integer) and top_k >= 1):
        raise ValueError(f"sampling: expected top_k to be a positive integer or None, got {top_k!r}")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"sampling: expected top_p above 0 and up to 1, or None, got {top_p}")
