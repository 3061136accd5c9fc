"""Every part of the benchmarks runs, and the libraries compute the same; nothing is timed here."""

import importlib

import numpy as np
import pytest

from benchmarks import plan
from benchmarks.work import GATES, Work, cell_weights, operations

RECURRENT, ELEMENTWISE = (3, 40, 5, 6), (50,)
WORKS = [Work(kind, cell, RECURRENT) for kind in ("training", "inference") for cell in GATES]
WORKS += [Work("truncation", "lstm", RECURRENT), Work("step", "model", RECURRENT), Work("sampling", "model", RECURRENT)]
WORKS += [Work("elementwise", name, ELEMENTWISE) for name in plan.FUNCTIONS]
PACKAGES = {"torch": ["torch"], "jax": ["jax"], "onnx": ["onnx", "onnxruntime"]}


def results(library, work):
    for package in PACKAGES.get(library, ()):
        pytest.importorskip(package)
    run = importlib.import_module(f"benchmarks.of_{library}").MAKERS[work.kind](work)
    return [np.asarray(x) for x in run()]


@pytest.mark.parametrize("work", WORKS, ids=str)
def test_minigrad(work):
    assert all(np.isfinite(x).all() and x.any() for x in results("minigrad", work))


BESIDE = [(peer, work) for work in WORKS for peer in plan.LIBRARIES[work.kind] if peer not in ("minigrad", "numpy")]
BESIDE = [(peer, work) for peer, work in BESIDE if (peer, work.name) != ("onnx", "coupled")]


@pytest.mark.parametrize(("peer", "work"), BESIDE, ids=str)
def test_the_peers_compute_the_same(peer, work):
    theirs, ours = results(peer, work), results("minigrad", work)
    assert len(theirs) == len(ours)
    for a, b in zip(theirs, ours):
        if work.kind == "inference":
            a = a.reshape(a.shape[0], *a.shape[-2:]).swapaxes(0, 1)  # theirs are [time, (1,) batch, hidden]
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_the_limits():
    assert np.shape(results("numpy", Work("sgemm", "sgemm", (4,)))) == (1, 4, 4)
    assert results("numpy", Work("elementwise", "tanh", (4,))) == []


def test_operations_are_those_of_the_matrix_products():
    batch, time, features, hidden = 2, 3, 5, 7
    shape = (batch, time, features, hidden)
    assert operations(Work("inference", "rnn", shape)) == 2 * batch * time * (features * hidden + hidden * hidden)
    # forward, the weights' gradients, and the gradient to h
    assert operations(Work("training", "rnn", shape)) == 2 * batch * time * hidden * (2 * features + 3 * hidden)
    assert operations(Work("training", "lstm", shape)) == 4 * operations(Work("training", "rnn", shape))
    assert operations(Work("step", "model", shape)) == 3 * operations(Work("sampling", "model", shape))
    assert operations(Work("sgemm", "sgemm", (10,))) == 2000
    assert operations(Work("elementwise", "tanh", (10,))) == 0


def test_a_gru_has_a_second_bias_for_its_candidate():
    assert cell_weights("gru", 4, 5)["bias_hn"].shape == (5,)
    assert "bias_hn" not in cell_weights("lstm", 4, 5)
