"""One to many: a sequence generated from one vector, or one class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

import minigrad as mg
from minigrad import Tensor, functional
from minigrad.errors import check_sizes
from minigrad.nn import Linear, Module

from .bridge import Bridge, batch_size
from .cell import State
from .decoding import decode
from .embedded import Embedded, check_generates
from .sampling import sampler
from .tokens import IGNORED, check_specials, framed, shares


class Generator(Module):
    """A condition sets the initial state; tokens follow from bos to eos (as Vinyals et al. 2015 caption images).

    condition: vectors [batch, condition_size], or classes [batch], integers from 0 to condition_size - 1.
    """

    def __init__(self, condition_size: int, network: Embedded, bos: int, eos: int) -> None:
        check_generates("Generator", network)
        check_specials("Generator", network.num_tokens, bos=bos, eos=eos)
        self.condition_size = condition_size
        self.bos, self.eos = bos, eos
        self.bridge = Bridge(condition_size, network)
        self.network = network
        self.head = Linear(network.output_size, network.num_tokens)

    def initial_state(self, condition: Tensor | ArrayLike) -> State:
        """The state that a condition sets. Raises IndexError for a class, ValueError for vectors that do not exist."""
        given = condition if isinstance(condition, Tensor) else mg.tensor(condition)
        if given.dtype.kind != "f":
            given = functional.one_hot(given, self.condition_size, self.head.weight.dtype)
        if given.shape[1:] != (self.condition_size,) or not given.size:
            raise ValueError(
                f"Generator: expected vectors [batch, {self.condition_size}] or integers [batch], got {given.dtype} "
                f"of shape {given.shape}"
            )
        return self.bridge(given)

    def forward(self, condition: Tensor | ArrayLike, tokens: ArrayLike) -> Tensor:
        """Logits of the next token at each step [batch, time, tokens], for tokens [batch, time] that begin with bos."""
        outputs, _ = self.network(tokens, self.initial_state(condition))
        return self.head(outputs)

    def loss(self, condition: Tensor | ArrayLike, targets: ArrayLike, lengths: ArrayLike | None = None) -> Tensor:
        """Mean cross entropy of targets [batch, time], each followed by eos, under teacher forcing.

        Targets are without bos and eos (ValueError otherwise); past `lengths` there may be any integers.
        """
        fed, expected = framed("Generator: targets", targets, lengths, self.bos, self.eos)
        return functional.cross_entropy(self(condition, fed), expected, IGNORED)

    def step_losses(
        self, condition: Tensor | ArrayLike, targets: ArrayLike, lengths: ArrayLike | None = None
    ) -> list[Tensor]:
        """Each step's share of `loss`, which they add up to [time + 1]: the last is for eos."""
        fed, expected = framed("Generator: targets", targets, lengths, self.bos, self.eos)
        outputs, _ = self.network(fed, self.initial_state(condition))
        logits = [self.head(outputs[:, t]) for t in range(outputs.shape[1])]
        return shares("Generator", logits, expected, IGNORED)

    def step(self, tokens: np.ndarray, state: State) -> tuple[Tensor, State]:
        """One step: tokens [batch], state -> logits [batch, tokens], next state."""
        outputs, state = self.network(tokens[:, None], state)
        return self.head(outputs[:, 0]), state

    def generate(
        self,
        condition: Tensor | ArrayLike,
        max_new: int,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        start: Sequence[int] | np.ndarray = (),
    ) -> list[np.ndarray]:
        """For each condition up to `max_new` tokens, drawn one by one until eos (left out).

        start: tokens [time] that every sequence begins with, not returned. The other settings are those of
        `models.sampling.probabilities`; temperature 0 is greedy. Raises ValueError for bad settings, and for a start
        that holds bos or eos.
        """
        choose = sampler(temperature, top_k, top_p)
        check_sizes("Generator.generate", max_new=max_new)
        read = self.begun(start)
        with mg.no_grad():
            state = self.initial_state(condition)
            outputs, state = self.network(np.tile(read, (batch_size(state), 1)), state)
            return decode(self.step, self.head(outputs[:, -1]), state, choose, max_new, self.eos)

    def begun(self, start: Sequence[int] | np.ndarray) -> np.ndarray:
        """bos, and the tokens to begin with [1 + time]."""
        tokens = np.array([self.bos, *start])
        if np.isin(tokens[1:], (self.bos, self.eos)).any():
            raise ValueError(f"Generator.generate: expected a start without bos and eos, got {start}")
        return tokens


class Captioner(Generator):
    """A generator whose condition is a picture, or whatever `encoder` maps to vectors [batch, condition_size].

    A convolutional encoder and a recurrent generator, trained together, are those of Vinyals et al. (2015).
    """

    def __init__(self, encoder: Module, condition_size: int, network: Embedded, bos: int, eos: int) -> None:
        super().__init__(condition_size, network, bos, eos)
        self.encoder = encoder

    def initial_state(self, condition: Tensor | ArrayLike) -> State:
        return super().initial_state(self.encoder(condition))
