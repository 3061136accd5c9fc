"""Gradients by states: those of mg.grad in a plain double loop, of mg.jacobian, and nothing disturbed."""

import numpy as np
import pytest
from hypothesis import given, settings

import minigrad as mg
from minigrad.inspect import gradient_flow, gradient_flows, state_jacobians, watch
from minigrad.nn import Embedding, Linear
from models import (
    GRU,
    LSTM,
    RNN,
    BahdanauDecoder,
    Classifier,
    Deep,
    Embedded,
    LanguageModel,
    Layer,
    LSTMCell,
    LuongDecoder,
    RNNCell,
    Seq2Seq,
    Tagger,
    truncated,
)
from models.cell import like, parts
from models.strategies import networks, randomised
from tests.inspect.nudged import by_double_loop, nudged_c, nudged_h
from tests.inspect.test_watch import CELLS, batch, every_cell, layer_of

rng = np.random.default_rng(0)
LENGTHS = np.array([4, 1, 3])


def close(found, expected):
    """To rounding, relative to the largest."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * max(1.0, np.abs(expected).max(initial=0)))


def step_losses(outputs):
    """A loss of each step's outputs, in which each unit counts in its own way."""
    weights = np.random.default_rng(1).normal(size=outputs.shape)
    return [(mg.tanh(outputs[:, t]) * weights[:, t]).sum() for t in range(outputs.shape[1])]


# exact


@every_cell
@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("reverse", [False, True])
def test_every_cell_against_a_double_loop(cell, lengths, reverse):
    layer, x = layer_of(CELLS[cell], reverse=reverse), batch()
    with watch(layer) as watched:
        losses = step_losses(layer(x, lengths=lengths)[0])
    run = watched["cell"]
    for number, part in enumerate(run.parts):
        flow = gradient_flow(losses, run, part)
        assert flow.norms.dtype == np.float64
        assert flow.norms.shape == (4, 5, 3)
        close(flow.norms[:, -1 if reverse else 0], by_initial_state(layer, x, lengths, number))
        if part == "h" or isinstance(layer.cell, LSTMCell):
            nudged = nudged_h if part == "h" else nudged_c
            expected = by_double_loop(layer.cell, lambda: step_losses(layer(x, lengths=lengths)[0]), 4, (3, 3), nudged)
            close(flow.norms[:, :4] if reverse else flow.norms[:, 1:], expected[:, ::-1] if reverse else expected)


def by_initial_state(layer, x, lengths, number):
    """The norm of every loss's gradient by one part of the state before the first step."""
    zeros = [part.numpy() for part in parts(layer.cell.zero_state(len(x)))]

    def loss(h, t):
        state = like(layer.cell.zero_state(1), [h if k == number else mg.tensor(z) for k, z in enumerate(zeros)])
        return step_losses(layer(x, state, lengths, unroll=True)[0])[t]

    return np.array([
        np.linalg.norm(mg.grad(lambda h, t=t: loss(h, t))(zeros[number]).numpy(), axis=1) for t in range(x.shape[1])
    ])  # fmt: skip


@settings(max_examples=15)
@given(networks(max_size=3))
def test_every_cell_of_any_network_against_a_double_loop(drawn):
    network, x, lengths = drawn.network, mg.tensor(drawn.x), drawn.lengths
    with watch(network) as watched:
        losses = step_losses(network(x, lengths=lengths)[0])
    flows = gradient_flows(losses, [(run, "h") for run in watched.values()])
    for flow, (name, run) in zip(flows, watched.items(), strict=True):
        shape = len(drawn.x), run.cell.hidden_size
        expected = by_double_loop(run.cell, lambda: step_losses(network(x, lengths=lengths)[0]), x.shape[1], shape)
        close(flow.norms[:, :-1] if run.reverse else flow.norms[:, 1:], expected[:, ::-1] if run.reverse else expected)
        assert (flow.name, flow.reverse, flow.cuts) == (name, run.reverse, [0])
        close(gradient_flow(losses, run).norms, flow.norms)


@pytest.mark.parametrize("decoder", [BahdanauDecoder, LuongDecoder])
def test_encoder_and_decoder_against_a_double_loop(decoder):
    encoder = Embedded(Embedding(7, 2), RNN(2, 3, bidirectional=True))
    size = 2 + 6 * (decoder is BahdanauDecoder)
    model = randomised(Seq2Seq(encoder, decoder(Embedded(Embedding(7, 2), LSTM(size, 4)), 6), 0, 1), rng)
    source, target = rng.integers(2, 7, (2, 3)), rng.integers(2, 7, (2, 2))
    losses = lambda: model.step_losses(source, target, [3, 2], [2, 1])  # noqa: E731
    with watch(model) as watched:
        recorded = losses()
    ahead, back, writing = watched.values()
    expected = {run.name: by_double_loop(run.cell, losses, len(run.steps), (2, run.cell.hidden_size))
                for run in watched.values()}  # fmt: skip
    close(gradient_flow(recorded, ahead).norms[:, 1:], expected[ahead.name])
    close(gradient_flow(recorded, back).norms[:, :-1], expected[back.name][:, ::-1])
    flow = gradient_flow(recorded, writing)
    close(flow.norms[:, 1:], expected[writing.name])
    assert flow.norms[:, 0].any()  # where the bridge leads in
    assert flow.cuts == []


def test_a_language_model_in_windows_against_a_double_loop():
    model = randomised(LanguageModel(Embedded(Embedding(5, 2), LSTM(2, 3))), rng)
    text, following = rng.integers(0, 5, (2, 5)), rng.integers(0, 5, (2, 5))

    def losses():
        return [
            mg.functional.cross_entropy(model.head(outputs[:, t]), following[:, steps][:, t])
            for steps, outputs, _ in truncated(model.network, text, 2)
            for t in range(outputs.shape[1])
        ]

    with watch(model) as watched:
        recorded = losses()
    flow = gradient_flow(recorded, watched["network.network.cell"])
    expected = by_double_loop(watched["network.network.cell"].cell, losses, 5, (2, 3))
    assert flow.cuts == [0, 2, 4]
    for t in range(5):
        for s in range(6):
            if s != t - t % 2:  # but for the state that its window began with
                close(flow.norms[t, s], expected[t, s - 1] if s else 0)
            else:
                assert (flow.norms[t, s] > 0).all()
            if s < t - t % 2 or s > t + 1:
                assert not flow.norms[t, s].any()


def test_the_state_that_a_window_begins_with_counts_with_the_one_that_it_was_cut_from():
    layer, x = layer_of(RNNCell), batch()
    with watch(layer) as watched:
        first, state = layer(x[:, :2])
        second, _ = layer(x[:, 2:], state.detach())
        losses = [first[:, -1].sum(), second.sum(), first[:, -1].sum() + second.sum()]
    flow = gradient_flow(losses, watched["cell"])
    through_window = mg.grad(lambda h: layer(x[:, 2:], h)[0].sum())(state.detach()).numpy()
    for norms, gradient in zip(flow.norms[:, 2], [np.ones((3, 3)), through_window, 1 + through_window]):
        close(norms, np.linalg.norm(gradient, axis=1))


def test_losses_as_one_tensor_or_as_a_list():
    layer, x = layer_of(LSTMCell), batch()
    with watch(layer) as watched:
        outputs, _ = layer(x, lengths=LENGTHS)
        together = (mg.tanh(outputs) ** 2).sum(axis=(0, 2))
    run = watched["cell"]
    expected = gradient_flow([together[t] for t in range(4)], run).norms
    close(gradient_flow(together, run).norms, expected)
    close(gradient_flow(together[2], run).norms, expected[2:3])
    close(gradient_flow([together[2:3]], run).norms, expected[2:3])
    assert (expected[:, 0] > 0).any()


def test_a_loss_without_a_gradient_has_norms_of_zero():
    layer = layer_of(RNNCell)
    with watch(layer) as watched:
        outputs, _ = layer(batch())
    norms = gradient_flow([mg.tensor(1.0), outputs.sum()], watched["cell"]).norms
    assert not norms[0].any()
    assert (norms[1] > 0).all()


def test_what_has_almost_vanished_is_not_zero():
    """Squares of float32 norms below 1e-23 would be."""
    layer = Layer(RNNCell(1, 2))
    layer.cell.weight_hh.assign_(np.eye(2) * 1e-3)
    with watch(layer) as watched:
        outputs, _ = layer(mg.tensor(np.zeros((1, 12, 1), np.float32)))
    norms = gradient_flow([outputs[:, -1, 0].sum()], watched["cell"]).norms[0, :, 0]
    np.testing.assert_allclose(norms, 10.0 ** (3 * np.arange(-12, 1)), rtol=1e-5)


def test_norms_whose_squares_are_zero_in_float64():
    layer = Layer(RNNCell(1, 2)).to(np.float64)
    layer.cell.weight_hh.assign_(np.eye(2) * 1e-30)
    with watch(layer) as watched:
        outputs, _ = layer(mg.tensor(np.zeros((1, 10, 1))))
    run = watched["cell"]
    np.testing.assert_allclose(gradient_flow([outputs[:, -1].sum()], run).norms[0, 0], 2**0.5 * 1e-300, rtol=1e-12)
    np.testing.assert_allclose(state_jacobians(run)[-1], 2**0.5 * 1e-300, rtol=1e-12)


def test_a_product_of_jacobians_that_float32_does_not_hold():
    layer = Layer(RNNCell(1, 2))
    layer.cell.weight_hh.assign_(np.eye(2) * 1e-3)
    with watch(layer) as watched:
        layer(mg.tensor(np.zeros((1, 30, 1), np.float32)))
    found = state_jacobians(watched["cell"])[:, 0]
    np.testing.assert_allclose(found, 2**0.5 * 10.0 ** (-3 * np.arange(31)), rtol=1e-5)


def test_what_comes_after_a_loss_is_not_gone_through():
    """A NaN there would come back: 0 * NaN is NaN."""
    layer, x = layer_of(LSTMCell), batch().numpy().copy()
    expected = flow_of_step_losses(layer, x)
    x[:, 2] = np.nan
    found = flow_of_step_losses(layer, x)
    close(found[:2], expected[:2])
    assert np.isnan(found[2:]).any()


def flow_of_step_losses(layer, x):
    with watch(layer) as watched:
        losses = step_losses(layer(mg.tensor(x))[0])
    return gradient_flow(losses, watched["cell"]).norms


def test_explosion_is_infinite_and_not_nan():
    layer = Layer(RNNCell(1, 2, nonlinearity="relu"))
    layer.cell.weight_hh.assign_(np.full((2, 2), 1e30))
    with np.errstate(over="ignore", invalid="ignore"):
        with watch(layer) as watched:
            outputs, _ = layer(mg.tensor(np.ones((1, 3, 1), np.float32)), mg.tensor(np.full((1, 2), 1e-36, np.float32)))
        norms = gradient_flow([outputs[:, 1].sum()], watched["cell"]).norms[0, :, 0]
    assert np.isinf(norms[0])
    assert np.isfinite(norms[1:]).all()


# the mean


def test_the_mean_is_over_the_sequences_that_have_the_state():
    for reverse in (False, True):
        layer, x = layer_of(LSTMCell, reverse=reverse), batch()
        with watch(layer) as watched:
            losses = step_losses(layer(x, lengths=LENGTHS)[0])
        flow = gradient_flow(losses, watched["cell"])
        assert flow.lengths.tolist() == LENGTHS.tolist()
        there = (np.arange(5)[:, None] < LENGTHS) if reverse else (np.arange(5)[:, None] <= LENGTHS)
        there[4] |= reverse
        np.testing.assert_array_equal(flow.within, there)
        assert not flow.norms[:, ~there].any()
        for s in range(5):
            close(flow.mean[:, s], flow.norms[:, s, there[s]].mean(axis=1))


def test_the_mean_where_no_sequence_has_the_state():
    layer, x = layer_of(LSTMCell), batch()
    with watch(layer) as watched:
        losses = step_losses(layer(x, lengths=[2, 1, 2])[0])
    assert not gradient_flow(losses, watched["cell"]).mean[:, 3:].any()


def test_the_mean_of_whole_sequences():
    layer = layer_of(LSTMCell)
    with watch(layer) as watched:
        losses = step_losses(layer(batch())[0])
    flow = gradient_flow(losses, watched["cell"])
    close(flow.mean, flow.norms.mean(axis=2))
    assert flow.lengths is None


# nothing is disturbed


def test_looking_frees_and_adds_nothing():
    model = Tagger(LSTM(2, 3, num_layers=2), 4).to(np.float64)
    x, targets = mg.tensor(batch().numpy(), requires_grad=True), rng.integers(0, 4, (3, 4))
    with watch(model) as watched:
        loss = model.loss(x, targets)
        losses = model.step_losses(x, targets)
    run = watched["network.layers.0.cell"]
    first = gradient_flow(losses, run).norms
    assert x.grad is None
    assert all(part.grad is None for part in parts(run.states[0]))
    np.testing.assert_array_equal(gradient_flow(losses, run).norms, first)
    mg.stack(losses).sum().backward()
    summed = x.grad.numpy()
    x.grad = None
    loss.backward()
    close(summed, x.grad.numpy())


# refusals


def test_losses_that_are_none():
    layer = layer_of(RNNCell)
    with watch(layer) as watched:
        outputs, _ = layer(batch())
    run = watched["cell"]
    with pytest.raises(ValueError, match=r"losses: expected a Tensor \[losses\], .* got shape \(3, 4, 3\)"):
        gradient_flow(outputs, run)
    with pytest.raises(TypeError, match=r"losses: expected Tensors of one entry each, got shape \(3, 3\)"):
        gradient_flow([outputs[:, 0]], run)
    with pytest.raises(TypeError, match="losses: expected Tensors of one entry each, got float"):
        gradient_flow([1.0], run)
    with pytest.raises(ValueError, match=r"expected part to be one of \['h'\], got 'c'"):
        gradient_flow([outputs.sum()], run, "c")
    with pytest.raises(RuntimeError, match="losses: none was recorded"):
        gradient_flow([layer(batch().detach())[0].detach().sum()], run)
    loss = outputs.sum()
    loss.backward()
    with pytest.raises(RuntimeError, match="retain_graph"):
        gradient_flow([loss], run)


def test_states_in_a_checkpoint_are_refused_and_not_taken_for_constants():
    layer, x = layer_of(RNNCell), mg.tensor(batch().numpy(), requires_grad=True)
    with watch(layer) as watched:
        loss = mg.checkpoint(lambda x: layer(x)[0], x).sum()
    with pytest.raises(RuntimeError, match=r"a checkpoint\(\) hides what was recorded in it"):
        gradient_flow([loss], watched["cell"])


def test_a_checkpoint_beside_the_states_is_no_matter():
    layer, x = layer_of(RNNCell), batch()
    with watch(layer) as watched:
        outputs, _ = layer(x)
        losses = [outputs.sum(), mg.checkpoint(mg.sum, outputs)]
    plain, through = gradient_flow(losses, watched["cell"]).norms
    close(through, plain)


# Jacobians


def by_jacobian(layer, x, lengths, number):
    """The norm of dh_t / dh_0 for each sequence, by mg.jacobian of the whole network."""
    zeros = [part.numpy() for part in parts(layer.cell.zero_state(len(x)))]

    def outputs(first):
        state = like(layer.cell.zero_state(1), [first if k == number else mg.tensor(z) for k, z in enumerate(zeros)])
        run = []

        def step(mapped, state, mask=None):
            run.append(type(layer.cell).step(layer.cell, mapped, state, mask))
            return run[-1]

        layer.cell.step = step
        try:
            layer(x, state, lengths, unroll=True)
        finally:
            del layer.cell.step
        return mg.stack([parts(new)[number] for new in run])

    full = mg.jacobian(outputs)(zeros[number]).numpy()  # [time, batch, hidden, batch, hidden]
    rows = np.arange(len(x))
    return np.sqrt(np.square(full[:, rows, :, rows]).sum(axis=(2, 3))).T


@every_cell
@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("reverse", [False, True])
def test_jacobians_of_every_cell(cell, lengths, reverse):
    layer, x = layer_of(CELLS[cell], reverse=reverse), batch()
    with watch(layer) as watched:
        layer(x, lengths=lengths)
    run = watched["cell"]
    for number, part in enumerate(run.parts):
        found = state_jacobians(run, part)
        expected = by_jacobian(layer, x, lengths, number)
        expected = np.where(run.within.T, expected[::-1] if reverse else expected, 0)
        close(found[:-1] if reverse else found[1:], expected)
        close(found[-1 if reverse else 0], np.full(3, 3**0.5))
    assert all(p.requires_grad and p.grad is None for p in layer.parameters())


def test_jacobians_with_recurrent_dropout():
    """The mask that was drawn is in every Jacobian: h gets into the step through it alone."""
    mg.manual_seed(1)
    layer = layer_of(RNNCell, (2, 4), recurrent_dropout=0.5)
    with watch(layer) as watched:
        layer(batch())
    run = watched["cell"]
    mask, weight = run.steps[0].mask.numpy(), layer.cell.weight_hh.numpy()
    assert 0 < np.count_nonzero(mask) < mask.size
    product = np.tile(np.eye(4), (3, 1, 1))
    for t, h in enumerate(run.values().swapaxes(0, 1)):
        product = ((1 - h**2)[:, :, None] * weight * mask[:, None]) @ product
        close(state_jacobians(run)[t + 1], np.linalg.norm(product, axis=(1, 2)))


def test_jacobians_begin_anew_at_a_cut_and_go_on_where_a_state_is_carried():
    layer, x = layer_of(LSTMCell), batch(time=5)
    with watch(layer) as watched:
        layer(x)
    whole = state_jacobians(watched["cell"])
    with watch(layer) as watched:
        _, state = layer(x[:, :2])
        layer(x[:, 2:], state)
    close(state_jacobians(watched["cell"]), whole)
    with watch(layer) as watched:
        list(truncated(layer, x, 2))
    run = watched["cell"]
    found = state_jacobians(run)
    close(found[:2], whole[:2])
    close(found[[2, 4]], np.full((2, 3), 3**0.5))
    _, before = layer(x[:, :2])
    with watch(layer) as watched:
        layer(x[:, 2:4], before)
    close(found[3], state_jacobians(watched["cell"])[1])


def test_jacobians_of_more_entries_than_are_pulled_at_once():
    layer, x = layer_of(LSTMCell, (2, 19)), batch(time=2)
    with watch(layer) as watched:
        layer(x)
    close(state_jacobians(watched["cell"])[1:], by_jacobian(layer, x, None, 0))


def test_jacobians_of_a_cell_that_has_learned_since_are_refused():
    layer = layer_of(RNNCell)
    with watch(layer) as watched:
        layer(batch())
    with pytest.raises(ValueError, match=r"expected part to be one of \['h'\], got 'c'"):
        state_jacobians(watched["cell"], "c")
    state_jacobians(watched["cell"])
    layer.cell.bias.assign_(np.ones(3))
    with pytest.raises(RuntimeError, match="the cell's parameters have changed since it was watched"):
        state_jacobians(watched["cell"])


def test_a_classifier_and_networks_inside_any_model():
    model = Classifier(Deep([GRU(2, 3), LSTM(3, 3)]), 2).to(np.float64)
    x, targets = batch(), np.array([0, 1, 1])
    with watch(model) as watched:
        losses = model.step_losses(x, targets, LENGTHS)
    for run in watched.values():
        close(
            gradient_flow(losses, run).norms[:, 1:],
            by_double_loop(run.cell, lambda: model.step_losses(x, targets, LENGTHS), 4, (3, 3)),
        )


def test_a_head_outside_of_the_model():
    layer, head = layer_of(RNNCell), Linear(3, 1).to(np.float64)
    with watch(layer) as watched:
        losses = [head(layer(batch())[0]).sum()]
    assert gradient_flow(losses, watched["cell"]).norms.all()
    assert head.weight.grad is None
