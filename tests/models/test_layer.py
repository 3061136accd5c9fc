"""A cell over time: its equations, lengths, the state carried on, masks."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import minigrad as mg
from models import GRUCell, Layer, LSTMCell, LSTMState, RNNCell
from models.cell import parts
from models.strategies import Sizes, randomised, sequence_sizes
from tests.models.drawn import assert_equal, gradients, leaf, random_state, seeds, tensors, weighted, weights_for
from tests.models.equations import KINDS, over_time

every_kind = pytest.mark.parametrize("kind", KINDS)
with_lengths = sequence_sizes(lengths=True)


def drawn(kind: str, sizes: Sizes, seed: int, reverse: bool = False):
    """A layer, an input and a state, with random entries."""
    rng = np.random.default_rng(seed)
    layer = Layer(randomised(KINDS[kind].make(sizes.input, sizes.hidden), rng), reverse)
    return layer, leaf(rng, sizes.batch, sizes.time, sizes.input), random_state(layer.cell, rng, sizes.batch), rng


@every_kind
@given(sizes=sequence_sizes(), seed=seeds, reverse=st.booleans())
def test_equals_equations(kind, sizes, seed, reverse):
    layer, x, state, _ = drawn(kind, sizes, seed, reverse)
    p = {name: p.numpy() for name, p in layer.cell.named_parameters()}
    before = tuple(part.numpy() for part in parts(state))
    expected, final = over_time(KINDS[kind].step, p, x.numpy(), before, sizes.lengths, reverse)
    outputs, new = layer(x, state, sizes.lengths)
    assert_equal((outputs, parts(new)), (expected, final))
    assert type(new) is type(state)


# the state


@every_kind
@given(sizes=sequence_sizes(), seed=seeds, reverse=st.booleans())
def test_no_state_is_zero_state(kind, sizes, seed, reverse):
    layer, x, _, _ = drawn(kind, sizes, seed, reverse)
    assert_equal(layer(x, None, sizes.lengths), layer(x, layer.cell.zero_state(sizes.batch), sizes.lengths), 0)


@every_kind
@given(sizes=sequence_sizes(lengths=False), seed=seeds, reverse=st.booleans(), data=st.data())
def test_carried_state_joins_two_runs_into_one(kind, sizes, seed, reverse, data):
    assume(sizes.time > 1)
    layer, x, state, rng = drawn(kind, sizes, seed, reverse)
    cut = data.draw(st.integers(1, sizes.time - 1))
    chunks = [x[:, :cut], x[:, cut:]]
    if reverse:
        late, between = layer(chunks[1], state)
        early, final = layer(chunks[0], between)
    else:
        early, between = layer(chunks[0], state)
        late, final = layer(chunks[1], between)
    joined, whole = (mg.concatenate([early, late], axis=1), final), layer(x, state)
    assert_equal(joined, whole)
    weights, leaves = weights_for(whole, rng), [x, *parts(state), *layer.parameters()]
    assert_equal(
        tuple(gradients(weighted(joined, weights), leaves)), tuple(gradients(weighted(whole, weights), leaves))
    )


@every_kind
@given(sizes=sequence_sizes(lengths=False), seed=seeds)
def test_steps_one_by_one_equal_the_sequence(kind, sizes, seed):
    layer, x, state, _ = drawn(kind, sizes, seed)
    outputs, now = [], state
    for t in range(sizes.time):
        output, now = layer.cell(x[:, t], now)
        outputs.append(output)
    assert_equal((mg.stack(outputs, axis=1), now), layer(x, state))


@every_kind
@given(sizes=sequence_sizes(), seed=seeds)
def test_gradients_of_a_diamond_through_the_state_add_up(kind, sizes, seed):
    """One final state goes on in two ways; and one Tensor stands for every field of the first state."""
    layer, x, _, rng = drawn(kind, sizes, seed)
    h = leaf(rng, sizes.batch, sizes.hidden)
    fields = len(parts(layer.cell.zero_state(1)))
    onwards = [rng.standard_normal((sizes.batch, 2, sizes.input)) for _ in range(2)]
    separate = [leaf(rng, *h.shape) for _ in range(fields)]
    for part in separate:
        part.assign_(h)

    def loss(fields, chosen):
        state = layer.cell.State(*fields) if layer.cell.State else fields[0]
        _, between = layer(x, state, sizes.lengths)
        ends = [layer(mg.tensor(onwards[i]), between) for i in chosen]
        return weighted(tuple(ends), [np.cos(np.arange(a.size)).reshape(a.shape) for a in tensors(tuple(ends))])

    both = gradients(loss([h] * fields, [0, 1]), [x, h, *layer.parameters()])
    one, other = (gradients(loss(separate, [i]), [x, *separate, *layer.parameters()]) for i in range(2))
    dx, *rest = [a + b for a, b in zip(one, other, strict=True)]
    dh = rest[0] if fields == 1 else rest[0] + rest[1]
    assert_equal(tuple(both), (dx, dh, *rest[fields:]), 1e-11)


# directions and batches


@every_kind
@given(sizes=sequence_sizes(lengths=False), seed=seeds)
def test_backward_is_forward_on_the_reversed_input(kind, sizes, seed):
    layer, x, state, _ = drawn(kind, sizes, seed)
    outputs, final = layer(mg.flip(x, 1), state)
    backward = Layer(layer.cell, reverse=True)
    assert_equal(backward(x, state), (mg.flip(outputs, 1), final))


@every_kind
@given(sizes=with_lengths, seed=seeds, reverse=st.booleans())
def test_a_batch_equals_its_rows(kind, sizes, seed, reverse):
    layer, x, state, _ = drawn(kind, sizes, seed, reverse)
    outputs, final = layer(x, state, sizes.lengths)
    for i, length in enumerate(sizes.lengths):
        mine = [part[i : i + 1] for part in parts(state)]
        alone = layer(x[i : i + 1, :length], layer.cell.State(*mine) if layer.cell.State else mine[0])
        assert_equal(
            (outputs[i : i + 1, :length], *(part[i : i + 1] for part in parts(final))), (alone[0], *parts(alone[1]))
        )
        assert not outputs.numpy()[i, length:].any()


@every_kind
@given(sizes=with_lengths, seed=seeds, reverse=st.booleans(), data=st.data())
def test_order_of_the_batch_does_not_matter(kind, sizes, seed, reverse, data):
    layer, x, state, _ = drawn(kind, sizes, seed, reverse)
    order = data.draw(st.permutations(range(sizes.batch)))
    shuffle = lambda tree: tuple(tensor[order] for tensor in tensors(tree))  # noqa: E731
    mixed = shuffle(state)
    mixed_state = layer.cell.State(*mixed) if layer.cell.State else mixed[0]
    lengths = [sizes.lengths[i] for i in order]
    assert_equal(tuple(tensors(layer(x[order], mixed_state, lengths))), shuffle(layer(x, state, sizes.lengths)))


# lengths


@every_kind
@given(sizes=sequence_sizes(), seed=seeds, reverse=st.booleans())
def test_full_lengths_are_none(kind, sizes, seed, reverse):
    layer, x, state, _ = drawn(kind, sizes, seed, reverse)
    assert_equal(layer(x, state, [sizes.time] * sizes.batch), layer(x, state))


@every_kind
@given(sizes=with_lengths, seed=seeds, reverse=st.booleans(), more=st.integers(0, 3), data=st.data())
def test_padding_has_no_influence(kind, sizes, seed, reverse, more, data):
    """Neither its values nor its amount, on values and gradients; the padding's own gradient is zero."""
    layer, x, state, rng = drawn(kind, sizes, seed, reverse)
    value = data.draw(st.sampled_from([np.nan, np.inf, -np.inf, 1e300, 5.0]))
    within = np.arange(sizes.time) < np.array(sizes.lengths)[:, np.newaxis]
    wider = ((0, 0), (0, more), (0, 0))
    filled = np.pad(np.where(within[:, :, np.newaxis], x.numpy(), value), wider, constant_values=value)
    padded = mg.tensor(filled, requires_grad=True)
    outputs, final = layer(x, state, sizes.lengths)
    more_outputs, same_final = layer(padded, state, sizes.lengths)
    assert_equal((more_outputs, same_final), (mg.pad(outputs, wider), final))
    weights, rest = weights_for((outputs, final), rng), [*parts(state), *layer.parameters()]
    dx, *others = gradients(weighted((outputs, final), weights), [x, *rest])
    weights[0] = np.pad(weights[0], wider, constant_values=7)  # what comes back into the padding is lost, too
    assert_equal(
        tuple(gradients(weighted((more_outputs, same_final), weights), [padded, *rest])), (mg.pad(dx, wider), *others)
    )
    assert not np.asarray(dx)[~within].any()


@pytest.mark.parametrize("given_as", [list, tuple, np.array, lambda n: np.array(n, np.uint8), mg.tensor])
def test_lengths_may_be_given_as(given_as):
    layer, x, _, _ = drawn("tanh", Sizes(3, 4, 2, 2, None), 0)
    assert_equal(layer(x, lengths=given_as([1, 4, 2])), layer(x, lengths=[1, 4, 2]), 0)


@pytest.mark.parametrize(
    "lengths, message",
    [
        ([0, 1, 2], "lengths: every length must be from 1 to 4, the number of steps; got 0 to 2"),
        ([1, 5, 2], "lengths: every length must be from 1 to 4, the number of steps; got 1 to 5"),
        ([-1, 4, 4], "got -1 to 4"),
        ([1, 2], r"lengths: expected 3 integers, one per sequence, got int64 of shape \(2,\)"),
        ([1, 2, 3, 4], r"got int64 of shape \(4,\)"),
        ([[1], [2], [3]], r"got int64 of shape \(3, 1\)"),
        (2, r"got int64 of shape \(\)"),
        ([1.0, 2.0, 3.0], r"got float64 of shape \(3,\)"),
        ([True, True, True], r"got bool of shape \(3,\)"),
    ],
)
def test_lengths_refused(lengths, message):
    layer, x, _, _ = drawn("lstm", Sizes(3, 4, 2, 2, None), 0)
    with pytest.raises(ValueError, match=message):
        layer(x, lengths=lengths)


# masks that stay the same over time


def test_one_mask_on_the_inputs_of_a_sequence():
    cell = RNNCell(50, 50, "relu")
    cell.weight_ih.assign_(np.eye(50))
    cell.weight_hh.assign_(np.zeros((50, 50)))
    x = np.random.default_rng(0).uniform(1, 2, (200, 6, 50)).astype(np.float32)
    masks = np.round(Layer(cell, input_dropout=0.2)(mg.tensor(x))[0].numpy() / x, 5)
    assert (masks == masks[:, :1]).all()
    assert set(np.unique(masks)) == {np.float32(0), np.float32(1.25)}
    assert abs(masks[:, 0].mean() - 1) < 5 * np.sqrt(0.25 / masks[:, 0].size)  # variance p / (1 - p); five deviations
    assert len(np.unique(masks[:, 0], axis=0)) == 200  # one for each sequence


def test_one_mask_on_the_recurrence_of_a_sequence():
    cell = RNNCell(1, 50, "relu")
    cell.weight_ih.assign_(np.zeros((50, 1)))
    cell.weight_hh.assign_(np.eye(50))
    layer = Layer(cell, recurrent_dropout=0.5)
    ones = mg.tensor(np.ones((200, 50), np.float32))
    powers = layer(mg.tensor(np.ones((200, 3, 1), np.float32)), ones)[0].numpy()
    masks = powers[:, 0]
    assert set(np.unique(masks)) == {np.float32(0), np.float32(2)}
    for t in range(3):
        assert (powers[:, t] == masks ** (t + 1)).all()
    assert abs(masks.mean() - 1) < 5 * np.sqrt(1 / masks.size)
    assert len(np.unique(masks, axis=0)) == 200


@every_kind
def test_masks_in_training_alone(kind):
    layer, x, state, _ = drawn(kind, Sizes(3, 4, 4, 4, [4, 2, 3]), 0)
    dropping = Layer(layer.cell, input_dropout=0.5, recurrent_dropout=0.5)
    plain = layer(x, state, [4, 2, 3])
    assert_equal(dropping.eval()(x, state, [4, 2, 3]), plain, 0)
    assert not np.allclose(dropping.train()(x, state, [4, 2, 3])[0], plain[0])


@pytest.mark.parametrize("cell", [GRUCell, KINDS["original_gru"].make, KINDS["simplified_gru"].make])
def test_a_masked_state_is_still_carried(cell):
    """The mask drops h on its way into the gates; the state that an update gate keeps is whole."""
    cell = cell(2, 3)
    names = {"r": 0, "z": 100, "n": 0}
    cell.bias.assign_(np.repeat([names[gate] for gate in ("rzn" if cell.gates == 3 else "zn")], 3))
    h = mg.tensor(np.array([[1, -2, 3]], np.float32))
    _, final = Layer(cell, recurrent_dropout=0.9)(mg.tensor(np.ones((1, 5, 2), np.float32)), h)
    assert np.array_equal(final, h)


@every_kind
@given(sizes=with_lengths, seed=seeds)
def test_masks_do_not_mind_padding(kind, sizes, seed):
    layer, x, state, _ = drawn(kind, sizes, seed)
    dropping = Layer(layer.cell, input_dropout=0.5, recurrent_dropout=0.5)
    within = np.arange(sizes.time) < np.array(sizes.lengths)[:, np.newaxis]
    found = []
    for value in (0.0, np.nan):
        mg.manual_seed(1)
        filled = mg.tensor(np.where(within[:, :, np.newaxis], x.numpy(), value), requires_grad=True)
        got = dropping(filled, state, sizes.lengths)
        weights = [np.ones(a.shape) for a in tensors(got)]
        found.append((got, tuple(gradients(weighted(got, weights), [filled, *parts(state), *layer.parameters()]))))
    assert_equal(found[0], found[1], 0)


@pytest.mark.parametrize("which", ["input_dropout", "recurrent_dropout"])
def test_share_of_dropout_refused(which):
    with pytest.raises(ValueError, match=r"expected a probability p from 0 to 1, got 1\.5"):
        Layer(RNNCell(2, 3), **{which: 1.5})


# the rest


def test_new_parameters_on_request():
    layer = Layer(LSTMCell(3, 2))
    before = layer.cell.weight_ih
    old = before.numpy()
    layer.reset_parameters()
    assert layer.cell.weight_ih is before  # an optimizer that holds it holds on
    assert not np.array_equal(before.numpy(), old)
    assert layer.output_size == 2


def test_state_dict_round_trip():
    mine, x, _, _ = drawn("lstm", Sizes(3, 4, 2, 2, None), 0)
    other, *_ = drawn("lstm", Sizes(3, 4, 2, 2, None), 1)
    other.load_state_dict(mine.state_dict())
    assert [*mine.state_dict()] == ["cell.weight_ih", "cell.weight_hh", "cell.bias"]
    assert_equal(other(x), mine(x), 0)


def test_only_a_cell_goes_in():
    with pytest.raises(TypeError, match="Layer: expected a Cell, got Layer"):
        Layer(Layer(RNNCell(2, 3)))


@pytest.mark.parametrize("shape", [(3, 2), (3, 0, 2), (0, 4, 2), (3, 4, 1), (1, 3, 4, 2)])
def test_shape_of_input_refused(shape):
    layer = Layer(RNNCell(2, 3))
    expected = r"RNNCell: expected x \[batch, time, input\] with input = 2 and nothing empty, got shape"
    with pytest.raises(ValueError, match=expected):
        layer(mg.tensor(np.ones(shape)))


def test_kind_of_input_refused():
    layer = Layer(RNNCell(2, 3))
    with pytest.raises(TypeError, match="RNNCell: expected a Tensor, got ndarray"):
        layer(np.ones((1, 4, 2)))
    with pytest.raises(TypeError, match="RNNCell: expected floats, got int64"):
        layer(mg.tensor(np.ones((1, 4, 2), np.int64)))


@pytest.mark.parametrize("lengths", [None, [4, 2, 1]])
def test_state_refused(lengths):
    layer, x, state, _ = drawn("lstm", Sizes(3, 4, 2, 2, None), 0)
    with pytest.raises(TypeError, match="LSTMCell: expected a state of type LSTMState, got Tensor"):
        layer(x, state.h, lengths)
    with pytest.raises(ValueError, match=r"expected a state of shape \[batch, hidden\] = \(3, 2\), got \(1, 2\)"):
        layer(x, LSTMState(state.h, state.c[:1]), lengths)


def test_repr_says_what_it_is():
    text = repr(Layer(GRUCell(3, 2), reverse=True, input_dropout=0.25))
    for part in ("Layer(", "cell: GRUCell(", "reverse=True", "input_dropout: Dropout(p=0.25)", "38 parameters"):
        assert part in text
