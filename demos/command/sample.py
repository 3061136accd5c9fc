"""What a demo gives `--report` to look at: a few sequences, and words for their steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigrad.data import SPECIALS, UNK, Vocabulary, pad_sequences
from models.classifier import predict_all

SHOWN = 4  # held-out sequences
LONGEST = 100  # steps of a sequence
START = "^"  # what a decoder reads first


@dataclass(frozen=True)
class Sample:
    """A few held-out sequences, and those of the user's, as one batch.

    inputs: what the model's `step_losses` (or `loss`) is called with; arrays of floats become Tensors. names: a line
    about each sequence. steps: the words, letters, ... that are read, a list for each sequence, for the cells whose
    dotted names begin so ("" for all). pictures: [n, time, features], where a step is a row of one. joined: the steps
    are letters. window: steps after which the state is carried on detached, as in training.
    """

    inputs: tuple[Any, ...]
    names: Sequence[str]
    steps: Mapping[str, Sequence[Sequence[str]]] = field(default_factory=dict)
    pictures: np.ndarray | None = None
    joined: bool = False
    window: int | None = None


def of_texts(vocabulary: Vocabulary, texts: Sequence[np.ndarray], names: Sequence[str], joined: bool = False) -> Sample:
    """For a language model: texts as ids, at least two each; each but the last is read, each but the first follows."""
    ids, lengths = pad_sequences([text[: LONGEST + 1] for text in texts])
    steps = [vocabulary.decode(row[: length - 1]) for row, length in zip(ids, lengths)]
    return Sample((ids[:, :-1], ids[:, 1:], None, lengths - 1), names, {"": steps}, joined=joined)


def of_stretches(vocabulary: Vocabulary, ids: np.ndarray, window: int, joined: bool = False) -> Sample:
    """For a language model that is trained in windows: stretches of one long text."""
    size = min(LONGEST + 1, len(ids) // SHOWN)
    rows = ids[: SHOWN * size].reshape(SHOWN, size)
    steps = [vocabulary.decode(row[:-1]) for row in rows]
    names = [f"test part, stretch {i + 1}" for i in range(SHOWN)]
    return Sample((rows[:, :-1], rows[:, 1:]), names, {"": steps}, joined=joined, window=window)


def of_kinds(
    model: Any,
    vocabulary: Vocabulary,
    kinds: Sequence[str],
    test: Any,
    tokens: Callable[[str], list[str]],
    given: Sequence[str],
) -> Sample:
    """For a classifier of texts: the user's, taken for what the network says of them, and as many of each kind."""
    rows = [i for k in range(len(kinds)) for i in np.flatnonzero(test.labels == k)[: SHOWN // len(kinds)]]
    texts = [tokens(text)[:LONGEST] for text in (*given, *(test.texts[i] for i in rows))]
    ids = [vocabulary.encode(text) for text in texts]
    said = predict_all(model, ids)
    labels = np.concatenate([said[: len(given)], test.labels[rows]])
    names = [*("your text" for _ in given), *(f"test part, {kinds[label]}" for label in test.labels[rows])]
    padded, lengths = pad_sequences(ids)
    told = [f"{name}, read as {kinds[label]}" for name, label in zip(names, said)]
    return Sample((padded, labels, lengths), told, {"": texts})


def of_pairs(
    vocabularies: tuple[Vocabulary, Vocabulary],
    sources: Sequence[list[str]],
    targets: Sequence[list[str]],
    names: Sequence[str],
    joined: bool = False,
) -> Sample:
    """For an encoder and a decoder: tokens of what is read, and of what is to be written."""
    targets = [target or [SPECIALS[UNK]] for target in targets]  # what a network writes of the user's may be nothing
    (read, lengths), (written, ends) = (
        pad_sequences([vocabulary.encode(text) for text in texts])
        for vocabulary, texts in zip(vocabularies, (sources, targets))
    )
    steps = {"encoder": sources, "decoder": [[START, *target] for target in targets]}
    return Sample((read, written, lengths, ends), names, steps, joined=joined)
