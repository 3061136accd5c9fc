"""Tells when the exercises of lesson 8 are right."""

import numpy as np

import minigrad as mg
from docs.lessons.exercises.lesson_08 import LeakyCell, latch
from models import Layer, LSTMCell


def leaky_example():
    """A layer in float64 whose parameters are all drawn, and an input [batch, time, input]."""
    rng = np.random.default_rng(1)
    layer = Layer(LeakyCell(3, 4)).to(np.float64)
    for parameter in layer.parameters():
        parameter.assign_(rng.standard_normal(parameter.shape))
    return layer, rng.standard_normal((2, 5, 3))


def test_8_1_its_numbers():
    layer, x = leaky_example()
    outputs, _ = layer(mg.tensor(x), unroll=True)
    w, u, b, leak = (p.numpy() for p in (layer.cell.weight_ih, layer.cell.weight_hh, layer.cell.bias, layer.cell.leak))
    a = 1 / (1 + np.exp(-leak))
    h = np.zeros((2, 4))
    for t in range(5):
        h = (1 - a) * h + a * np.tanh(x[:, t] @ w.T + h @ u.T + b)
        assert np.allclose(outputs.numpy()[:, t], h), f"after step {t} the state is not that of the equations"


def test_8_1_the_rates_are_learnt():
    layer, x = leaky_example()
    layer(mg.tensor(x), unroll=True)[0].sum().backward()
    assert layer.cell.leak.grad is not None, "no gradient has come to `leak`: compute with the Tensor self.leak"
    assert np.all(layer.cell.leak.grad.numpy() != 0), "each unit's rate should have a gradient"


def test_8_1_it_can_be_compiled():
    layer, _ = leaky_example()
    blocks = [mg.tensor(np.full(4, 0.5)) for _ in range(3)]
    new = layer.cell.body(blocks[:1], blocks[1:2], blocks[2])
    assert new.shape == (4,), "a body that works entry by entry does so on [hidden], too"
    assert layer.cell.fusible(), "the maps of x and h, and `step`, are to stay as they are"


def held(steps=300):
    """Outputs [steps] of an LSTM that was set by hand, and the number at the latest mark (0 before the first)."""
    rng = np.random.default_rng(2)
    cell = LSTMCell(2, 1)
    latch(cell)
    number, mark = rng.choice([-1.0, 1.0], steps), np.zeros(steps)
    mark[[7, 8, 60, 61, 62, 180]] = 1
    h = Layer(cell)(mg.tensor(np.stack([number, mark], axis=1)[None].astype(np.float32)), unroll=True)[0]
    latest, right = 0.0, []
    for n, m in zip(number, mark):
        latest = n if m else latest
        right.append(latest)
    return h.numpy()[0, :, 0], np.array(right)


def test_8_2_the_right_sign():
    h, right = held()
    assert np.array_equal(np.sign(h)[7:], right[7:]), "h has not the sign of the number at the latest mark"


def test_8_2_it_does_not_fade():
    h, right = held()
    assert np.all(np.abs(h[right != 0]) > 0.5), f"|h| falls to {np.abs(h[right != 0]).min():.3f}: is f close to 1?"
