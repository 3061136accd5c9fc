"""Many to many, in step: a language model reads tokens and predicts, at each step, the next (Mikolov et al. 2010)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import ArrayLike

import minigrad as mg
from minigrad import Tensor, functional
from minigrad.errors import check_sizes
from minigrad.nn import Dropout, Linear, Module

from .cell import State
from .decoding import decode
from .embedded import Embedded, check_generates
from .sampling import sampler
from .tokens import IGNORED, check_specials, checked_tokens, refilled, shares
from .truncation import detach


class LanguageModel(Module):
    """Tokens [batch, time] -> logits of the next token at each step [batch, time, tokens], final state.

    With `tied`, the embedding's vectors are also the output's weights (Press and Wolf 2017): one size for both.
    `dropout` is the share of the network's outputs that do not reach them in training (Zaremba et al. 2014).
    """

    def __init__(self, network: Embedded, tied: bool = False, dropout: float = 0.0) -> None:
        check_generates("LanguageModel", network)
        self.network = network
        self.dropout = Dropout(dropout)
        self.head = Linear(network.output_size, network.num_tokens)
        if tied:
            vectors = network.embedding.weight
            if vectors.shape != self.head.weight.shape:
                raise ValueError(
                    f"LanguageModel: tied weights need vectors of the network's output size {network.output_size}, "
                    f"got {vectors.shape[1]}"
                )
            self.head.weight = vectors

    def forward(self, tokens: ArrayLike, state: State = None, lengths: ArrayLike | None = None) -> tuple[Tensor, State]:
        outputs, state = self.network(tokens, state, lengths)
        return self.head(self.dropout(outputs)), state

    def loss(
        self, inputs: ArrayLike, targets: ArrayLike, state: State = None, lengths: ArrayLike | None = None
    ) -> tuple[Tensor, State]:
        """Mean cross entropy in nats against each step's successor [batch, time], and the state after the last step.

        From one window of a stream to the next, carry `models.truncation.detach(state)`. Steps past `lengths` and
        targets of -100 do not count.
        """
        successors = refilled(checked_tokens("LanguageModel: targets", targets), lengths, IGNORED)
        logits, state = self(inputs, state, lengths)
        return functional.cross_entropy(logits, successors, IGNORED), state

    def step_losses(
        self, inputs: ArrayLike, targets: ArrayLike, state: State = None, lengths: ArrayLike | None = None
    ) -> list[Tensor]:
        """Each step's share of `loss`, which they add up to."""
        successors = refilled(checked_tokens("LanguageModel: targets", targets), lengths, IGNORED)
        outputs = self.dropout(self.network(inputs, state, lengths)[0])
        logits = [self.head(outputs[:, t]) for t in range(outputs.shape[1])]
        return shares("LanguageModel", logits, successors, IGNORED)

    def step(self, tokens: np.ndarray, state: State) -> tuple[Tensor, State]:
        """One step: tokens [batch], state -> logits [batch, tokens], next state."""
        logits, state = self(tokens[:, None], state)
        return logits[:, 0], state

    def generate(
        self,
        seed: ArrayLike,
        max_new: int,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        eos: int | None = None,
    ) -> np.ndarray:
        """Up to `max_new` tokens that follow the seed [time], drawn one by one; without eos, where it stops.

        From a text: `vocabulary.decode(model.generate(vocabulary.encode(characters(text)), 100))`. Call `eval()`
        first, where there is dropout. The settings are those of `models.sampling.probabilities`, and temperature 0
        is greedy. Raises ValueError for an empty seed and bad settings, IndexError for a token that the model does
        not know.
        """
        choose = sampler(temperature, top_k, top_p)
        check_sizes("LanguageModel.generate", max_new=max_new)
        if eos is not None:
            check_specials("LanguageModel.generate", self.network.num_tokens, eos=eos)
        tokens = np.asarray(seed)
        if tokens.ndim != 1 or not tokens.size:
            raise ValueError(f"LanguageModel.generate: expected a seed [time], one token at least, got {tokens.shape}")
        with mg.no_grad():
            logits, state = self(tokens[None])
            return decode(self.step, logits[:, -1], state, choose, max_new, eos)[0]


def carrying(model: LanguageModel) -> Callable[[bool, np.ndarray, np.ndarray], Tensor]:
    """A loss that carries the state from window to window, for `stream`: loss(first, inputs, targets), mean nats.

    Where `first` is true it starts from no state. What it carries is detached.
    """
    state: State = None

    def loss(first: bool, inputs: np.ndarray, targets: np.ndarray) -> Tensor:
        nonlocal state
        nats, after = model.loss(inputs, targets, None if first else state)
        state = detach(after)
        return nats

    return loss


def stream(
    windows: Iterable[tuple[np.ndarray, np.ndarray]], restart: int | None = None
) -> Iterator[tuple[bool, np.ndarray, np.ndarray]]:
    """The windows that `minigrad.data.bptt_windows` makes, each with whether it is the first: `carrying`'s batches.

    With `restart`, so is every `restart`-th: a model that hardly ever starts from no state goes on badly from a text.
    """
    return ((i % restart == 0 if restart else i == 0, *window) for i, window in enumerate(windows))


def perplexity(nats: Tensor | float) -> float:
    """How many equally likely tokens would be as hard to predict: exp of the mean cross entropy."""
    with np.errstate(over="ignore"):
        return float(np.exp(np.float64(nats)))


def bits_per_character(nats: Tensor | float) -> float:
    """The mean cross entropy of a model of characters, in bits."""
    return float(nats) / math.log(2)
