"""Every cell's equations in plain NumPy, one sequence and one step at a time; good for complex numbers, too."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from models import GRUCell, LayerNormLSTMCell, LSTMCell, RNNCell, SimplifiedGRUCell

Arrays = dict[str, np.ndarray]
State = tuple[np.ndarray, ...]


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def relu(z):
    return np.where(np.real(z) > 0, z, 0)


def rows(p: Arrays, count: int) -> list[Callable[[np.ndarray, np.ndarray], np.ndarray]]:
    """For each of `count` gates its affine map of x and h, as one matrix on concat(x, h)."""
    w = np.split(np.concatenate([p["weight_ih"], p["weight_hh"]], axis=1), count)
    b = np.split(p["bias"], count)
    return [lambda x, h, w=w, b=b: w @ np.concatenate([x, h]) + b for w, b in zip(w, b)]


def vanilla(nonlinearity, p: Arrays, x: np.ndarray, state: State) -> State:
    (h,) = state
    (a,) = rows(p, 1)
    return (nonlinearity(a(x, h)),)


def lstm(p: Arrays, x: np.ndarray, state: State) -> State:
    h, c = state
    i, f, g, o = rows(p, 4)
    new = sigmoid(f(x, h)) * c + sigmoid(i(x, h)) * np.tanh(g(x, h))
    return sigmoid(o(x, h)) * np.tanh(new), new


def peephole_lstm(p: Arrays, x: np.ndarray, state: State) -> State:
    h, c = state
    i, f, g, o = rows(p, 4)
    to_i, to_f, to_o = map(np.diag, p["weight_peephole"])
    kept = sigmoid(f(x, h) + to_f @ c) * c
    new = kept + sigmoid(i(x, h) + to_i @ c) * np.tanh(g(x, h))
    return sigmoid(o(x, h) + to_o @ new) * np.tanh(new), new


def layer_norm_lstm(p: Arrays, x: np.ndarray, state: State) -> State:
    h, c = state
    normal = lambda a: (a - a.sum() / a.size) / np.sqrt(((a - a.sum() / a.size) ** 2).sum() / a.size + 1e-5)  # noqa: E731
    a = p["gain_x"] * normal(p["weight_ih"] @ x) + p["gain_h"] * normal(p["weight_hh"] @ h) + p["bias"]
    i, f, g, o = np.split(a, 4)
    new = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(p["gain_c"] * normal(new) + p["bias_c"]), new


def gru(p: Arrays, x: np.ndarray, state: State) -> State:
    (h,) = state
    r, z, _ = rows(p, 3)
    r, z = sigmoid(r(x, h)), sigmoid(z(x, h))
    w, u, b = (np.split(p[name], 3)[2] for name in ("weight_ih", "weight_hh", "bias"))
    n = np.tanh(w @ x + b + r * (u @ h + p["bias_hn"]))
    return ((1 - z) * n + z * h,)


def original_gru(p: Arrays, x: np.ndarray, state: State) -> State:
    (h,) = state
    r, z, n = rows(p, 3)
    z, n = sigmoid(z(x, h)), n(x, sigmoid(r(x, h)) * h)
    return ((1 - z) * np.tanh(n) + z * h,)


def simplified_gru(p: Arrays, x: np.ndarray, state: State) -> State:
    (h,) = state
    z, n = rows(p, 2)
    z = sigmoid(z(x, h))
    return ((1 - z) * np.tanh(n(x, h)) + z * h,)


class Kind(NamedTuple):
    """A cell, and the step that its docstring promises."""

    make: Callable[[int, int], Any]
    step: Callable[[Arrays, np.ndarray, State], State]


KINDS = {
    "tanh": Kind(RNNCell, partial(vanilla, np.tanh)),
    "relu": Kind(partial(RNNCell, nonlinearity="relu"), partial(vanilla, relu)),
    "lstm": Kind(LSTMCell, lstm),
    "peephole_lstm": Kind(partial(LSTMCell, peephole=True), peephole_lstm),
    "layer_norm_lstm": Kind(LayerNormLSTMCell, layer_norm_lstm),
    "gru": Kind(GRUCell, gru),
    "original_gru": Kind(partial(GRUCell, reset_after=False), original_gru),
    "simplified_gru": Kind(SimplifiedGRUCell, simplified_gru),
}


def over_time(
    step, p: Arrays, x: np.ndarray, state: State, lengths: Sequence[int] | None = None, reverse: bool = False
) -> tuple[np.ndarray, State]:
    """x [batch, time, input] and a state of [batch, hidden] -> outputs [batch, time, hidden], final state."""
    batch, time, _ = x.shape
    outputs = np.zeros((batch, time, state[0].shape[1]), np.result_type(x, *state, *p.values()))
    final = []
    for row in range(batch):
        now = tuple(part[row] for part in state)
        order = range(time if lengths is None else lengths[row])
        for t in reversed(order) if reverse else order:
            now = step(p, x[row, t], now)
            outputs[row, t] = now[0]
        final.append(now)
    return outputs, tuple(np.stack(parts) for parts in zip(*final))
