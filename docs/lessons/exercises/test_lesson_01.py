"""Lesson 1: passes when lesson_01.py is solved."""

import numpy as np

import minigrad as mg
from docs.lessons.exercises.lesson_01 import ops_of, slope


def leaf(value):
    return mg.tensor(value, dtype=np.float64, requires_grad=True)


def test_1_1_one_operation():
    assert ops_of(mg.tanh(leaf(0.5))) == ["tanh"]


def test_1_1_from_the_result_to_the_leaf():
    assert ops_of(mg.exp(mg.sin(2 * leaf(0.5)))) == ["exp", "sin", "multiply"]


def test_1_1_the_recorded_input_may_be_the_second():
    assert ops_of(1 / (3 - mg.sqrt(leaf(0.5)))) == ["divide", "subtract", "sqrt"]


def test_1_2_one_operation():
    assert np.isclose(slope(mg.sin(leaf(0.5))), np.cos(0.5))


def test_1_2_a_chain():
    y = mg.exp(mg.sin(2 * leaf(0.5)))
    assert np.isclose(slope(y), np.exp(np.sin(1.0)) * np.cos(1.0) * 2)


def test_1_2_the_recorded_input_may_be_the_second():
    y = 1 / (3 - mg.sqrt(leaf(0.25)))
    assert np.isclose(slope(y), 1 / 2.5**2)


def test_1_2_nothing_is_left_on_the_leaf():
    x = leaf(0.5)
    y = mg.tanh(x * x.item())
    assert np.isclose(slope(y), 0.5 * (1 - np.tanh(0.25) ** 2))
    assert x.grad is None, "slope() walks back by itself: backward() is not to be called"
