"""Token ids in padded batches: what is checked, what is padding, and where BOS and EOS go."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from minigrad import Tensor, functional

from .layer import checked_lengths, steps_within

IGNORED = -100  # a target that does not count: PyTorch's number


def checked_tokens(name: str, tokens: Tensor | ArrayLike) -> np.ndarray:
    """Tokens as int64 [batch, time]; ValueError for other axes or nothing in them, TypeError for no integers."""
    array = np.asarray(tokens)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"{name}: expected integers [batch, time], at least one step of one, got shape {array.shape}")
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name}: expected integers [batch, time], got {array.dtype}; encode the symbols first")
    return array.astype(np.int64)


def check_specials(name: str, num_tokens: int, **specials: int) -> None:
    """Refuse a bos or eos that is no token of a vocabulary of this size."""
    for which, token in specials.items():
        if not isinstance(token, int | np.integer) or not 0 <= token < num_tokens:
            raise ValueError(f"{name}: expected {which} to be a token from 0 to {num_tokens - 1}, got {token!r}")


def refilled(tokens: np.ndarray, lengths: ArrayLike | None, value: int) -> np.ndarray:
    """Tokens [batch, time] with `value` past each sequence's end, whatever stood there."""
    return tokens if lengths is None else np.where(steps_within(lengths, *tokens.shape), tokens, value)


def framed(
    name: str, tokens: Tensor | ArrayLike, lengths: ArrayLike | None, bos: int, eos: int
) -> tuple[np.ndarray, np.ndarray]:
    """What teacher forcing feeds and what it expects, [batch, time + 1] each: bos w1 .. wn, and w1 .. wn eos.

    Past the ends there is bos to feed, and IGNORED to expect. Raises ValueError for tokens that hold bos or eos
    already.
    """
    sequences = checked_tokens(name, tokens)
    batch, time = sequences.shape
    ends = np.full(batch, time) if lengths is None else checked_lengths(lengths, batch, time)
    fed = np.pad(refilled(sequences, ends, IGNORED), ((0, 0), (1, 0)), constant_values=IGNORED)
    if np.isin(fed, (bos, eos)).any():
        raise ValueError(f"{name}: expected neither bos = {bos} nor eos = {eos} in a sequence; they are put there here")
    expected = np.roll(fed, -1, axis=1)
    expected[np.arange(batch), ends] = eos
    fed[:, 0] = bos
    return refilled(fed, ends + 1, bos), expected


def shares(name: str, logits: Sequence[Tensor], targets: np.ndarray, ignore_index: int) -> list[Tensor]:
    """Each step's share of the mean cross entropy, which they add up to.

    logits: [batch, classes] for each step; targets [batch, time]. Each is made from its own step's logits alone: made
    from all at once, a step's gradient would pass through arrays of all steps.
    """
    if len(logits) != targets.shape[1]:
        raise ValueError(f"{name}: expected targets [batch, {len(logits)}], one for each step, got {targets.shape}")
    count = max(np.count_nonzero(targets != ignore_index), 1)
    return [
        functional.cross_entropy(step, column, ignore_index, "sum") / count for step, column in zip(logits, targets.T)
    ]
