"""Tells when the exercises of lesson 10 are right."""

import numpy as np

import minigrad as mg
from docs.lessons.exercises.lesson_10 import huber, rnn_backward


def test_10_1_its_values():
    r = np.array([-3.0, -1.0, -0.5, 0.0, 0.25, 1.0, 2.0])
    found = huber(mg.tensor(r)).numpy()
    assert np.allclose(found, [2.5, 0.5, 0.125, 0, 0.03125, 0.5, 1.5]), f"got {found}"


def test_10_1_its_slope():
    r = np.array([-3.0, -0.5, 0.0, 0.25, 2.0])
    slope = mg.grad(lambda r: huber(r).sum())(r).numpy()
    assert np.allclose(slope, np.clip(r, -1, 1)), f"the slope is r between -1 and 1, and its sign outside; got {slope}"


def test_10_1_it_can_be_fused():
    huber(mg.tensor([0.5]))
    assert "def backward_row(" in mg.fuse(huber).source  # NotPointwise: it says what one loop cannot do


def example():
    """Weights, inputs and cotangents, and the states [T + 1, hidden] that these weights lead through."""
    rng = np.random.default_rng(0)
    w, u, b = rng.standard_normal((3, 2)), rng.standard_normal((3, 3)), rng.standard_normal(3)
    xs, gs, hs = rng.standard_normal((6, 2)), rng.standard_normal((6, 3)), [rng.standard_normal(3)]
    for x in xs:
        hs.append(np.tanh(w @ x + u @ hs[-1] + b))
    return w, u, b, xs, np.array(hs), gs


def test_10_2_one_step():
    w, u, _, xs, hs, gs = example()
    dw, du, db = rnn_backward(w, u, xs[:1], hs[:2], gs[:1])
    g = gs[0] * (1 - hs[1] ** 2)
    assert np.allclose(db, g), "the cotangent of what goes into tanh is g * (1 - h^2)"
    assert np.allclose(dw, np.outer(g, xs[0])) and np.allclose(du, np.outer(g, hs[0]))


def test_10_2_over_time():
    w, u, b, xs, hs, gs = example()

    def loss(w, u, b):
        h, total = mg.tensor(hs[0]), mg.tensor(0.0)
        for x, g in zip(xs, gs):
            h = mg.tanh(w @ x + u @ h + b)
            total = total + (h * g).sum()
        return total

    wanted = mg.grad(loss, (0, 1, 2))(w, u, b)
    for name, found, truth in zip(("dw", "du", "db"), rnn_backward(w, u, xs, hs, gs), wanted):
        assert np.allclose(found, truth.numpy()), f"{name} is not the sum over all steps"
