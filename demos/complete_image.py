"""The upper half of a handwritten digit, and the lower half that a network adds to it, row by row (many to many)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.linear_model import LinearRegression

import minigrad as mg
from demos import digits
from demos.command import Demo, Figure, Report, Settings, Training, network
from demos.command.sample import SHOWN, Sample
from demos.digits import read_picture
from minigrad.data import batches
from minigrad.nn import Module
from models import Forecaster
from models.training import mean_loss

SHADES = " .:-=+*#%@"


class Halves(NamedTuple):
    """Upper and lower halves of pictures, ink from 0 to 1: [n, rows / 2, columns] each."""

    upper: np.ndarray
    lower: np.ndarray


class Data(NamedTuple):
    """Three parts of different pictures."""

    train: Halves
    validation: Halves
    test: Halves


def load(settings: Settings) -> Data:
    """The pictures and parts of demos.digits, halved."""
    single = digits.load(settings)

    def halves(part: digits.Part) -> Halves:
        ink = ((part.x * single.deviation + single.mean) / single.high).astype(np.float32)
        return Halves(*np.split(ink, 2, axis=1))

    return Data(halves(single.train), halves(single.validation), halves(single.test))


def facts(data: Data) -> dict[str, Any]:
    return {"size": data.train.upper.shape[2]}


def build(facts: dict[str, Any], settings: Settings) -> Module:
    """A network that reads rows of pixels and goes on with rows of its own."""
    return Forecaster(network(settings, facts["size"]), facts["size"])


def training(model: Any, data: Data, settings: Settings) -> Training:
    """The network is fed its own rows, as it is when it is tested."""
    size = 100 if settings.data == "full" else 32
    held_out = batches(*data.validation, batch_size=500, shuffle=False)

    def loss(upper: np.ndarray, lower: np.ndarray) -> mg.Tensor:
        return model.loss(mg.tensor(upper), lower)

    return Training(batches(*data.train, batch_size=size), lambda: mean_loss(loss, held_out), loss)


def completed(model: Any, upper: np.ndarray) -> np.ndarray:
    """The lower halves that the network adds, ink from 0 to 1."""
    parts = batches(upper, batch_size=500, shuffle=False)
    return np.clip(np.concatenate([model.predict(mg.tensor(x), upper.shape[1]) for (x,) in parts]), 0, 1)


def measure(model: Any, data: Data) -> dict[str, float]:
    return figures(completed(model, data.test.upper), data.test.lower)


def figures(made: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Mean squared error per pixel: of all rows, and of the first and last one that are added."""
    errors = by_row(made, true)
    return {"squared error": float(errors.mean()), "first row": float(errors[0]), "last row": float(errors[-1])}


def by_row(made: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Mean squared error per pixel of each row."""
    return np.square(made - true).mean(axis=(0, 2))


def guesses(data: Data) -> dict[str, np.ndarray]:
    """Lower halves made without a network, for the test part."""
    upper, lower = data.test
    return {
        "mean lower half": np.broadcast_to(data.train.lower.mean(axis=0), lower.shape),
        "last row again": np.repeat(upper[:, -1:], lower.shape[1], axis=1),
        "linear regression": linear(data),
    }


def baselines(data: Data) -> dict[str, dict[str, float]]:
    return {name: figures(made, data.test.lower) for name, made in guesses(data).items()}


def linear(data: Data) -> np.ndarray:
    """Every lower pixel as a linear function of all upper ones, by least squares."""
    n, rows, columns = data.train.upper.shape
    fitted = LinearRegression().fit(data.train.upper.reshape(n, -1), data.train.lower.reshape(n, -1))
    made = fitted.predict(data.test.upper.reshape(len(data.test.upper), -1))
    return np.clip(made, 0, 1).reshape(-1, rows, columns)


def look(data: Data) -> None:
    train, validation, test = (len(part.upper) for part in data)
    print(f"{train} digits to train on, {validation} to validate, {test} to test on; ", end="")
    print("{} rows of {} pixels to read, as many to add".format(*data.train.upper.shape[1:]))


def draw(figure: Any, report: Report) -> None:
    """The error row by row, and test pictures: true, as completed, and with the mean lower half."""
    best, test = report.best, report.data.test
    made, others = completed(best.model, test.upper), guesses(report.data)
    left, right = figure.subfigures(1, 2, width_ratios=(1, 2))
    axes = left.subplots()
    for name, lower in {best.name: made, **others}.items():
        axes.plot(range(1, lower.shape[1] + 1), by_row(lower, test.lower), "o-", label=name)
    axes.set(title="squared error per pixel", xlabel="row that is added", ylim=(0, None))
    axes.legend()
    right.suptitle(f"above: what is given; below: the truth, what {best.name} adds, the mean")
    for column, i in zip(right.subplots(3, 8).T, range(0, len(made), len(made) // 8)):
        for axes, lower in zip(column, (test.lower, made, others["mean lower half"])):
            axes.imshow(np.concatenate([test.upper[i], lower[i]]), cmap="gray_r", vmin=0, vmax=1)
            axes.axhline(len(lower[i]) - 0.5, color="red", linewidth=0.8)
            axes.axis("off")


def predict(model: Any, facts: dict[str, Any], given: str) -> str:
    """The upper half of a digit in a picture file, and below it the lower half that the network adds."""
    upper = read_picture(given, facts["size"])[: facts["size"] // 2].astype(np.float32)
    lines = [drawn(upper), drawn(completed(model, upper[np.newaxis])[0])]
    return "\n".join([f"{given}, the upper half; and what the network adds:", *lines])


def drawn(ink: np.ndarray) -> str:
    """Ink from 0 to 1 in letters, two a pixel."""
    return "\n".join("".join(2 * SHADES[int(x * (len(SHADES) - 1) + 0.5)] for x in row).rstrip() for row in ink)


def watched(model: Any, data: Data, given: Sequence[str]) -> Sample:
    """Some pictures of the test part: the rows that are given, then the network's own, each fed back but the last."""
    upper, lower = data.test.upper[:SHOWN], data.test.lower[:SHOWN]
    rows = np.concatenate([upper, completed(model, upper)[:, :-1]], axis=1)
    return Sample((upper, lower), [f"test part, picture {i + 1}" for i in range(len(upper))], pictures=rows)


demo = Demo(
    name="complete_image",
    text=__doc__,
    shape="many to many",
    data="scikit-learn's 8x8 digits; full: MNIST",
    time="35 s",
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
    figures=tuple(
        Figure(name, form=".4f", lower_is_better=True) for name in ("squared error", "first row", "last row")
    ),
    loss_unit="mean squared error",
    defaults={"cell": "lstm", "hidden": 128, "epochs": 30, "lr": 0.005},
    quick={"epochs": 8},
    full={"hidden": 256, "epochs": 8, "lr": 0.002},
    refused={"bidirectional": "what adds row after row may not look ahead"},
)
main = demo.main

if __name__ == "__main__":
    main()
