"""Layers beside PyTorch's, their derivatives, their initial parameters, and the refusals."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import nn
from minigrad.nn import Conv2d, Dropout, Embedding, Flatten, LayerNorm, Linear, MaxPool2d, Module, Sequential
from minigrad.testing import check_gradients

RNG = np.random.default_rng(2)
ROWS, DEEP, IMAGES = RNG.normal(size=(4, 3)), RNG.normal(size=(2, 5, 3)), RNG.normal(size=(2, 3, 7, 6))

PAIRS = {
    "Linear": (lambda: Linear(3, 2), lambda nn: nn.Linear(3, 2), ROWS),
    "Linear, no bias": (lambda: Linear(3, 2, bias=False), lambda nn: nn.Linear(3, 2, bias=False), DEEP),
    "LayerNorm": (lambda: LayerNorm(3), lambda nn: nn.LayerNorm(3), DEEP),
    "LayerNorm, eps": (lambda: LayerNorm(3, eps=0.1), lambda nn: nn.LayerNorm(3, eps=0.1), ROWS),
    "Conv2d": (lambda: Conv2d(3, 4, 3), lambda nn: nn.Conv2d(3, 4, 3), IMAGES),
    "Conv2d, no bias": (lambda: Conv2d(3, 4, 1, bias=False), lambda nn: nn.Conv2d(3, 4, 1, bias=False), IMAGES),
    "Conv2d, strides": (
        lambda: Conv2d(3, 4, (3, 2), stride=(2, 1), padding=(0, 1)),
        lambda nn: nn.Conv2d(3, 4, (3, 2), stride=(2, 1), padding=(0, 1)),
        IMAGES,
    ),
    "MaxPool2d": (lambda: MaxPool2d(2), lambda nn: nn.MaxPool2d(2), IMAGES),
    "MaxPool2d, stride": (lambda: MaxPool2d((3, 2), stride=1), lambda nn: nn.MaxPool2d((3, 2), stride=1), IMAGES),
    "Flatten": (Flatten, lambda nn: nn.Flatten(), IMAGES),
    "Dropout, eval": (lambda: Dropout(0.5).eval(), lambda nn: nn.Dropout(0.5).eval(), ROWS),
    "Sequential": (
        lambda: Sequential(Conv2d(3, 2, 3), mg.relu, MaxPool2d(2), Flatten(), Linear(8, 3), mg.tanh, LayerNorm(3)),
        lambda nn: nn.Sequential(
            nn.Conv2d(3, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 3), nn.Tanh(), nn.LayerNorm(3)
        ),
        IMAGES,
    ),
}


def assert_same_as_twin(net, twin, x, t):
    """Parameters drawn anew for both; then values and all gradients, in float64."""
    torch = pytest.importorskip("torch")
    net.to(np.float64)
    twin.to(torch.float64)
    parameters, twins = list(net.parameters()), list(twin.parameters())
    assert [p.shape for p in parameters] == [tuple(p.shape) for p in twins]
    for p, q in zip(parameters, twins):
        value = RNG.normal(size=p.shape)
        p.assign_(value)
        q.data = torch.tensor(value)
    y, expected = net(x), twin(t)
    np.testing.assert_allclose(y.numpy(), expected.detach().numpy(), rtol=1e-10, atol=1e-12)
    weights = RNG.normal(size=y.shape)
    y.backward(weights)
    expected.backward(torch.tensor(weights))
    for p, q in zip(parameters, twins):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("ours, theirs, inputs", list(PAIRS.values()), ids=list(PAIRS))
def test_beside_torch(ours, theirs, inputs):
    torch = pytest.importorskip("torch")
    x, t = mg.tensor(inputs, requires_grad=True), torch.tensor(inputs, requires_grad=True)
    assert_same_as_twin(ours(), theirs(torch.nn), x, t)
    np.testing.assert_allclose(x.grad.numpy(), t.grad.numpy(), rtol=1e-10, atol=1e-12)


def chance(net):
    """The same layer with parameters drawn anew."""
    for p in net.parameters():
        p.assign_(RNG.normal(size=p.shape).astype(p.dtype))
    return net


@pytest.mark.parametrize("make, inputs", [(ours, x) for ours, _, x in PAIRS.values()], ids=list(PAIRS))
def test_derivatives_to_second_order(make, inputs):
    check_gradients(chance(make()), inputs, order=2)


def test_derivatives_of_embedding_and_dropout():
    net = chance(Embedding(5, 3))
    check_gradients(lambda: net(np.array([[1, 4], [4, 0]])), parameters=net, order=2)
    check_gradients(Dropout(0.3), DEEP, order=2)


def test_every_layer_has_a_case():
    layers = {kind for kind in vars(nn).values() if isinstance(kind, type) and issubclass(kind, Module)}
    assert layers - {Module} == {type(ours()) for ours, _, _ in PAIRS.values()} | {Embedding, Dropout}


@pytest.mark.parametrize("padding_idx", [None, 0, 4])
@pytest.mark.parametrize("indices", [[1, 4, 4, 0], [[2, 0], [0, 0]], 3])
def test_embedding_beside_torch(padding_idx, indices):
    """PyTorch, too, gives out what stands in the row of `padding_idx`, and sends nothing back to it."""
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Embedding(5, 3, padding_idx=padding_idx)
    assert_same_as_twin(Embedding(5, 3, padding_idx), theirs, indices, torch.tensor(indices))


@given(st.lists(st.integers(0, 4), max_size=6), st.none() | st.integers(0, 4))
def test_embedding_gives_rows_and_counts_them_back(indices, padding_idx):
    net = Embedding(5, 2, padding_idx)
    rows = net(np.array(indices, np.int64))
    np.testing.assert_array_equal(rows.numpy(), net.weight.numpy()[np.array(indices, np.int64)])
    rows.sum().backward()
    counts = [0 if i == padding_idx else indices.count(i) for i in range(5)]
    grads = np.zeros((5, 2)) if net.weight.grad is None else net.weight.grad.numpy()
    np.testing.assert_array_equal(grads, np.repeat(counts, 2).reshape(5, 2))


def test_embedding_of_padding_is_zero():
    net = Embedding(4, 3, padding_idx=2)
    assert (net([2, 2]).numpy() == 0).all()
    assert (net.weight.numpy()[[0, 1, 3]] != 0).all()


def test_embedding_takes_tensors_lists_and_arrays_of_any_integers():
    net, indices = Embedding(4, 3), [[0, 3], [1, 1]]
    expected = net(indices).numpy()
    for given_as in (mg.tensor(indices), np.array(indices, np.uint8), np.array(indices, np.uint64)):
        np.testing.assert_array_equal(net(given_as).numpy(), expected)


def test_dropout_only_while_training():
    net, x = Dropout(0.5), mg.tensor(np.ones(100, np.float32))
    assert set(net(x).numpy().tolist()) == {0, 2}
    assert net.eval()(x) is x


def test_initial_parameters():
    linear, norm, conv = Linear(100, 200), LayerNorm(3), Conv2d(8, 16, 5)
    assert np.abs(linear.weight.numpy()).max() <= (6 / 300) ** 0.5 < 1.1 * np.abs(linear.weight.numpy()).max()
    assert np.abs(conv.weight.numpy()).max() <= (6 / 200) ** 0.5 < 1.1 * np.abs(conv.weight.numpy()).max()
    assert norm.weight.numpy().tolist() == [1, 1, 1]
    assert not any(b.numpy().any() for b in (linear.bias, norm.bias, conv.bias))
    np.testing.assert_allclose(Embedding(200, 100).weight.numpy().std(), 1, rtol=0.05)
    everything = Sequential(linear, norm, conv, Embedding(2, 3))
    assert {p.dtype for p in everything.parameters()} == {np.dtype(np.float32)}


def test_a_seed_repeats_the_parameters():
    nets = []
    for _ in range(2):
        mg.manual_seed(5)
        nets.append(Sequential(Linear(3, 4), Embedding(5, 2), Conv2d(1, 2, 3)))
    for p, q in zip(nets[0].parameters(), nets[1].parameters()):
        np.testing.assert_array_equal(p.numpy(), q.numpy())


def test_arrays_may_be_fed():
    net = Linear(3, 2)
    x = ROWS.astype(np.float32)
    np.testing.assert_array_equal(net(x).numpy(), net(mg.tensor(x)).numpy())


def test_empty_batches():
    assert Flatten()(mg.tensor(np.zeros((0, 2, 3)))).shape == (0, 6)
    assert Linear(3, 2)(mg.tensor(np.zeros((0, 3)))).shape == (0, 2)
    assert Embedding(3, 2)(np.zeros((0, 4), int)).shape == (0, 4, 2)


def test_sequential_is_a_sequence():
    first, second = Linear(2, 3), mg.tanh
    net = Sequential(first, second)
    assert len(net) == 2 and net[0] is first and net[-1] is second and list(net) == [first, second]
    x = mg.tensor([1.0, 2.0])
    assert Sequential()(x) is x


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: Linear(0, 3), ValueError, "Linear: expected in_features to be an integer from 1 up, got 0"),
        (lambda: Linear(3, 2.0), ValueError, "Linear: expected out_features to be an integer from 1 up, got 2.0"),
        (lambda: LayerNorm((3, 4)), ValueError, "LayerNorm: expected size to be an integer from 1 up, got (3, 4)"),
        (lambda: Embedding(-1, 4), ValueError, "Embedding: expected num_embeddings to be an integer from 1 up, got -1"),
        (lambda: Embedding(3, 4, -1), ValueError, "Embedding: expected padding_idx from 0 to 2, got -1"),
        (lambda: Embedding(3, 4, 3), ValueError, "Embedding: expected padding_idx from 0 to 2, got 3"),
        (
            lambda: Embedding(3, 4)([[0, 3]]),
            IndexError,
            "Embedding: index 3 at position (0, 1) is out of range: expected 0 to 2",
        ),
        (
            lambda: Embedding(3, 4)(-1),
            IndexError,
            "Embedding: index -1 at position () is out of range: expected 0 to 2",
        ),
        (lambda: Embedding(3, 4)([0.5]), TypeError, "Embedding: expected integer indices, got float64"),
        (lambda: Dropout(1.1), ValueError, "Dropout: expected a probability p from 0 to 1, got 1.1"),
        (lambda: Conv2d(0, 1, 3), ValueError, "Conv2d: expected in_channels to be an integer from 1 up, got 0"),
        (lambda: Conv2d(1, 1, 0), ValueError, "Conv2d: expected kernel_size to be an integer from 1 up, got 0"),
        (
            lambda: Conv2d(1, 1, 3, stride=(1, 0)),
            ValueError,
            "Conv2d: expected stride to be an integer from 1 up, got 0",
        ),
        (
            lambda: Conv2d(1, 1, 3, padding=-1),
            ValueError,
            "Conv2d: expected padding to be an integer from 0 up, got -1",
        ),
        (
            lambda: Conv2d(1, 1, (3, 3, 3)),
            ValueError,
            "Conv2d: expected kernel_size to be an int or a pair (height, width), got (3, 3, 3)",
        ),
        (lambda: MaxPool2d(2, stride=0), ValueError, "MaxPool2d: expected stride to be an integer from 1 up, got 0"),
        (lambda: MaxPool2d("2"), ValueError, "MaxPool2d: expected size to be an integer from 1 up, got '2'"),
        (lambda: Sequential(mg.tanh, 3), TypeError, "Sequential: expected modules and functions, got int at 1"),
        (
            lambda: Linear(3, 2)(mg.tensor([1.0, 2.0])),
            ValueError,
            "linear: expected x [..., in] and weight [out, in] with the same in, got (2,) and (2, 3)",
        ),
        (
            lambda: LayerNorm(3)(mg.tensor([1.0, 2.0])),
            ValueError,
            "layer_norm: expected weight (2,), as x's last axis, got (3,)",
        ),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}"):
        call()
