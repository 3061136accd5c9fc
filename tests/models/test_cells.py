"""One step of every cell: its equations, its first state, its initial parameters, its refusals."""

import numpy as np
import pytest
from hypothesis import given

import minigrad as mg
from minigrad import sigmoid, tanh
from minigrad.nn import init
from models import Cell, GRUCell, Layer, LayerNormLSTMCell, LSTMCell, LSTMState, RNNCell, SimplifiedGRUCell
from models.cell import hidden, map_state, parts
from models.strategies import randomised
from tests.models.drawn import assert_equal, leaf, random_state, seeds, small
from tests.models.equations import KINDS

every_kind = pytest.mark.parametrize("kind", KINDS)


@every_kind
@given(batch=small, input_size=small, hidden_size=small, seed=seeds)
def test_step_equals_equations(kind, batch, input_size, hidden_size, seed):
    rng = np.random.default_rng(seed)
    make, step = KINDS[kind]
    cell = randomised(make(input_size, hidden_size), rng)
    x, state = leaf(rng, batch, input_size), random_state(cell, rng, batch)
    output, new = cell(x, state)
    p = {name: p.numpy() for name, p in cell.named_parameters()}
    expected = [step(p, x.numpy()[i], tuple(part.numpy()[i] for part in parts(state))) for i in range(batch)]
    assert_equal(parts(new), tuple(np.stack(rows) for rows in zip(*expected)))
    assert output is hidden(new)
    assert type(new) is type(state)


@every_kind
@given(batch=small, input_size=small, hidden_size=small, seed=seeds)
def test_a_mask_drops_entries_of_h_on_its_way_into_the_matrix_alone(kind, batch, input_size, hidden_size, seed):
    rng = np.random.default_rng(seed)
    cell = randomised(KINDS[kind].make(input_size, hidden_size), rng)
    mapped, state = cell.input_map(leaf(rng, batch, input_size)), random_state(cell, rng, batch)
    mask = rng.uniform(0, 2, hidden_size)
    masked = cell.step(mapped, state, mg.tensor(np.tile(mask, (batch, 1))))
    cell.weight_hh.assign_(cell.weight_hh.numpy() * mask)
    assert_equal(parts(masked), parts(cell.step(mapped, state)))


@every_kind
def test_no_state_is_zero_state(kind):
    cell = KINDS[kind].make(3, 2)
    x = mg.tensor(np.random.default_rng(0).standard_normal((4, 3)), np.float32)
    state = cell.zero_state(4)
    assert all(part.shape == (4, 2) and part.dtype == np.float32 and not part.numpy().any() for part in parts(state))
    assert_equal(parts(cell(x)[1]), parts(cell(x, state)[1]), 0)


@every_kind
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_the_parameters(kind, dtype):
    cell = KINDS[kind].make(3, 2).to(dtype)
    output, state = cell(mg.tensor(np.ones((1, 3)), dtype))
    assert output.dtype == dtype
    assert all(part.dtype == dtype for part in parts(state))
    assert all(part.dtype == dtype for part in parts(cell.zero_state(1)))


@every_kind
def test_state_dict_round_trip(kind):
    mine, other = (randomised(KINDS[kind].make(3, 2), np.random.default_rng(seed)) for seed in (0, 1))
    x = leaf(np.random.default_rng(2), 4, 3)
    assert not np.array_equal(mine(x)[0], other(x)[0])
    other.load_state_dict(mine.state_dict())
    assert np.array_equal(mine(x)[0], other(x)[0])


@every_kind
def test_same_seed_same_parameters(kind):
    made = []
    for seed in (1, 1, 2):
        mg.manual_seed(seed)
        made.append(KINDS[kind].make(3, 2).weight_ih.numpy())
    assert np.array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])


# what the docstrings say of special cases


@given(batch=small, input_size=small, hidden_size=small, seed=seeds)
def test_simplified_gru_is_the_original_with_its_reset_gate_open(batch, input_size, hidden_size, seed):
    rng = np.random.default_rng(seed)
    simple = randomised(SimplifiedGRUCell(input_size, hidden_size), rng)
    full = randomised(GRUCell(input_size, hidden_size, reset_after=False), rng)
    for p, q in zip(full.parameters(), simple.parameters(), strict=True):
        r = p.numpy()[:hidden_size]
        p.assign_(np.concatenate([np.full_like(r, 1000) if p is full.bias else r, q.numpy()]))
    x, h = leaf(rng, batch, input_size), leaf(rng, batch, hidden_size)
    assert_equal(simple(x, h)[0], full(x, h)[0])


@given(batch=small, input_size=small, hidden_size=small, seed=seeds)
def test_peepholes_of_zero_are_none(batch, input_size, hidden_size, seed):
    rng = np.random.default_rng(seed)
    plain, peephole = (LSTMCell(input_size, hidden_size, peephole=wanted).to(np.float64) for wanted in (False, True))
    assert not peephole.weight_peephole.numpy().any()
    peephole.load_state_dict({**plain.state_dict(), "weight_peephole": np.zeros((3, hidden_size))})
    x, state = leaf(rng, batch, input_size), random_state(plain, rng, batch)
    assert_equal(plain(x, state)[1], peephole(x, state)[1])


@pytest.mark.parametrize("make", [GRUCell, KINDS["original_gru"].make])
def test_update_gate_at_one_keeps_the_old_state(make):
    cell = make(2, 3)
    cell.bias.assign_(np.repeat([0, 100, 0], 3))
    h = mg.tensor(np.array([[1, -2, 3]], np.float32))
    assert np.array_equal(cell(mg.tensor(np.ones((1, 2), np.float32)), h)[0], h)


# initial parameters


@every_kind
def test_input_weights_are_glorot_uniform_for_each_gate(kind):
    cell = KINDS[kind].make(60, 40)
    bound = np.sqrt(6 / (60 + 40))
    for gate in np.split(cell.weight_ih.numpy(), cell.gates):
        assert 0.95 * bound < np.abs(gate).max() <= bound
        assert np.isclose(gate.var(), bound**2 / 3, rtol=0.1)


@every_kind
def test_recurrent_weights_are_orthogonal_for_each_gate(kind):
    cell = KINDS[kind].make(3, 7)
    gates = np.split(cell.weight_hh.numpy(), cell.gates)
    for gate in gates:
        np.testing.assert_allclose(gate @ gate.T, np.eye(7), atol=1e-5)
    assert len({gate.tobytes() for gate in gates}) == cell.gates  # drawn one by one


@every_kind
def test_biases_are_zero_but_the_forget_gates(kind):
    cell = KINDS[kind].make(3, 2)
    remembers = isinstance(cell, LSTMCell)
    expected = np.repeat([0, 1, 0, 0], 2) if remembers else np.zeros(cell.gates * 2)
    np.testing.assert_array_equal(cell.bias.numpy(), expected)


def test_other_parameters_change_nothing_at_first():
    assert not GRUCell(3, 2).bias_hn.numpy().any()
    assert not LSTMCell(3, 2, peephole=True).weight_peephole.numpy().any()
    cell = LayerNormLSTMCell(3, 2)
    assert all((gain.numpy() == 1).all() for gain in (cell.gain_x, cell.gain_h, cell.gain_c))
    assert not cell.bias_c.numpy().any()


@every_kind
def test_shapes_and_count_of_parameters(kind):
    cell = KINDS[kind].make(5, 3)
    rows = cell.gates * 3
    assert (cell.weight_ih.shape, cell.weight_hh.shape, cell.bias.shape) == ((rows, 5), (rows, 3), (rows,))
    extra = {"peephole_lstm": 9, "layer_norm_lstm": 2 * rows + 6, "gru": 3}.get(kind, 0)
    assert sum(p.size for p in cell.parameters()) == rows * (5 + 3 + 1) + extra


class IdentityRNNCell(RNNCell):
    """Le, Jaitly and Hinton (2015): relu, and a recurrence that starts as the identity."""

    def reset_parameters(self):
        super().reset_parameters()
        self.weight_hh.assign_(np.eye(self.hidden_size))


@pytest.mark.parametrize("kind", KINDS)
def test_every_gate_has_a_name_of_its_own(kind):
    cell = KINDS[kind].make(2, 3)
    assert len(set(cell.gate_names)) == cell.gates, f"{type(cell).__name__}.gate_names: a name for each gate"


def test_initialisation_can_be_overridden():
    cell = IdentityRNNCell(3, 4, "relu")
    np.testing.assert_array_equal(cell.weight_hh.numpy(), np.eye(4))
    cell.weight_hh.assign_(init.normal((4, 4)))
    cell.reset_parameters()
    np.testing.assert_array_equal(cell.weight_hh.numpy(), np.eye(4))


# cells of one's own


class CoupledLSTMCell(Cell):
    """What is forgotten makes room for what is new: f = 1 - i (Greff et al. 2017, CIFG)."""

    gates = 3
    State = LSTMState

    def body(self, x, h, state):
        i, g, o = (a + b for a, b in zip(x, h, strict=True))
        c = state.c + sigmoid(i) * (tanh(g) - state.c)
        return LSTMState(sigmoid(o) * tanh(c), c)


@given(batch=small, input_size=small, hidden_size=small, seed=seeds)
def test_a_cell_needs_gates_and_a_body_alone(batch, input_size, hidden_size, seed):
    rng = np.random.default_rng(seed)
    coupled = randomised(CoupledLSTMCell(input_size, hidden_size), rng)
    lstm = LSTMCell(input_size, hidden_size).to(np.float64)
    for p, q in zip(lstm.parameters(), coupled.parameters(), strict=True):
        i, g, o = np.split(q.numpy(), 3)
        p.assign_(np.concatenate([i, -i, g, o]))  # sigmoid(-i) = 1 - sigmoid(i)
    x, state = leaf(rng, batch, 3, input_size), random_state(lstm, rng, batch)
    assert_equal(Layer(coupled)(x, state), Layer(lstm)(x, state))


def test_a_cell_without_a_body_says_so():
    class Empty(Cell):
        gates = 1

    with pytest.raises(TypeError, match=r"Empty must define body\(self, x, h, state\)"):
        Empty(2, 3)(mg.tensor(np.ones((1, 2))))


# refusals


@every_kind
@pytest.mark.parametrize("name, wrong", [("input_size", (0, 2)), ("hidden_size", (2, -1)), ("hidden_size", (2, 1.5))])
def test_sizes_refused(kind, name, wrong):
    with pytest.raises(ValueError, match=f"Cell: {name} must be a positive integer, got"):
        KINDS[kind].make(*wrong)


def test_nonlinearity_refused():
    with pytest.raises(ValueError, match=r"RNNCell: nonlinearity must be one of \['tanh', 'relu'\], got 'sine'"):
        RNNCell(2, 3, "sine")


@every_kind
@pytest.mark.parametrize("shape", [(3,), (2, 4), (2, 1, 3), (0, 3)])
def test_shape_of_input_refused(kind, shape):
    cell = KINDS[kind].make(3, 2)
    expected = rf"{type(cell).__name__}: expected x \[batch, input\] with input = 3 and nothing empty, got shape"
    with pytest.raises(ValueError, match=expected):
        cell(mg.tensor(np.ones(shape)))


def test_kind_of_input_refused():
    cell = RNNCell(3, 2)
    with pytest.raises(TypeError, match=r"RNNCell: expected a Tensor, got ndarray; make one with minigrad.tensor\(\)"):
        cell(np.ones((2, 3)))
    with pytest.raises(TypeError, match="RNNCell: expected floats, got int64; embed or one-hot symbols first"):
        cell(mg.tensor(np.ones((2, 3), np.int64)))


@every_kind
def test_state_refused(kind):
    cell = KINDS[kind].make(3, 2)
    x, name = mg.tensor(np.ones((4, 3))), type(cell).__name__
    wanted = "LSTMState" if cell.State else "Tensor"
    with pytest.raises(TypeError, match=f"{name}: expected a state of type {wanted}, got tuple"):
        cell(x, tuple(parts(cell.zero_state(4))))
    with pytest.raises(ValueError, match=r"expected a state of shape \[batch, hidden\] = \(4, 2\), got \(3, 2\)"):
        cell(x, cell.zero_state(3))
    with pytest.raises(ValueError, match=r"got \(4, 3\)"):
        cell(x, KINDS[kind].make(3, 3).zero_state(4))


def test_state_of_another_cell_refused():
    h = mg.tensor(np.zeros((1, 2)))
    with pytest.raises(TypeError, match="LSTMCell: expected a state of type LSTMState, got Tensor"):
        LSTMCell(3, 2)(mg.tensor(np.ones((1, 3))), h)
    with pytest.raises(TypeError, match="GRUCell: expected a state of type Tensor, got LSTMState"):
        GRUCell(3, 2)(mg.tensor(np.ones((1, 3))), LSTMState(h, h))
    with pytest.raises(TypeError, match="LSTMCell: expected a state of Tensors, got NoneType"):
        LSTMCell(3, 2)(mg.tensor(np.ones((1, 3))), LSTMState(h, None))


def test_repr_says_what_it_is():
    text = repr(LSTMCell(3, 2, peephole=True))
    for part in ("LSTMCell(", "input_size=3", "hidden_size=2", "peephole=True", "weight_ih [8, 3]", "54 parameters"):
        assert part in text


def test_reset_parameters_draws_all_of_them_anew():
    for cell in (LSTMCell(3, 2, peephole=True), GRUCell(3, 2), LayerNormLSTMCell(3, 2)):
        for parameter in cell.parameters():
            parameter.assign_(np.full(parameter.shape, 7))
        cell.reset_parameters()
        assert not any((parameter.numpy() == 7).any() for parameter in cell.parameters())


def test_a_body_that_returns_no_state_is_refused():
    class Confused(Cell):
        gates = 1

        def body(self, x, h, state):
            return x[0], h[0]

    with pytest.raises(TypeError, match=r"Confused.body must return the next state, Tensor, got \(tensor"):
        Confused(2, 3)(mg.tensor(np.ones((1, 2))))


def test_map_state():
    a, b = (mg.tensor(np.full((1, 2), number)) for number in (1.0, 2.0))
    assert np.array_equal(map_state(mg.negative, b), -b)
    one, two = LSTMState(a, b), LSTMState(b, b)
    negated, difference = map_state(mg.negative, one), map_state(mg.subtract, two, one)
    assert type(negated) is type(difference) is LSTMState
    assert_equal((negated, difference), ((-a, -b), (a, a - a)))
