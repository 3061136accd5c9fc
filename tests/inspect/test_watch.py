"""Watching: the same numbers as unwatched, the states and gates of the equations, and no trace left behind."""

from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import sigmoid, tanh
from minigrad.inspect import watch
from minigrad.nn import Embedding, Linear, Sequential
from minigrad.optim import SGD
from models import (
    GRU,
    LSTM,
    RNN,
    BahdanauDecoder,
    Bidirectional,
    Cell,
    Classifier,
    Deep,
    DenseClassifier,
    Embedded,
    LanguageModel,
    Layer,
    LSTMCell,
    LSTMState,
    RNNCell,
    Seq2Seq,
    truncated,
)
from models.cell import parts
from models.strategies import networks, randomised, sequence_sizes
from tests.fusion.cells import CoupledLSTMCell, LearnedNumberCell, MinimalGatedUnit, SoftmaxCell, ThreePartCell
from tests.models.drawn import assert_equal, leaf, random_state, seeds
from tests.models.equations import KINDS, over_time, relu, rows
from tests.models.equations import sigmoid as logistic

rng = np.random.default_rng(0)
CUSTOM = {cell.__name__: cell for cell in (CoupledLSTMCell, MinimalGatedUnit, ThreePartCell, LearnedNumberCell)}
CELLS = {name: kind.make for name, kind in KINDS.items()} | CUSTOM
every_cell = pytest.mark.parametrize("cell", CELLS)


def layer_of(make, sizes=(2, 3), **settings):
    return Layer(randomised(make(*sizes), np.random.default_rng(0)), **settings)


def batch(time=4, size=2, count=3):
    return mg.tensor(np.random.default_rng(time).normal(size=(count, time, size)))


# the numbers


@given(networks(max_size=4), st.booleans())
def test_the_numbers_are_those_of_the_unrolled_network_to_the_bit(drawn, recording):
    network, x, lengths = drawn.network, mg.tensor(drawn.x), drawn.lengths
    expected = network(x, lengths=lengths, unroll=True)
    with nullcontext() if recording else mg.no_grad(), watch(network):
        found = network(x, lengths=lengths)
    assert_equal(found, expected, 0)
    assert_equal(found, network(x, lengths=lengths))


@every_cell
@pytest.mark.parametrize("reverse", [False, True])
def test_a_layer_of_any_cell(cell, reverse):
    layer, x, lengths = layer_of(CELLS[cell], reverse=reverse), batch(), [4, 1, 3]
    with watch(layer) as watched:
        found = layer(x, lengths=lengths)
    assert_equal(found, layer(x, lengths=lengths))
    run = watched["cell"]
    assert_equal(run.values(), found[0], 0)
    assert run.lengths.tolist() == lengths
    assert run.reverse is reverse
    assert (run.starts, run.cuts) == ([0], [0])
    assert len(run.states) == len(run.inputs) + 1 == 5
    assert_equal(tuple(run.inputs), tuple(mg.unstack(layer.cell.input_map(x * within(lengths)), axis=1)))


def within(lengths, time=4):
    return (np.arange(time) < np.array(lengths)[:, None]).astype(float)[:, :, None]


@pytest.mark.parametrize("kind", KINDS)
@given(sizes=sequence_sizes(), seed=seeds, reverse=st.booleans())
def test_states_are_those_of_the_equations(kind, sizes, seed, reverse):
    draws = np.random.default_rng(seed)
    layer = Layer(randomised(KINDS[kind].make(sizes.input, sizes.hidden), draws), reverse)
    x, state = leaf(draws, sizes.batch, sizes.time, sizes.input), random_state(layer.cell, draws, sizes.batch)
    with watch(layer) as watched:
        layer(x, state, sizes.lengths)
    run = watched["cell"]
    p = {name: p.numpy() for name, p in layer.cell.named_parameters()}
    for t in range(sizes.time):  # a sequence that ends, or begins, there
        part = slice(t, None) if reverse else slice(t + 1)
        at_most = np.full(sizes.batch, sizes.time) if sizes.lengths is None else np.array(sizes.lengths)
        alive = t < at_most
        if alive.any():
            lengths = (np.minimum(at_most, t + 1) if not reverse else at_most - t)[alive]
            before = tuple(part.numpy()[alive] for part in parts(state))
            _, expected = over_time(KINDS[kind].step, p, x.numpy()[alive][:, part], before, lengths, reverse)
            found = run.states[t if reverse else t + 1]
            assert_equal(tuple(part.numpy()[alive] for part in parts(found)), expected)


def test_the_parts_of_a_state_by_name():
    layer, x = layer_of(LSTMCell), batch()
    with watch(layer) as watched:
        outputs, final = layer(x)
    run = watched["cell"]
    assert run.parts == ("h", "c")
    assert_equal((run.values("h"), run.values("c")[:, -1]), (outputs, final.c), 0)
    with pytest.raises(ValueError, match=r"cell: expected part to be one of \['h', 'c'\], got 'n'"):
        run.values("n")


def test_a_run_says_what_it_is_in_a_line():
    layer = layer_of(LSTMCell)
    with watch(layer) as watched:
        layer(batch())
    assert repr(watched) == "{'cell': Run('cell', LSTMCell: 4 steps of 3 sequences)}"
    with pytest.raises(KeyError, match="watch: no cell 'network' has made a step; there are 'cell'"):
        watched["network"]


# gates


def plain_gates(kind, p, x, state):
    """The gates of a step in plain NumPy, by name; x [input], parts of the state [hidden]."""
    h = state[0]
    if kind in ("tanh", "relu"):
        (a,) = rows(p, 1)
        return {"h": (np.tanh if kind == "tanh" else relu)(a(x, h))}
    if kind == "simplified_gru":
        z, n = rows(p, 2)
        return {"z": logistic(z(x, h)), "n": np.tanh(n(x, h))}
    if kind in ("gru", "original_gru"):
        r, z, n = rows(p, 3)
        r, z = logistic(r(x, h)), logistic(z(x, h))
        w, u, b = (np.split(p[name], 3)[2] for name in ("weight_ih", "weight_hh", "bias"))
        inner = r * (u @ h + p["bias_hn"]) if kind == "gru" else u @ (r * h)
        return {"r": r, "z": z, "n": np.tanh(w @ x + b + inner)}
    c = state[1]
    new = KINDS[kind].step(p, x, state)[1]
    if kind == "layer_norm_lstm":
        normal = lambda a: (a - a.mean()) / np.sqrt(((a - a.mean()) ** 2).mean() + 1e-5)  # noqa: E731
        a = p["gain_x"] * normal(p["weight_ih"] @ x) + p["gain_h"] * normal(p["weight_hh"] @ h) + p["bias"]
        i, f, g, o = np.split(a, 4)
    elif kind in ("lstm", "peephole_lstm"):
        i, f, g, o = (gate(x, h) for gate in rows(p, 4))
    else:
        pytest.fail(f"plain_gates does not know the gates of {kind}: write them here, in plain NumPy")
    if kind == "peephole_lstm":
        to_i, to_f, to_o = p["weight_peephole"]
        i, f, o = i + to_i * c, f + to_f * c, o + to_o * new
    return {"i": logistic(i), "f": logistic(f), "g": np.tanh(g), "o": logistic(o)}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("recording", [False, True])
def test_gates_are_those_of_the_equations(kind, reverse, recording):
    layer, x, lengths = layer_of(KINDS[kind].make, reverse=reverse), batch(), [4, 1, 3]
    with nullcontext() if recording else mg.no_grad(), watch(layer) as watched:
        layer(x, lengths=lengths)
    run, p = watched["cell"], {name: p.numpy() for name, p in layer.cell.named_parameters()}
    for row, length in enumerate(lengths):
        state = tuple(part.numpy()[0] for part in parts(layer.cell.zero_state(1)))
        for t in reversed(range(length)) if reverse else range(length):
            expected = plain_gates(kind, p, x.numpy()[row, t], state)
            assert list(run.gates) == list(expected)
            for name, value in expected.items():
                np.testing.assert_allclose(run.gates[name][row, t], value, rtol=0, atol=1e-13)
            state = KINDS[kind].step(p, x.numpy()[row, t], state)
    for name, values in run.gates.items():
        assert values.shape == (3, 4, 3)
        assert not values[~run.within].any(), name
    ops = {"h": "relu" if kind == "relu" else "tanh", "g": "tanh", "n": "tanh"}
    assert run.nonlinearities == {name: ops.get(name, "sigmoid") for name in run.gates}


def test_a_peephole_that_sees_every_gate():
    """The output gate sees the new cell state, in which all other gates are."""
    layer = layer_of(lambda *sizes: LSTMCell(*sizes, peephole=True))
    layer.cell.weight_peephole.assign_(np.full((3, 3), 5.0))
    with watch(layer) as watched:
        outputs, _ = layer(batch())
    run = watched["cell"]
    np.testing.assert_allclose(run.gates["o"] * np.tanh(run.values("c")), outputs, atol=1e-14)


class Recorded(Cell):
    """A cell whose body keeps what it says its gates are."""

    def body(self, x, h, state):
        new, self.said = self.gated(x, h, state)
        return new


class LinearCandidate(Recorded):
    """As an SRU's: nothing squashes the candidate, but the state that it becomes part of is squashed."""

    gates, State = 2, LSTMState

    def gated(self, x, h, state):
        f, g = sigmoid(x[0] + h[0]), x[1] + h[1]
        c = f * state.c + (1 - f) * g
        return LSTMState(tanh(c), c), [(f, "sigmoid"), (g, "linear")]


class NormalisedGates(Recorded):
    """Each gate's sum is normalised on its own, and scaled."""

    gates = 2

    def gated(self, x, h, state):
        z, n = (mg.functional.layer_norm(a + b) for a, b in zip(x, h))
        z, n = sigmoid(z * 2.0), tanh(n.astype(np.float64))
        return n + z * (state - n), [(z, "sigmoid"), (n, "tanh")]


class Multiplicative(Recorded):
    """The maps of x and h are multiplied (Wu et al. 2016)."""

    gates = 1

    def gated(self, x, h, state):
        new = tanh(x[0] * h[0] + x[0] + h[0])
        return new, [(new, "tanh")]


class HardGates(Recorded):
    """Gates of straight lines, and of `where`."""

    gates = 3

    def gated(self, x, h, state):
        a, b, c = (p + q for p, q in zip(x, h))
        i, j = mg.clip(0.2 * a + 0.5, 0, 1), mg.minimum(mg.maximum(b, -1), 1)
        k = mg.where(c > 0, c, 0.1 * c)
        return i * state + (1 - i) * j * k, [(i, "clip"), (j, "linear"), (k, "linear")]


class SharedBlock(Recorded):
    """The second gate sees the first one's block, and is computed before it."""

    gates = 2

    def gated(self, x, h, state):
        n = tanh(x[1] + h[1] + x[0])
        z = sigmoid(x[0] + h[0])
        return n + z * (state - n), [(z, "sigmoid"), (n, "tanh")]


class SumAndDifference(Recorded):
    """Both blocks go into both gates."""

    gates = 2

    def gated(self, x, h, state):
        a, b = (p + q for p, q in zip(x, h))
        z, n = sigmoid(a + b), tanh(a - b)
        return n + z * (state - n), [(z, "sigmoid"), (n, "tanh")]


class GatesInReverse(Recorded):
    """Computed last to first, each through an activation of one's own."""

    gates = 2

    def gated(self, x, h, state):
        n = mg.silu(x[1] + h[1])
        z = mg.softplus(x[0] + h[0])
        return tanh(n * z + state), [(z, "softplus"), (n, "silu")]


@pytest.mark.parametrize(
    "cell", [LinearCandidate, NormalisedGates, Multiplicative, HardGates, SharedBlock, SumAndDifference, GatesInReverse]
)
def test_gates_of_cells_that_users_write(cell):
    layer = layer_of(cell)
    with watch(layer) as watched:
        layer(batch())
    run = watched["cell"]
    assert run.nonlinearities == {f"gate {k}": op for k, (_, op) in enumerate(layer.cell.said)}
    for k, (value, _) in enumerate(layer.cell.said):
        np.testing.assert_array_equal(run.gates[f"gate {k}"][:, -1], value)


def test_gates_of_the_cells_in_the_tests_of_fusion():
    for cell, ops in {
        CoupledLSTMCell: ["sigmoid", "tanh", "sigmoid"],
        MinimalGatedUnit: ["sigmoid", "tanh"],
        ThreePartCell: ["sigmoid", "tanh"],  # the third block is not used
        LearnedNumberCell: ["activation"],  # a fused function
        SoftmaxCell: ["linear"],
    }.items():
        layer = layer_of(cell)
        with watch(layer) as watched:
            outputs, _ = layer(batch())
        assert list(watched["cell"].nonlinearities.values()) == ops, cell.__name__
    np.testing.assert_allclose(watched["cell"].gates["gate 0"], outputs, atol=1e-15)


class NoBlocks(Cell):
    """A cell whose step is its own business."""

    gates = 1

    def step(self, mapped_x, state, mask=None):
        return tanh(mapped_x + self.hidden_map(state))


def test_a_cell_whose_gates_cannot_be_known():
    layer = layer_of(NoBlocks)
    with watch(layer) as watched:
        outputs, _ = layer(batch())
    assert watched["cell"].gates == {}
    assert_equal(watched["cell"].values(), outputs, 0)


# states with and without a history


def test_initial_states_become_leaves():
    layer = layer_of(LSTMCell)
    with watch(layer) as watched:
        layer(batch())
    first = watched["cell"].states[0]
    assert first.h.is_leaf and first.h.requires_grad
    assert first.c.is_leaf and first.c.requires_grad
    assert first.h.node is not first.c.node


def test_the_initial_state_of_a_layer_that_reads_backward_is_the_last():
    layer = layer_of(RNNCell, reverse=True)
    given_state = leaf(rng, 3, 3)
    with watch(layer) as watched:
        layer(batch(), given_state)
    *others, last = watched["cell"].states
    assert last is given_state
    assert watched["cell"].cuts == [0]
    assert not any(state.is_leaf for state in others)


def test_windows_are_calls_that_are_cut():
    layer, x = layer_of(LSTMCell), batch(time=5)
    with watch(layer) as watched:
        list(truncated(layer, x, 2))
    run = watched["cell"]
    assert (run.starts, run.cuts) == ([0, 2, 4], [0, 2, 4])
    assert_equal(run.values(), layer(x)[0])
    assert [len(border) for border in run.borders] == [1, 1, 2, 1, 2, 1]


def test_a_state_that_is_carried_on_is_not_cut():
    layer, x = layer_of(LSTMCell), batch(time=5)
    with watch(layer) as watched:
        _, state = layer(x[:, :2], lengths=[2, 1, 2])
        layer(x[:, 2:], state)
    run = watched["cell"]
    assert (run.starts, run.cuts) == ([0, 2], [0])
    assert [len(border) for border in run.borders] == [1] * 6
    assert run.lengths.tolist() == [5, 4, 5]


def test_a_new_state_with_a_history_of_its_own_stands_beside_the_last():
    layer, x, seed = layer_of(RNNCell), batch(time=2), leaf(rng, 3, 3)
    with watch(layer) as watched:
        layer(x, tanh(seed))
        layer(x, sigmoid(seed))
    run = watched["cell"]
    assert (run.starts, run.cuts) == ([0, 2], [])
    assert [len(border) for border in run.borders] == [1, 1, 2, 1, 1]


def test_a_cell_alone():
    cell, x = randomised(LSTMCell(2, 3), np.random.default_rng(0)), batch()
    state, outputs = None, []
    with watch(cell) as watched:
        for t in range(4):
            h, state = cell(x[:, t], state)
            outputs.append(h)
    run = watched["LSTMCell"]
    assert (run.starts, run.cuts, run.lengths) == ([0, 1, 2, 3], [0], None)
    assert_equal(run.values(), mg.stack(outputs, axis=1), 0)
    assert list(run.gates) == ["i", "f", "g", "o"]


def test_cells_at_any_depth_by_name_in_order_of_first_use():
    model = Sequential(Linear(2, 2), Deep([Bidirectional(Layer(RNNCell(2, 3))), Layer(LSTMCell(6, 3))])).to(np.float64)
    with watch(model) as watched:
        assert not watched
        model(batch())
    names = ["layers.1.layers.0.forward_layer.cell", "layers.1.layers.0.backward_layer.cell", "layers.1.layers.1.cell"]
    assert list(watched) == names
    assert [run.reverse for run in watched.values()] == [False, True, False]
    assert [run.name for run in watched.values()] == names


def test_encoder_and_decoder():
    encoder = Embedded(Embedding(7, 2), GRU(2, 3, bidirectional=True))
    model = Seq2Seq(encoder, BahdanauDecoder(Embedded(Embedding(7, 2), LSTM(2 + 6, 4)), 6), bos=0, eos=1)
    model.to(np.float64)
    source, target = rng.integers(2, 7, (3, 5)), rng.integers(2, 7, (3, 4))
    expected = model.loss(source, target, [5, 2, 3], [4, 1, 2])
    with watch(model) as watched:
        loss = model.loss(source, target, [5, 2, 3], [4, 1, 2])
    np.testing.assert_allclose(loss.item(), expected.item(), rtol=1e-13)
    encoder_run, _, decoder_run = watched.values()
    assert encoder_run.name == "encoder.network.forward_layer.cell"
    assert encoder_run.lengths.tolist() == [5, 2, 3]
    assert decoder_run.name == "decoder.network.network.cell"
    assert decoder_run.starts == [0, 1, 2, 3, 4]
    assert decoder_run.cuts == []  # the encoder's states lead there
    assert not any(part.is_leaf for part in parts(decoder_run.states[0]))


def test_generating_is_watched_too():
    model = LanguageModel(Embedded(Embedding(5, 2), LSTM(2, 3)))
    with watch(model) as watched:
        text = model.generate([1, 2], 4, temperature=0)
    run = watched["network.network.cell"]
    assert run.gates["f"].shape == (1, 2 + 3, 3)
    outputs, _ = model.network(np.array([[1, 2, *text[:-1]]]))
    np.testing.assert_allclose(run.values(), outputs, atol=1e-6)


# what is left behind


def attributes(model):
    return [(module, list(vars(module).items())) for module in model.modules()]


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_is_left_behind(fails):
    model = Classifier(Deep([Bidirectional(Layer(LSTMCell(2, 3))), Layer(RNNCell(6, 3))]), 4).to(np.float64)
    model.head.weight.requires_grad = False
    x, targets = batch(), np.array([0, 1, 2])
    model.loss(x, targets).backward()
    nodes = [(p, p.node, p.grad) for p in model.parameters()]
    before = attributes(model)
    with pytest.raises(KeyError) if fails else nullcontext(), watch(model):
        assert not any(p.requires_grad for p in model.parameters())
        model.loss(x, targets).backward()
        if fails:
            raise KeyError
    assert attributes(model) == before
    assert all(p.node is node and p.grad is grad for p, node, grad in nodes)


def test_training_goes_on_compiled_as_before():
    def trained(looking):
        mg.manual_seed(0)
        model = Classifier(LSTM(2, 3, num_layers=2), 4)
        optimizer, x, targets = SGD(model.parameters(), lr=0.1), batch().astype(np.float32), np.array([0, 1, 2])
        kinds = []
        for _ in range(3):
            optimizer.zero_grad()
            loss = model.loss(x, targets)
            if looking:
                with watch(model):
                    model.loss(x, targets).backward()
            loss.backward()
            optimizer.step()
            kinds.append(model.network(x)[0].node.primitive)
        return model.state_dict(), kinds

    plain, _ = trained(looking=False)
    looked_at, kinds = trained(looking=True)
    assert all(np.array_equal(plain[name], looked_at[name]) for name in plain)
    assert kinds[0].name == "recurrence"
    assert kinds[0] is kinds[1] is kinds[2]  # not traced again, either


def test_a_watch_inside_a_watch():
    layer, x = layer_of(LSTMCell), batch()
    before = attributes(layer)
    with watch(layer) as outer:
        with watch(layer) as inner:
            layer(x)
        layer(x)
    assert len(inner["cell"].steps) == 4
    assert len(outer["cell"].steps) == 8
    assert_equal(inner["cell"].gates["o"], outer["cell"].gates["o"][:, 4:], 0)
    assert attributes(layer) == before


def test_two_layers_with_one_cell():
    cell = randomised(RNNCell(3, 3), np.random.default_rng(0))
    model = Deep([Layer(cell), Layer(cell)])
    with watch(model) as watched:
        outputs, _ = model(batch(size=3))
    assert watched["layers.0.cell"].starts == [0, 4]
    assert_equal(watched["layers.0.cell"].values()[:, 4:], outputs, 0)


# refusals


def test_a_model_without_cells_is_refused():
    with pytest.raises(ValueError, match="expected a model with recurrent cells inside, got DenseClassifier"):
        watch(DenseClassifier(2, 3, 4)).__enter__()


def test_batches_of_other_sizes_are_refused():
    layer: Any = layer_of(RNNCell)
    message = "watch: cell was called with 2 sequences after calls with 3; watch one batch at a time"
    with watch(layer), pytest.raises(ValueError, match=message):
        layer(batch())
        layer(batch(count=2))
    assert layer(batch(count=2))[0].shape == (2, 4, 3)


def test_networks_of_the_makers():
    for make in (RNN, LSTM, GRU):
        with watch(make(2, 3)) as watched:
            pass
        assert watched == {}
