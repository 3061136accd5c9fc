"""Is a sentence about a film for it or against it, and which words say so (many to one)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex
from rich.console import Console
from rich.text import Text
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from demos.command import Demo, Figure, Refusal, Report, Settings, Training, bad_line, network, numbered_lines
from demos.command.sample import Sample, of_kinds
from minigrad.data import SPECIALS, Vocabulary, batches, bucketed_batches, pad_sequences, split_groups, words
from minigrad.nn import Embedding, Module
from models import Classifier, Embedded
from models.classifier import predict_all
from models.saliency import contributions
from models.training import mean_loss

VECTOR = 32  # size of a word's vector
NEGATIVE, POSITIVE = range(2)
LABELS = ("negative", "positive")
LEAST = 50  # sentences of each kind in a file

# Sentences for the default form are generated from these, which were written for it. Every word praises as often as
# it blames: which of the two, the words around it say
PRAISE = """brilliant charming clever convincing delightful elegant exciting fresh funny gripping honest lively lovely
    memorable moving original perfect playful sharp splendid subtle superb tender thrilling touching warm witty
    wonderful"""
BLAME = """awful bland boring cheap clumsy confused dreadful dull empty feeble flat forgettable hollow lame lazy messy
    pointless predictable pretentious sentimental shallow silly slow stale tedious tired weak wooden"""
WHAT = """acting camera cast comedy dialogue director drama ending film hero humour lead music mystery opening pace plot
    score script sequel story villain"""
ASIDES = ["", "", "Well, ", "To be honest, ", "For once, ", "My sister says: ", "I saw it twice, and "]
MEANT = [
    "the {what} is {word}",
    "I found the {what} {word}",
    "what a {word} {what}",
    "nobody will deny that the {what} is {word}",
    "I expected a {contrary} {what}, but it is {word}",
    "the {what} is {contrary} at first, but in the end {word}",
]
TURNED = [
    "the {what} is not {word}",
    "the {what} isn't {word} at all",
    "I would never call the {what} {word}",
    "the {what} is anything but {word}",
    "I expected a {word} {what}, but it is not",
    "if only the {what} were {word}",
]
NEGATION = re.compile(r"n't\b|\b(no|not|never|nobody|nothing|hardly|without|anything but|if only)\b", re.IGNORECASE)


class Part(NamedTuple):
    """Sentences: their text, their words' ids [time] each, and int64 [n] with 1 for those that praise."""

    texts: list[str]
    ids: list[np.ndarray]
    labels: np.ndarray


class Data(NamedTuple):
    """Three parts, and the words that occur at least twice in the first."""

    train: Part
    validation: Part
    test: Part
    vocabulary: Vocabulary


def load(settings: Settings) -> Data:
    """Seven tenths of the sentences to train on, a tenth to validate; none, and no group, is in two parts.

    Those that are generated form a group where the same word stands in the same turn of phrase.
    """
    texts, labels, groups = read(settings.file) if settings.file else generated(2500)
    train, validation, test = split_groups(groups, (0.7, 0.1, 0.2), settings.seed)
    if settings.quick:
        train = train[:4000]
    vocabulary = Vocabulary.build((tokens(texts[i]) for i in train), min_count=2)

    def part(rows: np.ndarray) -> Part:
        chosen = [texts[i] for i in rows]
        return Part(chosen, [vocabulary.encode(tokens(text)) for text in chosen], np.array(labels)[rows])

    return Data(part(train), part(validation), part(test), vocabulary)


def tokens(text: str) -> list[str]:
    """Lower-case words and marks."""
    return words(text, lower=True) or [SPECIALS[1]]


def generated(count: int) -> tuple[list[str], list[int], list[str]]:
    """Different sentences, half of them positive, half of them turned; their labels; phrase and word of each."""
    rng = np.random.default_rng(0)
    sentences: dict[str, tuple[int, str]] = {}
    adjectives = BLAME.split(), PRAISE.split()
    while len(sentences) < count:
        label, turned = rng.integers(2, size=2)
        phrase = rng.choice((MEANT, TURNED)[turned])
        word, contrary = rng.choice(adjectives[label ^ turned]), rng.choice(adjectives[1 - label ^ turned])
        what, aside = rng.choice(WHAT.split()), rng.choice(ASIDES)
        text = aside + phrase.format(what=what, word=word, contrary=contrary)
        sentences[text[0].upper() + text[1:]] = int(label), f"{phrase} {word}"
    labels, groups = zip(*sentences.values())
    return list(sentences), list(labels), list(groups)


def read(path: Path) -> tuple[list[str], list[int], list[str]]:
    """The sentences of a file; of two, where it is rt-polarity.pos: Pang and Lee (2005) have them in Latin-1."""
    if path.suffix == ".pos":
        halves = [(NEGATIVE, latin_lines(path.with_suffix(".neg"))), (POSITIVE, latin_lines(path))]
        pairs = [(text, label) for label, texts in halves for text in texts]
    else:
        pairs = [labelled(path, number, line) for number, line in numbered_lines(path)]
    texts, labels = [text for text, _ in pairs], [label for _, label in pairs]
    if min(labels.count(NEGATIVE), labels.count(POSITIVE)) < LEAST:
        counts = f"{labels.count(NEGATIVE)} and {labels.count(POSITIVE)}"
        raise Refusal(f"{path}: expected at least {LEAST} negative and positive sentences each, got {counts}")
    return texts, labels, [" ".join(tokens(text)) for text in texts]


def labelled(path: Path, number: int, line: str) -> tuple[str, int]:
    label, _, text = line.partition("\t")
    if label not in LABELS or not text.strip():
        raise bad_line(path, number, line, "negative or positive, a tab, and the sentence")
    return text.strip(), LABELS.index(label)


def latin_lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="latin-1")
    except OSError as error:
        raise Refusal(f"{path} cannot be read: {error.strerror}") from None
    return [line.strip() for line in text.split("\n") if line.strip()]


def look(data: Data) -> None:
    sizes = [len(part.texts) for part in data[:3]]
    print("{} sentences to train on, {} to validate, {} to test on".format(*sizes))
    for label, name in enumerate(LABELS):
        for i in np.flatnonzero(data.train.labels == label)[:3]:
            print(f"  {name}: {data.train.texts[i]}")
    print(f"vocabulary: {len(data.vocabulary)} tokens, those that occur at least twice")


def facts(data: Data) -> dict[str, Any]:
    return {"tokens": data.vocabulary.tokens[len(SPECIALS) :]}


def build(facts: dict[str, Any], settings: Settings) -> Module:
    """Negative or positive, by the last hidden state after a sentence's words."""
    embedding = Embedding(len(SPECIALS) + len(facts["tokens"]), VECTOR)
    return Classifier(Embedded(embedding, network(settings, VECTOR)), 2)


def training(model: Any, data: Data, settings: Settings) -> Training:
    def loss(ids: tuple[np.ndarray, np.ndarray], labels: np.ndarray) -> Any:
        return model.loss(ids[0], labels, ids[1])

    train = bucketed_batches(data.train.ids, data.train.labels, batch_size=32)
    held_out = batches(data.validation.ids, data.validation.labels, batch_size=200, shuffle=False)
    return Training(train, lambda: mean_loss(loss, held_out), loss, weight_decay=0.1)


def measure(model: Any, data: Data) -> dict[str, float]:
    return figures(data.test, predict_all(model, data.test.ids))


def baselines(data: Data) -> dict[str, dict[str, float]]:
    """The kind there is more of; and counts of words, whose order is lost."""
    majority = np.full_like(data.test.labels, np.bincount(data.train.labels).argmax())
    counting = make_pipeline(CountVectorizer(analyzer=tokens), MultinomialNB())
    counted = counting.fit(data.train.texts, data.train.labels).predict(data.test.texts)
    return {"majority class": figures(data.test, majority), "naive Bayes": figures(data.test, counted)}


def figures(part: Part, predicted: np.ndarray) -> dict[str, float]:
    """Share told right: of all sentences, and of those with a negation and without one, if there are any."""
    right = predicted == part.labels
    negated = np.array([bool(NEGATION.search(text)) for text in part.texts])
    rows = {"accuracy": right, "with a negation": right[negated], "without": right[~negated]}
    return {name: float(chosen.mean()) for name, chosen in rows.items() if len(chosen)}


def shades(model: Any, ids: Sequence[np.ndarray]) -> list[list[str]]:
    """A colour for each word of each sentence: red where it speaks for a negative one, blue for a positive one.

    It is as dark as the word weighs, gradient times vector, beside the weightiest word of all.
    """
    padded, lengths = pad_sequences(ids)
    weights = contributions(model, padded, lengths, POSITIVE, NEGATIVE)
    colours = colormaps["RdBu"](0.5 + 0.35 * weights / max(np.abs(weights).max(), 1e-9))
    return [[to_hex(colour) for colour in row[:length]] for row, length in zip(colours, lengths)]


def examples(report: Report, count: int) -> list[tuple[str, list[str], list[str]]]:
    """Test sentences, of both kinds in turn: what was said of them, their words, and the words' colours."""
    model, test = report.best.model, report.data.test
    kinds = [np.flatnonzero(test.labels == label) for label in (NEGATIVE, POSITIVE)]
    rows = [i for pair in zip(*kinds) for i in pair][:count]
    chosen = [test.ids[i] for i in rows]
    said = [
        f"{LABELS[guess]}{'' if guess == test.labels[i] else ' (wrong)'}"
        for guess, i in zip(predict_all(model, chosen), rows)
    ]
    return [(name, tokens(test.texts[i]), colours) for name, i, colours in zip(said, rows, shades(model, chosen))]


def show(report: Report) -> None:
    print("red speaks for negative, blue for positive:")
    for said, sentence, colours in examples(report, 8):
        print(coloured(said, sentence, colours))


def coloured(said: str, sentence: Sequence[str], colours: Sequence[str]) -> str:
    """A line with its words on their colours, where it goes to a terminal that has colours."""
    line = Text(f"{said:16} ")
    for word, colour in zip(sentence, colours):
        line.append(f" {word} ", style=f"black on {colour}")
    console = Console()
    with console.capture() as captured:
        console.print(line)
    return captured.get().rstrip("\n")


def draw(figure: Any, report: Report) -> None:
    """Test sentences, each word on its colour."""
    axes = figure.subplots()
    chosen = examples(report, 16)
    for row, (said, sentence, colours) in enumerate(chosen):
        axes.text(0, row, said, fontsize=9)
        text = axes.text(0.17, row, "", fontsize=9)
        for word, colour in zip(sentence, colours):
            box = {"facecolor": colour, "edgecolor": "none", "pad": 1.5}
            text = axes.annotate(
                f" {word} ", (1, 0), xycoords=text, va="bottom", fontsize=9, bbox=box, annotation_clip=False
            )
            text.set_in_layout(False)  # long sentences are cut off, and do not squeeze the rest
    axes.set(ylim=(len(chosen), -1), title=f"{report.best.name}: red words speak for negative, blue for positive")
    axes.axis("off")


def predict(model: Any, facts: dict[str, Any], given: str) -> str:
    sentence = tokens(given)
    ids = [Vocabulary(facts["tokens"]).encode(sentence)]
    return coloured(LABELS[int(predict_all(model, ids)[0])], sentence, shades(model, ids)[0])


def watched(model: Any, data: Data, given: Sequence[str]) -> Sample:
    """The user's sentences, and some of the test part."""
    return of_kinds(model, data.vocabulary, LABELS, data.test, tokens, given)


demo = Demo(
    name="sentiment",
    text=__doc__,
    shape="many to one",
    data="generated sentences",
    time="15 s",
    load=load,
    look=look,
    facts=facts,
    build=build,
    training=training,
    measure=measure,
    baselines=baselines,
    show=show,
    draw=draw,
    predict=predict,
    watched=watched,
    figures=(Figure("accuracy"), Figure("with a negation"), Figure("without")),
    defaults={"cell": "lstm", "hidden": 32, "epochs": 10, "lr": 0.01},
    quick={"epochs": 4},
    file="lines of negative or positive, a tab, and the sentence; or rt-polarity.pos, with rt-polarity.neg beside it",
)
main = demo.main

if __name__ == "__main__":
    main()
