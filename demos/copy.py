"""Copy memory: ten symbols, T blank steps, a bell, and then the ten symbols again (many to many).

One network of each kind learns all T at once, and is tested on each. `--data full` means T = 10 to 100.
Hochreiter and Schmidhuber (1997); in this form Arjovsky, Shah and Bengio (2016).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from demos.command import Demo, Figure, Refusal, Report, Settings, Training, network
from demos.command.sample import LONGEST, SHOWN, Sample
from minigrad.nn import Embedding, Module
from minigrad.random import generator
from models import Embedded, Tagger
from models.training import mean_loss

GAPS = (5, 10, 20)  # T
WIDE = (10, 20, 50, 100)
COUNT, SYMBOLS = 10, 8  # ten symbols, 1 to 8
BLANK, BELL = 0, SYMBOLS + 1
BATCH, STEPS = 32, 200  # sequences a step; steps an epoch
HELD_OUT = 200  # sequences of each T to validate, and as many to test on


class Part(NamedTuple):
    """Sequences x [n, T + 20], and y, alike, what is to be said at each step: the blank, at last the symbols."""

    x: np.ndarray
    y: np.ndarray


class Data(NamedTuple):
    """Sequences by their T. Those to train on are drawn when they are wanted."""

    validation: dict[int, Part]
    test: dict[int, Part]


def load(settings: Settings) -> Data:
    """What is held out comes from another stream of random numbers than training's own."""
    rng = np.random.default_rng([settings.seed, HELD_OUT])
    gaps = WIDE if settings.data == "full" else GAPS
    validation, test = ({gap: drawn(HELD_OUT, gap, rng) for gap in gaps} for _ in range(2))
    return Data(validation, test)


def drawn(count: int, gap: int, rng: np.random.Generator) -> Part:
    return sequences(rng.integers(1, SYMBOLS + 1, (count, COUNT)), gap)


def sequences(symbols: np.ndarray, gap: int) -> Part:
    """Symbols [n, 10], T - 1 blanks, the bell, 10 blanks."""
    x = np.full((len(symbols), gap + 2 * COUNT), BLANK)
    y = np.full_like(x, BLANK)
    x[:, :COUNT] = y[:, -COUNT:] = symbols
    x[:, -COUNT - 1] = BELL
    return Part(x, y)


def look(data: Data) -> None:
    gaps = ", ".join(map(str, data.test))
    print(f"T = {gaps} blanks; {BATCH * STEPS:,} new sequences in every epoch, {HELD_OUT} of each T to test on")
    x, y = (array[0] for array in next(iter(data.test.values())))
    print(f"  reads {written(x)}\n  says  {written(y)}")


def written(row: np.ndarray) -> str:
    return "".join(f".{'12345678'}!"[i] for i in row)


def facts(data: Data) -> dict[str, Any]:
    return {"gaps": list(data.test)}


def build(facts: dict[str, Any], settings: Settings) -> Module:
    """A label at every step: the blank, or one of 8 symbols."""
    return Tagger(Embedded(Embedding(BELL + 1, BELL + 1), network(settings, BELL + 1)), SYMBOLS + 1)


def training(model: Any, data: Data, settings: Settings) -> Training:
    """New sequences all the time, of one T a step, in turn."""
    gaps = list(data.validation)

    def epoch() -> Any:
        return (drawn(BATCH, gaps[step % len(gaps)], generator()) for step in range(STEPS))

    return Training(epoch, lambda: mean_loss(model.loss, data.validation.values()), steps=STEPS)


def measure(model: Any, data: Data) -> dict[str, float]:
    """Share of the ten symbols that are said right, and nats a step."""
    right = {gap: float(np.mean(recalled(model, part.x) == part.y[:, -COUNT:])) for gap, part in data.test.items()}
    return figures(right, {gap: mean_loss(model.loss, [part]) for gap, part in data.test.items()})


def recalled(model: Any, x: np.ndarray) -> np.ndarray:
    """What the model says in the last ten steps [n, 10]."""
    return np.array(model.predict(x))[:, -COUNT:]


def baselines(data: Data) -> dict[str, dict[str, float]]:
    """One that knows when to speak, but remembers nothing: any symbol; 10 ln 8 nats, over T + 20 steps."""
    right = {gap: float(np.mean(part.y[:, -COUNT:] == 1)) for gap, part in data.test.items()}
    return {"no memory": figures(right, {gap: COUNT * math.log(SYMBOLS) / (gap + 2 * COUNT) for gap in data.test})}


def figures(right: dict[int, float], nats: dict[int, float]) -> dict[str, float]:
    return {
        "recalled": float(np.mean([*right.values()])),
        **{f"T={gap}": share for gap, share in right.items()},
        **{f"nats, T={gap}": loss for gap, loss in nats.items()},
    }


def show(report: Report) -> None:
    """Nats a step by T, and what the best network says to the first test sequence of the largest T."""
    for name, row in [*report.baselines.items(), *((result.name, result.figures) for result in report.results)]:
        nats = ", ".join(f"{row[f'nats, T={gap}']:.3f} (T = {gap})" for gap in report.data.test)
        print(f"nats a step, {name}: {nats}")
    gap, part = list(report.data.test.items())[-1]
    print(f"T = {gap}: {written(part.y[0, -COUNT:])} is recalled by {report.best.name} as ", end="")
    print(written(recalled(report.best.model, part.x[:1])[0]))


def draw(figure: Any, report: Report) -> None:
    """Share recalled by T; and by place among the ten, for the largest T."""
    left, right = figure.subplots(1, 2, sharey=True)
    gaps = list(report.data.test)
    x, y = report.data.test[gaps[-1]]
    for result in report.results:
        left.plot(gaps, [result.figures[f"T={gap}"] for gap in gaps], "o-", label=result.name)
        right.plot(range(1, COUNT + 1), (recalled(result.model, x) == y[:, -COUNT:]).mean(axis=0), "o-")
    for axes in (left, right):
        axes.axhline(1 / SYMBOLS, color="grey", linestyle="--", label="no memory")
    left.set(title="symbols recalled, test", xlabel="T, blank steps", ylabel="share", ylim=(0, 1.05))
    left.legend()
    right.set(title=f"by place, T = {gaps[-1]}", xlabel="place among the ten")


def predict(model: Any, facts: dict[str, Any], given: str) -> str:
    """The ten symbols as they are said again, for each T."""
    if len(given) != COUNT or not set(given) <= set("12345678"):
        raise Refusal(f"--predict: expected {COUNT} digits from 1 to {SYMBOLS}, got {given!r}")
    symbols = np.array([[int(digit) for digit in given]])
    return "\n".join(
        f"{given}, after T = {gap}: {written(recalled(model, sequences(symbols, gap).x)[0])}" for gap in facts["gaps"]
    )


def watched(model: Any, data: Data, given: Sequence[str]) -> Sample:
    """Some sequences of the test part, of the longest that are not too long to be looked at."""
    x, y = (array[:SHOWN] for array in data.test[max(gap for gap in data.test if gap + 2 * COUNT <= LONGEST)])
    said = recalled(model, x)
    names = [f"{written(true[-COUNT:])}, recalled as {written(row)}" for true, row in zip(y, said)]
    return Sample((x, y), names, {"": [list(written(row)) for row in x]}, joined=True)


demo = Demo(
    name="copy",
    text=__doc__,
    shape="many to many",
    data="generated, T = 5 to 20; full: T = 10 to 100",
    time="90 s",
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
    figures=[Figure("recalled"), *(Figure(f"T={gap}") for gap in sorted({*GAPS, *WIDE}))],
    defaults={"cell": "all", "hidden": 128, "epochs": 12, "lr": 0.005},
    quick={"epochs": 5},
    full={},
    refused={"bidirectional": "what is to be recalled lies behind; a reader from the end has met blanks alone"},
)
main = demo.main

if __name__ == "__main__":
    main()
