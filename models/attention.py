"""Attention: a decoder's state asks, and what an encoder made of each step of the source answers."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

import minigrad as mg
from minigrad import Tensor
from minigrad.functional import softmax
from minigrad.nn import Linear, Module

from .layer import steps_within, without_padding


class Memory(NamedTuple):
    """Values [batch, source, size] to attend to, their keys, and which of them are not padding [batch, source]."""

    values: Tensor
    keys: Tensor
    within: Any = None


class Attention(Module):
    """context = sum_s a_s value_s, where a = softmax(score(query, key_s)), over the steps that are not padding.

    A subclass gives `scores`, and `keys` for more than the values themselves.
    """

    def memory(self, values: Tensor, lengths: ArrayLike | None = None) -> Memory:
        """What is the same for every query: values [batch, source, size], without what stands in the padding."""
        if lengths is None:
            return Memory(values, self.keys(values))
        within = steps_within(lengths, *values.shape[:2])
        values = without_padding(values, within)
        return Memory(values, self.keys(values), within)

    def forward(self, query: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Query [batch, query_size] -> context [batch, size], weights [batch, source], exactly 0 on padding."""
        scores = self.scores(query, memory.keys)
        if memory.within is not None:
            scores = mg.where(memory.within, scores, -np.inf)
        weights = softmax(scores)
        return mg.matmul(weights[:, None], memory.values)[:, 0], weights

    def keys(self, values: Tensor) -> Tensor:
        """What queries are compared with [batch, source, key_size]."""
        return values

    def scores(self, query: Tensor, keys: Tensor) -> Tensor:
        """How well each key fits the query [batch, source]."""
        raise TypeError(f"{type(self).__name__} must define scores(self, query, keys)")


class AdditiveAttention(Attention):
    """score(q, k) = v . tanh(W q + U k) (Bahdanau, Cho and Bengio 2015, appendix A.1.2); W and U map to `size`."""

    def __init__(self, query_size: int, value_size: int, size: int) -> None:
        self.of_query = Linear(query_size, size, bias=False)
        self.of_value = Linear(value_size, size, bias=False)
        self.score = Linear(size, 1, bias=False)

    def keys(self, values: Tensor) -> Tensor:
        return self.of_value(values)

    def scores(self, query: Tensor, keys: Tensor) -> Tensor:
        return self.score(mg.tanh(self.of_query(query)[:, None] + keys))[:, :, 0]


class DotAttention(Attention):
    """score(q, k) = q . k, of one size (Luong, Pham and Manning 2015, eq. 8)."""

    def scores(self, query: Tensor, keys: Tensor) -> Tensor:
        return mg.matmul(keys, query[:, :, None])[:, :, 0]


class GeneralAttention(DotAttention):
    """score(q, k) = q . W k (Luong, Pham and Manning 2015, eq. 8)."""

    def __init__(self, query_size: int, value_size: int) -> None:
        self.of_value = Linear(value_size, query_size, bias=False)

    def keys(self, values: Tensor) -> Tensor:
        return self.of_value(values)
