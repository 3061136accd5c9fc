"""The worked example of a lecture: three steps of a vanilla RNN with every product, and its parameters counted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import minigrad as mg
from demos.command import About, no_options
from minigrad import inspect
from minigrad.inspect import page
from minigrad.nn import Linear
from models import Layer, RNNCell

X = np.array(  # 3 steps of 6 features
    [[0, 1, 0, 1, 0, 1],
     [0, 2, 1, 3, 0, 0],
     [1, 1, 2, 1, 0, 0]]
)  # fmt: skip
W = np.array(  # a row for each of 3 hidden units: 6 weights of x, then 3 of h
    [[1, 1, 0, 1, 0, 1, 1, 0, 0],
     [0, 0, 0, 0, 1, 1, 1, 1, 1],
     [2, 1, 1, 1, 2, 3, 2, 0, 0]]
)  # fmt: skip


def network(weights: np.ndarray) -> Layer:
    """A vanilla RNN with these weights on concat(x, h). Its bias, which the lecture does without, is 0."""
    hidden, width = weights.shape
    cell = RNNCell(width - hidden, hidden, nonlinearity="relu")
    cell.weight_ih.assign_(weights[:, :-hidden])
    cell.weight_hh.assign_(weights[:, -hidden:])
    cell.bias.assign_(np.zeros(hidden))
    return Layer(cell)


def run(net: Layer, x: np.ndarray) -> np.ndarray:
    """Hidden states [time, hidden] for one sequence x [time, features]."""
    outputs, _ = net(mg.tensor(x[np.newaxis], np.float32))
    return outputs.numpy()[0]


def step(weights: np.ndarray, x: np.ndarray, h: np.ndarray) -> tuple[list[str], np.ndarray]:
    """One step by hand: a line for each hidden unit, with every product, and the new h."""
    joined = np.concatenate([x, h])
    sums = weights @ joined
    new = np.maximum(sums, 0)
    lines = [f"concat(x, h) = {row(x)} {row(h)}"]
    for unit, (terms, total, value) in enumerate(zip(weights, sums, new, strict=True), 1):
        products = " + ".join(f"{w}*{entry}" for w, entry in zip(terms, joined, strict=True))
        lines.append(f"h[{unit}] = relu({products}) = relu({total}) = {value}")
    return lines, new


def row(numbers: np.ndarray) -> str:
    return "[" + " ".join(f"{number:g}" for number in numbers) + "]"


def counts(net: Layer, time: int) -> tuple[int, int]:
    """Weights of the recurrent network, and of a dense map from all steps at once to as many units; no biases."""
    cell = net.cell
    dense = Linear(time * cell.input_size, cell.hidden_size, bias=False)
    return cell.weight_ih.size + cell.weight_hh.size, dense.weight.size


ABOUT = About(
    name="worked_example", text=__doc__, shape="many to many", data="the lecture's three steps", time="at once"
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Walk through the steps, compare with `models`, count."""
    asked = no_options(ABOUT, arguments, "nothing is trained, and the numbers are the lecture's")
    net = network(W)
    print("h_t = relu(W concat(x_t, h_(t-1))), no bias (the cell has one: set to 0), h_0 = 0\n")
    h = np.zeros(len(W), int)
    by_hand = []
    for t, x in enumerate(X, 1):
        lines, h = step(W, x, h)
        by_hand.append(h)
        print(f"step {t}", *lines, f"h_{t} = {row(h)}", sep="\n  ", end="\n\n")
    states = run(net, X)
    print("models.RNNCell gives", ", ".join(map(row, states)))
    print("the same" if np.array_equal(states, by_hand) else "NOT the same", end="\n\n")
    print(f"{'weights, without biases':40}{'3 steps':>8}{'1,000 steps':>13}")
    names = "recurrent: one W for all steps", "dense: every feature of every step"
    for name, few, many in zip(names, counts(net, 3), counts(net, 1000), strict=True):
        print(f"{name:40}{few:>8,}{many:>13,}")
    if asked.report:
        print(f"page: {page.write_page('runs/worked_example.html', ABOUT.name, sections(net), [__doc__ or ''])}")


def sections(net: Layer) -> list[page.Section]:
    """The same for a page, and the way back from the sum of the last state."""
    x = mg.tensor(X[np.newaxis], np.float32)
    with inspect.watch(net) as runs:
        outputs, _ = net(x)
        losses = [outputs[:, t].sum() for t in range(len(X))]
    (run,) = runs.values()
    flow, jacobian = inspect.gradient_flow(losses, run), inspect.state_jacobians(run)
    loss = net(x, unroll=True)[0][:, -1].sum()
    words = [f"x_{t}" for t in range(1, len(X) + 1)]
    return [
        page.UnitsSection(title="The three units", views=[page.units("the lecture", run, 0, words, picture=X)]),
        page.FlowSection(
            title="Gradients through time",
            note="The norm of dL_t/dh_s, where L_t is the sum of the three entries of h_t.",
            flows=[page.flows("rnn", {"the lecture's weights": flow}, {"the lecture's weights": jacobian})],
        ),
        page.graph("The graph", inspect.draw(loss, names=net), "What is recorded on the way to the sum of h_3."),
        page.walk("The way back, step by step", inspect.walk(loss, names=net), "From the sum of h_3 to all weights."),
    ]


if __name__ == "__main__":
    main()
