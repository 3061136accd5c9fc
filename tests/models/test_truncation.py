"""Truncated backpropagation through time: the same as full where it reaches, and memory that does not grow."""

import gc
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad as mg
from minigrad.kernels import memory
from models import GRU, LSTM, RNN, Deep, Layer, LSTMCell, LSTMState, RNNCell, detach, truncated

KINDS = st.sampled_from([RNN, LSTM, GRU])
lengths = st.integers(1, 12)


def network(kind, num_layers=1):
    return kind(2, 3, num_layers).to(np.float64)


def stream(time, batch=2):
    return mg.tensor(np.random.default_rng(time).normal(size=(batch, time, 2)), requires_grad=True)


def loss_of(outputs):
    """Each output counts in its own way."""
    return (outputs * outputs * np.random.default_rng(0).normal(size=outputs.shape)).sum()


def gradients(net, *xs):
    """All that have arrived, and forget them."""
    leaves = [*xs, *net.parameters()]
    found = [leaf.grad.numpy() for leaf in leaves]
    for leaf in leaves:
        leaf.grad = None
    return found


def flat(state):
    return [y for part in state for y in flat(part)] if isinstance(state, tuple) else [state]


def assert_close(found, wanted, rtol=1e-10):
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=rtol, atol=rtol)


@settings(max_examples=20)
@given(kind=KINDS, time=lengths, num_layers=st.integers(1, 2), more=st.integers(0, 3), given_state=st.booleans())
def test_a_window_of_the_whole_sequence_is_full_backpropagation(kind, time, num_layers, more, given_state):
    net, x = network(kind, num_layers), stream(time)
    state = detach(net(stream(3))[1]) if given_state else None
    outputs, final = net(x, state)
    loss_of(outputs).backward()
    wanted = gradients(net, x)
    ((steps, found, last),) = truncated(net, x, time + more, state=state)
    assert steps == slice(0, time)
    assert_close([found, *flat(last)], [outputs, *flat(final)], 0)
    loss_of(found).backward()
    assert_close(gradients(net, x), wanted, 0)


@given(kind=KINDS, time=lengths, num_layers=st.integers(1, 2), k1=st.integers(1, 5), extra=st.integers(0, 6))
def test_windows_equal_a_run_from_the_very_start_without_history(kind, time, num_layers, k1, extra):
    """By definition: the loss of each window, with the state k2 - k1 steps before the window as a constant."""
    net, x = network(kind, num_layers), stream(time)
    whole, _ = net(x)
    k2, ends = k1 + extra, [*range(0, time, k1), time]
    for (start, end), (steps, outputs, state) in zip(pairwise(ends), truncated(net, x, k1, k2), strict=True):
        assert steps == slice(start, end)
        assert_close([outputs], [whole[:, start:end]])
        loss_of(outputs).backward()
        found = gradients(net, x)
        begin = max(0, start - (k2 - k1))
        constant = None
        if begin:
            with mg.no_grad():
                constant = net(x[:, :begin])[1]
        expected, final = net(x[:, begin:end], constant)
        loss_of(expected[:, start - begin :]).backward()
        assert_close(found, gradients(net, x))
        assert_close(flat(state), flat(final))


def test_a_gradient_reaches_back_k2_steps_and_no_further():
    net = network(RNN)
    for k2, reached in [(2, [4, 5]), (3, [3, 4, 5]), (6, [0, 1, 2, 3, 4, 5]), (9, [0, 1, 2, 3, 4, 5])]:
        x = stream(6)
        *_, (_, outputs, _) = truncated(net, x, 2, k2)
        outputs[:, -1].sum().backward()
        assert np.flatnonzero(x.grad.numpy().any(axis=(0, 2))).tolist() == reached


def test_steps_are_run_once_where_k1_is_k2_and_again_where_the_graph_reaches_further_back():
    net, ran = network(RNN), []

    def counted(x, state):
        ran.append(x.shape[1])
        return net(x, state)

    for _ in truncated(counted, stream(11), 4):
        pass
    assert ran == [4, 4, 3]
    ran.clear()
    for _ in truncated(counted, stream(12), 4, 8):
        pass
    assert sum(ran) == 4 + 8 + 8


def test_memory_does_not_grow_with_the_stream(monkeypatch):
    monkeypatch.setattr(memory, "shelf", memory.Shelf(limit=0))  # memory used again is not counted
    net = RNN(8, 128)

    def peak(time, k1, k2):
        x = mg.tensor(np.ones((32, time, 8), np.float32))  # the stream itself is not counted
        gc.collect()
        tracemalloc.start()
        try:
            for _, outputs, _ in truncated(net, x, k1, k2):
                (outputs * outputs).sum().backward()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(20, 5, 10)  # what is compiled or cached is not counted
    for k2 in (5, 10):
        assert peak(200, 5, k2) < 1.3 * peak(20, 5, k2)
    assert peak(160, 160, 160) > 4 * peak(32, 32, 32)  # as it would with all of the history (sizes that fill a block)


@pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
def test_forgetting_to_detach_is_called_by_its_name(kind):
    net, x, state = network(kind), stream(6), None
    message = r"If a state is carried from one training window to the next, you may have forgotten to detach it"
    with pytest.raises(RuntimeError, match=message):
        for start in (0, 3):
            outputs, state = net(x[:, start : start + 3], state)
            loss_of(outputs).backward()


def test_with_detach_it_is_the_loop_by_hand():
    net, x, state = network(LSTM), stream(7), None
    for start in range(0, 7, 3):
        outputs, state = net(x[:, start : start + 3], detach(state))
        loss_of(outputs).backward()
    wanted = gradients(net, x)
    for _, outputs, _ in truncated(net, x, 3):
        loss_of(outputs).backward()
    assert_close(gradients(net, x), wanted, 0)


def test_detach_keeps_kinds_and_entries():
    x = stream(2)
    net = Deep([Layer(LSTMCell(2, 3)), Layer(RNNCell(3, 3))]).to(np.float64)
    state = net(x)[1]
    cut = detach(state)
    assert type(cut) is tuple
    assert type(cut[0]) is LSTMState
    assert all(part.requires_grad for part in flat(state))
    assert not any(part.requires_grad for part in flat(cut))
    assert_close(flat(cut), flat(state), 0)
    assert detach(None) is None


@pytest.mark.parametrize("k1, k2", [(0, None), (-1, 3), (3, 2), (2.5, None), (2, 2.5), (None, 3), ("2", None)])
def test_windows_that_make_no_sense_are_refused_at_once(k1, k2):
    with pytest.raises(
        ValueError, match=r"^truncated: expected whole numbers 1 <= k1 <= k2, got k1 = .*, k2 = "
    ) as caught:
        truncated(network(RNN), stream(5), k1, k2)
    assert f"k1 = {k1!r}" in str(caught.value)


@pytest.mark.parametrize("shape", [(2, 0, 3), (4,)])
def test_an_empty_sequence_is_refused_at_once(shape):
    with pytest.raises(
        ValueError, match=r"^truncated: expected x \[batch, time, \.\.\.\] with at least one step, got shape"
    ):
        truncated(network(RNN), mg.tensor(np.zeros(shape)), 1)
