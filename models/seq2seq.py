"""Many to many, out of step: an encoder reads the source, a decoder writes the target (Sutskever et al. 2014)."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

import minigrad as mg
from minigrad import Tensor, functional
from minigrad.errors import check_sizes
from minigrad.mode import steps
from minigrad.nn import Module
from minigrad.random import generator

from .attention import Memory
from .bridge import batch_size, rows_of, summary
from .cell import State
from .decoder import Decoder
from .decoding import Hypothesis, beam_search, check_beam, decode
from .embedded import size_of_outputs
from .sampling import sampler
from .tokens import IGNORED, check_specials, checked_tokens, framed, shares

choose_likeliest, choose_own = sampler(temperature=0), sampler()


class Seq2Seq(Module):
    """An encoder (any network, an `Embedded` one for tokens) and a `Decoder`, `BahdanauDecoder` or `LuongDecoder`.

    The decoder starts from the encoder's last hidden state (both directions', if it has two), through a `Bridge`.
    """

    def __init__(self, encoder: Module, decoder: Decoder, bos: int, eos: int) -> None:
        if not isinstance(decoder, Decoder):
            raise TypeError(f"Seq2Seq: expected a Decoder, got {type(decoder).__name__}")
        check_specials("Seq2Seq", decoder.network.num_tokens, bos=bos, eos=eos)
        if (size := size_of_outputs("Seq2Seq", encoder)) != decoder.source_size:
            raise ValueError(
                f"Seq2Seq: encoder's outputs are of size {size}, but the decoder has source_size {decoder.source_size}"
            )
        self.encoder, self.decoder = encoder, decoder
        self.bos, self.eos = bos, eos

    def encode(self, source: Tensor | ArrayLike, lengths: ArrayLike | None = None) -> tuple[State, Memory | None]:
        """The decoder's initial state, and what it may look back at."""
        outputs, final = self.encoder(source, lengths=lengths)
        return self.decoder.bridge(summary(self.encoder, final)), self.decoder.memory(outputs, lengths)

    def forward(
        self, source: Tensor | ArrayLike, tokens: ArrayLike, lengths: ArrayLike | None = None, sampling: float = 0.0
    ) -> tuple[Tensor, Tensor | None]:
        """Logits [batch, time, tokens] of what follows each of the tokens [batch, time], which begin with bos.

        lengths: the source's. With probability `sampling`, a token is replaced by one drawn from the model's own
        prediction of it. The second result is the attention weights [batch, time, source], None without attention.
        """
        all_logits, all_weights = zip(*self.decoded(source, tokens, lengths, sampling))
        return mg.stack(all_logits, axis=1), None if all_weights[0] is None else mg.stack(all_weights, axis=1)

    def decoded(
        self, source: Tensor | ArrayLike, tokens: ArrayLike, lengths: ArrayLike | None, sampling: float
    ) -> list[tuple[Tensor, Tensor | None]]:
        """The logits [batch, tokens] and attention weights [batch, source] of each step."""
        fed = checked_tokens("Seq2Seq: tokens", tokens)
        functional.check_probability("Seq2Seq: sampling", sampling)
        state, memory = self.encode(source, lengths)
        if len(fed) != batch_size(state):
            raise ValueError(
                f"Seq2Seq: expected as many sequences of tokens as sources, got {len(fed)} and {batch_size(state)}"
            )
        made: list[Any] = []
        for t in steps(range(fed.shape[1])):
            column = fed[:, t]
            if t and sampling:
                own = generator().random(len(column)) < sampling
                column = np.where(own, choose_own(made[-1][0]), column)
            logits, state, weights = self.decoder.step(column, state, memory)
            made.append((logits, weights))
        return made

    def loss(
        self,
        source: Tensor | ArrayLike,
        targets: ArrayLike,
        source_lengths: ArrayLike | None = None,
        target_lengths: ArrayLike | None = None,
        sampling: float = 0.0,
    ) -> Tensor:
        """Mean cross entropy of targets [batch, time], each followed by eos.

        Targets are without bos and eos (ValueError otherwise). sampling 0 is teacher forcing; more is scheduled
        sampling (Bengio et al. 2015), where the caller raises it from batch to batch.
        """
        fed, expected = framed("Seq2Seq: targets", targets, target_lengths, self.bos, self.eos)
        logits, _ = self(source, fed, source_lengths, sampling)
        return functional.cross_entropy(logits, expected, IGNORED)

    def step_losses(
        self,
        source: Tensor | ArrayLike,
        targets: ArrayLike,
        source_lengths: ArrayLike | None = None,
        target_lengths: ArrayLike | None = None,
        sampling: float = 0.0,
    ) -> list[Tensor]:
        """The share in `loss` of each step of the target, which they add up to [time + 1]: the last is for eos."""
        fed, expected = framed("Seq2Seq: targets", targets, target_lengths, self.bos, self.eos)
        logits = [step for step, _ in self.decoded(source, fed, source_lengths, sampling)]
        return shares("Seq2Seq", logits, expected, IGNORED)

    def step(self, memory: Memory | None, tokens: np.ndarray, state: State) -> tuple[Tensor, State]:
        """One step: tokens [batch], state -> logits [batch, tokens], next state."""
        logits, state, _ = self.decoder.step(tokens, state, memory)
        return logits, state

    def start(self, source: Tensor | ArrayLike, lengths: ArrayLike | None) -> tuple[Memory | None, Tensor, State]:
        """What decoding looks back at, and the logits and state after bos."""
        state, memory = self.encode(source, lengths)
        return memory, *self.step(memory, np.full(batch_size(state), self.bos), state)

    @mg.no_grad()
    def predict(self, source: Tensor | ArrayLike, max_new: int, lengths: ArrayLike | None = None) -> list[np.ndarray]:
        """The target of each source, up to `max_new` tokens: the likeliest at each step, until eos (left out)."""
        check_sizes("Seq2Seq.predict", max_new=max_new)
        memory, logits, state = self.start(source, lengths)
        return decode(partial(self.step, memory), logits, state, choose_likeliest, max_new, self.eos)

    @mg.no_grad()
    def beam(
        self,
        source: Tensor | ArrayLike,
        max_new: int,
        lengths: ArrayLike | None = None,
        width: int = 4,
        length_penalty: float = 0.0,
    ) -> list[Hypothesis]:
        """The best hypothesis for each source by `models.decoding.beam_search`, which has the settings."""
        check_beam("Seq2Seq.beam", max_new, width, length_penalty)
        memory, logits, state = self.start(source, lengths)
        best = []
        for row in (slice(i, i + 1) for i in range(len(logits))):
            step = partial(self.step, rows_of(memory, row))
            start = logits[row], rows_of(state, row)
            best.append(beam_search(step, *start, self.eos, max_new, width, length_penalty)[0])
        return best
