"""Sequences out of a step function: token by token, or by beam search. The state is carried; nothing is read twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minigrad import Tensor
from minigrad.errors import check_sizes
from minigrad.functional import log_softmax

from .bridge import rows_of
from .cell import State
from .sampling import checked_logits

Step = Callable[[np.ndarray, State], tuple[Tensor, State]]  # tokens [batch], state -> logits [batch, tokens], state


class Hypothesis(NamedTuple):
    """Tokens [length] without eos, and their log-probability (with eos) over length ** length_penalty."""

    tokens: np.ndarray
    score: float


def decode(
    step: Step,
    logits: Tensor,
    state: State,
    choose: Callable[[Tensor], np.ndarray],
    max_new: int,
    eos: int | None = None,
) -> list[np.ndarray]:
    """Choose tokens and feed them to `step`, until each sequence has met eos, or has max_new tokens.

    logits [batch, tokens] and state: where to start. Returns an array of tokens for each sequence, without eos.
    """
    columns = [choose(logits)]
    ended = columns[0] == eos  # nowhere, if eos is None
    while len(columns) < max_new and not ended.all():
        logits, state = step(columns[-1], state)
        columns.append(choose(logits))
        ended = ended | (columns[-1] == eos)
    return [up_to(row, eos) for row in np.stack(columns, axis=1)]


def up_to(tokens: np.ndarray, eos: int | None) -> np.ndarray:
    """What comes before the first eos."""
    ends = np.flatnonzero(tokens == eos)
    return tokens[: ends[0]] if len(ends) else tokens


def beam_search(
    step: Step, logits: Tensor, state: State, eos: int, max_new: int, width: int, length_penalty: float = 0.0
) -> list[Hypothesis]:
    """Likely continuations of one sequence, the best first; at least one.

    logits [1, tokens] and state: where to start. Each step keeps the `width` likeliest of all continuations by one
    token; those that end with eos, or have max_new tokens, leave as hypotheses (Sutskever et al. 2014, section 3.2).
    It stops when none that goes on can become the best. Scores are log-probabilities over length ** length_penalty:
    0 for their sum, 1 for their mean (Wu et al. 2016, section 7). Width 1 is greedy. A wider beam mostly finds a
    better hypothesis, but only one as wide as there are continuations is sure to find the best. Raises ValueError
    for bad settings, and for logits of NaN.
    """
    check_beam("beam_search", max_new, width, length_penalty)
    tokens, totals, found = np.zeros((1, 0), np.int64), np.zeros(1), []
    for length in range(1, max_new + 1):
        scores = totals[:, None] + log_softmax(checked_logits(logits))
        best = np.argsort(-scores, axis=None, kind="stable")[:width]
        rows, new = np.divmod(best, scores.shape[1])
        tokens, totals = np.column_stack([tokens[rows], new]), scores.flat[best]
        ended = (new == eos) | (length == max_new)
        found += [
            Hypothesis(up_to(sequence, eos), float(total / length**length_penalty))
            for sequence, total in zip(tokens[ended], totals[ended])
        ]
        rows, tokens, totals = rows[~ended], tokens[~ended], totals[~ended]
        attainable = max(totals, default=-np.inf) / max_new**length_penalty
        if max((hypothesis.score for hypothesis in found), default=-np.inf) >= attainable:
            break
        logits, state = step(tokens[:, -1], rows_of(state, rows))
    return sorted(found, key=lambda hypothesis: -hypothesis.score)


def check_beam(name: str, max_new: int, width: int, length_penalty: float) -> None:
    """Refuse sizes that are no positive integers, and a length penalty that is negative or not finite."""
    check_sizes(name, max_new=max_new, width=width)
    if not 0 <= length_penalty < np.inf:
        raise ValueError(f"{name}: expected a length_penalty from 0 up, got {length_penalty}")
