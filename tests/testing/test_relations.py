"""Relations between two ways to compute the same: what is the same passes, what differs anywhere does not."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.nn import Linear, Module
from minigrad.testing import GradientError, check_batched, check_checkpointed, check_fused, check_same, check_unrolled
from models import GRU, LSTM, RNN

seeds = st.integers(0, 2**32 - 1)
dtypes = st.sampled_from([np.float32, np.float64])


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


@given(seeds, dtypes)
def test_the_same_computed_in_two_ways(seed, dtype):
    x = normal(seed, 3, 4).astype(dtype)
    check_same(mg.tanh, lambda x: 2 * mg.sigmoid(2 * x) - 1, x)
    check_same(lambda a, b: (a @ b.T, a), lambda a, b: (mg.einsum("ij,kj->ik", a, b), a), x, x + 1)


@given(seeds, st.sampled_from([1, 2]))
def test_another_value_is_found(seed, order):
    with pytest.raises(GradientError, match=r"the output 0 differs, at index \[0, 0\]: "):
        check_same(mg.tanh, lambda x: mg.tanh(x) * (1 + 1e-9), 1 + np.abs(normal(seed, 2, 2)), order=order)


def test_another_gradient_is_found():
    with pytest.raises(GradientError, match="the gradient for input 0 differs, at index"):
        check_same(lambda x: x * mg.sin(x), lambda x: x.detach() * mg.sin(x), normal(0, 3))


def test_another_second_derivative_is_found_at_order_2_only():
    wrong = lambda x: x + (x - x.detach()) * (x - x.detach())  # noqa: E731 (value and slope of x, but curved)
    check_same(lambda x: x * 1, wrong, normal(0, 3), order=1)
    with pytest.raises(GradientError, match="the second derivative for input 0 differs"):
        check_same(lambda x: x * 1, wrong, normal(0, 3))


@pytest.mark.parametrize("other", [lambda x: (x, x), lambda x: x.sum(), lambda x: x.astype(np.float32)])
def test_outputs_of_another_number_shape_or_dtype(other):
    with pytest.raises(GradientError, match=r"one has outputs \['float64\[3\]'\], the other \['float"):
        check_same(lambda x: x, other, normal(0, 3))


def test_nan_and_infinities_are_the_same_as_themselves():
    x = np.array([np.nan, np.inf, -np.inf, 1.0])
    check_same(lambda x: x * 1, lambda x: x / 1, x)


def test_both_draw_the_same_random_numbers():
    drop = lambda x: mg.functional.dropout(x, 0.5)  # noqa: E731
    check_same(drop, lambda x: drop(x) * 1.0, normal(0, 20))


@pytest.mark.parametrize("order", [0, 3])
def test_unknown_order(order):
    with pytest.raises(ValueError, match="expected order 1 or 2"):
        check_same(mg.tanh, mg.tanh, 1.0, order=order)


@given(seeds, dtypes)
def test_checkpointed(seed, dtype):
    x = normal(seed, 2, 3).astype(dtype)
    check_checkpointed(lambda x, y: (mg.tanh(x) * y, mg.functional.dropout(y, 0.5)), x, x + 1)
    check_checkpointed(Linear(3, 2), x)


def test_a_function_that_does_not_bear_a_checkpoint():
    calls = []

    def changing(x):  # its slope, and not its value
        calls.append(x)
        return x + len(calls) * (x - x.detach())

    with pytest.raises(GradientError, match="the gradient for input 0 differs"):
        check_checkpointed(changing, normal(0, 3))


@pytest.mark.parametrize("net", [LSTM, GRU, RNN])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_recurrent_networks_unrolled(net, dtype):
    check_unrolled(net(3, 2, num_layers=2, bidirectional=True), normal(0, 2, 4, 3).astype(dtype), lengths=[4, 2])


def test_a_network_that_unrolls_into_something_else():
    class Odd(Module):
        def __init__(self):
            super().__init__()
            self.inner = Linear(3, 2)

        def forward(self, x, unroll=False):
            return self.inner(x) + (self.inner.weight.sum() - self.inner.weight.sum().detach() if unroll else 0)

    with pytest.raises(GradientError, match=r"the gradient for parameter inner.weight differs, at index \[0, 0\]"):
        check_unrolled(Odd(), normal(0, 4, 3))


@given(seeds, dtypes)
def test_fused(seed, dtype):
    x, w = normal(seed, 3, 4).astype(dtype), mg.tensor(np.ones(4, dtype), requires_grad=True)
    check_fused(lambda a, b: (mg.tanh(a) * b, w * a), x, x + 1, parameters=[w])
    check_fused(lambda a: mg.sum(a, axis=0), x)  # cannot be one loop: it is recorded as it is


def test_a_body_that_a_loop_would_get_wrong():
    """It is run once for each dtype, so a choice that it makes in Python is made for good."""
    calls = []

    def fickle(x):
        calls.append(x)
        return x * len(calls)

    with pytest.raises(GradientError, match="the output 0 differs"):
        check_fused(fickle, normal(0, 3))


@given(seeds, st.integers(1, 4), dtypes)
def test_batched(seed, batch, dtype):
    x = normal(seed, batch, 5, 3).astype(dtype)
    check_batched(LSTM(3, 2), x)
    check_batched(lambda tree, y: {"a": tree[0] @ y, "b": (y.sum(axis=1),)}, (x,), normal(seed, batch, 3, 2))


def test_rows_that_influence_each_other():
    with pytest.raises(GradientError, match="the output 0 differs"):
        check_batched(lambda x: x - mg.mean(x, axis=0), normal(0, 3, 2))


@pytest.mark.parametrize("shapes", [[(2, 3), (3, 3)], [(0, 3)], [()]])
def test_batches_that_do_not_fit(shapes):
    with pytest.raises(ValueError, match="check_batched: expected one batch size, from 1 up, on axis 0, got"):
        check_batched(lambda *xs: xs[0], *map(np.zeros, shapes))


def test_strategies_without_hypothesis_say_what_to_install():
    code = "import sys; sys.modules['hypothesis'] = None; import minigrad as mg; mg.testing.{}"
    ran = subprocess.run([sys.executable, "-c", code.format("check_gradients(mg.tanh, 0.5)")], capture_output=True)
    assert ran.returncode == 0, ran.stderr
    ran = subprocess.run([sys.executable, "-c", code.format("strategies")], capture_output=True, text=True)
    assert "minigrad.testing.strategies needs Hypothesis: pip install minigrad[testing]" in ran.stderr


def test_an_unknown_name():
    with pytest.raises(AttributeError, match="has no attribute 'strategy'"):
        mg.testing.strategy  # noqa: B018
