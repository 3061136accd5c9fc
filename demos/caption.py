"""A handwritten digit, spelled letter by letter; up to three in a row, told word by word (one to many)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

import minigrad as mg
from demos import digits
from demos.command import Demo, Figure, Refusal, Report, Settings, Training, network
from demos.command.sample import SHOWN, START, Sample
from demos.digits import Part, read_ink, scaled, squeezed
from demos.two_digits import by_chance, lined_up
from minigrad.data import BOS, EOS, Vocabulary, batches, pad_sequences
from minigrad.nn import Embedding, Module
from minigrad.random import generator
from models import Captioner, ConvolutionalClassifier, Embedded
from models.training import mean_loss

NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
MOST = 3  # digits in a picture
LONGEST = 5  # tokens
VOCABULARY = Vocabulary([*sorted(set("".join(NAMES))), *NAMES])  # letters and words
VECTOR = 16  # size of a token's vector


class Captioned(NamedTuple):
    """Pictures x [n, rows, MOST * rows], and what they show: tokens, letters for one digit, words for several."""

    x: np.ndarray
    captions: list[list[str]]


class Data(NamedTuple):
    """Single digits to compose pictures of, pictures of others, of others again, and how ink is scaled."""

    train: Part
    validation: Captioned
    test: Captioned
    facts: dict[str, Any]


def load(settings: Settings) -> Data:
    """The parts of demos.digits, so that no digit is in two of them; the training part is composed anew each epoch.

    `--quick` holds out the first thousand of a part.
    """
    single = digits.load(settings)
    facts = digits.facts(single)
    some = slice(1000 if settings.quick else None)
    validation, test = (Part(part.x[some], part.y[some]) for part in (single.validation, single.test))
    return Data(single.train, held_out(validation, facts), held_out(test, facts), facts)


def held_out(part: Part, facts: dict[str, Any]) -> Captioned:
    """As many pictures of one digit, of two and of three; every digit once in each place."""
    size = len(part.y)
    chosen = np.concatenate([by_chance(size, MOST) for _ in range(MOST)])
    return composed(part, chosen, np.repeat(np.arange(MOST) + 1, size), facts)


def composed(part: Part, chosen: np.ndarray, counts: np.ndarray, facts: dict[str, Any]) -> Captioned:
    """The first `counts` [n] of the digits chosen by number [n, MOST], from left to right, and paper."""
    line, paper = lined_up(part, chosen), scaled(np.zeros(()), facts["mean"], facts["deviation"])
    inked = np.arange(MOST * facts["size"]) < facts["size"] * counts[:, np.newaxis, np.newaxis]
    words = [[NAMES[digit] for digit in row[:count]] for row, count in zip(line.y, counts)]
    return Captioned(np.where(inked, line.x, paper), [list(row[0]) if len(row) == 1 else row for row in words])


def facts(data: Data) -> dict[str, Any]:
    return data.facts


def build(facts: dict[str, Any], settings: Settings) -> Module:
    """A convolutional network sees the picture as a whole, and sets the state of the recurrent one that spells."""
    size, hidden = facts["size"], settings.hidden
    encoder = ConvolutionalClassifier(size, MOST * size, hidden // 8 or 1, hidden)
    speller = Embedded(Embedding(len(VOCABULARY), VECTOR), network(settings, VECTOR))
    return Captioner(encoder, hidden, speller, BOS, EOS)


def training(model: Any, data: Data, settings: Settings) -> Training:
    """Pictures are composed by chance for each batch, as many an epoch as there are digits."""
    size = 100 if settings.data == "full" else 32
    steps = -(-len(data.train.y) // size)
    part = batches(data.validation.x, encoded(data.validation), batch_size=500, shuffle=False)

    def loss(x: np.ndarray, tokens: tuple[np.ndarray, np.ndarray]) -> mg.Tensor:
        return model.loss(mg.tensor(x), *tokens)

    def epoch() -> Iterator[tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]]:
        for _ in range(steps):
            chosen = generator().integers(len(data.train.y), size=(size, MOST))
            some = composed(data.train, chosen, generator().integers(1, MOST + 1, size), data.facts)
            yield some.x, pad_sequences(encoded(some))

    return Training(epoch, lambda: mean_loss(loss, part), loss, weight_decay=0.1, steps=steps)


def encoded(part: Captioned) -> list[np.ndarray]:
    return [VOCABULARY.encode(caption) for caption in part.captions]


def captions(model: Any, x: np.ndarray) -> list[list[str]]:
    """What the network says of pictures [n, rows, columns], at each step the likeliest token."""
    parts = batches(x, batch_size=500, shuffle=False)
    said = (ids for (some,) in parts for ids in model.generate(mg.tensor(some), LONGEST + 1, temperature=0))
    return [VOCABULARY.decode(ids) for ids in said]


def in_print(caption: Sequence[str]) -> str:
    """Letters as a word, words as a line."""
    return ("" if all(len(token) == 1 for token in caption) else " ").join(caption)


def measure(model: Any, data: Data) -> dict[str, float]:
    return figures(data.test.captions, captions(model, data.test.x))


def figures(true: Sequence[list[str]], said: Sequence[list[str]]) -> dict[str, float]:
    """Share of captions that are right from the first token to the last: of all, and by the number of digits."""
    right = np.array([one == other for one, other in zip(true, said)])
    digits = np.array([sum(token in NAMES for token in caption) or 1 for caption in true])
    each = {name: float(right[digits == i].mean()) for i, name in enumerate(("one digit", "two", "three"), 1)}
    return {"exact": float(right.mean()), **each}


def baselines(data: Data) -> dict[str, dict[str, float]]:
    """The most frequent caption; one of a single digit, as there are fewest of those."""
    majority = NAMES[Counter(data.train.y.tolist()).most_common(1)[0][0]]
    return {"most frequent": figures(data.test.captions, [list(majority)] * len(data.test.captions))}


def look(data: Data) -> None:
    sizes = len(data.train.y), len(data.validation.x), len(data.test.x)
    print("{} pictures an epoch to train on, {} to validate, {} to test on, such as".format(*sizes))
    print("  " + "; ".join(", ".join(caption) for caption in data.test.captions[:: len(data.test.captions) // 5]))


def draw(figure: Any, report: Report) -> None:
    """Test pictures with what was said of them; the first wrong ones in red."""
    best, test = report.best, report.data.test
    said = captions(best.model, test.x)
    right = np.array([one == other for one, other in zip(test.captions, said)])
    wrong = np.flatnonzero(~right)
    some = np.flatnonzero(right)[:: max(right.sum() // 12, 1)][:12]
    figure.suptitle(
        f"{best.name}: what it says of test pictures; in red, with what is right, some of {len(wrong)} wrong"
    )
    for axes, i in zip(figure.subplots(6, 3).flat, [*some, *wrong[:: max(len(wrong) // 6, 1)][:6]]):
        axes.imshow(test.x[i], cmap="gray_r")
        line = in_print(said[i]) + ("" if right[i] else f" ({in_print(test.captions[i])})")
        axes.set_title(line, color="black" if right[i] else "red", fontsize=10, y=-0.35)
    for axes in figure.axes:
        axes.axis("off")


def predict(model: Any, facts: dict[str, Any], given: str) -> str:
    """What a picture file shows: as many digits, all of one width, as it is times wider than high."""
    size = facts["size"]
    ink = read_ink(given, size)
    count = round(ink.shape[1] / ink.shape[0])
    if not 1 <= count <= MOST:
        found = f"{ink.shape[1]}x{ink.shape[0]}"
        raise Refusal(f"{given}: expected a picture as wide as high, or up to {MOST} times wider, got {found}")
    x = facts["high"] * np.pad(squeezed(ink, size, count * size), ((0, 0), (0, (MOST - count) * size)))
    (said,) = captions(model, scaled(x[np.newaxis], facts["mean"], facts["deviation"]))
    return f"{given}: {in_print(said)}"


def watched(model: Any, data: Data, given: Sequence[str]) -> Sample:
    """Some pictures of the test part, of one digit, two and three; the steps are what is said of them."""
    test, rows = data.test, np.linspace(0, len(data.test.x) - 1, SHOWN).astype(int)
    said = captions(model, test.x[rows])
    names = [f"{in_print(test.captions[i])}, told as {in_print(caption)}" for i, caption in zip(rows, said)]
    tokens = [VOCABULARY.encode(test.captions[i]) for i in rows]
    return Sample((test.x[rows], *pad_sequences(tokens)), names, {"": [[START, *test.captions[i]] for i in rows]})


demo = Demo(
    name="caption",
    text=__doc__,
    shape="one to many",
    data="scikit-learn's 8x8 digits, up to three in a row; full: MNIST's",
    time="50 s",
    load=load,
    look=look,
    facts=facts,
    build=build,
    training=training,
    measure=measure,
    baselines=baselines,
    draw=draw,
    predict=predict,
    watched=watched,
    figures=(Figure("exact"), Figure("one digit"), Figure("two"), Figure("three")),
    defaults={"cell": "gru", "hidden": 64, "epochs": 36, "lr": 0.006},
    quick={"epochs": 12},
    full={"epochs": 10, "lr": 0.003},
    refused={"bidirectional": "what writes a sequence may not look ahead"},
)
main = demo.main

if __name__ == "__main__":
    main()
