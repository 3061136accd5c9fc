"""Handwritten digits, read row by row: vanilla RNN, LSTM and GRU beside a dense network (many to one)."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import minigrad as mg
from minigrad.data import batches
from minigrad.optim import AdamW, Schedule, cosine
from models import GRU, LSTM, RNN
from models.classifier import Classifier
from models.dense import DenseClassifier
from models.training import History, fit

NETWORKS: dict[str, Any] = {"rnn": RNN, "lstm": LSTM, "gru": GRU}
RUNS = Path("runs")


class Part(NamedTuple):
    """Pictures x [n, 8 rows, 8 pixels] and their digits y [n]."""

    x: np.ndarray
    y: np.ndarray


class Data(NamedTuple):
    """What is trained on, what the best weights are chosen by, and what nothing is decided by."""

    train: Part
    validation: Part
    test: Part


class Run(NamedTuple):
    """What training one network came to."""

    name: str
    model: Any
    seconds: float
    history: History


def load(seed: int) -> Data:
    """scikit-learn's 1,797 scanned digits: a quarter to test on, and a tenth of the rest to validate."""
    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8).astype(np.float32)
    x, test_x, y, test_y = train_test_split(images, labels, test_size=0.25, stratify=labels, random_state=seed)
    x, validation_x, y, validation_y = train_test_split(x, y, test_size=0.1, stratify=y, random_state=seed)
    mean, deviation = x.mean(), x.std()
    parts = [(x, y), (validation_x, validation_y), (test_x, test_y)]
    return Data(*(Part((images - mean) / deviation, labels) for images, labels in parts))


def build(name: str, hidden: int) -> Any:
    """A classifier of 8 steps of 8 pixels, or of all 64 pixels at once."""
    if name == "dense":
        return DenseClassifier(64, hidden, 10)
    return Classifier(NETWORKS[name](8, hidden), 10)


def accuracy(model: Any, part: Part) -> float:
    """Share of pictures whose digit is recognised."""
    return float(np.mean(model.predict(mg.tensor(part.x)) == part.y))


def train(name: str, data: Data, hidden: int, epochs: int, lr: float, seed: int, checkpoint: Path | None = None) -> Run:
    """Train one network with AdamW and a learning rate that falls to 0 along a cosine."""
    mg.manual_seed(seed)  # each network starts from the seed, whichever others are trained
    model = build(name, hidden)
    optimizer = AdamW(model.parameters(), lr=lr, weight_decay=0.1)
    start = time.perf_counter()
    history = fit(
        model,
        optimizer,
        batches(*data.train, batch_size=32),
        epochs,
        loss=lambda x, y: model.loss(mg.tensor(x), y),
        validate=lambda: model.loss(mg.tensor(data.validation.x), data.validation.y),
        schedule=Schedule(optimizer, cosine(epochs)),
        checkpoint=checkpoint,
        progress=f"{name:>5}",
    )
    return Run(name, model, time.perf_counter() - start, history)


def report(runs: list[Run], data: Data) -> None:
    """The table: what each network costs and what it achieves."""
    sizes = [f"{len(part.y)} digits to {purpose}" for part, purpose in zip(data, ("train on", "validate", "test on"))]
    table = Table(title=", ".join(sizes))
    for heading in ("network", "parameters", "seconds", "train accuracy", "test accuracy"):
        table.add_column(heading, justify="left" if heading == "network" else "right")
    majority = np.bincount(data.train.y).argmax()
    table.add_row(
        "majority class", "0", "", *(f"{np.mean(part.y == majority):.1%}" for part in (data.train, data.test))
    )
    for run in runs:
        count = sum(p.size for p in run.model.parameters())
        shares = (f"{accuracy(run.model, part):.1%}" for part in (data.train, data.test))
        table.add_row(run.name, f"{count:,}", f"{run.seconds:.1f}", *shares)
    Console().print(table)


def plot(runs: list[Run], data: Data, path: Path) -> None:
    """Training curves, one network's confusion matrix, and digits that it misread."""
    import matplotlib

    matplotlib.use("Agg")  # a file is wanted, not a window
    import matplotlib.pyplot as plt

    chosen = min(runs, key=lambda run: min(run.history.validation))
    figure: Any = plt.figure(figsize=(14, 6), layout="constrained")
    left, middle, right = figure.subfigures(1, 3, width_ratios=(1, 1.15, 0.75))
    plot_curves(left.subplots(2, 1, sharex=True, sharey=True), runs)
    predicted = chosen.model.predict(mg.tensor(data.test.x))
    plot_confusion(middle.subplots(), chosen.name, predicted, data.test.y)
    wrong = np.flatnonzero(predicted != data.test.y)
    right.suptitle(f"{chosen.name} misread {len(wrong)} of {len(predicted)}")
    for axes, i in zip(right.subplots(3, 3).flat, wrong):
        axes.imshow(data.test.x[i], cmap="gray_r")
        axes.set_title(f"{data.test.y[i]} read as {predicted[i]}", fontsize=9)
    for axes in right.axes:
        axes.axis("off")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def plot_curves(both: Any, runs: list[Run]) -> None:
    """Loss and validation of all networks; a dot where the best weights were."""
    upper, lower = both
    for run in runs:
        epochs, best = range(1, len(run.history.loss) + 1), run.history.best_epoch or 0
        (line,) = upper.plot(epochs, run.history.loss, label=run.name)
        lower.plot(epochs, run.history.validation, color=line.get_color())
        lower.plot(epochs[best], run.history.validation[best], "o", color=line.get_color())
    upper.set(title="training", yscale="log", ylabel="cross entropy, nats")
    upper.legend()
    lower.set(title="validation (dot: the weights that were kept)", yscale="log", ylabel="cross entropy, nats")
    lower.set_xlabel("epoch")


def plot_confusion(axes: Any, name: str, predicted: np.ndarray, digits: np.ndarray) -> None:
    """Which digit was read as which; what did not happen is left blank."""
    from sklearn.metrics import ConfusionMatrixDisplay

    display = ConfusionMatrixDisplay.from_predictions(digits, predicted, ax=axes, colorbar=False, cmap="Blues")
    for text in display.text_.flat:
        text.set_text(text.get_text().removeprefix("0"))
    axes.set(title=f"{name}: what test digits were read as", xlabel="read as", ylabel="digit")


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m demos.digits", description=__doc__)
    parser.add_argument("--cell", choices=[*NETWORKS, "dense", "all"], default="all", help="which network (all)")
    parser.add_argument("--hidden", type=whole, default=64, help="hidden units (64)")
    parser.add_argument("--epochs", type=whole, default=30, help="passes over the training part (30)")
    parser.add_argument("--lr", type=positive, default=0.01, help="learning rate at the start (0.01)")
    parser.add_argument("--seed", type=seed, default=0, help="of the split, the weights and the order (0)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the epochs: does it run?")
    parser.add_argument("--plot", action=argparse.BooleanOptionalAction, default=True, help="save a picture")
    parser.add_argument("--resume", action="store_true", help=f"keep checkpoints in {RUNS}, and go on from those there")
    return parser.parse_args(arguments)


def whole(text: str) -> int:
    """A whole number above 0, for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text}")
    return int(text)


def seed(text: str) -> int:
    """A whole number, 0 included, for argparse."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 0, got {text}")
    return int(text)


def positive(text: str) -> float:
    """A finite number above 0, for argparse."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return number


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, report, show."""
    chosen = options(arguments)
    data = load(chosen.seed)
    names = [*NETWORKS, "dense"] if chosen.cell == "all" else [chosen.cell]
    epochs = max(1, chosen.epochs // 10) if chosen.quick else chosen.epochs
    if chosen.resume or chosen.plot:
        RUNS.mkdir(exist_ok=True)
    files = {name: RUNS / f"digits-{name}.safetensors" if chosen.resume else None for name in names}
    runs = [train(name, data, chosen.hidden, epochs, chosen.lr, chosen.seed, file) for name, file in files.items()]
    report(runs, data)
    if chosen.plot:
        plot(runs, data, RUNS / "digits.png")
        print(f"picture: {RUNS / 'digits.png'}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt as interrupt:
        sys.exit(f"\n{interrupt}")
