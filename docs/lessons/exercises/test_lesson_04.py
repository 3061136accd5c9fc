"""Lesson 4: passes when lesson_04.py is solved."""

import numpy as np

import minigrad as mg
from docs.lessons.exercises.lesson_04 import distances_gradient, undo_broadcasting


def check(shape, broadcast):
    g = np.arange(1.0, 1 + np.prod(broadcast)).reshape(broadcast)
    back = undo_broadcasting(g, shape)
    assert np.shape(back) == shape, f"from {broadcast} back to {shape}, got {np.shape(back)}"
    x = np.random.default_rng(0).normal(size=shape)
    assert np.isclose((g * np.broadcast_to(x, broadcast)).sum(), (back * x).sum()), f"{broadcast} back to {shape}"


def test_4_1_nothing_to_undo():
    check((2, 3), (2, 3))


def test_4_1_added_axes():
    check((3,), (2, 3))
    check((3,), (4, 2, 3))
    check((), (2, 3))


def test_4_1_stretched_axes():
    check((2, 1), (2, 3))
    check((4, 1, 3), (4, 2, 3))
    check((1, 1), (2, 3))


def test_4_1_both():
    check((2, 1), (4, 2, 3))
    check((1,), (4, 3))


def test_4_1_an_axis_that_had_size_1_on_both_sides():
    check((1, 3), (1, 3))
    check((1,), (5, 1))


def distances(x, g):
    differences = mg.expand_dims(x, 1) - mg.expand_dims(x, 0)
    return (g * (differences * differences).sum(-1)).sum()


def test_4_2_two_points():
    g = np.array([[0.0, 1.0], [0.0, 0.0]])
    found = distances_gradient(np.array([[1.0, 2.0], [4.0, 6.0]]), g)
    assert np.allclose(found, [[-6, -8], [6, 8]]), "d |x0 - x1|^2 / d x0 is 2 (x0 - x1), and the opposite for x1"


def test_4_2_the_same_as_minigrad():
    random = np.random.default_rng(0)
    x, g = random.normal(size=(5, 3)), random.normal(size=(5, 5))
    assert np.allclose(distances_gradient(x, g), mg.grad(distances)(x, g)), "g need not be symmetric"
