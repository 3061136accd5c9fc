"""Lesson 3: passes when lesson_03.py is solved."""

import numpy as np

import minigrad as mg
from docs.lessons.exercises.lesson_03 import accumulate, separate_gradients


def leaf(*values):
    return mg.tensor(values, dtype=np.float64, requires_grad=True)


def mean_gradient(w, batches):
    rows = np.concatenate(batches)
    return 2 * rows.T @ (rows @ w.numpy()) / len(rows)


def refused(y):
    try:
        y.backward()
    except RuntimeError as error:
        return "freed" in str(error)
    return False


def test_3_1_batches_of_one_length():
    w, batches = leaf(1, -2), [np.eye(2), np.ones((2, 2))]
    accumulate(w, batches)
    assert np.allclose(w.grad, mean_gradient(w, batches))


def test_3_1_batches_of_different_lengths():
    w, batches = leaf(1, -2), [np.arange(10.0).reshape(5, 2), np.ones((1, 2)), -np.eye(2)]
    accumulate(w, batches)
    assert np.allclose(w.grad, mean_gradient(w, batches)), "the mean is over rows: a long batch counts more"


def test_3_1_an_old_gradient_is_forgotten():
    w, batches = leaf(1, -2), [np.eye(2)]
    w.grad = [100.0, 100.0]
    accumulate(w, batches)
    assert np.allclose(w.grad, mean_gradient(w, batches))


def shared():
    w = leaf(0.5, 2)
    trunk = mg.exp(w)
    return w, trunk, [trunk.sum(), (trunk * w).sum(), (3 * trunk).sum()]


def test_3_2_each_alone():
    w, _, losses = shared()
    found = separate_gradients(losses, w)
    e = np.exp(w.numpy())
    assert np.allclose(found[0], e)
    assert np.allclose(found[1], e * w.numpy() + e), "the second alone, without the first's"
    assert np.allclose(found[2], 3 * e)


def test_3_2_an_old_gradient_does_not_count():
    w, _, losses = shared()
    w.grad = [100.0, 100.0]
    assert np.allclose(separate_gradients(losses, w)[0], np.exp(w.numpy()))


def test_3_2_the_graph_is_freed():
    w, trunk, losses = shared()
    separate_gradients(losses, w)
    assert refused(trunk.sum()), "the last backward() frees the graph"
