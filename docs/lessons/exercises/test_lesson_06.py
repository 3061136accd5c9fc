"""Tells when the exercises of lesson 6 are right."""

import numpy as np

import minigrad as mg
from docs.lessons.exercises.lesson_06 import gradient_of_each_use, state_gradients


def example():
    """W, the first state and the inputs of four steps."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((3, 3)), rng.standard_normal(3), list(rng.standard_normal((4, 3)))


def last_state_summed(weights, h, xs):
    """The loss, with a weight for each step."""
    for W, x in zip(weights, xs):
        h = mg.tanh(W @ h + x)
    return h.sum()


def test_6_1_they_add_up():
    W, h, xs = example()
    parts = gradient_of_each_use(W, h, xs)
    assert len(parts) == 4, f"one array for each of 4 steps, got {len(parts)}"
    wanted = mg.grad(lambda W: last_state_summed([W] * 4, h, xs))(W).numpy()
    assert np.allclose(np.sum(parts, axis=0), wanted), "together they are dL/dW"


def test_6_1_each_is_its_steps_own():
    W, h, xs = example()
    wanted = mg.grad(lambda *weights: last_state_summed(weights, h, xs), argnums=(0, 1, 2, 3))(W, W, W, W)
    for t, (part, truth) in enumerate(zip(gradient_of_each_use(W, h, xs), wanted), 1):
        assert np.allclose(part, truth.numpy()), f"step {t} has a wrong part"


def leaky(h, x):
    return 0.5 * h + mg.sin(h * x)


def test_6_2_a_linear_step():
    found = state_gradients(lambda h, x: 2.0 * h + x, 1.0, [1.0, 5.0, -2.0], lambda h: 3.0 * h)
    assert np.allclose(found, [24, 12, 6, 3]), f"each step doubles it: expected [24, 12, 6, 3], got {found}"


def test_6_2_any_step():
    xs, states = [0.3, -1.2, 0.7, 2.0], [0.4]
    for x in xs:
        states.append(0.5 * states[-1] + np.sin(states[-1] * x))
    found = state_gradients(leaky, 0.4, xs, lambda h: h * h)
    wanted = [2 * states[-1]]
    for h, x in zip(states[-2::-1], xs[::-1]):
        wanted.insert(0, wanted[0] * (0.5 + x * np.cos(h * x)))
    assert np.allclose(found, wanted, rtol=1e-4), f"expected {np.round(wanted, 4)}, got {np.round(found, 4)}"
