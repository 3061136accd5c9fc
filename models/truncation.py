"""Truncated backpropagation through time (Williams and Peng 1990): k1 steps forward, k2 steps back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import minigrad as mg
from minigrad import Tensor
from minigrad.checkpoint import rebuilt, tensors

from .cell import State


def detach(state: State) -> State:
    """The same state (None, or nested tuples of Tensors) without its history: no gradient flows back past it."""
    return rebuilt(state, (part if part is None else part.detach() for part in tensors(state)))


def truncated(
    network: Callable[[Any, State], tuple[Tensor, State]], x: Any, k1: int, k2: int | None = None, state: State = None
) -> Iterator[tuple[slice, Tensor, State]]:
    """Windows of k1 steps over a long sequence, each with a graph that reaches k2 steps back (k1 unless given).

    The last window may be shorter; every graph begins k2 - k1 steps before its window.

    network: from x [batch, time, ...] and a state to outputs [batch, time, ...] and the next state; not one that
    reads backward. Yields (the window's steps, its outputs, the state after it). Call `backward()` on a loss of these
    before asking for the next: the state is carried on detached, so that memory does not grow with the sequence. Where
    k2 > k1, steps before the window are run once more from where its graph begins. With k1 the whole sequence this is
    full backpropagation. Raises ValueError for an empty sequence, and unless 1 <= k1 <= k2.
    """
    k2 = k1 if k2 is None else k2
    if not (isinstance(k1, int) and isinstance(k2, int) and 1 <= k1 <= k2):
        raise ValueError(f"truncated: expected whole numbers 1 <= k1 <= k2, got k1 = {k1!r}, k2 = {k2!r}")
    if x.ndim < 2 or x.shape[1] == 0:
        raise ValueError(f"truncated: expected x [batch, time, ...] with at least one step, got shape {x.shape}")
    return windows(network, x, k1, k2, detach(state))


def windows(
    network: Callable[[Any, State], tuple[Tensor, State]], x: Any, k1: int, k2: int, origin: State
) -> Iterator[tuple[slice, Tensor, State]]:
    """What `truncated` yields. `origin` is the state where the window's graph begins."""
    time = x.shape[1]
    begin = 0  # where the window's graph begins
    for start in range(0, time, k1):
        end = min(start + k1, time)
        following = max(0, end - (k2 - k1))  # where the next window's graph will begin
        now, outputs = origin, []
        for left, right in pairwise(sorted({begin, following, start, end})):
            if left == following:
                origin = detach(now)
            piece, now = network(x[:, left:right], now)
            if left >= start:
                outputs.append(piece)
        if following == end:
            origin = detach(now)
        begin = following
        yield slice(start, end), mg.concatenate(outputs, axis=1) if len(outputs) > 1 else outputs[0], now
