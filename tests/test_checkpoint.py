"""checkpoint: the gradients of the plain run, to the bit, in less memory."""

import gc
import math
import tracemalloc
import weakref
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.functional import dropout
from minigrad.random import get_state
from models import GRU, LSTM, RNN, LSTMCell, LSTMState

checkpoint = mg.checkpoint


def plain(f, *xs):
    return f(*xs)


def leaf(*shape, seed=0, dtype=np.float64):
    return mg.tensor(np.random.default_rng(seed).normal(size=shape).astype(dtype), requires_grad=True)


def gradients(loss, *xs):
    """Of everything that is a leaf, as bytes: equality is to the bit."""
    for x in xs:
        x.grad = None
    loss.backward()
    return [None if x.grad is None else x.grad.numpy().tobytes() for x in xs]


def assert_same_bits(run, *xs):
    """run(checkpoint) and run(plain) return a loss; both start from one random state."""
    found, states = [], []
    for how in (plain, checkpoint):
        mg.manual_seed(5)
        loss = run(how)
        found.append((loss.numpy().tobytes(), gradients(loss, *xs)))
        states.append(get_state().tolist())
    assert found[0] == found[1]
    assert states[0] == states[1]
    assert any(found[0][1])


# to the bit


@given(
    kind=st.sampled_from([RNN, LSTM, GRU]),
    pieces=st.lists(st.integers(1, 4), min_size=1, max_size=5),
    deep=st.booleans(),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_a_sequence_in_pieces_has_the_gradients_of_the_plain_run(kind, pieces, deep, dtype):
    net = kind(3, 4, num_layers=2, dropout=0.4) if deep else kind(3, 4)
    net.to(dtype)
    x = leaf(2, sum(pieces), 3, dtype=dtype)
    ends = np.cumsum(pieces).tolist()

    def run(how):
        state, loss = None, 0.0
        for start, end in zip([0, *ends], ends):
            outputs, state = how(net, x[:, start:end], *([] if state is None else [state]))
            loss = loss + (outputs * outputs).mean()
        return loss + sum(h.sum() for h in tensors_of(state))

    assert_same_bits(run, x, *net.parameters())


def tensors_of(state):
    return [y for part in state for y in tensors_of(part)] if isinstance(state, tuple) else [state]


def test_states_keep_their_type():
    cell = LSTMCell(2, 3)
    output, state = checkpoint(cell, leaf(1, 2, dtype=np.float32), cell.zero_state(1))
    assert type(state) is LSTMState
    assert state.h.node is output.node  # h and output are one Tensor, and stay one


class Pair(NamedTuple):
    first: mg.Tensor
    rest: tuple


@given(data=st.data())
def test_nested_outputs_of_which_some_are_used(data):
    w, x = leaf(3, 3), leaf(3, seed=1)

    def f(x):
        y = mg.tanh(w @ x)
        a, b, c = mg.split(y * w[0], 3)
        return Pair(y, (a, (b, c * x), mg.tanh(y)))

    chosen = data.draw(st.lists(st.integers(0, 4), min_size=1, max_size=6))
    assert_same_bits(lambda how: sum((tensors_of(how(f, x))[i] * (i + 2)).sum() for i in chosen), w, x)


def test_an_output_used_at_several_places_adds_up_in_the_plain_order():
    x = leaf(50)

    def run(how):
        a, b = how(lambda x: (y := mg.exp(x), y), x)
        return ((a * 0.1 + b * 0.7) * a * (b + 0.3)).sum() + (a * x).sum()

    assert_same_bits(run, x)


def test_an_output_that_is_an_input_passes_through():
    x, w = leaf(3), leaf(3, seed=1)
    h = mg.tanh(x)

    def f(h, constant):
        return h, h * w, constant

    passed, _, constant = checkpoint(f, h, mg.tensor(np.ones(3)))
    assert passed is h
    assert not constant.requires_grad
    assert_same_bits(lambda how: sum((y * y).sum() for y in how(f, mg.tanh(x), mg.tensor(np.ones(3)))), x, w)


def test_only_inputs_that_are_outputs():
    x = leaf(3)
    h = mg.tanh(x)
    assert checkpoint(lambda h, k: (k, h), h, x) == (x, h)
    assert_same_bits(lambda how: how(lambda h: h, mg.tanh(x)).sum(), x)


def test_what_is_closed_over_and_not_passed_gets_its_gradient():
    w, b, x = leaf(3), leaf(3, seed=1), leaf(3, seed=2)
    product = w * b
    y = checkpoint(lambda: product * x)
    y.sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), x.numpy() * b.numpy())
    np.testing.assert_array_equal(x.grad.numpy(), product.numpy())


def test_nothing_to_differentiate_gives_constants():
    y = checkpoint(lambda x: x * 2, mg.tensor([1.0]))
    assert not y.requires_grad


@given(depth=st.integers(1, 4))
def test_checkpoints_inside_checkpoints(depth):
    w, x = leaf(4, 4), leaf(4, seed=1)

    def f(how, level, x):
        y = mg.tanh(w @ dropout(x, 0.3))
        return how(lambda y: f(how, level - 1, y), y) * x if level else y

    assert_same_bits(lambda how: how(lambda x: f(how, depth, x), x).sum(), w, x)


def test_dropout_drops_the_same_and_what_is_drawn_afterwards_is_not_disturbed():
    x = leaf(1000)
    y = checkpoint(lambda x: dropout(x, 0.5), x)
    before = get_state()
    mg.manual_seed(77)
    seeded = get_state()
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy() == 0, y.numpy() == 0)
    np.testing.assert_array_equal(get_state(), seeded)
    assert (before != seeded).any()


def test_the_random_state_comes_back_where_the_function_fails():
    x, fail = leaf(3), False

    def f(x):
        y = dropout(x, 0.5)
        if fail:
            raise KeyError("the second time")
        return y

    y = checkpoint(f, x)
    before, fail = get_state(), True
    with pytest.raises(KeyError, match="the second time"):
        y.sum().backward()
    np.testing.assert_array_equal(get_state(), before)


# modes, transforms, higher orders


def test_under_no_grad_it_is_a_plain_call():
    x, calls = leaf(3), []
    with mg.no_grad():
        y = checkpoint(lambda x: (calls.append(1), x * 2)[1], x)
    assert not y.requires_grad
    assert calls == [1]


def test_the_function_runs_once_forward_and_once_back():
    x, calls = leaf(3), []
    y = checkpoint(lambda x: (calls.append(1), x * 2)[1], x)
    assert calls == [1]
    y.sum().backward()
    assert calls == [1, 1]


def test_backward_through_it_works_under_no_grad():
    x = leaf(3)
    y = checkpoint(lambda x: x * x, x).sum()
    with mg.no_grad():
        y.backward()
    np.testing.assert_array_equal(x.grad.numpy(), 2 * x.numpy())


W = np.random.default_rng(3).normal(size=(4, 4))


def f_with(how):
    """A function of x [4] in two pieces, the second of which closes over x."""

    def f(x):
        y = how(lambda x: mg.tanh(W @ x), x)
        a, b = how(lambda y: (mg.exp(y) * x, mg.sin(y)), y)
        return (a * b * y).sum()

    return f


@pytest.mark.parametrize(
    "transform",
    [
        lambda f, x, v: mg.grad(f)(x),
        lambda f, x, v: mg.value_and_grad(f)(x)[1],
        lambda f, x, v: mg.vjp(f, x)[1](mg.tensor(np.float64(2)))[0],
        lambda f, x, v: mg.jvp(f, (x,), (v,))[1],
        lambda f, x, v: mg.hvp(f, x, v),
        lambda f, x, v: mg.hessian(f)(x),
        lambda f, x, v: mg.jacobian(mg.grad(f))(x),
        lambda f, x, v: mg.hessian(lambda x: (mg.grad(f)(x) * mg.tensor(v)).sum())(x),  # third order
    ],
)
def test_transforms_and_higher_orders_equal_the_plain_run(transform):
    x, v = np.random.default_rng(4).normal(size=(2, 4))
    found, wanted = (transform(f_with(how), x, v).numpy() for how in (checkpoint, plain))
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)


def test_transforms_inside():
    x = leaf(4)
    inner = lambda y: mg.grad(f_with(checkpoint))(y).sum()  # noqa: E731
    gradients(checkpoint(inner, x), x)
    np.testing.assert_allclose(x.grad.numpy(), mg.grad(inner)(x.detach()).numpy(), rtol=1e-12)


def test_create_graph_goes_on_through_closed_over_parameters():
    def second(how):
        w, x = leaf(3), leaf(3, seed=1)
        how(lambda x: mg.tanh(w * x), x).sum().backward(create_graph=True)
        first = (w.grad * x.grad).sum()
        w.grad = x.grad = None
        first.backward()
        return w.grad.numpy(), x.grad.numpy()

    np.testing.assert_allclose(second(checkpoint), second(plain), rtol=1e-12)


def test_retain_graph_allows_a_second_time():
    x = leaf(3)
    y = checkpoint(mg.exp, x).sum()
    y.backward(retain_graph=True)
    y.backward()
    np.testing.assert_array_equal(x.grad.numpy(), 2 * np.exp(x.numpy()))


# refusals


def test_a_freed_graph_is_refused():
    y = checkpoint(mg.exp, leaf(3)).sum()
    z = y * 2
    y.backward()
    with pytest.raises(RuntimeError, match=r"earlier backward.* has freed.*retain_graph=True"):
        z.backward()


@pytest.mark.parametrize("passed", [True, False])
def test_assign_in_between_is_refused(passed):
    x = leaf(3)
    y = checkpoint(mg.exp, x) if passed else checkpoint(lambda: mg.exp(x))
    x.assign_(np.zeros(3))
    with pytest.raises(RuntimeError, match=r"checkpoint whose input of shape .* was changed by assign_"):
        y.sum().backward()


def test_assign_to_a_constant_that_was_passed_makes_no_difference():
    w, x = leaf(3), mg.tensor(np.ones(3))
    y = checkpoint(lambda w, x: w * x, w, x)
    x.assign_(np.zeros(3))
    y.sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), np.ones(3))


@pytest.mark.parametrize("bad, found", [(None, "NoneType"), ([1], "list"), (np.ones(2), "ndarray"), (1.0, "float")])
def test_other_outputs_are_refused(bad, found):
    x = leaf(3)
    with pytest.raises(TypeError, match=f"^checkpoint: f must return a Tensor, or tuples of them, got {found}"):
        checkpoint(lambda x: (x * 2, bad), x)


def test_a_function_that_does_something_else_the_second_time_is_refused():
    x, sizes = leaf(3), iter([3, 2])
    y = checkpoint(lambda x: x[: next(sizes)] * 2, x)
    message = r"^checkpoint: the function recorded outputs of shapes \[\(3,\)\] at first, and \[\(2,\)\] when"
    with pytest.raises(RuntimeError, match=message):
        y.sum().backward()
    assert x.grad is None


# memory


def peak(run):
    """Bytes that were held at most at one time, beyond those at the start (NumPy reports its arrays)."""
    run()  # what is compiled or cached is not counted
    gc.collect()
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def chain(how, steps, piece):
    """A recurrence h' = tanh(w h) of so many steps, in pieces; its gradient."""
    w, h = leaf(2000, dtype=np.float64), mg.tensor(np.ones(2000))

    def some(h):
        for _ in range(piece):
            h = mg.tanh(w * h)
        return h

    for _ in range(steps // piece):
        h = how(some, h)
    h.sum().backward()
    return w.grad.numpy()


def test_a_long_sequence_needs_memory_for_the_square_root_of_its_steps():
    ours = {steps: peak(lambda: chain(checkpoint, steps, math.isqrt(steps))) for steps in (64, 1024)}  # noqa: B023
    theirs = peak(lambda: chain(plain, 1024, 32))
    assert ours[1024] < theirs / 8  # 1024 / (2 * 32) = 16, and a few arrays more
    assert ours[1024] < 6 * ours[64]  # sqrt(16) = 4, not 16
    np.testing.assert_array_equal(chain(checkpoint, 1024, 32), chain(plain, 1024, 32))


def test_what_is_recorded_inside_is_dropped_at_once():
    x, inside = leaf(3), []

    def f(x):
        y = mg.exp(x)
        inside.append(weakref.ref(y.node))
        return y * 2

    y = checkpoint(f, x)
    assert inside[0]() is None
    y.sum().backward()
    assert inside[1]() is None


def test_the_graph_is_freed_by_reference_counting_alone():
    gc.collect()
    gc.disable()
    try:
        x = leaf(3)
        nodes = []
        h = mg.exp(x)
        for _ in range(3):
            h = checkpoint(lambda h: mg.tanh(h * x), h)
            nodes.append(weakref.ref(h.node))
        loss = h.sum()
        del h
        loss.backward()
        assert [node() for node in nodes] == [None] * 3
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_after_backward_the_last_state_keeps_none_of_the_others():
    h = first = mg.tensor(np.ones(3), requires_grad=True)
    boundaries = []
    for _ in range(3):
        h = mg.checkpoint(lambda h: mg.tanh(h * 1.5), h)
        boundaries.append(weakref.ref(h.node))
    h.sum().backward()
    assert first.grad is not None
    assert [node() is None for node in boundaries] == [True, True, False]


def test_a_constant_that_changed_under_a_checkpoint_is_noticed():
    x, c = mg.tensor(3.0, requires_grad=True), mg.tensor(2.0)
    y = mg.checkpoint(lambda x: x * c, x)
    c.assign_(5.0)
    with pytest.raises(RuntimeError, match=r"changed by assign_\(\)"):
        y.backward()


def test_an_array_that_was_passed_is_copied():
    x, a = mg.tensor(np.ones(3), requires_grad=True), np.ones(3)
    y = mg.checkpoint(lambda x, a: mg.sum(x * a), x, a)
    a[:] = 100
    y.backward()
    assert x.grad.tolist() == [1, 1, 1]
