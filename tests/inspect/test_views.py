"""Saliency, telling units and saturated gates, each against its definition computed another way."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.inspect import saliency, saturated, telling_units, watch
from minigrad.nn import Embedding
from models import GRU, LSTM, RNN, Classifier, Embedded, LSTMCell
from models.strategies import randomised
from tests.inspect.nudged import nudged_c, nudged_h
from tests.inspect.test_watch import batch, layer_of

rng = np.random.default_rng(0)
LENGTHS = np.array([4, 1, 3])


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * max(1.0, np.abs(expected).max(initial=0)))


# saliency


def test_saliency_of_a_leaf():
    layer, x = layer_of(LSTMCell), batch().numpy()
    f = lambda x: mg.tanh(layer(x, lengths=LENGTHS)[0]).sum()  # noqa: E731
    leaf = mg.tensor(x, requires_grad=True)
    found = saliency(f(leaf), leaf)
    assert found.shape == (3, 4)
    close(found, (mg.grad(f)(x).numpy() * x).sum(axis=-1))
    assert found.any()
    assert not found[np.arange(4) >= LENGTHS[:, None]].any()


def test_saliency_of_what_an_embedding_looked_up():
    model = randomised(Classifier(Embedded(Embedding(5, 2), GRU(2, 3)), 2), rng)
    tokens = rng.integers(0, 5, (3, 4))
    vectors = model.network.embedding(tokens)
    _, h = model.network.network(vectors)
    score = model.head(h)[:, 1].sum()
    found = saliency(score, vectors)
    f = lambda v: model.head(model.network.network(v)[1])[:, 1].sum()  # noqa: E731
    close(found, (mg.grad(f)(vectors.numpy()).numpy() * vectors.numpy()).sum(axis=-1))
    assert all(p.grad is None for p in model.parameters())
    score.backward()  # nothing was freed


def test_saliency_of_one_output_of_several():
    x = mg.tensor(rng.normal(size=(2, 6)), requires_grad=True)
    left, right = mg.split(x, 2, axis=1)
    close(saliency((left**2 * 3 + right).sum(), left), (6 * left.numpy() ** 2).sum(axis=1))


def test_saliency_where_the_loss_does_not_depend_on_x():
    x, y = (mg.tensor(rng.normal(size=(2, 3, 4)), requires_grad=True) for _ in range(2))
    np.testing.assert_array_equal(saliency(y.sum(), x), np.zeros((2, 3)))


def test_saliency_refuses():
    x = mg.tensor(np.ones((1, 2, 3)))
    with pytest.raises(RuntimeError, match="saliency: x wants no gradient"):
        saliency(x.sum(), x)
    x.requires_grad = True
    with pytest.raises(RuntimeError, match="losses: none was recorded"):
        saliency(x.detach().sum(), x)
    with pytest.raises(TypeError, match=r"losses: expected Tensors of one entry each, got shape \(1, 2, 3\)"):
        saliency(x * 2, x)


# units


@pytest.mark.parametrize("reverse", [False, True])
def test_telling_units_against_nudges(reverse):
    layer, x = layer_of(LSTMCell, (2, 4), reverse=reverse), batch()
    weights = rng.normal(size=4)
    loss = lambda: (layer(x, lengths=LENGTHS)[0] * weights).sum()  # noqa: E731
    with watch(layer) as watched:
        recorded = loss()
    run = watched["cell"]
    for part, nudged in ("h", nudged_h), ("c", nudged_c):
        expected = np.zeros(4)
        for k, h in enumerate(run.values(part).swapaxes(0, 1)[:: -1 if reverse else 1]):

            def at_step(nudge, k=k, nudged=nudged):
                with nudged(layer.cell, {k: nudge}):
                    return loss()

            expected += (mg.grad(at_step)(np.zeros((3, 4))).numpy() * h).sum(axis=0)
        order, scores = telling_units(recorded, run, part)
        close(scores, np.abs(expected))
        np.testing.assert_array_equal(order, np.argsort(-scores))


def test_a_unit_that_says_nothing_comes_last():
    model = Classifier(RNN(2, 4), 2).to(np.float64)
    model.head.weight.assign_([[0, 1, 0, 0], [0, -1, 0, 0]])
    with watch(model) as watched:
        loss = model.loss(batch(time=1), np.array([0, 1, 1]))
    order, scores = telling_units(loss, watched["network.cell"])
    assert order.tolist() == [1, 0, 2, 3]
    assert scores[1] > 0
    assert not scores[[0, 2, 3]].any()


# gates


def test_saturated_gates_by_hand():
    layer = layer_of(LSTMCell)
    for parameter in layer.parameters():
        parameter.assign_(np.zeros(parameter.shape))
    logits = {"i": [-3, 0, 3], "f": [3, 3, 3], "g": [-2, -2, 2], "o": [2.1, 2.3, -2.1]}  # sigmoid is 0.9 at 2.197
    layer.cell.bias.assign_(np.concatenate(list(logits.values())).astype(float))
    with watch(layer) as watched:
        layer(batch(), lengths=LENGTHS)
    third = 1 / 3
    expected = {"i": (third, third), "f": (0, 1), "g": (2 * third, third), "o": (0, third)}
    for gate, shares in saturated(watched["cell"]).items():
        np.testing.assert_allclose(shares, expected.pop(gate))
    assert not expected


def test_only_steps_that_are_not_padding_count():
    layer = layer_of(LSTMCell)
    x = batch().numpy() * 9
    with watch(layer) as watched:
        layer(mg.tensor(x), lengths=LENGTHS)
    run = watched["cell"]
    i = np.concatenate([row[:length].ravel() for row, length in zip(run.gates["i"], LENGTHS)])
    assert saturated(run)["i"] == ((i < 0.1).mean(), (i > 0.9).mean())
    assert 0 < (i < 0.1).mean() < 1


def test_gates_without_bounds_are_left_out():
    layer = RNN(2, 3, nonlinearity="relu")
    with watch(layer) as watched:
        layer(batch().astype(np.float32))
    assert watched["cell"].nonlinearities == {"h": "relu"}
    assert saturated(watched["cell"]) == {}


def test_networks_that_were_made_by_name():
    for make in (LSTM, GRU):
        layer = make(2, 3)
        with watch(layer) as watched:
            layer(batch().astype(np.float32))
        assert list(saturated(watched["cell"])) == list(watched["cell"].gates)
