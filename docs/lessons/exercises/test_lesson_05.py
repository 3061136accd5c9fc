"""Lesson 5: passes when lesson_05.py is solved."""

import numpy as np

import minigrad as mg
from docs.lessons.exercises.lesson_05 import gradient_through_time, step_back

X = np.array([[0, 1, 0, 1, 0, 1], [0, 2, 1, 3, 0, 0], [1, 1, 2, 1, 0, 0]])
W = np.array([[1, 1, 0, 1, 0, 1, 1, 0, 0], [0, 0, 0, 0, 1, 1, 1, 1, 1], [2, 1, 1, 1, 2, 3, 2, 0, 0]])
WITH_UNITS_OFF = W - 2 * (W == 1)  # some weights are -1


def step(W, x, h):
    return mg.relu(W @ mg.concatenate([x, h]))


def loss(W, X, counts):
    h, total = np.zeros(len(counts[0])), 0.0
    for x, count in zip(X, counts):
        h = step(W, x, h)
        total = total + (h * count).sum()
    return total


def check_step(W, x, h, g):
    _, pull = mg.vjp(step, *(np.asarray(a, float) for a in (W, x, h)))
    for name, found, expected in zip("Wxh", step_back(W, x, h, g), pull(np.asarray(g, float)), strict=True):
        assert np.allclose(found, expected), f"the cotangent of {name}"


def test_5_1_all_units_on():
    check_step(W, X[1], np.array([3, 1, 5]), np.array([1, 1, 1]))
    check_step(W, X[2], np.array([8, 9, 12]), np.array([1, -2, 10]))


def test_5_1_units_that_are_off():
    check_step(WITH_UNITS_OFF, X[1], np.array([3, 1, 5]), np.array([1, 2, 3]))
    check_step(-W, X[1], np.array([3, 1, 5]), np.array([1, 2, 3]))


def test_5_1_arguments_are_left_alone():
    given = W.copy(), X[0].copy(), np.zeros(3, int), np.ones(3, int)
    step_back(*given)
    assert np.array_equal(given[0], W) and np.array_equal(given[3], np.ones(3)), "work on copies"
    assert step_back(*given)[0].shape == W.shape


def check_sequence(W, X, counts):
    expected = mg.grad(loss)(np.asarray(W, float), X, counts)
    assert np.allclose(gradient_through_time(W, X, counts), expected)


def test_5_2_only_the_last_state_counts():
    counts = np.array([[0, 0, 0], [0, 0, 0], [1, 1, 1]])
    expected = [[1, 16, 6, 20, 0, 7, 20, 13, 32], [1, 4, 3, 5, 0, 1, 11, 10, 17], [1, 4, 3, 5, 0, 1, 11, 10, 17]]
    assert np.array_equal(gradient_through_time(W, X, counts), expected), "the lesson's own numbers"


def test_5_2_every_state_counts():
    check_sequence(W, X, np.ones((3, 3)))
    check_sequence(W, X, np.arange(9.0).reshape(3, 3))


def test_5_2_units_that_are_off():
    check_sequence(WITH_UNITS_OFF, X, np.arange(1.0, 10).reshape(3, 3))


def test_5_2_one_step():
    check_sequence(W, X[:1], np.ones((1, 3)))
