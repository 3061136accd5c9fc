"""What writes the target, token by token: without attention, and with Bahdanau's or Luong's."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

import minigrad as mg
from minigrad import Tensor
from minigrad.nn import Linear, Module

from .attention import AdditiveAttention, Attention, DotAttention, GeneralAttention, Memory
from .bridge import Bridge, summary
from .cell import State
from .embedded import Embedded, check_generates

Stepped = tuple[Tensor, State, Tensor | None]  # logits [batch, tokens], next state, attention weights [batch, source]


class Decoder(Module):
    """Knows the source by its initial state alone (Cho et al. 2014; Sutskever, Vinyals and Le 2014).

    source_size: the encoder's `output_size`.
    """

    def __init__(self, network: Embedded, source_size: int) -> None:
        check_generates(type(self).__name__, network)
        self.network, self.source_size = network, source_size
        self.bridge = Bridge(source_size, network)
        self.head = Linear(self.head_size(source_size), network.num_tokens)

    def head_size(self, source_size: int) -> int:
        """How many numbers the logits are made from."""
        return self.network.output_size

    def memory(self, encoded: Tensor, lengths: ArrayLike | None) -> Memory | None:
        """What is kept of the encoder's outputs [batch, source, source_size]."""
        return None

    def step(self, tokens: np.ndarray, state: State, memory: Memory | None) -> Stepped:
        """Tokens [batch], the step before's -> logits of this step's, next state, attention weights (or None)."""
        outputs, state = self.network(tokens[:, None], state)
        return self.head(outputs[:, 0]), state, None


class AttentiveDecoder(Decoder):
    """A decoder that looks back at the encoder's outputs. A subclass sets `attention`."""

    attention: Attention

    def memory(self, encoded: Tensor, lengths: ArrayLike | None) -> Memory:
        return self.attention.memory(encoded, lengths)


class BahdanauDecoder(AttentiveDecoder):
    """The state before a step asks, and the context goes into the step (Bahdanau, Cho and Bengio 2015).

    c = attention(s), additive;  s' = network([y; c], s);  logits = linear([s'; c; y]), for y the last token's vector.
    The paper has a maxout layer before the logits (appendix A.2.2). The network reads embedding_dim + source_size
    numbers a step.
    """

    def __init__(self, network: Embedded, source_size: int) -> None:
        super().__init__(network, source_size)
        self.attention = AdditiveAttention(network.output_size, source_size, network.output_size)

    def head_size(self, source_size: int) -> int:
        return self.network.output_size + source_size + self.network.embedding.weight.shape[1]

    def step(self, tokens: np.ndarray, state: State, memory: Memory | None) -> Stepped:
        context, weights = self.attention(summary(self.network, state), memory)
        y = self.network.embedding(tokens)
        outputs, state = self.network.network(mg.concatenate([y, context], axis=-1)[:, None], state)
        return self.head(mg.concatenate([outputs[:, 0], context, y], axis=-1)), state, weights


class LuongDecoder(AttentiveDecoder):
    """The output of a step asks, and the context joins it on its way to the logits (Luong et al. 2015, section 3).

    s' = network(y, s);  c = attention(s');  logits = linear(tanh(W [c; s'])). score: "general" or "dot"; for "dot",
    the sizes of s' and of the source must agree.
    """

    def __init__(self, network: Embedded, source_size: int, score: str = "general") -> None:
        super().__init__(network, source_size)
        size = network.output_size
        if score not in ("general", "dot"):
            raise ValueError(f"LuongDecoder: score must be 'general' or 'dot', got {score!r}")
        if score == "dot" and size != source_size:
            raise ValueError(
                f"LuongDecoder: score 'dot' needs outputs of the source's size {source_size}, got {size}; use 'general'"
            )
        self.attention = DotAttention() if score == "dot" else GeneralAttention(size, source_size)
        self.joined = Linear(source_size + size, size, bias=False)

    def step(self, tokens: np.ndarray, state: State, memory: Memory | None) -> Stepped:
        outputs, state = self.network(tokens[:, None], state)
        context, weights = self.attention(outputs[:, 0], memory)
        attentional = mg.tanh(self.joined(mg.concatenate([context, outputs[:, 0]], axis=-1)))
        return self.head(attentional), state, weights
