"""Weights under PyTorch's names, there and back."""

from copy import deepcopy
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from models import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    Cell,
    Deep,
    GRUCell,
    Layer,
    LayerNormLSTMCell,
    LSTMCell,
    RNNCell,
    SimplifiedGRUCell,
)
from models.classifier import Classifier
from models.interop import load_torch_weights, torch_weights
from models.strategies import randomised
from tests.models.drawn import assert_equal, leaf, seeds, small

MAKERS = {
    "rnn": RNN,
    "lstm": LSTM,
    "peephole_lstm": partial(LSTM, peephole=True),
    "gru": GRU,
    "original_gru": partial(GRU, reset_after=False),
}
GATES = {"rnn": 1, "lstm": 4, "peephole_lstm": 4, "gru": 3, "original_gru": 3}
makers = st.sampled_from(sorted(MAKERS))
depths = st.integers(1, 3)


def drawn(name: str, input_size: int, hidden_size: int, num_layers: int, bidirectional: bool, seed: int):
    return randomised(MAKERS[name](input_size, hidden_size, num_layers, bidirectional), np.random.default_rng(seed))


@given(name=makers, input_size=small, hidden_size=small, num_layers=depths, bidirectional=st.booleans())
def test_names_and_shapes(name, input_size, hidden_size, num_layers, bidirectional):
    expected = {}
    rows, width = GATES[name] * hidden_size, input_size
    for level in range(num_layers):
        for suffix in (f"_l{level}", f"_l{level}_reverse")[: 1 + bidirectional]:
            expected |= {f"weight_ih{suffix}": (rows, width), f"weight_hh{suffix}": (rows, hidden_size)}
            expected |= {f"bias_ih{suffix}": (rows,), f"bias_hh{suffix}": (rows,)}
            if name == "peephole_lstm":
                expected[f"weight_peephole{suffix}"] = (3, hidden_size)
        width = hidden_size * (1 + bidirectional)
    weights = torch_weights(MAKERS[name](input_size, hidden_size, num_layers, bidirectional))
    assert [(key, array.shape) for key, array in weights.items()] == list(expected.items())
    assert {array.dtype for array in weights.values()} == {np.dtype(np.float32)}


@given(
    name=makers, input_size=small, hidden_size=small, num_layers=depths, bidirectional=st.booleans(), seed=seeds,
    dtype=st.sampled_from([np.float32, np.float64]),
)  # fmt: skip
def test_round_trip_is_exact(name, input_size, hidden_size, num_layers, bidirectional, seed, dtype):
    shape = input_size, hidden_size, num_layers, bidirectional
    mine, other = (drawn(name, *shape, seed).to(dtype) for seed in (seed, seed + 1))
    weights = torch_weights(mine)
    load_torch_weights(other, weights)
    for p, q in zip(mine.parameters(), other.parameters(), strict=True):
        assert p.dtype == q.dtype == dtype
        np.testing.assert_array_equal(p, q)
    assert all(np.array_equal(array, weights[key]) for key, array in torch_weights(other).items())


@given(name=makers, hidden_size=small, num_layers=depths, bidirectional=st.booleans(), seed=seeds)
def test_both_biases_count(name, hidden_size, num_layers, bidirectional, seed):
    """Only their sum does, but for the candidate of a GRU with reset_after."""
    rng = np.random.default_rng(seed)
    net = drawn(name, 2, hidden_size, num_layers, bidirectional, seed)
    outputs = net(x := leaf(rng, 2, 3, 2))[0]
    weights = torch_weights(net)
    for key in [key for key in weights if "bias_ih" in key]:
        moved = rng.standard_normal(weights[key].shape)
        if name == "gru":
            moved[2 * hidden_size :] = 0
        weights[key] += moved
        weights[key.replace("ih", "hh")] -= moved
    load_torch_weights(net, weights)
    assert_equal(net(x)[0], outputs)


def test_where_biases_go():
    net = GRU(1, 2)
    net.cell.bias.assign_([1, 2, 3, 4, 5, 6])
    net.cell.bias_hn.assign_([7, 8])
    weights = torch_weights(net)
    assert weights["bias_ih_l0"].tolist() == [1, 2, 3, 4, 5, 6]
    assert weights["bias_hh_l0"].tolist() == [0, 0, 0, 0, 7, 8]
    load_torch_weights(original := GRU(1, 2, reset_after=False), weights)
    assert original.cell.bias.numpy().tolist() == [1, 2, 3, 4, 12, 14]
    assert not torch_weights(original)["bias_hh_l0"].any()


def test_weights_are_copies():
    net = LSTM(3, 2, peephole=True)
    before = {name: p.numpy().copy() for name, p in net.named_parameters()}
    weights = torch_weights(net)
    for array in weights.values():
        array += 1
    load_torch_weights(other := LSTM(3, 2, peephole=True), weights)
    for array in weights.values():
        array += 1
    for name, p in net.named_parameters():
        np.testing.assert_array_equal(p, before[name])
    np.testing.assert_allclose(other.cell.weight_peephole, before["cell.weight_peephole"] + 1)
    np.testing.assert_allclose(other.cell.bias, before["cell.bias"] + 2)  # 1 in each of two


def test_parameters_stay_the_same_objects():
    net = GRU(3, 2)
    before = list(net.parameters())
    load_torch_weights(net, torch_weights(GRU(3, 2)))
    assert all(p is q for p, q in zip(before, net.parameters(), strict=True))


def test_any_stack_of_the_three():
    deep = Deep([
        Bidirectional(Layer(GRUCell(3, 2)), "sum"),
        Deep([Layer(LSTMCell(2, 4), reverse=True), Layer(RNNCell(4, 5))], residual=True),
    ])  # fmt: skip
    weights = torch_weights(deep)
    assert [key for key in weights if "weight_hh" in key] == [
        "weight_hh_l0", "weight_hh_l0_reverse", "weight_hh_l1_reverse", "weight_hh_l2",
    ]  # fmt: skip
    other = deepcopy(deep)
    randomised(other, np.random.default_rng(0)).to(np.float32)
    load_torch_weights(other, weights)
    x = mg.tensor(np.ones((2, 3, 3), np.float32))
    assert_equal(other(x), deep(x), 0)


def test_floats_go_into_wider_ones():
    wide = LSTM(3, 2).to(np.float64)
    load_torch_weights(wide, torch_weights(narrow := LSTM(3, 2)))
    for p, q in zip(wide.parameters(), narrow.parameters(), strict=True):
        assert p.dtype == np.float64
        np.testing.assert_array_equal(p, q)


def test_biases_are_added_in_the_dtype_of_the_network():
    weights = torch_weights(RNN(2, 1))
    weights["bias_ih_l0"][:], weights["bias_hh_l0"][:] = 1, 2**-30  # too little for float32
    load_torch_weights(net := RNN(2, 1).to(np.float64), weights)
    assert net.cell.bias.item() == 1 + 2**-30


def refused(net, weights) -> list[str]:
    """The lines of the refusal, after which the network is as before."""
    before = {name: p.numpy().copy() for name, p in net.named_parameters()}
    with pytest.raises(ValueError, match="load_torch_weights: the weights do not fit") as caught:
        load_torch_weights(net, weights)
    for name, p in net.named_parameters():
        np.testing.assert_array_equal(p, before[name])
    first, *lines = str(caught.value).splitlines()
    assert first == (
        "load_torch_weights: the weights do not fit the network; nothing was loaded (build it with the same sizes, or "
        "change its dtype with to()):"
    )
    return [line.strip() for line in lines]


def test_all_that_is_wrong_is_named_at_once():
    net = LSTM(3, 2, num_layers=2)
    weights = torch_weights(LSTM(3, 2, num_layers=2))
    del weights["weight_ih_l0"], weights["bias_hh_l1"]
    weights["weight_hr_l0"] = np.zeros((2, 2), np.float32)
    weights["weight_hh_l0"] = np.zeros((2, 8), np.float32)
    weights["weight_hh_l1"] = np.zeros((8, 2))
    weights["bias_ih_l1"] = np.zeros(8, np.int64)
    assert refused(net, weights) == [
        "missing: weight_ih_l0 float32[8, 3]",
        "weight_hh_l0: expected float32[8, 2], got float32[2, 8]",
        "weight_hh_l1: expected float32[8, 2], got float64[8, 2]",
        "bias_ih_l1: expected float32[8], got int64[8]",
        "missing: bias_hh_l1 float32[8]",
        "surplus: weight_hr_l0 float32[2, 2]",
    ]


@pytest.mark.parametrize("dtype", [np.float64, np.int8, np.bool_, np.complex64, object])
def test_what_would_lose_is_refused(dtype):
    weights = torch_weights(RNN(1, 1)) | {"weight_ih_l0": np.zeros((1, 1), dtype)}
    assert refused(RNN(1, 1), weights) == [f"weight_ih_l0: expected float32[1, 1], got {np.dtype(dtype)}[1, 1]"]


@pytest.mark.parametrize(
    "mine, theirs, name",
    [
        (LSTM(3, 2, 2), LSTM(3, 2), "missing: weight_ih_l1"),
        (LSTM(3, 2), LSTM(3, 2, 2), "surplus: weight_ih_l1"),
        (LSTM(3, 2, 1, True), LSTM(3, 2), "missing: weight_ih_l0_reverse"),
        (LSTM(3, 2), LSTM(3, 2, 1, True), "surplus: weight_ih_l0_reverse"),
        (LSTM(3, 2, peephole=True), LSTM(3, 2), "missing: weight_peephole_l0 float32[3, 2]"),
        (LSTM(3, 2), LSTM(3, 2, peephole=True), "surplus: weight_peephole_l0 float32[3, 2]"),
        (LSTM(3, 2), GRU(3, 2), "bias_ih_l0: expected float32[8], got float32[6]"),
        (LSTM(3, 2), LSTM(4, 2), "weight_ih_l0: expected float32[8, 3], got float32[8, 4]"),
        (LSTM(3, 2).to(np.float64), LSTM(4, 2), "weight_ih_l0: expected float64[8, 3], got float32[8, 4]"),
    ],
)
def test_weights_of_another_network_refused(mine, theirs, name):
    assert any(line.startswith(name) for line in refused(mine, torch_weights(theirs)))


class OwnCell(Cell):
    gates = 1


@pytest.mark.parametrize("cell", [SimplifiedGRUCell, LayerNormLSTMCell, OwnCell])
def test_cells_that_pytorch_has_not(cell):
    net = Deep([Layer(RNNCell(2, 3)), Layer(cell(3, 3))])
    with pytest.raises(TypeError, match=f"interop: PyTorch has no {cell.__name__}; expected an RNN, LSTM or GRU"):
        torch_weights(net)
    with pytest.raises(TypeError, match=f"interop: PyTorch has no {cell.__name__}"):
        load_torch_weights(net, {})


@pytest.mark.parametrize("other", [RNNCell(2, 3), Classifier(RNN(2, 3), 2)])
def test_other_modules_refused(other):
    for refused in (torch_weights, lambda net: load_torch_weights(net, {})):
        with pytest.raises(TypeError, match="interop: expected a Layer, or a Bidirectional or Deep of them") as caught:
            refused(other)
        assert str(caught.value).endswith(f", as RNN(), LSTM() and GRU() make, got {type(other).__name__}")
