"""A language model of characters: Python source, or Shakespeare, one character after the other (many to many)."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from demos.command import Demo, Figure, Refusal, Report, Settings, Training, network, read_text, say
from demos.command.sample import Sample, of_stretches, of_texts
from minigrad.data import SPECIALS, Vocabulary, bptt_windows, tiny_shakespeare
from minigrad.nn import Embedding, Module
from models import Embedded, LanguageModel
from models.language_model import bits_per_character, carrying, stream
from models.training import mean_loss

VECTOR = 64  # size of a character's vector
WINDOW = 64  # characters
MODULES = ["argparse", "calendar", "configparser", "csv", "dataclasses", "difflib", "fractions", "functools", "random",
           "shlex", "statistics", "textwrap", "uuid"]  # fmt: skip
RESTART = 10  # windows
LEAST = 2000  # characters, so that there is something in every part


class Data(NamedTuple):
    """The text's characters as ids: the first nine tenths, half of the rest, the other half."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    vocabulary: Vocabulary


def load(settings: Settings) -> Data:
    """Thirteen modules of this Python's standard library; or Tiny Shakespeare; or a text file of the user's."""
    if settings.data == "full":
        text = tiny_shakespeare()
    else:
        text = read_text(settings.file) if settings.file else "".join(source(name) for name in MODULES)
    if len(text) < LEAST:
        raise Refusal(f"{settings.data}: expected at least {LEAST} characters, got {len(text)}")
    most, rest = len(text) * 9 // 10, len(text) * 19 // 20
    vocabulary = Vocabulary.build([text[:most]])
    train = text[: min(most, 200_000)] if settings.quick else text[:most]
    train_ids, validation, test = (vocabulary.encode(part) for part in (train, text[most:rest], text[rest:]))
    return Data(train_ids, validation, test, vocabulary)


def source(module: str) -> str:
    """A module's source, read and not imported."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise Refusal(f"this Python comes without the source of {module}; try --data full, or a text file")
    return read_text(spec.origin)


def look(data: Data) -> None:
    sizes = [f"{len(part):,}" for part in data[:3]]
    print("{} characters to train on, {} to validate, {} to test on; ".format(*sizes), end="")
    print(f"{len(data.vocabulary) - len(SPECIALS)} different ones")


def facts(data: Data) -> dict[str, Any]:
    return {"characters": data.vocabulary.tokens[len(SPECIALS) :]}


def build(facts: dict[str, Any], settings: Settings) -> Module:
    embedding = Embedding(len(SPECIALS) + len(facts["characters"]), VECTOR)
    return LanguageModel(Embedded(embedding, network(settings, VECTOR, dropout=0.2)))


def training(model: Any, data: Data, settings: Settings) -> Training:
    """32 streams in windows; the state is carried from window to window, and now and then dropped."""
    windows = bptt_windows(data.train, batch_size=32, window=WINDOW)

    def validate() -> float:
        nats = loss_of(model, data.validation)
        seed = data.validation[:20]
        sample = "".join(data.vocabulary.decode(model.generate(seed, 60, temperature=0.7)))
        say(f"{bits_per_character(nats):.3f} bits per character: {sample!r}")
        return nats

    return Training(lambda: stream(windows, RESTART), validate, carrying(model), steps=len(windows))


def loss_of(model: Any, ids: np.ndarray) -> float:
    """Mean cross entropy of a text in nats, read from its beginning in 8 streams."""
    return mean_loss(carrying(model), stream(bptt_windows(ids, batch_size=8, window=WINDOW)))


def measure(model: Any, data: Data) -> dict[str, float]:
    return figures(loss_of(model, data.test))


def figures(nats: float) -> dict[str, float]:
    return {"bits per character": bits_per_character(nats), "nats per character": nats}


def baselines(data: Data) -> dict[str, dict[str, float]]:
    """How often each character occurs, alone and after each other, in the training part (each count 1 higher)."""
    size = len(data.vocabulary)
    alone = np.bincount(data.train, minlength=size) + 1.0
    pairs = np.ones((size, size))
    np.add.at(pairs, (data.train[:-1], data.train[1:]), 1)
    before, after = data.test[:-1], data.test[1:]
    unigram = -np.log(alone[after] / alone.sum()).mean()
    bigram = -np.log(pairs[before, after] / pairs.sum(axis=1)[before]).mean()
    return {"unigram": figures(float(unigram)), "bigram": figures(float(bigram))}


def show(report: Report) -> None:
    print(report.best.name, "writes:")
    seed = "".join(report.data.vocabulary.decode(report.data.test[:20]))
    print(predict(report.best.model, report.facts, seed))


def draw(figure: Any, report: Report) -> None:
    """Bits per character by epoch, beside what counting characters gives."""
    axes = figure.subplots()
    for result in report.results:
        bits = [bits_per_character(nats) for nats in result.history.validation]
        axes.plot(range(1, len(bits) + 1), bits, "o-", label=f"{result.name}, validation")
    for style, (name, row) in zip((":", "--"), report.baselines.items()):
        axes.axhline(row["bits per character"], color="grey", linestyle=style, label=f"{name}, test")
    axes.set(title="bits per character", xlabel="epoch")
    axes.legend()


def predict(model: Any, facts: dict[str, Any], given: str) -> str:
    """The text, and 200 characters that go on from it, drawn at temperature 0.7."""
    if not given:
        raise Refusal("--predict: expected a text to go on from, got an empty one")
    vocabulary = Vocabulary(facts["characters"])
    return given + "".join(vocabulary.decode(model.generate(vocabulary.encode(given), 200, temperature=0.7)))


def watched(model: Any, data: Data, given: Sequence[str]) -> Sample:
    """The user's texts, if they are long enough to have something follow in them; or stretches of the test part."""
    if own := [text for text in given if len(text) > 1]:
        return of_texts(data.vocabulary, [data.vocabulary.encode(text) for text in own], own, joined=True)
    return of_stretches(data.vocabulary, data.test, WINDOW, joined=True)


demo = Demo(
    name="char_lm",
    text=__doc__,
    shape="many to many",
    data="Python's standard library; full: Tiny Shakespeare",
    time="35 s",
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
    figures=(
        Figure("bits per character", form=".3f", lower_is_better=True),
        Figure("nats per character", form=".3f", lower_is_better=True),
    ),
    defaults={"cell": "lstm", "hidden": 128, "epochs": 5, "lr": 0.005},
    quick={"epochs": 2},
    full={"hidden": 256, "epochs": 12, "lr": 0.004},
    file="a text in UTF-8",
    refused={"bidirectional": "a language model may not look ahead"},
)
main = demo.main

if __name__ == "__main__":
    main()
