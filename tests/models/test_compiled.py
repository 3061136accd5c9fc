"""A compiled network is the unrolled one, on one small example of each way to call it (tests/fusion draws them)."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.kernels import compile
from models import Layer, LSTMCell, RNNCell
from models.strategies import randomised
from tests.models.drawn import (
    assert_equal,
    gradients,
    hessian_products,
    leaf,
    random_state,
    tensors,
    weighted,
    weights_for,
)

pytestmark = pytest.mark.skipif(not compile.available(), reason="no compiler")
every_cell = pytest.mark.parametrize("make", [LSTMCell, RNNCell])


def assert_unrolled(run, leaves):
    """`run(unroll)` gives the same results, gradients and second derivatives either way."""
    compiled, unrolled = [], []
    for unroll, found in ((False, compiled), (True, unrolled)):
        rng = np.random.default_rng(1)
        results = tensors(run(unroll))
        loss = weighted(tuple(results), weights_for(tuple(results), rng))
        found += results, gradients(loss, leaves)
        found.append(hessian_products(loss, leaves, weights_for(tuple(leaves), rng)))
    for one, other in zip(compiled, unrolled, strict=True):
        assert_equal(tuple(one), tuple(other), 1e-11)


@every_cell
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("lengths", [None, [4, 1, 3]])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_layer(make, reverse, lengths, dropout):
    rng = np.random.default_rng(0)
    layer = Layer(randomised(make(3, 5), rng), reverse, recurrent_dropout=dropout)
    x, state = leaf(rng, 3, 4, 3), random_state(layer.cell, rng, 3)

    def run(unroll):
        mg.manual_seed(0)
        return layer(x, state, lengths, unroll=unroll)

    assert run(False)[0].node.primitive.name == "recurrence" != run(True)[0].node.primitive.name
    assert_unrolled(run, [x, *layer.parameters(), *tensors(state)])


@every_cell
def test_step(make):
    rng = np.random.default_rng(0)
    cell = randomised(make(3, 5), rng)
    x, state = leaf(rng, 2, 3), random_state(cell, rng, 2)

    def run(unroll):
        if unroll:
            return cell.step(cell.input_map(x), state)
        output, new = cell(x, state)
        assert np.array_equal(output, tensors(new)[0])
        return new

    assert_unrolled(run, [x, *cell.parameters(), *tensors(state)])
