"""The adding problem: sum the two values that are marked, however long ago that was (many to one).

One network of each kind learns all lengths T at once, and is tested on each. `--data full` means T = 50 to 400.
Hochreiter and Schmidhuber (1997); lengths and marks as Arjovsky, Shah and Bengio (2016): one mark in each half.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import minigrad as mg
from demos.command import Demo, Figure, Refusal, Report, Settings, Training, network
from demos.command.sample import LONGEST, SHOWN, Sample
from minigrad.nn import Module
from minigrad.random import generator
from models import Regressor
from models.classifier import predict_all
from models.training import mean_loss

LENGTHS = (25, 50, 100)
LONG = (50, 100, 200, 400)
BATCH, STEPS = 32, 150  # problems a step; steps an epoch
HELD_OUT = 500  # problems of each length to validate, and as many to test on


class Part(NamedTuple):
    """Problems x [n, time, value and mark] and their answers y [n, 1]."""

    x: np.ndarray
    y: np.ndarray


class Data(NamedTuple):
    """Problems by their length. Those to train on are drawn when they are wanted, and none comes twice."""

    validation: dict[int, Part]
    test: dict[int, Part]


def load(settings: Settings) -> Data:
    return held_out(LONG if settings.data == "full" else LENGTHS, settings.seed)


def held_out(lengths: Sequence[int], seed: int) -> Data:
    """Problems that training does not see: drawn from another stream of random numbers than its own."""
    rng = np.random.default_rng([seed, HELD_OUT])
    validation, test = ({length: problems(HELD_OUT, length, rng) for length in lengths} for _ in range(2))
    return Data(validation, test)


def problems(count: int, length: int, rng: np.random.Generator) -> Part:
    """Values uniform from 0 to 1; one is marked in the first half, one in the second."""
    values, marks = rng.random((count, length)), np.zeros((count, length))
    for low, high in ((0, length // 2), (length // 2, length)):
        marks[np.arange(count), rng.integers(low, high, count)] = 1
    answers = (values * marks).sum(axis=1, keepdims=True)
    return Part(np.stack([values, marks], axis=2).astype(np.float32), answers.astype(np.float32))


def look(data: Data) -> None:
    sizes = ", ".join(map(str, data.test))
    print(f"problems of T = {sizes} steps; {BATCH * STEPS:,} new ones in every epoch, {HELD_OUT} of each T to test on")
    x, y = (array[0] for array in next(iter(data.test.values())))
    print(" ".join(f"{'*' if mark else ''}{value:.2f}" for value, mark in x), f"-> {y[0]:.2f}")


def facts(data: Data) -> dict[str, Any]:
    return {"lengths": list(data.test)}


def build(facts: dict[str, Any], settings: Settings) -> Module:
    """The sum, from the last hidden state."""
    return Regressor(network(settings, 2), 1)


def training(model: Any, data: Data, settings: Settings) -> Training:
    """New problems all the time, of one length a step, the lengths in turn."""
    lengths = list(data.validation)

    def loss(x: np.ndarray, y: np.ndarray) -> mg.Tensor:
        return model.loss(mg.tensor(x), y)

    def epoch() -> Any:
        return (problems(BATCH, lengths[step % len(lengths)], generator()) for step in range(STEPS))

    return Training(epoch, lambda: mean_loss(loss, data.validation.values()), loss, steps=STEPS)


def measure(model: Any, data: Data) -> dict[str, float]:
    return figures(data, lambda x: predict_all(model, x))


def baselines(data: Data) -> dict[str, dict[str, float]]:
    return {"always 1": figures(data, lambda x: np.ones((len(x), 1)))}


def figures(data: Data, answers: Callable[[np.ndarray], np.ndarray]) -> dict[str, float]:
    """Mean squared error over all test problems, and over those of each length."""
    errors = {length: float(np.mean((answers(part.x) - part.y) ** 2)) for length, part in data.test.items()}
    return {"MSE": float(np.mean([*errors.values()])), **{f"T={length}": x for length, x in errors.items()}}


def draw(figure: Any, report: Report) -> None:
    """Error by length; and the best network's answers to the longest problems."""
    left, right = figure.subplots(1, 2)
    lengths = list(report.data.test)
    for name, row in [*report.baselines.items(), *((result.name, result.figures) for result in report.results)]:
        style = {"color": "grey", "linestyle": "--"} if name in report.baselines else {"marker": "o"}
        left.plot(lengths, [row[f"T={length}"] for length in lengths], label=name, **style)
    left.set(title="test MSE by length", xlabel="T, steps", yscale="log", xscale="log")
    left.set_xticks(lengths, map(str, lengths))
    left.set_xticks([], minor=True)
    left.legend()
    x, y = report.data.test[lengths[-1]]
    right.plot(y, predict_all(report.best.model, x), ".", alpha=0.4)
    right.plot([0, 2], [0, 2], color="grey")
    right.set(title=f"{report.best.name}, T = {lengths[-1]}", xlabel="sum", ylabel="answer")


def predict(model: Any, facts: dict[str, Any], given: str) -> str:
    """The network's sum of a problem of the user's, such as "0.3 *0.7 0.1 *0.2", and the true one."""
    x, y = read_problem(given)
    return f"{model.predict(mg.tensor(x))[0, 0]:.3f} (the sum is {y[0, 0]:.3f})"


def read_problem(text: str) -> Part:
    """One problem; the marked values have a star."""
    words = text.split()
    try:
        values = [float(word.removeprefix("*")) for word in words]
    except ValueError:
        values = []
    marks = [word.startswith("*") for word in words]
    if sum(marks) != 2 or not values or not all(0 <= value <= 1 for value in values):
        raise Refusal(f'--predict: expected numbers from 0 to 1, two with a star ("0.3 *0.7 0.1 *0.2"), got {text!r}')
    x = np.array([values, marks], np.float32).T[np.newaxis]
    return Part(x, x.prod(axis=2).sum(axis=1, keepdims=True))


def watched(model: Any, data: Data, given: Sequence[str]) -> Sample:
    """Some problems of the test part, of the longest that are not too long to be looked at."""
    x, y = (array[:SHOWN] for array in data.test[max(length for length in data.test if length <= LONGEST)])
    answers = model.predict(mg.tensor(x))
    steps = [[f"{'*' if mark else ''}{value:.2f}" for value, mark in row] for row in x]
    names = [f"{true:.2f}, answered {answer:.2f}" for true, answer in zip(y[:, 0], answers[:, 0])]
    return Sample((x, y), names, {"": steps})


demo = Demo(
    name="adding",
    text=__doc__,
    shape="many to one",
    data="generated, T = 25 to 100; full: T = 50 to 400",
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
    figures=[Figure(name, form=".4f", lower_is_better=True)
             for name in ("MSE", *(f"T={length}" for length in sorted({*LENGTHS, *LONG})))],
    loss_unit="squared error",
    defaults={"cell": "all", "hidden": 64, "epochs": 8, "lr": 0.005},
    quick={"epochs": 4},
    full={},
)  # fmt: skip
main = demo.main

if __name__ == "__main__":
    main()
