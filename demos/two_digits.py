"""Two handwritten digits side by side in one picture, read column by column: one network, two answers (many to one)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

import minigrad as mg
from demos import digits
from demos.command import Demo, Figure, Report, Settings, Training, network
from demos.command.sample import SHOWN, Sample
from demos.digits import Part, read_ink, scaled, squeezed
from minigrad.data import batches
from minigrad.nn import Module
from minigrad.random import generator
from models import MultiClassifier
from models.classifier import predict_all
from models.training import mean_loss


class Data(NamedTuple):
    """Single digits to make pairs of, pairs of others [n, columns, rows], of others again, and how ink is scaled."""

    train: Part
    validation: Part
    test: Part
    facts: dict[str, Any]


def load(settings: Settings) -> Data:
    """The parts of demos.digits, so that no picture is in two of them; the training part is paired anew each epoch."""
    single = digits.load(settings)
    return Data(single.train, pairs(single.validation), pairs(single.test), digits.facts(single))


def pairs(part: Part) -> Part:
    """Two digits a picture, column by column: x [n, columns, rows], y [n, 2]."""
    both = lined_up(part, by_chance(len(part.y), 2))
    return Part(both.x.swapaxes(1, 2), both.y)


def by_chance(size: int, count: int) -> np.ndarray:
    """Which pictures stand side by side [size, count]: each once in each place."""
    return np.stack([generator().permutation(size) for _ in range(count)], axis=1)


def lined_up(part: Part, chosen: np.ndarray) -> Part:
    """Pictures of several digits, by their numbers [n, count]: x [n, rows, count * columns], y [n, count]."""
    x = part.x[chosen].swapaxes(1, 2)
    return Part(x.reshape(*x.shape[:2], -1), part.y[chosen])


def facts(data: Data) -> dict[str, Any]:
    return data.facts


def build(facts: dict[str, Any], settings: Settings) -> Module:
    """Two heads on the state after the last column."""
    return MultiClassifier(network(settings, facts["size"]), 2, 10)


def training(model: Any, data: Data, settings: Settings) -> Training:
    size = 100 if settings.data == "full" else 32
    held_out = batches(*data.validation, batch_size=500, shuffle=False)

    def loss(x: np.ndarray, y: np.ndarray) -> mg.Tensor:
        return model.loss(mg.tensor(x), y)

    return Training(
        lambda: batches(*pairs(data.train), batch_size=size),
        lambda: mean_loss(loss, held_out),
        loss,
        weight_decay=0.1,
        steps=-(-len(data.train.y) // size),
    )


def measure(model: Any, data: Data) -> dict[str, float]:
    return figures(data.test.y, predict_all(model, data.test.x))


def figures(y: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Shares of pairs [n, 2] of which both digits are right, the left one is, the right one is."""
    right = predicted == y
    left, other = right.mean(axis=0)
    return {"both right": float(right.all(axis=1).mean()), "left": float(left), "right": float(other)}


def baselines(data: Data) -> dict[str, dict[str, float]]:
    """The digit that training has most of, twice; and chance: 1 of 10 each, so 1 of 100."""
    majority = np.bincount(data.train.y).argmax()
    return {
        "majority class": figures(data.test.y, np.full_like(data.test.y, majority)),
        "chance": {"both right": 0.1**2, "left": 0.1, "right": 0.1},
    }


def look(data: Data) -> None:
    train, validation, test = (len(part.y) for part in data[:3])
    print(f"{train} pairs of digits an epoch to train on, {validation} to validate, {test} to test on; ", end="")
    print("{} columns of {} pixels".format(*data.test.x.shape[1:]))


def draw(figure: Any, report: Report) -> None:
    """What is known of each digit after each column, and pairs that were misread."""
    best, test = report.best, report.data.test
    left, right = figure.subfigures(1, 2)
    draw_progress(left.subplots(), best, test)
    predicted = predict_all(best.model, test.x)
    wrong = np.flatnonzero((predicted != test.y).any(axis=1))
    right.suptitle(f"{best.name} misread {len(wrong)} of {len(predicted)} pairs")
    for axes, i in zip(right.subplots(4, 2).flat, wrong):
        axes.imshow(test.x[i].T, cmap="gray_r")
        axes.set_title("{} {} read as {} {}".format(*test.y[i], *predicted[i]), fontsize=9)
    for axes in right.axes:
        axes.axis("off")


def draw_progress(axes: Any, best: Any, test: Part) -> None:
    """Accuracy of both answers, had the picture ended after each column."""
    steps = range(1, test.x.shape[1] + 1)
    shares = np.array([(predict_all(best.model, test.x[:, :t]) == test.y).mean(axis=0) for t in steps])
    for name, line in zip(("left", "right"), shares.T):
        axes.plot(steps, line, "o-", label=f"{name} digit")
    axes.axvline(len(steps) / 2 + 0.5, color="grey", linestyle=":", label="from here on, the right one")
    axes.set(title=f"{best.name}: accuracy, had it read so far", xlabel="columns read", ylim=(0, 1.02))
    axes.legend(loc="center left")


def predict(model: Any, facts: dict[str, Any], given: str) -> str:
    """The digits in the left and right half of a picture file, dark on light or light on dark."""
    size = facts["size"]
    ink = facts["high"] * squeezed(read_ink(given, 2 * size), size, 2 * size)
    x = scaled(ink.T[np.newaxis], facts["mean"], facts["deviation"])
    return "{}: {} {}".format(given, *model.predict(mg.tensor(x))[0])


def watched(model: Any, data: Data, given: Sequence[str]) -> Sample:
    """Some pairs of the test part; a picture's columns are the steps."""
    x, y = data.test.x[:SHOWN], data.test.y[:SHOWN]
    read = model.predict(mg.tensor(x))
    names = ["{} {} of the test part, read as {} {}".format(*pair) for pair in np.concatenate([y, read], 1)]
    return Sample((x, y), names, pictures=x)


demo = Demo(
    name="two_digits",
    text=__doc__,
    shape="many to one",
    data="pairs of scikit-learn's 8x8 digits; full: of MNIST's",
    time="30 s",
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
    figures=(Figure("both right"), Figure("left"), Figure("right")),
    defaults={"cell": "lstm", "hidden": 128, "epochs": 30, "lr": 0.01},
    quick={"epochs": 10},
    full={"epochs": 10, "lr": 0.003},
)
main = demo.main

if __name__ == "__main__":
    main()
