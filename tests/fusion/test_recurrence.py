"""The compiled recurrence is the unrolled one: values and gradients, for every cell and every way to call it."""

import copy
import gc
import inspect
import pickle
import weakref
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad as mg
from minigrad.fusion.recurrence import _known, identity
from minigrad.kernels import compile, memory, pool, products
from minigrad.nn import Parameter
from minigrad.testing import check_same
from models import GRU, LSTM, RNN, GRUCell, Layer, LSTMCell, LSTMState, RNNCell, truncated
from models.cell import parts
from models.strategies import Sizes, networks, randomised, sequence_sizes
from tests.fusion.cells import (
    CoupledLSTMCell,
    LearnedNumberCell,
    MinimalGatedUnit,
    NonlinearityCell,
    SoftmaxCell,
    ThreePartCell,
)
from tests.models.drawn import assert_equal, gradients, leaf, random_state, tensors, weighted, weights_for

pytestmark = pytest.mark.skipif(not compile.available(), reason="no compiler")

CELLS = {
    "tanh": RNNCell,
    "relu": partial(RNNCell, nonlinearity="relu"),
    "lstm": LSTMCell,
    "peephole": partial(LSTMCell, peephole=True),
    "gru": GRUCell,
    "coupled": CoupledLSTMCell,
    "minimal": MinimalGatedUnit,
    "three parts": ThreePartCell,
    "learned number": LearnedNumberCell,
}
CLOSE = {np.float32: 1e-6, np.float64: 1e-12}
seeds = st.integers(0, 2**32 - 1)
every_cell = pytest.mark.parametrize("kind", CELLS)
some = settings(max_examples=15)


def loops_of(cell):
    return [loop for loop in _known[cell].values() if loop is not None]


def made(kind, sizes, seed, reverse=False, dtype=np.float64, **dropout):
    rng = np.random.default_rng(seed)
    make = CELLS[kind] if isinstance(kind, str) else kind
    layer = Layer(randomised(make(sizes.input, sizes.hidden), rng, dtype), reverse, **dropout)
    x = leaf(rng, sizes.batch, sizes.time, sizes.input)
    return layer, x, random_state(layer.cell, rng, sizes.batch), rng


def hessian_products(loss, leaves, vs):
    """The Hessian of the loss for all leaves together, times a direction."""
    loss.backward(create_graph=True)
    first = [mg.tensor(np.zeros(x.shape)) if x.grad is None else x.grad for x in leaves]
    return gradients(weighted(tuple(first), vs), leaves)


def assert_unrolled(layer, x, state, rng, lengths=None, order=2, tolerance=1e-12, chosen=slice(None)):
    """Values, gradients and second derivatives are those of the unrolled graph; `chosen` of the results count."""
    results, leaves = (
        [],
        [t for t in (x, *layer.parameters(), *tensors(() if state is None else state)) if t.requires_grad],
    )
    seed = int(rng.integers(2**32))
    for unroll in (False, True):
        mg.manual_seed(0)
        outputs, final = layer(x, state, lengths, unroll=unroll)
        found = (outputs, *tensors(final))
        rng = np.random.default_rng(seed)
        loss = weighted(found[chosen], weights_for(found, rng)[chosen])
        vs = weights_for(tuple(leaves), rng)
        derivatives = [tuple(gradients(loss, leaves))]
        if order == 2:
            derivatives.append(tuple(hessian_products(loss, leaves, vs)))
        results.append([found, *derivatives])
    for rank, (one, other) in enumerate(zip(*results)):
        assert_equal(one, other, tolerance * 10**rank)


# the same numbers


@some
@given(networks(), seeds)
def test_networks(drawn, seed):
    x = mg.tensor(drawn.x, requires_grad=True)
    assert_unrolled(drawn.network, x, None, np.random.default_rng(seed), drawn.lengths)


@some
@given(networks(makers=(GRU,), max_layers=1, dtype=np.float32))
def test_networks_in_float32(drawn):
    found, expected = (drawn.network(mg.tensor(drawn.x), lengths=drawn.lengths, unroll=u) for u in (False, True))
    assert all(y.dtype == np.float32 for y in tensors(found))
    assert_equal(found, expected, 1e-6)


@every_cell
@some
@given(sizes=sequence_sizes(), seed=seeds, reverse=st.booleans(), masked=st.booleans())
def test_cells(kind, sizes, seed, reverse, masked):
    """From a given state, with lengths or without, in both directions, with dropout on h or without."""
    layer, x, state, rng = made(kind, sizes, seed, reverse, recurrent_dropout=0.5 * masked)
    assert_unrolled(layer, x, state, rng, sizes.lengths)
    assert loops_of(layer.cell)


@some
@given(sizes=sequence_sizes(), seed=seeds, reverse=st.booleans(), part=st.integers(0, 2))
def test_gradients_of_one_result_only(sizes, seed, reverse, part):
    """Of the outputs, of h, or of c alone."""
    layer, x, state, rng = made("lstm", sizes, seed, reverse)
    assert_unrolled(layer, x, state, rng, sizes.lengths, chosen=slice(part, part + 1))


@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (1, 30, 3, 5), (7, 1, 2, 17), (3, 5, 4, 33)])
@pytest.mark.parametrize("kind", ["lstm", "gru"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_odd_sizes(sizes, kind, dtype):
    layer, x, _, rng = made(kind, Sizes(*sizes, None), 0, dtype=dtype)
    x = mg.tensor(x.numpy().astype(dtype), requires_grad=True)
    assert_unrolled(layer, x, None, rng, order=1, tolerance=10 * CLOSE[dtype])


@pytest.mark.parametrize("kind", ["lstm", "minimal"])
def test_one_tensor_for_all_of_the_state(kind):
    layer, x, state, rng = made(kind, Sizes(2, 3, 2, 2, None), 0)
    h = parts(state)[0]
    state = LSTMState(h, h) if kind == "lstm" else h
    assert_unrolled(layer, x, state, rng)


@every_cell
def test_what_stands_in_padding_and_in_fresh_memory_has_no_influence(kind, monkeypatch):
    sizes = Sizes(4, 5, 2, 3, [1, 5, 2, 4])
    for reverse in (False, True):
        layer, x, state, rng = made(kind, sizes, 1, reverse)
        expected = layer(x, state, sizes.lengths)
        weights, leaves = weights_for(expected, rng), [*layer.parameters(), *parts(state)]
        wanted = (expected, tuple(gradients(weighted(expected, weights), leaves)))
        within = np.arange(sizes.time) < np.array(sizes.lengths)[:, None]
        filled = mg.tensor(np.where(within[..., None], x.numpy(), np.nan))
        with monkeypatch.context() as patch:
            patch.setattr(memory, "empty", lambda shape, dtype: np.full(shape, np.nan, dtype))
            found = layer(filled, state, sizes.lengths)
            assert_equal((found, tuple(gradients(weighted(found, weights), leaves))), wanted, 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_states_too_large_for_the_heap(dtype):
    """Memory of that size goes back to the system when nobody holds it: a loop that still read it would crash."""
    layer = Layer(LSTMCell(2, 128).to(dtype))
    x = mg.tensor(np.random.default_rng(0).standard_normal((600, 3, 2)), dtype, requires_grad=True)
    state = layer.cell.State(*(mg.tensor(np.ones((600, 128)), dtype, requires_grad=True) for _ in range(2)))
    for _ in range(3):
        outputs, final = layer(x, state)
        assert np.array_equal(final.h, outputs[:, -1])
        final.c.sum().backward()
    expected = mg.grad(lambda h: layer(x, layer.cell.State(h, state.c), unroll=True)[1].c.sum())(state.h)
    np.testing.assert_allclose(state.h.grad.numpy(), 3 * expected.numpy(), rtol=1e-3, atol=1e-4)


def test_lengths_are_read_once():
    layer, x, state, _rng = made("lstm", Sizes(3, 4, 2, 3, None), 0)
    expected = gradients(layer(x, state, [1, 4, 2])[0].sum(), [x])
    lengths = np.array([1, 4, 2])
    loss = layer(x, state, lengths)[0].sum()
    lengths[:] = 4
    assert_equal(tuple(gradients(loss, [x])), tuple(expected), 0)


def test_lengths_of_any_kind_are_compiled_for_once():
    layer, x, state, _ = made("lstm", Sizes(3, 4, 2, 3, None), 0)
    expected = layer(x, state, [1, 4, 2])
    (loops,) = loops_of(layer.cell)
    forward = inspect.getclosurevars(loops.code.forward).nonlocals["function"]
    compiled = len(forward.signatures)
    for given_as in (tuple, np.array, lambda n: np.array(n, np.uint8), mg.tensor, lambda n: np.array([*n, 0])[:-1]):
        assert_equal(layer(x, state, given_as([1, 4, 2])), expected, 0)
    assert len(forward.signatures) == compiled > 0


def test_under_no_grad():
    for kind in ("lstm", "gru", "three parts"):
        layer, x, state, _ = made(kind, Sizes(3, 4, 2, 3, None), 0)
        recorded = layer(x, state, [1, 4, 2])
        with mg.no_grad():
            outputs, final = layer(x, state, [1, 4, 2])
        assert_equal((outputs, final), recorded, 0)
        assert not any(y.requires_grad for y in tensors((outputs, final)))


def test_frozen_weights_still_pass_a_gradient_on():
    layer, x, state, rng = made("peephole", Sizes(2, 3, 2, 3, None), 0)
    for p in layer.parameters():
        p.requires_grad = False
    assert_unrolled(layer, x, state, rng, order=1)
    assert_unrolled(layer, x.detach(), state, rng, order=1)


@pytest.mark.parametrize("threads", [2, 3, 5])
@pytest.mark.parametrize("kind", ["lstm", "peephole", "three parts"])
def test_threads(kind, threads, monkeypatch):
    """The same bits, but for sums over the batch, which the threads divide: of a bias, of parameters in the body."""
    monkeypatch.setattr(products, "TOGETHER", 0)
    sizes = Sizes(5, 4, 2, 3, [4, 1, 3, 2, 4])
    layer, x, state, _rng = made(kind, sizes, 0)
    names, parameters = zip(*layer.cell.named_parameters())
    before, results = pool.get_num_threads(), []
    try:
        for n in (1, threads):
            pool.set_num_threads(n)
            found = layer(x, state, sizes.lengths)
            weights = weights_for(found, np.random.default_rng(0))
            results.append((found, gradients(weighted(found, weights), [x, *parts(state), *parameters])))
    finally:
        pool.set_num_threads(before)
    (found, sent), (expected, wanted) = results
    assert_equal(found, expected, 0)
    for name, a, b in zip(["x", *["state" for _ in parts(state)], *names], sent, wanted, strict=True):
        assert_equal(a, b, 1e-13 if name in ("bias", "weight_peephole") else 0)


# derivatives of another kind


def test_jvp():
    layer, x, state, rng = made("lstm", Sizes(2, 3, 2, 3, None), 0)
    v = rng.normal(size=x.shape)
    compiled, unrolled = (mg.jvp(lambda x, u=u: layer(x, state, unroll=u)[0], (x,), (v,)) for u in (False, True))
    assert_equal(compiled, unrolled)


def test_checkpoint():
    layer, x, _, _ = made("gru", Sizes(2, 3, 2, 3, None), 0)
    for order in (1, 2):
        check_same(lambda x: mg.checkpoint(layer, x), lambda x: layer(x, unroll=True), x.numpy(), order=order,
                   parameters=layer)  # fmt: skip


def test_truncated():
    layer, x, _, _ = made("lstm", Sizes(2, 7, 2, 3, None), 0)
    found = []
    for unroll in (False, True):
        total = [np.zeros(p.shape) for p in layer.parameters()]
        for _, outputs, _ in truncated(partial(layer, unroll=unroll), x, 2, 3):
            sent = gradients((outputs * outputs).sum(), layer.parameters())
            total = [a + np.asarray(b) for a, b in zip(total, sent)]
        found.append(total)
    assert_equal(tuple(found[0]), tuple(found[1]))


# the graph


def test_one_node_and_freed_memory():
    layer, x, state, _ = made("lstm", Sizes(2, 3, 2, 3, None), 0)
    outputs, final = layer(x, state)
    assert outputs.node is final.h.node is final.c.node
    g = np.ones(outputs.shape)
    outputs.backward(g, retain_graph=True)
    once = x.grad.numpy()
    saved = weakref.ref(outputs.node.settings["run"].saved)
    outputs.backward(g)
    np.testing.assert_array_equal(x.grad, 2 * once)
    gc.collect()
    assert saved() is None  # though outputs and final state are alive
    with pytest.raises(RuntimeError, match=r"retain_graph=True.* detach"):
        final.c.sum().backward()


def test_an_assignment_before_backward_is_noticed():
    layer, x, state, _ = made("peephole", Sizes(2, 3, 2, 3, None), 0)
    for p in (layer.cell.weight_hh, layer.cell.weight_peephole):
        outputs, _ = layer(x, state)
        p.assign_(2 * p.numpy())
        with pytest.raises(RuntimeError, match="assign_"):
            outputs.sum().backward()


def test_training_goes_on_with_the_present_weights():
    sizes = Sizes(2, 3, 2, 3, None)
    trained = []
    for unroll in (False, True):
        layer, x, _, _ = made("peephole", sizes, 0)
        optimizer = mg.optim.Adam(layer.parameters(), lr=0.1)
        for _ in range(5):
            optimizer.zero_grad()
            (layer(x, unroll=unroll)[0] ** 2).sum().backward()
            optimizer.step()
        trained.append(tuple(p.numpy() for p in layer.parameters()))
    assert_equal(*trained, 1e-9)


# what changes after the first use


def nonlinear(**settings):
    return made(partial(NonlinearityCell, **settings), Sizes(2, 3, 2, 3, None), 0)


def test_changed_attributes_are_seen():
    layer, x, state, rng = nonlinear()
    cell = layer.cell
    assert_unrolled(layer, x, state, rng)
    for name, value in [("nonlinearity", mg.sigmoid), ("slope", Parameter(np.arange(3.0)))]:
        setattr(cell, name, value)
        assert_unrolled(layer, x, state, rng, order=1)
    cell.factors[0] = -2.0
    assert_unrolled(layer, x, state, rng, order=1)
    layer, x, state, rng = made("tanh", Sizes(2, 3, 2, 3, None), 0)
    assert_unrolled(layer, x, state, rng, order=1)
    layer.cell.nonlinearity = "relu"
    assert_unrolled(layer, x, state, rng, order=1)


def test_functions_that_come_and_go():
    """Python gives the memory of the last one to the next: the same id, another function."""
    layer, x, state, _ = nonlinear()
    for factor in (1.0, 2.0) * 4:  # two programs
        layer.cell.nonlinearity = lambda a, factor=factor: mg.tanh(a) * factor
        assert_equal(layer(x, state), layer(x, state, unroll=True))
        layer.cell.nonlinearity = None


def test_a_parameter_frozen_at_first():
    layer, x, state, rng = made("peephole", Sizes(2, 3, 2, 3, None), 0)
    peephole = layer.cell.weight_peephole
    for wanted in (False, True, False, True):
        peephole.requires_grad = wanted
        assert_unrolled(layer, x, state, rng, order=1)
        assert (gradients(layer(x, state)[0].sum(), [layer.cell.bias])[0].numpy() != 0).any()
        layer(x, state)[0].sum().backward()
        assert (peephole.grad is not None) is wanted
        peephole.grad = None


def test_identity():
    class Unhashable:
        __hash__ = None

    function = lambda: 0  # noqa: E731
    for x in (1, 0.5, "a", None, (1, [2]), {"a": 1}, np.arange(3), function, mg.tensor([1.0]), np.float32(2),
              Unhashable(), {1}):  # fmt: skip
        assert identity(x) == identity(x)
        hash(identity(x))
    leaf = mg.tensor([1.0])
    before = identity(leaf)
    leaf.requires_grad = True
    assert identity(leaf) != before
    assert identity([1, 2]) != identity([1, 3]) and identity({"a": 1}) != identity({"b": 1})


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies(copied):
    net = LSTM(2, 3, num_layers=2, bidirectional=True, peephole=True).to(np.float64)
    x = mg.tensor(np.random.default_rng(0).normal(size=(2, 3, 2)))
    before = net(x)
    other = copied(net)
    assert_equal(other(x), before, 0)
    for p in other.parameters():
        p.assign_(p.numpy() + 0.5)
    assert_equal(net(x), before, 0)
    assert_equal(other(x), other(x, unroll=True))


def test_a_cell_is_freed_with_all_that_was_made_for_it():
    layer, x, state, _ = made("peephole", Sizes(2, 3, 2, 3, None), 0)
    layer(x, state)[0].sum().backward()
    cell, loops = weakref.ref(layer.cell), weakref.ref(loops_of(layer.cell)[0])
    weight = weakref.ref(layer.cell.weight_hh.array)
    del layer
    gc.collect()
    assert cell() is None and loops() is None and weight() is None


# what cannot be compiled


def test_other_bodies_run_unrolled():
    layer, x, state, rng = made(SoftmaxCell, Sizes(2, 3, 2, 3, [3, 1]), 0)
    assert_unrolled(layer, x, state, rng, [3, 1])
    assert not loops_of(layer.cell)
    layer, x, state, rng = made(partial(GRUCell, reset_after=False), Sizes(2, 3, 2, 3, None), 0)
    assert_unrolled(layer, x, state, rng)
    assert not loops_of(layer.cell)


def test_mixed_dtypes_run_unrolled():
    layer, x, state, _ = made("lstm", Sizes(2, 3, 2, 3, None), 0, dtype=np.float32)
    found, expected = layer(x, state), layer(x, state, unroll=True)
    assert found[0].dtype == expected[0].dtype == np.float64
    assert_equal(found, expected, 0)


def test_constants_that_would_widen_the_state_are_as_unrolled():
    cell = partial(NonlinearityCell, nonlinearity=lambda a: mg.tanh(a) * np.float64(0.5))
    layer, x, _, _ = made(cell, Sizes(2, 3, 2, 3, None), 0, dtype=np.float32)
    x = mg.tensor(x.numpy().astype(np.float32))
    found, expected = layer(x), layer(x, unroll=True)
    assert found[0].dtype == expected[0].dtype
    assert_equal(found, expected, 1e-7)


def test_a_state_of_the_wrong_kind_is_refused():
    class Wrong(LSTMCell):
        def body(self, x, h, state):
            return tuple(super().body(x, h, state))

    layer, x, state, _ = made(Wrong, Sizes(2, 3, 2, 3, None), 0)
    with pytest.raises(TypeError, match=r"Wrong\.body must return the next state, LSTMState"):
        layer(x, state)


def test_networks_have_one_node_for_each_layer():
    for make in (RNN, LSTM, GRU):
        net = make(2, 3)
        outputs, _ = net(mg.tensor(np.ones((2, 3, 2), np.float32)))
        assert outputs.node.primitive.name == "recurrence"
