"""Derivatives by states, the plain way: a nudge of 0 is added to the state at one step, and mg.grad asked for it."""

from contextlib import contextmanager
from itertools import count

import numpy as np

import minigrad as mg
from minigrad import sigmoid, tanh
from models import LSTMState
from models.cell import like, parts


@contextmanager
def nudged_h(cell, nudges):
    """A cell that adds `nudges[k]` to the h that its k-th step returns; it runs unrolled."""
    plain, number = type(cell).step, count()

    def step(mapped, state, mask=None):
        h, *others = parts(old := plain(cell, mapped, state, mask))
        return like(old, [h + nudges.get(next(number), 0.0), *others])

    cell.step, cell.compiled = step, lambda *_: None
    try:
        yield
    finally:
        del cell.step, cell.compiled


@contextmanager
def nudged_c(cell, nudges):
    """An LSTM cell that adds `nudges[k]` to the cell state of its k-th step, before anything is made of it."""
    number = count()

    def body(x, h, state):
        i, f, g, o = (a + b for a, b in zip(x, h))
        if cell.peephole:
            p_i, p_f, p_o = cell.weight_peephole
            i, f = i + p_i * state.c, f + p_f * state.c
        c = sigmoid(f) * state.c + sigmoid(i) * tanh(g) + nudges.get(next(number), 0.0)
        return LSTMState(sigmoid(o + p_o * c if cell.peephole else o) * cell.shown(c), c)

    cell.body, cell.compiled = body, lambda *_: None
    try:
        yield
    finally:
        del cell.body, cell.compiled


def by_double_loop(cell, losses, steps, shape, nudged=nudged_h):
    """The norm of the gradient of each of `losses()` by the state after each of the cell's steps, in order of calls.

    shape: [batch, hidden]. Returns [losses, steps, batch].
    """
    norms = np.zeros((len(losses()), steps, shape[0]))
    for t, s in np.ndindex(norms.shape[:2]):

        def loss(nudge, t=t, s=s):
            with nudged(cell, {s: nudge}):
                return losses()[t]

        norms[t, s] = np.linalg.norm(mg.grad(loss)(np.zeros(shape)).numpy(), axis=1)
    return norms
