"""What the demos that tag words share: sentences from templates, the data, the network, its training and figures."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from minigrad.data import SPECIALS, Vocabulary, bucketed_batches, hide, most_frequent_tags, pad_sequences, span_scores
from minigrad.nn import Embedding, Module
from models import Embedded, Tagger
from models.tagger import tag_all
from models.tokens import IGNORED
from models.training import mean_loss

from .demo import Training
from .options import Settings, network
from .sample import SHOWN, Sample

VECTOR = 100  # size of a word's vector
DROPOUT = 0.5  # of what a word's tag is told from

Row = tuple[list[str], list[str]]  # a sentence's words, and a tag (IOB) for each


class Part(NamedTuple):
    """Sentences: their words and tags, and both as numbers, arrays [time]."""

    words: list[list[str]]
    tags: list[list[str]]
    ids: list[np.ndarray]
    classes: list[np.ndarray]


class Data(NamedTuple):
    """Three parts, and the words and tags of the first."""

    train: Part
    validation: Part
    test: Part
    vocabulary: Vocabulary
    tags: list[str]


def encoded(train: Sequence[Row], validation: Sequence[Row], test: Sequence[Row]) -> Data:
    """The three parts as numbers; a tag that the first does not have is IGNORED in the losses."""
    vocabulary = Vocabulary.build(tokens(words) for words, _ in train)
    tags = sorted({tag for _, row in train for tag in row})
    number = {tag: i for i, tag in enumerate(tags)}

    def part(rows: Sequence[Row]) -> Part:
        ids = [vocabulary.encode(tokens(words)) for words, _ in rows]
        classes = [np.array([number.get(tag, IGNORED) for tag in row]) for _, row in rows]
        return Part([words for words, _ in rows], [row for _, row in rows], ids, classes)

    return Data(part(train), part(validation), part(test), vocabulary, tags)


def tokens(words: Sequence[str]) -> list[str]:
    """Words as the network knows them: digits become 0, so that 417 is as good as 823."""
    return [re.sub(r"\d", "0", word) for word in words]


def phrases(text: str) -> list[str]:
    """What stands between semicolons."""
    return [" ".join(phrase.split()) for phrase in text.split(";")]


def parted(names: Mapping[str, str], rng: np.random.Generator) -> list[dict[str, list[str]]]:
    """Names of each kind for training, validation and test: a half, a quarter and a quarter of them by chance."""
    parts: list[dict[str, list[str]]] = [{}, {}, {}]
    for kind, text in names.items():
        drawn = rng.permutation(phrases(text)).tolist()
        ends = [0, len(drawn) // 2, len(drawn) * 3 // 4, len(drawn)]
        for part, start, end in zip(parts, ends, ends[1:]):
            part[kind] = drawn[start:end]
    return parts


def filled(template: str, fillings: Mapping[str, Sequence[str]], rng: np.random.Generator) -> Row:
    """A template's words, with a phrase for each {kind} in it, and their tags."""
    words, tags = [], []
    for word in template.split():
        kind = word.strip("{}")
        if kind == word:
            phrase, marks = [word], ["O"]
        else:
            phrase = fillings[kind][int(rng.integers(len(fillings[kind])))].split()
            marks = [f"B-{kind}", *[f"I-{kind}"] * (len(phrase) - 1)]
        words += phrase
        tags += marks
    return words, tags


def facts(data: Data) -> dict[str, Any]:
    """What it takes to build a tagger and to use it."""
    return {"words": data.vocabulary.tokens[len(SPECIALS) :], "tags": data.tags}


def build(facts: dict[str, Any], settings: Settings) -> Module:
    """A tag for each word, from the recurrent network's output there."""
    embedding = Embedding(len(SPECIALS) + len(facts["words"]), VECTOR)
    return Tagger(Embedded(embedding, network(settings, VECTOR)), len(facts["tags"]), DROPOUT)


def training(model: Any, data: Data, hidden: float) -> Training:
    """Of the words trained on, a share is hidden each time, so that those around them have to tell what they are."""

    def loss(ids: tuple[np.ndarray, np.ndarray], classes: tuple[np.ndarray, np.ndarray]) -> Any:
        return model.loss(ids[0], classes[0], ids[1])

    def loss_of_some(ids: tuple[np.ndarray, np.ndarray], classes: tuple[np.ndarray, np.ndarray]) -> Any:
        return loss((hide(ids[0], hidden), ids[1]), classes)

    train = bucketed_batches(data.train.ids, data.train.classes, batch_size=16)
    held_out = bucketed_batches(data.validation.ids, data.validation.classes, batch_size=200, shuffle=False)
    return Training(train, lambda: mean_loss(loss, held_out), loss_of_some, weight_decay=0.01)


def tagged(model: Any, ids: list[np.ndarray], tags: Sequence[str]) -> list[list[str]]:
    """The network's tags for each sentence."""
    return [np.array(tags)[row].tolist() for row in tag_all(model, ids)]


def tagged_words(model: Any, facts: dict[str, Any], words: Sequence[str]) -> list[str]:
    """The network's tags for a sentence of the user's."""
    return tagged(model, [Vocabulary(facts["words"]).encode(tokens(words))], facts["tags"])[0]


def sample(model: Any, data: Data, own: Sequence[list[str]]) -> Sample:
    """The user's sentences (with the tags that the network gives), and some of the test part."""
    sentences = [*own, *data.test.words[:SHOWN]]
    ids = [data.vocabulary.encode(tokens(sentence)) for sentence in sentences]
    number = {tag: i for i, tag in enumerate(data.tags)}
    found = tagged(model, ids, data.tags)
    classes = [*(np.array([number[tag] for tag in tags]) for tags in found[: len(own)]), *data.test.classes[:SHOWN]]
    padded, lengths = pad_sequences(ids)
    return Sample((padded, pad_sequences(classes)[0], lengths), [" ".join(tags) for tags in found], {"": sentences})


def usual_tags(data: Data) -> dict[str, list[list[str]]]:
    """Baselines for the test part: the most frequent tag of a word, and of what stands between its two neighbours."""
    train, test = ([tokens(words) for words in part.words] for part in (data.train, data.test))
    sides_train, sides_test = ([neighbours(words) for words in part] for part in (train, test))
    return {
        "by the word": most_frequent_tags(train, data.train.tags, test),
        "by neighbours": most_frequent_tags(sides_train, data.train.tags, sides_test),
    }


def neighbours(words: Sequence[str]) -> list[str]:
    """The word before and the word after each."""
    return [" ".join(pair) for pair in zip(["", *words], [*words[1:], ""])]


def measure(model: Any, data: Data) -> dict[str, float]:
    """Precision, recall and F1 of the spans in the test part."""
    return span_scores(data.test.tags, tagged(model, data.test.ids, data.tags))


def baselines(data: Data) -> dict[str, dict[str, float]]:
    """The same figures for `usual_tags`."""
    return {name: span_scores(data.test.tags, tags) for name, tags in usual_tags(data).items()}
