"""A compiled network is the unrolled one, on one small example of each way to call it (tests/fusion draws them)."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.kernels import compile, memory, pool, products
from models import GRUCell, Layer, LSTMCell, RNNCell
from models.strategies import randomised
from tests.fusion.cells import CoupledLSTMCell, LearnedNumberCell, ThreePartCell
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
every_cell = pytest.mark.parametrize("make", [LSTMCell, RNNCell, GRUCell, CoupledLSTMCell])


class ThirdPartCell(ThreePartCell):
    """Here the way back has to know the second part of the new state, and the third of the old."""

    def body(self, x, h, state):
        new = super().body(x, h, state)
        return new._replace(h=new.fast * state.before)


def made(make, batch, time, reverse=False, dropout=0.0):
    """A layer, x [batch, time, 3], a state, and all that derivatives are taken for."""
    rng = np.random.default_rng(0)
    layer = Layer(randomised(make(3, 5), rng), reverse, recurrent_dropout=dropout)
    x, state = leaf(rng, batch, time, 3), random_state(layer.cell, rng, batch)
    return layer, x, state, [x, *layer.parameters(), *tensors(state)]


def assert_unrolled(run, leaves):
    """`run(unroll)` gives the same results, gradients and second derivatives either way."""
    compiled, unrolled = [], []
    assert tensors(run(False))[0].node.primitive.name == "recurrence" != tensors(run(True))[0].node.primitive.name
    for unroll, found in ((False, compiled), (True, unrolled)):
        rng = np.random.default_rng(1)
        results = tensors(run(unroll))
        loss = weighted(tuple(results), weights_for(tuple(results), rng))
        found += results, gradients(loss, leaves)
        found.append(hessian_products(loss, leaves, weights_for(tuple(leaves), rng)))
    for one, other in zip(compiled, unrolled, strict=True):
        assert_equal(tuple(one), tuple(other), 1e-11)


@pytest.mark.parametrize("make", [LSTMCell, RNNCell])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("lengths", [None, [4, 1, 3]])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_layer(make, reverse, lengths, dropout):
    layer, x, state, leaves = made(make, 3, 4, reverse, dropout)

    def run(unroll):
        mg.manual_seed(0)
        return layer(x, state, lengths, unroll=unroll)

    assert_unrolled(run, leaves)


@pytest.mark.parametrize("make", [GRUCell, CoupledLSTMCell, ThirdPartCell, LearnedNumberCell])
def test_cells_of_other_kinds(make):
    """Products that have a cotangent of their own, three parts of the state, parameters in the body."""
    layer, x, state, leaves = made(make, 3, 4, reverse=True)
    assert_unrolled(lambda unroll: layer(x, state, [4, 1, 3], unroll=unroll), leaves)


@every_cell
def test_step(make):
    layer, x, state, leaves = made(make, 2, 1)
    cell, x = layer.cell, leaf(np.random.default_rng(0), 2, 3)

    def run(unroll):
        if unroll:
            return cell.step(cell.input_map(x), state)
        output, new = cell(x, state)
        assert np.array_equal(output, tensors(new)[0])
        return new

    assert_unrolled(run, [x, *leaves[1:]])


@every_cell
def test_without_a_graph(make):
    layer, x, state, _ = made(make, 3, 4)
    recorded = layer(x, state, [4, 1, 3])
    with mg.no_grad():
        found = layer(x, state, [4, 1, 3])
    assert_equal(found, recorded)
    assert not any(y.requires_grad for y in tensors(found))


class BareTupleCell(LSTMCell):
    """Its body forgets to make a state of what it returns."""

    def body(self, x, h, state):
        return tuple(super().body(x, h, state))


def test_a_body_that_returns_no_state_is_refused():
    with pytest.raises(TypeError, match=r"BareTupleCell.body must return the next state, LSTMState, got \(tensor"):
        Layer(BareTupleCell(2, 3))(mg.tensor(np.ones((1, 4, 2), np.float32)))


def test_other_layouts_in_memory():
    """Time before batch: neither x nor the cotangent of the outputs is one block."""
    layer, _, state, leaves = made(LSTMCell, 3, 4)
    x = leaf(np.random.default_rng(0), 4, 3, 3)

    def run(unroll):
        outputs, final = layer(mg.swapaxes(x, 0, 1), state, unroll=unroll)
        return final, mg.swapaxes(outputs, 0, 1)

    assert_unrolled(run, [x, *leaves[1:]])


@pytest.fixture
def threads(monkeypatch):
    """Sets the number of threads for one test, each of which is given work however little there is."""
    before = pool.get_num_threads()
    monkeypatch.setattr(products, "TOGETHER", 0)
    yield pool.set_num_threads
    pool.set_num_threads(before)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("batch", "time", "count"), [(5, 7, 1), (12, 3, 1), (51, 2, 2)])
def test_steps_of_x_multiplied_ahead(batch, time, count, reverse, threads):
    """Four at a time, and at last three; two, and at last one; one at a time, on two threads."""
    threads(count)
    layer, x, state, leaves = made(LSTMCell, batch, time, reverse)
    assert_unrolled(lambda unroll: layer(x, state, unroll=unroll), leaves)


@pytest.mark.parametrize("make", [LSTMCell, GRUCell])
def test_threads_and_fresh_memory(make, threads, monkeypatch):
    """Three threads, each with its share of the batch, and NaN in all memory that was not written to."""
    threads(3)
    monkeypatch.setattr(memory, "empty", lambda shape, dtype: np.full(shape, np.nan, dtype))
    layer, x, state, leaves = made(make, 5, 4, dropout=0.5)

    def run(unroll):
        mg.manual_seed(0)
        return layer(x, state, [4, 1, 3, 2, 4], unroll=unroll)

    assert_unrolled(run, leaves)
