"""Tells when the exercises of lesson 7 are right."""

import numpy as np

import minigrad as mg
from docs.lessons.exercises.lesson_07 import clipped, jacobian_norms


def network(T=6):
    """W, the inputs of each step, and the states [T + 1, hidden] that they lead through."""
    rng = np.random.default_rng(0)
    W, inputs, states = rng.standard_normal((3, 3)), rng.standard_normal((T, 3)), [rng.standard_normal(3)]
    for x in inputs:
        states.append(np.tanh(W @ states[-1] + x))
    return W, inputs, np.array(states)


def test_7_1_the_first_is_the_identity():
    W, _, states = network()
    norms = jacobian_norms(W, states)
    assert np.shape(norms) == (7,), f"one norm for each state: expected shape (7,), got {np.shape(norms)}"
    assert np.isclose(norms[0], np.sqrt(3)), "dh_0/dh_0 is the identity, whose Frobenius norm is sqrt(hidden)"


def test_7_1_against_the_library():
    W, inputs, states = network()
    for t in range(1, 7):

        def state(h, steps=t):
            for x in inputs[:steps]:
                h = mg.tanh(W @ h + x)
            return h

        wanted = np.linalg.norm(mg.jacobian(state)(states[0]).numpy())
        found = jacobian_norms(W, states)[t]
        assert np.isclose(found, wanted), f"t = {t}: expected {wanted:.4f}, got {found:.4f}"


def test_7_2_a_large_gradient():
    found = clipped([np.array([3.0]), np.array([[0.0, 4.0]])], 1.0)
    assert [np.shape(g) for g in found] == [(1,), (1, 2)], "each keeps its shape"
    together = np.concatenate([g.reshape(-1) for g in found])
    assert np.allclose(together, [0.6, 0, 0.8], atol=1e-4), "the common norm of 3, 0 and 4 is 5: divide by 5"


def test_7_2_a_small_gradient():
    found = clipped([np.array([0.3]), np.array([0.4])], 1.0)
    assert np.allclose(found, [[0.3], [0.4]]), "a gradient that is short enough stays as it is"


def test_7_2_nothing_is_changed_in_place():
    given = [np.array([30.0, -40.0])]
    found = clipped(given, 1.0)
    assert given[0].tolist() == [30.0, -40.0] and found[0] is not given[0], "return new arrays"


def test_7_2_zeros():
    found = clipped([np.zeros(2)], 1.0)
    assert np.array_equal(found, [[0, 0]]), f"zeros stay zeros, got {found}"
