"""JAX's part: jit and scan over a plain cell, time first, the input projected for all steps at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.nn import sigmoid

from .work import Work, cell_weights, cotangent, sequence

Run = Callable[[], Sequence[Any]]


def lstm(weights: Any, x: Any, h: Any, state: Any) -> Any:
    i, f, g, o = jnp.split(x + h, 4, axis=-1)
    c = sigmoid(f) * state[1] + sigmoid(i) * jnp.tanh(g)
    return sigmoid(o) * jnp.tanh(c), c


def coupled(weights: Any, x: Any, h: Any, state: Any) -> Any:
    f, g, o = jnp.split(x + h, 3, axis=-1)
    f = sigmoid(f)
    c = f * state[1] + (1 - f) * jnp.tanh(g)
    return sigmoid(o) * jnp.tanh(c), c


def gru(weights: Any, x: Any, h: Any, state: Any) -> Any:
    (x_r, x_z, x_n), (h_r, h_z, h_n) = jnp.split(x, 3, axis=-1), jnp.split(h, 3, axis=-1)
    r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
    n = jnp.tanh(x_n + r * (h_n + weights["bias_hn"]))
    return ((1 - z) * n + z * state[0],)


def rnn(weights: Any, x: Any, h: Any, state: Any) -> Any:
    return (jnp.tanh(x + h),)


CELLS = {"lstm": (lstm, 2), "coupled": (coupled, 2), "gru": (gru, 1), "rnn": (rnn, 1)}  # and the parts of its state


def outputs(name: str, weights: Any, x: Any) -> Any:
    """x [time, batch, input] -> outputs [time, batch, hidden]."""
    cell, parts = CELLS[name]
    recurrent = weights["weight_hh"].T

    def step(state: Any, mapped: Any) -> Any:
        state = cell(weights, mapped, state[0] @ recurrent, state)
        return state, state[0]

    zeros = jnp.zeros((x.shape[1], recurrent.shape[0]), x.dtype)
    return jax.lax.scan(step, (zeros,) * parts, x @ weights["weight_ih"].T + weights["bias"])[1]


def start(work: Work) -> tuple[Any, Any]:
    """The weights and the input."""
    weights = cell_weights(work.name, *work.shape[2:])
    return {name: jnp.asarray(array) for name, array in weights.items()}, jnp.asarray(sequence(work).swapaxes(0, 1))


def training(work: Work) -> Run:
    weights, x = start(work)
    g = jnp.asarray(cotangent(work).swapaxes(0, 1))

    def loss(weights: Any, x: Any, g: Any) -> Any:
        return jnp.vdot(outputs(work.name, weights, x), g)

    both = jax.jit(jax.value_and_grad(loss))

    def run() -> list[Any]:
        _, gradients = jax.block_until_ready(both(weights, x, g))
        return [gradients[name] for name in ("weight_ih", "weight_hh", "bias")]

    return run


def inference(work: Work) -> Run:
    weights, x = start(work)
    forward = jax.jit(lambda weights, x: outputs(work.name, weights, x))
    return lambda: [jax.block_until_ready(forward(weights, x))]


MAKERS: dict[str, Callable[[Work], Run]] = {"training": training, "inference": inference}
