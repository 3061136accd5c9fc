"""Handwritten digits, read row by row: RNN, LSTM and GRU beside a dense and a convolutional network (many to one)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import train_test_split

import minigrad as mg
from demos.command import Demo, Figure, Refusal, Report, Settings, Training, network
from demos.command.sample import SHOWN, Sample
from minigrad.data import batches, mnist
from minigrad.nn import Module
from models import Classifier, ConvolutionalClassifier, DenseClassifier
from models.classifier import predict_all
from models.training import mean_loss


class Part(NamedTuple):
    """Pictures x [n, rows, pixels] and their digits y [n]."""

    x: np.ndarray
    y: np.ndarray


class Data(NamedTuple):
    """Three parts, and the scale of the first: ink is `high`, paper 0, before `mean` and `deviation` are taken out."""

    train: Part
    validation: Part
    test: Part
    high: float
    mean: float
    deviation: float


def load(settings: Settings) -> Data:
    """scikit-learn's 1,797 digits of 8x8, a quarter to test on; or MNIST's 70,000 of 28x28, 10,000 to test on.

    A tenth of what is left (MNIST: a twelfth) validates. `--quick` trains on at most 6,000.
    """
    if settings.data == "full":
        (x, y), (test_x, test_y) = mnist("train"), mnist("test")
        share, high = 1 / 12, 255.0
    else:
        images, labels = load_digits(return_X_y=True)
        images = images.reshape(-1, 8, 8)
        x, test_x, y, test_y = split(images, labels, 0.25, settings.seed)
        share, high = 0.1, 16.0
    x, validation_x, y, validation_y = split(x, y, share, settings.seed)
    if settings.quick:
        x, y = x[:6000], y[:6000]
    mean, deviation = float(x.mean()), float(x.std())
    parts = [(x, y), (validation_x, validation_y), (test_x, test_y)]
    train, validation, test = (Part(scaled(x, mean, deviation), y) for x, y in parts)
    return Data(train, validation, test, high, mean, deviation)


def split(x: np.ndarray, y: np.ndarray, share: float, seed: int) -> Any:
    """x, the share of x, y, the share of y: as many of each digit."""
    return train_test_split(x, y, test_size=share, stratify=y, random_state=seed)


def scaled(x: np.ndarray, mean: float, deviation: float) -> np.ndarray:
    """Ink as the networks get it: mean 0 and deviation 1 on the training part."""
    return ((x - mean) / deviation).astype(np.float32)


def facts(data: Data) -> dict[str, Any]:
    return {"size": data.train.x.shape[1], "high": data.high, "mean": data.mean, "deviation": data.deviation}


def build(facts: dict[str, Any], settings: Settings) -> Module:
    """A classifier of `size` steps of `size` pixels, or of all pixels at once."""
    size = facts["size"]
    if settings.cell == "dense":
        return DenseClassifier(size * size, settings.hidden, 10)
    if settings.cell == "conv":
        return ConvolutionalClassifier(size, size, settings.hidden // 8 or 1, 10)
    return Classifier(network(settings, size), 10)


def training(model: Any, data: Data, settings: Settings) -> Training:
    size = 100 if settings.data == "full" else 32
    held_out = batches(*data.validation, batch_size=500, shuffle=False)

    def loss(x: np.ndarray, y: np.ndarray) -> mg.Tensor:
        return model.loss(mg.tensor(x), y)

    return Training(batches(*data.train, batch_size=size), lambda: mean_loss(loss, held_out), loss, weight_decay=0.1)


def measure(model: Any, data: Data) -> dict[str, float]:
    return {
        f"{name} accuracy": float(np.mean(predict_all(model, part.x) == part.y))
        for name, part in (("test", data.test), ("train", data.train))
    }


def baselines(data: Data) -> dict[str, dict[str, float]]:
    majority = np.bincount(data.train.y).argmax()
    parts = {"test": data.test, "train": data.train}
    return {"majority class": {f"{name} accuracy": float(np.mean(p.y == majority)) for name, p in parts.items()}}


def look(data: Data) -> None:
    train, validation, test = (len(part.y) for part in data[:3])
    print(f"{train} digits to train on, {validation} to validate, {test} to test on")


def draw(figure: Any, report: Report) -> None:
    """The best network's confusion matrix, and digits that it misread."""
    best, test = report.best, report.data.test
    predicted = predict_all(best.model, test.x)
    left, right = figure.subfigures(1, 2, width_ratios=(1.4, 1))
    axes = left.subplots()
    display = ConfusionMatrixDisplay.from_predictions(test.y, predicted, ax=axes, colorbar=False, cmap="Blues")
    for text in display.text_.flat:
        text.set_text(text.get_text().removeprefix("0"))  # what did not happen is left blank
    axes.set(title=f"{best.name}: what test digits were read as", xlabel="read as", ylabel="digit")
    wrong = np.flatnonzero(predicted != test.y)
    right.suptitle(f"{best.name} misread {len(wrong)} of {len(predicted)}")
    for axes, i in zip(right.subplots(3, 3).flat, wrong):
        axes.imshow(test.x[i], cmap="gray_r")
        axes.set_title(f"{test.y[i]} read as {predicted[i]}", fontsize=9)
    for axes in right.axes:
        axes.axis("off")


def predict(model: Any, facts: dict[str, Any], given: str) -> str:
    """The digit in a picture file, dark on light or light on dark, squeezed to the size that the network reads."""
    ink = facts["high"] * read_picture(given, facts["size"])
    digit = model.predict(mg.tensor(scaled(ink[np.newaxis], facts["mean"], facts["deviation"])))[0]
    return f"{given}: {digit}"


def read_picture(path: str, size: int) -> np.ndarray:
    """Ink [size, size] from 0 to 1 of a picture file, see `read_ink`."""
    return squeezed(read_ink(path, size), size, size)


def read_ink(path: str, least: int) -> np.ndarray:
    """Ink [rows, columns] from 0 to 1; the darker or lighter of the two that there is less of is ink."""
    from matplotlib.image import imread

    if not Path(path).is_file():
        raise Refusal(f"there is no file {path}")
    try:
        pixels = np.asarray(imread(path), np.float64)
    except (OSError, SyntaxError, ValueError):
        raise Refusal(f"{path}: expected a picture (PNG), got something else") from None
    grey = pixels if pixels.ndim == 2 else pixels[..., : 3 if pixels.shape[2] > 2 else 1].mean(axis=2)
    if min(grey.shape) < least:
        raise Refusal(f"{path}: expected at least {least}x{least} pixels, got {grey.shape[1]}x{grey.shape[0]}")
    low, high = grey.min(), grey.max()
    ink = (grey - low) / (high - low) if high > low else np.zeros_like(grey)
    return 1 - ink if np.median(ink) > 0.5 else ink


def squeezed(ink: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The mean ink of each of rows x columns cells; ink has at least as many pixels."""
    starts = [np.linspace(0, n, size + 1).astype(int)[:-1] for n, size in zip(ink.shape, (rows, columns))]
    sums = np.add.reduceat(np.add.reduceat(ink, starts[0], axis=0), starts[1], axis=1)
    return sums / np.outer(*(np.diff([*start, n]) for start, n in zip(starts, ink.shape)))


def watched(model: Any, data: Data, given: Sequence[str]) -> Sample:
    """The user's pictures (their digits: what the network says), and some of the test part, read row by row."""
    size = data.test.x.shape[1]
    own = [scaled(data.high * read_picture(path, size), data.mean, data.deviation) for path in given]
    x = np.stack([*own, *data.test.x[:SHOWN]])
    read = model.predict(mg.tensor(x))
    y = np.concatenate([read[: len(own)], data.test.y[:SHOWN]])
    names = [*given, *(f"a {digit} of the test part" for digit in data.test.y[:SHOWN])]
    return Sample((x, y), [f"{name}, read as {digit}" for name, digit in zip(names, read)], pictures=x)


demo = Demo(
    name="digits",
    text=__doc__,
    shape="many to one",
    data="scikit-learn's 8x8 digits; full: MNIST",
    time="15 s",
    load=load,
    facts=facts,
    build=build,
    training=training,
    measure=measure,
    baselines=baselines,
    look=look,
    draw=draw,
    predict=predict,
    watched=watched,
    figures=(Figure("test accuracy"), Figure("train accuracy")),
    defaults={"cell": "all", "hidden": 64, "epochs": 30, "lr": 0.01},
    quick={"epochs": 3},
    full={"hidden": 128, "epochs": 10, "lr": 0.003},
    others=("dense", "conv"),
)
main = demo.main

if __name__ == "__main__":
    main()
