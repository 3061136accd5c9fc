"""Gradients through time: how they vanish and explode, what clipping does, what truncation cuts (many to one).

A network learns the adding problem (demos.adding), its loss after the last step; dL/dh_t says how far back that is
felt. Bengio, Simard and Frasconi (1994); Pascanu, Mikolov and Bengio (2013).
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, NamedTuple

import numpy as np

import minigrad as mg
from demos import adding
from demos.adding import Data, baselines, build, facts, read_problem, training, watched
from demos.command import Demo, Figure, Report, Settings
from minigrad import Tensor
from minigrad.inspect import gradient_flow, watch
from minigrad.optim import SGD
from minigrad.random import generator
from models import RNN, Regressor, truncated
from models.cell import hidden
from models.training import fit

TIME = 50  # steps
SEEN = 50  # test problems over which norms are averaged
WINDOWS = (10, 25)  # steps that truncated backpropagation looks back
SCALES = (0.5, 1.0, 1.5, 2.0)  # of recurrent weights that are orthogonal at first
LARGE = 1.5  # the scale with which clipping is tried
ONE = "|dL/dh_1| / |dL/dh_T|"


class Course(NamedTuple):
    """How a training went: its loss step by step, and the test MSE; infinite where the loss came to be no number."""

    losses: list[float]
    error: float


def load(settings: Settings) -> Data:
    return adding.held_out([TIME], settings.seed)


def gradient_norms(model: Any, x: np.ndarray, y: np.ndarray, window: int | None = None) -> np.ndarray:
    """|dL/dh_t| for t = 1 .. T, [time]: mean over sequences x [n, time, 2], L the squared error of each.

    window: steps that truncated backpropagation looks back; all unless given. Of an LSTM's state h alone counts; what
    flows through c reaches it at the gates.
    """
    with watch(model) as watched:
        *_, (_, _, state) = truncated(model.network, mg.tensor(x), window or x.shape[1])
        loss = mg.square(model.head(hidden(state)) - y).sum()
    (run,) = watched.values()
    norms = gradient_flow([loss], run).norms[0].mean(axis=1)
    norms[run.cuts] = 0  # a window begins with a constant
    return norms[1:]


def sample(data: Data) -> tuple[np.ndarray, np.ndarray]:
    part = data.test[TIME]
    return part.x[:SEEN], part.y[:SEEN]


def measure(model: Any, data: Data) -> dict[str, float]:
    """The test error, and how much of the gradient at the last step arrives at the first."""
    return {"MSE": adding.measure(model, data)["MSE"], ONE: share(gradient_norms(model, *sample(data)))}


def share(norms: np.ndarray) -> float:
    """Of the last step's norm, the first's."""
    return float(norms[0] / norms[-1])


def untrained(report: Report, name: str) -> Any:
    """The network as it was before its training."""
    settings = next(result.settings for result in report.results if result.name == name)
    mg.manual_seed(settings.seed)
    return build(report.facts, settings)


def large(scale: float, settings: Settings) -> Regressor:
    """A vanilla RNN whose recurrent weights are `scale` times an orthogonal matrix."""
    mg.manual_seed(settings.seed)
    model = Regressor(RNN(2, settings.hidden), 1)
    weights: Any = model.network.cell.weight_hh  # type: ignore[attr-defined]
    weights.assign_(scale * weights.numpy())
    return model


@cache  # printed, then drawn
def course(clip: float, settings: Settings) -> Course:
    """Plain gradient descent on an RNN with larger recurrent weights, its gradient clipped to a norm, or not.

    With Adam there would be less to see: it divides by the gradient's size.
    """
    model, losses = large(LARGE, settings), list[float]()

    def loss(x: np.ndarray, y: np.ndarray) -> Tensor:
        value = model.loss(mg.tensor(x), y)
        losses.append(value.item())
        return value

    def epoch() -> Any:
        return (adding.problems(adding.BATCH, TIME, generator()) for _ in range(adding.STEPS))

    try:
        with np.errstate(over="ignore"):  # fit refuses what overflows
            fit(model, SGD(model.parameters(), lr=0.05), epoch, 2, loss=loss, clip=clip, progress=None)
    except FloatingPointError:
        return Course(losses, math.inf)
    return Course(losses, adding.measure(model, adding.held_out([TIME], settings.seed))["MSE"])


def largest(run: Course) -> float:
    """The largest loss that was finite."""
    return max(filter(math.isfinite, run.losses))


def show(report: Report) -> None:
    """The same shares before training; large weights; windows; clipping."""
    x, y = sample(report.data)
    for result in report.results:
        before = gradient_norms(untrained(report, result.name), x, y)
        print(f"{result.name}: {ONE} = {share(before):.1e} before training, {result.figures[ONE]:.1e} after")
    for scale in SCALES:
        norms = gradient_norms(large(scale, report.settings), x, y)
        print(f"rnn, untrained, recurrent weights times {scale}: {share(norms):.1e}")
    for window in WINDOWS:
        reached = np.count_nonzero(gradient_norms(report.best.model, x, y, window))
        print(f"{report.best.name}, windows of {window} steps: dL/dh_t is 0 at all but the last {reached} of {TIME}")
    for clip in (math.inf, 1.0):
        run = course(clip, report.settings)
        end = f"ends at step {len(run.losses)}, test MSE {run.error:.3f}"
        print(f"rnn, weights times {LARGE}, gradient descent, clip = {clip}: largest loss {largest(run):.1e}, {end}")


def draw(figure: Any, report: Report) -> None:
    """Norms before and after training, with large weights, and in windows; the loss with and without clipping."""
    x, y = sample(report.data)
    axes = figure.subplot_mosaic([["before", "after", "scaled"], ["windows", "losses", "losses"]])
    axes["after"].sharey(axes["before"])
    for result in report.results:
        draw_norms(axes["before"], gradient_norms(untrained(report, result.name), x, y), result.name)
        draw_norms(axes["after"], gradient_norms(result.model, x, y), result.name)
    for scale in SCALES:
        draw_norms(axes["scaled"], gradient_norms(large(scale, report.settings), x, y), f"times {scale}")
    for width, window in enumerate((*WINDOWS, TIME)):
        draw_norms(
            axes["windows"], gradient_norms(report.best.model, x, y, window), f"{window} steps back", 6 - 2 * width
        )
    for clip in (math.inf, 1.0):
        axes["losses"].plot(course(clip, report.settings).losses, label=f"clip = {clip}")
    axes["losses"].set(
        title=f"rnn, weights times {LARGE}, gradient descent", xlabel="step", ylabel="loss", yscale="log"
    )
    titles = {"before": "untrained", "after": "trained", "scaled": "rnn, weights", "windows": report.best.name}
    for name, title in titles.items():
        axes[name].set(title=title, xlabel="t", yscale="log")
    for name in ("before", "windows"):
        axes[name].set_ylabel("|dL/dh_t| / |dL/dh_T|")
    for each in axes.values():
        each.legend()


def draw_norms(axes: Any, norms: np.ndarray, label: str, width: float = 1.5) -> None:
    """By t, relative to the last step; what is exactly 0 is left out."""
    relative = np.where(norms > 0, norms, np.nan) / norms[-1]
    axes.plot(np.arange(1, len(norms) + 1), relative, label=label, linewidth=width)


def predict(model: Any, facts: dict[str, Any], given: str) -> str:
    """The sum of a problem such as "0.3 *0.7 0.1 *0.2", and the gradient's norm at each of its steps."""
    norms = gradient_norms(model, *read_problem(given))
    lines = [f"  {word:>8}  |dL/dh| = {norm:.1e}" for word, norm in zip(given.split(), norms, strict=True)]
    return "\n".join([adding.predict(model, facts, given), *lines])


demo = Demo(
    name="vanishing",
    text=__doc__,
    shape="many to one",
    data="generated: the adding problem, T = 50",
    time="30 s",
    load=load,
    look=adding.look,
    facts=facts,
    build=build,
    training=training,
    measure=measure,
    baselines=baselines,
    show=show,
    draw=draw,
    predict=predict,
    watched=watched,
    figures=(Figure("MSE", form=".4f", lower_is_better=True), Figure(ONE, form=".1e")),
    loss_unit="squared error",
    defaults={"cell": "all", "hidden": 32, "epochs": 8, "lr": 0.005},
    quick={"epochs": 4},
    refused=dict.fromkeys(("layers", "bidirectional"), "the norms are those of one layer's states"),
)
main = demo.main

if __name__ == "__main__":
    main()
