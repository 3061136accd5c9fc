"""Both directions, layers on layers, and the short way to them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from models import GRU, LSTM, RNN, Bidirectional, Deep, GRUCell, Layer, LSTMCell, LSTMState, RNNCell
from models.bidirectional import MERGES
from models.cell import parts
from models.strategies import randomised, sequence_sizes
from tests.models.drawn import assert_equal, gradients, leaf, seeds, tensors, weighted, weights_for
from tests.models.equations import KINDS, over_time

kinds = st.sampled_from(sorted(KINDS))
merges = st.sampled_from(sorted(MERGES))
networks = pytest.mark.parametrize("make", [RNN, LSTM, GRU])


def layer_of(kind: str, input_size: int, hidden_size: int) -> Layer:
    return Layer(KINDS[kind].make(input_size, hidden_size))


# Bidirectional


@given(kind=kinds, merge=merges, sizes=sequence_sizes(), seed=seeds)
def test_bidirectional_equals_equations(kind, merge, sizes, seed):
    rng = np.random.default_rng(seed)
    both = randomised(Bidirectional(layer_of(kind, sizes.input, sizes.hidden), merge), rng)
    x = leaf(rng, sizes.batch, sizes.time, sizes.input)
    states = [both.forward_layer.cell.zero_state(sizes.batch) for _ in range(2)]
    for part in tensors(tuple(states)):
        part.assign_(rng.standard_normal(part.shape))
    found = []
    for layer, state, reverse in zip((both.forward_layer, both.backward_layer), states, (False, True)):
        p = {name: p.numpy() for name, p in layer.cell.named_parameters()}
        before = tuple(part.numpy() for part in parts(state))
        found.append(over_time(KINDS[kind].step, p, x.numpy(), before, sizes.lengths, reverse))
    (forward, last), (backward, first) = found
    merged = {
        "concat": lambda: np.concatenate([forward, backward], axis=-1),
        "sum": lambda: forward + backward,
        "mean": lambda: (forward + backward) / 2,
    }
    outputs, final = both(x, tuple(states), sizes.lengths)
    assert_equal(
        (outputs, *final), (merged[merge](), last if len(last) > 1 else last[0], first if len(first) > 1 else first[0])
    )
    assert outputs.shape[-1] == both.output_size
    assert type(final) is tuple
    assert [type(state) for state in final] == [type(state) for state in states]


def test_directions_have_parameters_of_their_own():
    layer = Layer(LSTMCell(3, 2), input_dropout=0.25)
    both = Bidirectional(layer)
    assert both.forward_layer is layer
    pairs = list(zip(both.forward_layer.parameters(), both.backward_layer.parameters(), strict=True))
    assert all(p is not q for p, q in pairs)
    assert not any(np.array_equal(p, q) for p, q in pairs[:2])  # the biases start alike
    assert (both.forward_layer.reverse, both.backward_layer.reverse) == (False, True)
    assert both.backward_layer.input_dropout.p == 0.25
    loss = weighted(both(mg.tensor(np.ones((1, 2, 3), np.float32)))[0], [np.ones((1, 2, 4))])
    assert all(np.asarray(g).any() for g in gradients(loss, both.parameters()))


def test_a_mirrored_layer_turns_round():
    both = Bidirectional(Layer(RNNCell(2, 3), reverse=True))
    assert (both.forward_layer.reverse, both.backward_layer.reverse) == (True, False)


def test_bidirectional_refuses():
    with pytest.raises(TypeError, match="Bidirectional: expected a Layer, got LSTMCell"):
        Bidirectional(LSTMCell(3, 2))
    with pytest.raises(ValueError, match=r"merge must be one of \['concat', 'sum', 'mean'\], got 'product'"):
        Bidirectional(Layer(LSTMCell(3, 2)), "product")


@pytest.mark.parametrize("cell", [RNNCell, LSTMCell])
def test_bidirectional_refuses_a_state(cell):
    both = Bidirectional(Layer(cell(3, 2)))
    x = mg.tensor(np.ones((4, 5, 3), np.float32))
    state = both.forward_layer.cell.zero_state(4)
    expected = r"Bidirectional: expected a \(forward, backward\) pair of states, got "
    for wrong in (state, [state, state], (state,), (state, state, state)):
        with pytest.raises(TypeError, match=expected + type(wrong).__name__):
            both(x, wrong)
    with pytest.raises(TypeError, match=f"{cell.__name__}: expected a state of type"):
        both(x, (state, 1))


# Deep


@given(sizes=sequence_sizes(), merge=merges, mix=st.lists(kinds, min_size=1, max_size=3), seed=seeds, data=st.data())
def test_deep_is_each_layer_on_the_outputs_of_the_one_below(sizes, merge, mix, seed, data):
    rng = np.random.default_rng(seed)
    layers: list = []
    for kind in mix:
        layer = layer_of(kind, layers[-1].output_size if layers else sizes.input, sizes.hidden)
        layers.append(Bidirectional(layer, merge) if data.draw(st.booleans()) else layer)
    deep = randomised(Deep(layers), rng)
    x = leaf(rng, sizes.batch, sizes.time, sizes.input)
    _, state = deep(x)  # a state of the right kind, not zero
    outputs, finals = x, []
    for layer, before in zip(layers, state, strict=True):
        outputs, final = layer(outputs, before, sizes.lengths)
        finals.append(final)
    got = deep(x, state, sizes.lengths)
    assert_equal(got, (outputs, tuple(finals)))
    assert type(got[1]) is tuple
    assert got[0].shape == (sizes.batch, sizes.time, deep.output_size)


def test_deep_in_deep():
    deep = Deep([Deep([Layer(RNNCell(3, 2)), Layer(GRUCell(2, 4))]), Layer(RNNCell(4, 5))])
    x = mg.tensor(np.ones((2, 3, 3), np.float32))
    outputs, state = deep(x, lengths=[3, 1])
    assert outputs.shape == (2, 3, 5)
    ((a, b), c) = state
    assert [part.shape for part in (a, b, c)] == [(2, 2), (2, 4), (2, 5)]
    flat = Deep([*deep.layers[0].layers, deep.layers[1]])
    assert_equal(tuple(tensors(flat(x, (a, b, c)))), tuple(tensors(deep(x, state))), 0)


@given(sizes=sequence_sizes(), seed=seeds)
def test_residual_connections_where_sizes_agree(sizes, seed):
    rng = np.random.default_rng(seed)
    size = sizes.hidden
    first, second = layer_of("tanh", sizes.input, size), layer_of("gru", size, size)
    third = layer_of("lstm", size, size + 1)
    deep = randomised(Deep([first, second, third], residual=True), rng)
    x = leaf(rng, sizes.batch, sizes.time, sizes.input)
    alive = np.ones((sizes.batch, sizes.time, 1))
    if sizes.lengths:
        alive = (np.arange(sizes.time) < np.array(sizes.lengths)[:, np.newaxis])[:, :, np.newaxis]
    a = first(x, lengths=sizes.lengths)[0]
    a = a + x * alive if sizes.input == size else a
    b = a + second(a, lengths=sizes.lengths)[0]
    assert_equal(deep(x, lengths=sizes.lengths)[0], third(b, lengths=sizes.lengths)[0])


# lengths through all of them


@given(
    kind=kinds, top=merges, sizes=sequence_sizes(lengths=True), seed=seeds, more=st.integers(0, 3),
    residual=st.booleans(), value=st.sampled_from([np.nan, np.inf, -np.inf, 1e300]),
)  # fmt: skip
def test_padding_has_no_influence(kind, top, sizes, seed, more, residual, value):
    rng = np.random.default_rng(seed)
    size = sizes.hidden
    bottom = Bidirectional(layer_of(kind, size, size), "mean")
    net = randomised(Deep([bottom, Bidirectional(layer_of(kind, size, size), top)], residual=residual), rng)
    within = (np.arange(sizes.time + more) < np.array(sizes.lengths)[:, np.newaxis])[:, :, np.newaxis]
    x = leaf(rng, sizes.batch, sizes.time, size)
    wider = ((0, 0), (0, more), (0, 0))
    padded = mg.tensor(np.where(within, np.pad(x.numpy(), wider), value), requires_grad=True)
    plain, other = net(x, None, sizes.lengths), net(padded, None, sizes.lengths)
    assert_equal(other, (mg.pad(plain[0], wider), plain[1]))
    assert not np.where(within, 0, other[0].numpy()).any()
    weights = weights_for(plain, rng)
    dx, *rest = gradients(weighted(plain, weights), [x, *net.parameters()])
    weights[0] = np.pad(weights[0], wider, constant_values=7)
    assert_equal(tuple(gradients(weighted(other, weights), [padded, *net.parameters()])), (mg.pad(dx, wider), *rest))


@networks
@given(sizes=sequence_sizes(lengths=True), seed=seeds, num_layers=st.integers(1, 2))
def test_a_batch_equals_its_rows(make, sizes, seed, num_layers):
    """So the backward direction starts at each sequence's end."""
    rng = np.random.default_rng(seed)
    net = randomised(make(sizes.input, sizes.hidden, num_layers, bidirectional=True), rng)
    x = leaf(rng, sizes.batch, sizes.time, sizes.input)
    outputs, final = net(x, lengths=sizes.lengths)
    for i, length in enumerate(sizes.lengths):
        alone, state = net(x[i : i + 1, :length])
        assert_equal(outputs[i : i + 1, :length], alone)
        assert_equal(tuple(part[i : i + 1] for part in tensors(final)), tuple(tensors(state)))
        assert not outputs.numpy()[i, length:].any()


# dropout


def identity(size: int) -> Layer:
    """A layer that shows its input, where that is not negative."""
    cell = RNNCell(size, size, "relu")
    cell.weight_ih.assign_(np.eye(size))
    cell.weight_hh.assign_(np.zeros((size, size)))
    return Layer(cell)


def test_dropout_between_layers_and_nowhere_else():
    x = mg.tensor(np.ones((40, 10, 30), np.float32))
    assert np.array_equal(Deep([identity(30)], dropout=0.5)(x)[0], x)  # neither below the first nor above the last
    outputs, (first, _) = Deep([identity(30), identity(30)], dropout=0.2)(x)
    assert (first.numpy() == 1).all()
    assert set(np.unique(outputs)) == {np.float32(0), np.float32(1.25)}
    assert abs(outputs.numpy().mean() - 1) < 5 * np.sqrt(0.25 / outputs.size)  # variance p / (1 - p); five deviations
    assert not (outputs.numpy() == outputs.numpy()[:, :1]).all()  # drawn anew at every step
    outputs, _ = Deep([identity(30)] * 3, dropout=0.5)(x)
    assert set(np.unique(outputs)) == {np.float32(0), np.float32(4)}  # twice between three


@networks
def test_dropout_in_training_alone(make):
    x = mg.tensor(np.ones((2, 3, 4), np.float32))
    net = make(4, 8, num_layers=2, dropout=0.5)
    assert not np.array_equal(net(x)[0], net(x)[0])
    net.eval()
    assert np.array_equal(net(x)[0], net(x)[0])
    plain = make(4, 8, num_layers=2)
    plain.load_state_dict(net.state_dict())
    assert np.array_equal(net(x)[0], plain(x)[0])


# the short way


@networks
@given(num_layers=st.integers(1, 3), bidirectional=st.booleans(), sizes=sequence_sizes())
def test_the_short_way_is_the_long_way(make, num_layers, bidirectional, sizes):
    cell = {RNN: RNNCell, LSTM: LSTMCell, GRU: GRUCell}[make]
    width, layers = sizes.input, []
    mg.manual_seed(3)
    for _ in range(num_layers):
        layers.append(Layer(cell(width, sizes.hidden)))
        if bidirectional:
            layers[-1] = Bidirectional(layers[-1])
        width = sizes.hidden * (2 if bidirectional else 1)
    long = Deep(layers) if num_layers > 1 else layers[0]
    mg.manual_seed(3)
    short = make(sizes.input, sizes.hidden, num_layers, bidirectional)
    assert repr(short) == repr(long)
    x = mg.tensor(np.ones((sizes.batch, sizes.time, sizes.input), np.float32))
    outputs, state = short(x, lengths=sizes.lengths)
    assert_equal((outputs, state), long(x, lengths=sizes.lengths), 0)
    assert outputs.shape == (sizes.batch, sizes.time, width)
    levels = state if num_layers > 1 else (state,)
    assert len(levels) == num_layers
    for level in levels:
        ends = level if bidirectional else (level,)
        assert len(ends) == 1 + bidirectional
        assert all(isinstance(end, LSTMState if make is LSTM else mg.Tensor) for end in ends)


@pytest.mark.parametrize(
    "net, setting",
    [
        (RNN(2, 3, 2, True, nonlinearity="relu"), ("nonlinearity", "relu")),
        (LSTM(2, 3, 2, True, peephole=True), ("peephole", True)),
        (GRU(2, 3, 2, True, reset_after=False), ("reset_after", False)),
    ],
)
def test_settings_reach_every_cell(net, setting):
    name, value = setting
    cells = [module for module in net.modules() if hasattr(module, "gates")]
    assert len(cells) == 4
    assert all(getattr(cell, name) == value for cell in cells)


@networks
def test_float64_on_request(make):
    net = make(3, 2, num_layers=2, bidirectional=True).to(np.float64)
    outputs, state = net(mg.tensor(np.ones((1, 2, 3))))
    assert {part.dtype for part in (outputs, *tensors(state))} == {np.dtype(np.float64)}


@networks
def test_state_dict_round_trip(make):
    x = mg.tensor(np.ones((1, 2, 3), np.float32))
    mine, other = make(3, 2, num_layers=2, bidirectional=True), make(3, 2, num_layers=2, bidirectional=True)
    assert not np.array_equal(mine(x)[0], other(x)[0])
    other.load_state_dict(mine.state_dict())
    assert "layers.1.backward_layer.cell.weight_hh" in mine.state_dict()
    assert_equal(other(x), mine(x), 0)


@networks
def test_numbers_refused(make):
    for wrong in (0, -1, 1.5):
        with pytest.raises(ValueError, match=f"num_layers must be a positive integer, got {wrong}"):
            make(2, 3, num_layers=wrong)
    with pytest.raises(ValueError, match=r"dropout: expected a probability p from 0 to 1, got 1\.5"):
        make(2, 3, dropout=1.5)


def test_deep_refuses():
    with pytest.raises(ValueError, match="Deep: expected at least one layer"):
        Deep([])
    with pytest.raises(TypeError, match=r"Deep: expected layers, got LSTMCell; wrap a cell in Layer\(\)"):
        Deep([Layer(LSTMCell(2, 3)), LSTMCell(3, 3)])
    with pytest.raises(ValueError, match=r"expected a probability p from 0 to 1, got -0\.5"):
        Deep([Layer(LSTMCell(2, 3))], dropout=-0.5)
    with pytest.raises(ValueError, match=r"GRUCell: expected x \[batch, time, input\] with input = 4"):
        Deep([Layer(RNNCell(2, 3)), Layer(GRUCell(4, 3))])(mg.tensor(np.ones((1, 1, 2))))


def test_deep_refuses_a_state():
    net = RNN(3, 2, num_layers=2)
    x, h = mg.tensor(np.ones((4, 5, 3), np.float32)), mg.tensor(np.ones((4, 2), np.float32))
    wrong = {"Tensor": h, "list": [h, h], "1 states": (h,), "3 states": (h, h, h), "LSTMState": LSTMState(h, h)}
    for name, state in wrong.items():
        with pytest.raises(TypeError, match=f"Deep: expected a tuple of 2 states, one per layer, got {name}"):
            net(x, state)


def test_repr_says_what_it_is():
    text = repr(GRU(3, 2, num_layers=2, bidirectional=True, dropout=0.25))
    for part in ("Deep(", "layers.1: Bidirectional(", "merge='concat'", "GRUCell(", "dropout: Dropout(p=0.25)"):
        assert part in text
