"""What comes next in a series, and after that: airline passengers, or sunspots (many to one, and over a horizon)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from sklearn.linear_model import LinearRegression

import minigrad as mg
from demos.command import Demo, Figure, Refusal, Report, Settings, Training, bad_line, network, numbered_lines
from demos.command.sample import SHOWN, Sample
from minigrad.data import batches, sliding_windows, sunspots
from minigrad.nn import Module
from models import Regressor
from models.classifier import predict_all
from models.training import mean_loss

WINDOW, HORIZON = 24, 24  # steps that are read, steps that are forecast
LEAST = 100  # numbers in a series, so that the quarter to test on is longer than the horizon
ERRORS = [f"{step} ahead" for step in range(1, HORIZON + 1)]
OVERALL = f"1 to {HORIZON}"
Step = Callable[[np.ndarray], np.ndarray]  # windows [n, WINDOW] -> what comes next [n, 1]

# International airline passengers, thousands a month, 1949 to 1960 (Box and Jenkins 1976, series G)
PASSENGERS = [
    112, 118, 132, 129, 121, 135, 148, 148, 136, 119, 104, 118,
    115, 126, 141, 135, 125, 149, 170, 170, 158, 133, 114, 140,
    145, 150, 178, 163, 172, 178, 199, 199, 184, 162, 146, 166,
    171, 180, 193, 181, 183, 218, 230, 242, 209, 191, 172, 194,
    196, 196, 236, 235, 229, 243, 264, 272, 237, 211, 180, 201,
    204, 188, 235, 227, 234, 264, 302, 293, 259, 229, 203, 229,
    242, 233, 267, 269, 270, 315, 364, 347, 312, 274, 237, 278,
    284, 277, 317, 313, 318, 374, 413, 405, 355, 306, 271, 306,
    315, 301, 356, 348, 355, 422, 465, 467, 404, 347, 305, 336,
    340, 318, 362, 348, 363, 435, 491, 505, 404, 359, 310, 337,
    360, 342, 406, 396, 420, 472, 548, 559, 463, 407, 362, 405,
    417, 391, 419, 461, 472, 535, 622, 606, 508, 461, 390, 432,
]  # fmt: skip


class Data(NamedTuple):
    """A series [time], the steps at which its validation and its test part begin, and its unit."""

    values: np.ndarray
    validation: int
    test: int
    unit: str


def load(settings: Settings) -> Data:
    """144 months of passengers; or 2,820 of sunspots; or a series of the user's. The last quarter is the test part."""
    if settings.data == "full":
        values, unit = sunspots()[1], "sunspot number"
    elif settings.file:
        values, unit = read(settings.file), "value"
    else:
        values, unit = np.array(PASSENGERS, np.float64), "passengers, thousands"
    if len(values) < LEAST:
        raise Refusal(f"{settings.data}: expected at least {LEAST} numbers, got {len(values)}")
    return Data(values, len(values) * 5 // 8, len(values) * 3 // 4, unit)


def read(path: Any) -> np.ndarray:
    """The last field of each line; a first line without a number is a heading."""
    values = []
    for number, line in numbered_lines(path):
        try:
            value = float(line.rpartition(",")[2])
        except ValueError:
            if number == 1:
                continue
            value = math.nan
        if not math.isfinite(value):
            raise bad_line(path, number, line, "a number, or a date, a comma and a number")
        values.append(value)
    return np.array(values)


def look(data: Data) -> None:
    sizes = data.validation, data.test - data.validation, len(data.values) - data.test
    print("{} steps to train on, then {} to validate, then {} to test on; ".format(*sizes), end="")
    print(f"mean absolute errors ({data.unit}), by how many steps ahead")


def facts(data: Data) -> dict[str, Any]:
    """What is above 0 throughout is taken as its logarithm; the scale is that of training windows around their mean."""
    logarithm = bool(data.values.min() > 0)
    known = np.log(data.values) if logarithm else data.values
    windows, _ = sliding_windows(known[: data.validation], WINDOW)
    return {"logarithm": logarithm, "scale": float((windows - mean(windows)).std()) or 1.0}


def mean(windows: np.ndarray) -> np.ndarray:
    """Of each window [n, time], [n, 1]: networks see values beside it, so that a series may rise above all it was."""
    return windows.mean(axis=1, keepdims=True)


def examples(data: Data, first: int, end: int) -> tuple[np.ndarray, np.ndarray]:
    """For each step from `first` up to `end`, the window before it [n, WINDOW] and itself [n, 1], scaled."""
    about = facts(data)
    known = np.log(data.values) if about["logarithm"] else data.values
    windows, targets = sliding_windows(known[first - WINDOW : end], WINDOW)
    level = mean(windows)
    return (windows - level) / about["scale"], (targets - level) / about["scale"]


def build(facts: dict[str, Any], settings: Settings) -> Module:
    return Regressor(network(settings, 1), 1)


def training(model: Any, data: Data, settings: Settings) -> Training:
    """One step ahead; further ahead the network lives on its own forecasts."""

    def loss(windows: np.ndarray, targets: np.ndarray) -> mg.Tensor:
        return model.loss(as_inputs(windows), targets.astype(np.float32))

    train = batches(*examples(data, WINDOW, data.validation), batch_size=32 if settings.data == "full" else 16)
    held_out = batches(*examples(data, data.validation, data.test), batch_size=500, shuffle=False)
    return Training(train, lambda: mean_loss(loss, held_out), loss, weight_decay=0.01)


def as_inputs(windows: np.ndarray) -> mg.Tensor:
    return mg.tensor(windows[..., np.newaxis].astype(np.float32))


def by(model: Any) -> Step:
    return lambda windows: predict_all(model, as_inputs(windows))


def ahead(step: Step, values: np.ndarray, facts: Mapping[str, Any], count: int) -> np.ndarray:
    """values [n, WINDOW] -> the `count` after them [n, count], forecast one by one, each from those before it."""
    known = np.log(values) if facts["logarithm"] else values
    for _ in range(count):
        window = known[:, -WINDOW:]
        level = mean(window)
        known = np.column_stack([known, level + facts["scale"] * step((window - level) / facts["scale"])])
    return np.exp(known[:, WINDOW:]) if facts["logarithm"] else known[:, WINDOW:]


def origins(data: Data) -> np.ndarray:
    """The steps from which is forecast, a column: all of the test part."""
    return np.arange(data.test, len(data.values))[:, np.newaxis]


def tested(step: Step, data: Data) -> np.ndarray:
    """Forecasts [origins, HORIZON]."""
    return ahead(step, data.values[origins(data) + np.arange(-WINDOW, 0)], facts(data), HORIZON)


def errors(forecasts: np.ndarray, data: Data) -> dict[str, float]:
    """Mean absolute error at each distance, of forecasts [origins, HORIZON] as far as the series goes; their mean."""
    known = np.append(data.values, np.full(HORIZON, np.nan))
    truth = known[origins(data) + np.arange(HORIZON)]
    found = np.nanmean(np.abs(forecasts - truth), axis=0)
    return {OVERALL: float(found.mean()), **dict(zip(ERRORS, found.tolist()))}


def measure(model: Any, data: Data) -> dict[str, float]:
    return errors(tested(by(model), data), data)


def baselines(data: Data) -> dict[str, dict[str, float]]:
    """The last value; the one a season before (two, ... seasons where that is not known); linear in the window."""
    season = period(data.values[: data.validation])
    steps = np.arange(HORIZON)
    linear = LinearRegression().fit(*examples(data, WINDOW, data.validation))
    return {
        "last value": errors(data.values[origins(data) - 1], data),
        f"seasonal ({season})": errors(data.values[origins(data) - season + steps % season], data),
        "linear": errors(tested(linear.predict, data), data),
    }


def period(values: np.ndarray) -> int:
    """Steps in a season: the lag, past the first negative one, of highest autocorrelation without trend; 1 if none."""
    steps = np.arange(len(values))
    rest = values - np.polyval(np.polyfit(steps, values, 1), steps)
    products = np.array([np.mean(rest[lag:] * rest[: len(rest) - lag]) for lag in range(len(rest) // 3)])
    negative = np.flatnonzero(products < 0)
    return int(negative[0] + products[negative[0] :].argmax()) if len(negative) else 1


def compared(report: Report) -> dict[str, list[float]]:
    """The errors at 1, 2, ... steps ahead of each baseline and network."""
    rows = {**report.baselines, **{result.name: result.figures for result in report.results}}
    return {name: [row[error] for error in ERRORS] for name, row in rows.items()}


def show(report: Report) -> None:
    """At which distances what errs least."""
    rows = compared(report)
    best = [min(rows, key=lambda name: rows[name][i]) for i in range(HORIZON)]
    print("errs least, by steps ahead: ", end="")
    stretches = [(name, [i + 1 for i in run]) for name, run in groupby(range(HORIZON), best.__getitem__)]
    print(", ".join(f"{name} {run[0]}" + (f" to {run[-1]}" if run[1:] else "") for name, run in stretches))


def draw(figure: Any, report: Report) -> None:
    """Forecasts beside the truth, each from where the one before ended, and the errors by distance."""
    data, best = report.data, report.best
    upper, lower = figure.subplots(2, 1)
    end = min(len(data.values), data.test + 5 * HORIZON)
    steps = np.arange(data.test - HORIZON, end)
    upper.plot(steps, data.values[steps], color="grey", label="truth")
    for origin, row in list(zip(range(data.test, end), tested(by(best.model), data)))[::HORIZON]:
        row = row[: end - origin]
        upper.plot(origin + np.arange(len(row)), row, "C1", label=best.name if origin == data.test else None)
        upper.axvline(origin - 0.5, color="lightgrey", linewidth=0.8)
    upper.set(title=f"{best.name}: up to {HORIZON} ahead, from what is known at each line", ylabel=data.unit)
    upper.set_xlabel("step")
    upper.legend()
    for name, row in compared(report).items():
        lower.plot(range(1, HORIZON + 1), row, "--" if name in report.baselines else "o-", markersize=3, label=name)
    lower.set(title="mean absolute error on the test part", xlabel="steps ahead", ylabel=data.unit)
    lower.legend()


def predict(model: Any, facts: dict[str, Any], given: str) -> str:
    """The 12 values that come after those of a file."""
    values = read(given)[-WINDOW:]
    if len(values) < WINDOW:
        raise Refusal(f"{given}: expected at least {WINDOW} numbers, got {len(values)}")
    if facts["logarithm"] and values.min() <= 0:
        raise Refusal(f"{given}: expected numbers above 0, as the network was trained on, got {values.min():g}")
    return f"{given}: " + " ".join(f"{x:.4g}" for x in ahead(by(model), values[np.newaxis], facts, 12)[0])


def watched(model: Any, data: Data, given: Sequence[str]) -> Sample:
    """Windows of the test part, and what came after each."""
    ends = np.linspace(data.test, len(data.values) - 1, SHOWN).astype(int)
    windows, targets = (np.concatenate(rows) for rows in zip(*(examples(data, end, end + 1) for end in ends)))
    steps = [[f"{x:g}" for x in data.values[end - WINDOW : end]] for end in ends]
    names = [f"up to step {end}, then {data.values[end]:g}" for end in ends]
    return Sample((as_inputs(windows), targets.astype(np.float32)), names, {"": steps})


demo = Demo(
    name="forecast",
    text=__doc__,
    shape="many to one",
    data="airline passengers by month; full: sunspots",
    time="10 s",
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
    figures=[Figure(name, form=".2f", lower_is_better=True) for name in (OVERALL, *(ERRORS[i] for i in (0, 11, 23)))],
    loss_unit="squared error, scaled",
    defaults={"cell": "rnn", "hidden": 32, "epochs": 100, "lr": 0.01},  # validation loss 0.022; GRU 0.022, LSTM 0.069
    quick={"epochs": 20},
    full={"cell": "gru", "epochs": 20, "lr": 0.005},
    file="a number a line, or a date, a comma and a number",
)
main = demo.main

if __name__ == "__main__":
    main()
