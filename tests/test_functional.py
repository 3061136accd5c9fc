"""Softmax, losses, dropout, normalisation: what must hold, derivatives, values beside PyTorch, and the refusals."""

import inspect
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import minigrad as mg
from minigrad import functional
from minigrad.testing import check_gradients
from tests.parity import assert_same_as_torch

RNG = np.random.default_rng(1)
X, Y = RNG.normal(size=(4, 5)), RNG.normal(size=(4, 5))
DEEP = RNG.normal(size=(2, 3, 5))
PROBABILITIES = RNG.uniform(size=(4, 5))
WEIGHT, BIAS = RNG.normal(size=(3, 5)), RNG.normal(size=3)
SCALE, SHIFT = RNG.normal(size=5), RNG.normal(size=5)
LABELS, DEEP_LABELS = np.array([0, 4, 2, 2]), np.array([[1, 0, 4], [4, 4, 2]])
NORMALISED = X - np.log(np.exp(X).sum(-1, keepdims=True))

numbers = st.floats(-20, 20)
matrices = arrays(np.float64, array_shapes(min_dims=1, max_dims=3, max_side=4), elements=numbers)


def torch_functional():
    return pytest.importorskip("torch").nn.functional


def constant(array):
    return pytest.importorskip("torch").tensor(array)


# what must hold for all inputs


@given(matrices, numbers)
def test_softmax_is_a_distribution_that_a_shift_does_not_change(x, shift):
    y = functional.softmax(x)
    assert (y >= 0).all()
    np.testing.assert_allclose(y.sum(-1), 1, rtol=1e-12)
    np.testing.assert_allclose(functional.softmax(x + shift), y, rtol=1e-11)
    np.testing.assert_allclose(functional.log_softmax(x), np.log(y), rtol=1e-11, atol=1e-12)


@given(matrices, st.data())
def test_axis_of_softmax(x, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    for f in functional.softmax, functional.log_softmax:
        moved = np.moveaxis(f(np.moveaxis(x, axis, -1)), -1, axis)
        np.testing.assert_allclose(f(x, axis=axis), moved, rtol=1e-14, atol=1e-14)


@given(matrices, st.data())
def test_cross_entropy_is_minus_the_log_of_the_targets_share(logits, data):
    classes = logits.shape[-1]
    targets = data.draw(arrays(np.int64, logits.shape[:-1], elements=st.integers(0, classes - 1)))
    ignored = data.draw(st.none() | st.integers(-1, classes - 1))
    losses = functional.cross_entropy(logits, targets, ignored, reduction="none")
    expected = np.zeros(targets.shape)
    for place in np.ndindex(*targets.shape):
        if targets[place] != ignored:
            row = logits[place]
            expected[place] = -math.log(math.exp(row[targets[place]]) / math.fsum(map(math.exp, row)))
    np.testing.assert_allclose(losses, expected, rtol=1e-10, atol=1e-12)
    by_parts = functional.nll_loss(functional.log_softmax(logits), targets, ignored, reduction="none")
    np.testing.assert_allclose(by_parts, expected, rtol=1e-10, atol=1e-12)
    count = (targets != ignored).sum() if ignored is not None else targets.size
    for f, x in (functional.cross_entropy, logits), (functional.nll_loss, functional.log_softmax(logits)):
        np.testing.assert_allclose(f(x, targets, ignored, "sum"), expected.sum(), rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(f(x, targets, ignored), expected.sum() / max(count, 1), rtol=1e-10, atol=1e-12)


@given(matrices.filter(lambda x: x.size), st.data())
@pytest.mark.parametrize(
    "loss, one",
    [
        (functional.mse_loss, lambda x, t: (x - t) ** 2),
        (functional.l1_loss, lambda x, t: abs(x - t)),
        (functional.huber_loss, lambda x, t: (x - t) ** 2 / 2 if abs(x - t) <= 1 else abs(x - t) - 0.5),
    ],
    ids=["mse", "l1", "huber"],
)
def test_losses_on_numbers(loss, one, x, data):
    targets = data.draw(arrays(np.float64, x.shape, elements=numbers))
    expected = np.vectorize(one, otypes=[float])(x, targets)
    np.testing.assert_allclose(loss(x, targets, "none"), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(loss(x, targets, "sum"), expected.sum(), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(loss(x, targets), expected.mean(), rtol=1e-12, atol=1e-12)


@given(matrices, st.data())
def test_binary_cross_entropy_is_that_of_two_classes(x, data):
    targets = data.draw(arrays(np.int64, x.shape, elements=st.integers(0, 1)))
    two = np.stack([np.zeros_like(x), x], axis=-1)
    losses = functional.bce_with_logits(x, targets, "none")
    np.testing.assert_allclose(losses, functional.cross_entropy(two, targets, reduction="none"), rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(functional.bce_with_logits(x, targets == 1, "none"), losses)
    np.testing.assert_allclose(functional.bce_with_logits(x, targets, "sum"), losses.sum(), rtol=1e-12)
    np.testing.assert_allclose(functional.bce_with_logits(x, targets), losses.mean(), rtol=1e-12)


@given(matrices, st.floats(0, 1), st.integers(0, 2**32))
def test_dropout_zeroes_or_scales(x, p, seed):
    mg.manual_seed(seed)
    x = np.where(np.abs(x) < 1, 1, x)
    y = functional.dropout(mg.tensor(x), p).numpy()
    dropped = y == 0
    np.testing.assert_allclose(y[~dropped] * (1 - p), x[~dropped], rtol=1e-12)
    mg.manual_seed(seed)
    np.testing.assert_array_equal(functional.dropout(x, p), y)  # repeatable, and the same for an array
    mg.manual_seed(seed)
    np.testing.assert_array_equal(functional.dropout(x.astype(np.float32), p) == 0, dropped)


@given(arrays(np.int64, array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4), elements=st.integers(0, 6)))
def test_one_hot(indices):
    y = functional.one_hot(indices, 7)
    assert y.shape == (*indices.shape, 7) and y.dtype == np.float32
    np.testing.assert_array_equal(y.argmax(-1), indices)
    np.testing.assert_array_equal(y.sum(-1), np.ones(indices.shape))
    recorded = functional.one_hot(mg.tensor(indices), 7, dtype=np.float64)
    assert isinstance(recorded, mg.Tensor) and recorded.dtype == np.float64 and not recorded.requires_grad
    np.testing.assert_array_equal(recorded.numpy(), y)


@given(arrays(np.float64, array_shapes(min_dims=1, max_dims=3, min_side=2, max_side=5), elements=numbers))
def test_layer_norm_has_mean_zero_and_variance_one(x):
    y = functional.layer_norm(x)
    np.testing.assert_allclose(y.mean(-1), 0, atol=1e-9)
    np.testing.assert_allclose(y.var(-1), x.var(-1) / (x.var(-1) + 1e-5), rtol=1e-7, atol=1e-12)


@given(matrices, st.integers(0, 2**32))
def test_layer_norm_scales_and_shifts_what_it_normalised(x, seed):
    weight, bias = np.random.default_rng(seed).normal(size=(2, x.shape[-1]))
    expected = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(functional.layer_norm(x), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(functional.layer_norm(x, weight), expected * weight, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(functional.layer_norm(x, weight, bias), expected * weight + bias, rtol=1e-9, atol=1e-9)


@given(matrices, st.integers(1, 4), st.integers(0, 2**32))
def test_linear_is_a_product_and_a_shift(x, out, seed):
    rng = np.random.default_rng(seed)
    weight, bias = rng.normal(size=(out, x.shape[-1])), rng.normal(size=out)
    expected = np.einsum("...i,oi->...o", x, weight)
    np.testing.assert_allclose(functional.linear(x, weight), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(functional.linear(x, weight, bias), expected + bias, rtol=1e-12, atol=1e-12)


# values beside PyTorch, and derivatives

CASES = {
    "softmax": (functional.softmax, lambda f, x: f.softmax(x, -1), (X,)),
    "softmax, axis 0": (lambda x: functional.softmax(x, axis=0), lambda f, x: f.softmax(x, 0), (DEEP,)),
    "log_softmax": (functional.log_softmax, lambda f, x: f.log_softmax(x, -1), (X,)),
    "log_softmax, axis 1": (lambda x: functional.log_softmax(x, 1), lambda f, x: f.log_softmax(x, 1), (DEEP,)),
    "linear": (functional.linear, lambda f, *xs: f.linear(*xs), (DEEP, WEIGHT, BIAS)),
    "linear, one row": (functional.linear, lambda f, *xs: f.linear(*xs), (X[0], WEIGHT)),
    "layer_norm": (functional.layer_norm, lambda f, x: f.layer_norm(x, (5,)), (DEEP,)),
    "layer_norm, affine": (
        lambda x, w, b: functional.layer_norm(x, w, b, eps=0.1),
        lambda f, x, w, b: f.layer_norm(x, (5,), w, b, 0.1),
        (X, SCALE, SHIFT),
    ),
}
for how in "mean", "sum", "none":
    CASES |= {
        f"cross_entropy, {how}": (
            lambda x, how=how: functional.cross_entropy(x, LABELS, reduction=how),
            lambda f, x, how=how: f.cross_entropy(x, constant(LABELS), reduction=how),
            (X,),
        ),
        f"cross_entropy, 3-D, ignored, {how}": (
            lambda x, how=how: functional.cross_entropy(x, mg.tensor(DEEP_LABELS), ignore_index=4, reduction=how),
            lambda f, x, how=how: f.cross_entropy(x.mT, constant(DEEP_LABELS), ignore_index=4, reduction=how),
            (DEEP,),
        ),
        f"nll_loss, {how}": (
            lambda x, how=how: functional.nll_loss(x, LABELS, ignore_index=2, reduction=how),
            lambda f, x, how=how: f.nll_loss(x, constant(LABELS), ignore_index=2, reduction=how),
            (NORMALISED,),
        ),
        f"mse_loss, {how}": (
            lambda x, y, how=how: functional.mse_loss(x, y, how),
            lambda f, x, y, how=how: f.mse_loss(x, y, reduction=how),
            (X, Y),
        ),
        f"l1_loss, {how}": (
            lambda x, y, how=how: functional.l1_loss(x, y, how),
            lambda f, x, y, how=how: f.l1_loss(x, y, reduction=how),
            (X, Y),
        ),
        f"huber_loss, {how}": (
            lambda x, y, how=how: functional.huber_loss(x, y, how, delta=0.7),
            lambda f, x, y, how=how: f.huber_loss(x, y, reduction=how, delta=0.7),
            (X, Y),
        ),
        f"bce_with_logits, {how}": (
            lambda x, y, how=how: functional.bce_with_logits(x, y, how),
            lambda f, x, y, how=how: f.binary_cross_entropy_with_logits(x, y, reduction=how),
            (X, PROBABILITIES),
        ),
    }
every = pytest.mark.parametrize("ours, theirs, inputs", list(CASES.values()), ids=list(CASES))


def weighted(f):
    """A single number made of all that f gives."""

    def number(*xs):
        y = f(*xs)
        return (y * np.cos(1 + np.arange(y.size)).reshape(y.shape)).sum()

    return number


@every
def test_first_derivative_beside_torch(ours, theirs, inputs):
    f = torch_functional()
    assert_same_as_torch(ours, lambda *xs: theirs(f, *xs), *inputs)


@every
def test_second_derivative_beside_torch(ours, theirs, inputs):
    torch, f = pytest.importorskip("torch"), torch_functional()
    direction = np.sin(1 + np.arange(inputs[0].size)).reshape(inputs[0].shape)
    found = mg.hvp(weighted(lambda x: ours(x, *map(mg.tensor, inputs[1:]))), inputs[0], direction)

    def number(x):
        y = theirs(f, x, *map(torch.tensor, inputs[1:]))
        return (y * torch.cos(1 + torch.arange(y.numel(), dtype=y.dtype)).reshape(y.shape)).sum()

    _, expected = torch.autograd.functional.hvp(number, torch.tensor(inputs[0]), torch.tensor(direction))
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-10, atol=1e-12)


@every
def test_derivatives_to_second_order(ours, theirs, inputs):
    check_gradients(ours, *inputs, order=2)


def test_derivatives_of_dropout():
    check_gradients(lambda x: functional.dropout(x, 0.3), X, order=2)


# what the functions share, and what has no gradient
OTHERS = {
    "as_array", "below_top", "check_axis", "check_floats", "check_indices", "check_probability", "check_reduction",
    "class_labels", "entry_of", "is_float", "matching", "one_hot", "reduce_kept", "reduced",
}  # fmt: skip


def test_every_function_has_a_case():
    public = {
        name for name, f in inspect.getmembers(functional, inspect.isfunction) if f.__module__ == functional.__name__
    }
    assert public - OTHERS == {name.split(",")[0] for name in CASES} | {"dropout"}


@every
def test_arrays_stay_arrays_and_float32_stays(ours, theirs, inputs):
    recorded = ours(*(mg.tensor(x, requires_grad=True) for x in inputs)).numpy()
    plain = ours(*inputs)
    assert isinstance(plain, np.ndarray | np.generic)
    np.testing.assert_array_equal(plain, recorded)
    small = ours(*(mg.tensor(x, np.float32, requires_grad=True) for x in inputs))
    assert small.dtype == np.float32
    np.testing.assert_allclose(small.numpy(), recorded, rtol=1e-4, atol=1e-5)


# large logits

HUGE = np.array([[1e4, -1e4, 0.0], [1e4, 1e4, -1e4], [-1e4, -1e4, -1e4 + 1]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_logits(dtype):
    """Expected values by hand: log(exp(0) + exp(1)) and the like; nothing of the logits' rounding is in them."""
    x = mg.tensor(HUGE, dtype, requires_grad=True)
    tail = math.log(2 + math.e)
    logs = [[0, -2e4, -1e4], [-math.log(2), -math.log(2), -2e4 - math.log(2)], [-tail, -tail, 1 - tail]]
    rtol = 4 * np.finfo(dtype).eps
    np.testing.assert_allclose(functional.log_softmax(x).numpy(), logs, rtol=rtol)
    np.testing.assert_allclose(functional.softmax(x).numpy(), np.exp(logs), rtol=rtol)
    losses = functional.cross_entropy(x, [1, 0, 2], reduction="none")
    np.testing.assert_allclose(losses.numpy(), [2e4, math.log(2), tail - 1], rtol=rtol)
    losses.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.exp(logs) - np.eye(3)[[1, 0, 2]], rtol=rtol, atol=rtol)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_binary_logits(dtype):
    x = mg.tensor([1e4, -1e4, 1e4, -1e4, 20.0], dtype, requires_grad=True)
    losses = functional.bce_with_logits(x, [1, 0, 0, 1, 1], "none")
    np.testing.assert_allclose(losses.numpy(), [0, 0, 1e4, 1e4, math.log1p(math.exp(-20))], rtol=1e-6)
    losses.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [0, 0, 1, -1, -1 / (1 + math.exp(20))], rtol=1e-6)


def test_classes_that_are_ruled_out():
    x = mg.tensor([[0.0, -np.inf, 0.0]], requires_grad=True)
    functional.cross_entropy(x, [0]).backward()
    assert x.grad.numpy().tolist() == [[-0.5, 0, 0.5]]


# details


@pytest.mark.parametrize("loss", [functional.cross_entropy, functional.nll_loss])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("ignored", [-100, 0])
def test_ignored_rows_get_exactly_no_gradient(loss, bad, ignored):
    x = np.array(X)
    x[1] = bad
    x[3, 0] = bad
    logits = mg.tensor(x, requires_grad=True)
    y = loss(logits, [1, ignored, 2, ignored], ignore_index=ignored)
    y.backward()
    kept = mg.tensor(X[[0, 2]], requires_grad=True)
    alone = loss(kept, [1, 2])
    alone.backward()
    assert y.item() == alone.item()
    assert (logits.grad.numpy()[[1, 3]] == 0).all()
    np.testing.assert_array_equal(logits.grad.numpy()[[0, 2]], kept.grad.numpy())
    second = mg.hvp(lambda x: loss(x, [1, ignored, 2, ignored], ignore_index=ignored), x, np.ones_like(x))
    assert (second.numpy()[[1, 3]] == 0).all() and np.isfinite(second.numpy()).all()


@pytest.mark.parametrize("loss", [functional.cross_entropy, functional.nll_loss])
def test_mean_over_no_targets_is_zero(loss):
    x = mg.tensor(X, requires_grad=True)
    y = loss(x, np.full(4, -100), ignore_index=-100)
    y.backward()
    assert y.item() == 0 and (x.grad.numpy() == 0).all()
    assert loss(np.zeros((0, 5)), np.zeros(0, int)) == 0


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint64])
def test_any_integers_are_classes(dtype):
    expected = functional.cross_entropy(X, LABELS)
    assert functional.cross_entropy(X, LABELS.astype(dtype)) == expected
    assert functional.cross_entropy(X, mg.tensor(LABELS.astype(dtype)), ignore_index=-100) == expected


def test_one_row_of_logits():
    assert functional.cross_entropy(X[0], 3) == functional.cross_entropy(X[:1], [3])


def test_empty_classes_axis_of_softmax():
    assert functional.softmax(np.zeros((3, 0))).shape == (3, 0)


def test_gradient_of_ties():
    x = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    functional.l1_loss(x, [1.0, 0.0, 5.0], "sum").backward()
    assert x.grad.numpy().tolist() == [0, 1, -1]
    x.grad = None
    functional.huber_loss(x, [1.0, 1.0, 5.0], "sum").backward()
    assert x.grad.numpy().tolist() == [0, 1, -1]


def test_targets_take_the_predictions_dtype_unless_they_are_floats():
    x = mg.tensor([0.5, 2.0])
    assert functional.mse_loss(x, [1, 2]).dtype == np.float32
    assert functional.mse_loss(x, [1.0, 2.0]).dtype == np.float32
    assert functional.bce_with_logits(x, np.array([True, False])).dtype == np.float32
    assert functional.mse_loss(x, np.array([1.0, 2.0])).dtype == np.float64


def test_gradient_reaches_targets_too():
    target = mg.tensor([1.0, 2.0], requires_grad=True)
    functional.mse_loss(mg.tensor([3.0, 2.0]), target).backward()
    assert target.grad.numpy().tolist() == [-2, 0]


def test_dropout_keeps_its_share_and_its_gradient():
    x = mg.tensor(np.ones(100_000, np.float32), requires_grad=True)
    y = functional.dropout(x, 0.3)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), y.numpy())
    kept = np.count_nonzero(y.numpy()) / x.size
    assert abs(kept - 0.7) < 5 * math.sqrt(0.3 * 0.7 / x.size)


def test_dropout_at_its_ends():
    x = mg.tensor(X)
    assert functional.dropout(x, 0.5, training=False) is x
    assert functional.dropout(x, 0.0) is x
    assert (functional.dropout(x, 1.0).numpy() == 0).all()
    assert functional.dropout(mg.tensor(2.0), 0.5).item() in (0, 4)


def test_dropout_mask_cannot_change_under_the_graph():
    x = mg.tensor(X, requires_grad=True)
    y = functional.dropout(x, 0.5)
    assert not any(value.flags.writeable for value in y.node.values[1:])


# refusals

INTEGERS, TENSOR = np.zeros((2, 3), int), mg.tensor(np.zeros((2, 3)))


@pytest.mark.parametrize(
    "call, error, message",
    [
        (
            lambda: functional.cross_entropy(TENSOR, [0, 3]),
            IndexError,
            "cross_entropy: index 3 at position (1,) is out of range: expected 0 to 2",
        ),
        (
            lambda: functional.cross_entropy(TENSOR, [-1, 0]),
            IndexError,
            "cross_entropy: index -1 at position (0,) is out of range: expected 0 to 2",
        ),
        (
            lambda: functional.nll_loss(TENSOR, [0, -100], ignore_index=-1),
            IndexError,
            "nll_loss: index -100 at position (1,) is out of range: expected 0 to 2",
        ),
        (
            lambda: functional.one_hot([[0, 5]], 5),
            IndexError,
            "one_hot: index 5 at position (0, 1) is out of range: expected 0 to 4",
        ),
        (
            lambda: functional.cross_entropy(TENSOR, [0.0, 1.0]),
            TypeError,
            "cross_entropy: expected integer indices, got float64; use astype(np.int64)",
        ),
        (lambda: functional.one_hot([True], 2), TypeError, "one_hot: expected integer indices, got bool"),
        (
            lambda: functional.cross_entropy(TENSOR, [0, 1, 2]),
            ValueError,
            "cross_entropy: expected logits [..., classes] and targets [...], got shapes (2, 3) and (3,); classes are "
            "on the last axis",
        ),
        (
            lambda: functional.nll_loss(mg.tensor(1.0), 0),
            ValueError,
            "nll_loss: expected logits [..., classes] and targets [...], got shapes () and ()",
        ),
        (
            lambda: functional.cross_entropy(INTEGERS, [0, 1]),
            TypeError,
            "cross_entropy: expected a tensor or an array of floats, got int64; use mg.tensor or astype",
        ),
        (
            lambda: functional.softmax([1.0, 2.0]),
            TypeError,
            "softmax: expected a tensor or an array of floats, got list; use mg.tensor or astype",
        ),
        (lambda: functional.log_softmax(INTEGERS), TypeError, "log_softmax: expected a tensor or an array of floats"),
        (
            lambda: functional.mse_loss(INTEGERS, INTEGERS),
            TypeError,
            "mse_loss: expected a tensor or an array of floats",
        ),
        (lambda: functional.dropout(INTEGERS, 0.5), TypeError, "dropout: expected a tensor or an array of floats"),
        (lambda: functional.layer_norm(INTEGERS), TypeError, "layer_norm: expected a tensor or an array of floats"),
        (lambda: functional.linear(INTEGERS, WEIGHT), TypeError, "linear: expected a tensor or an array of floats"),
        (lambda: functional.softmax(TENSOR, axis=2), ValueError, "softmax: axis 2 is out of bounds"),
        (lambda: functional.log_softmax(TENSOR, axis=-3), ValueError, "log_softmax: axis -3 is out of bounds"),
        (lambda: functional.layer_norm(mg.tensor(1.0)), ValueError, "layer_norm: axis -1 is out of bounds"),
        (
            lambda: functional.mse_loss(TENSOR, [1.0, 2.0, 3.0]),
            ValueError,
            "mse_loss: expected predictions and targets of one shape, got (2, 3) and (3,); reshape one of them",
        ),
        (
            lambda: functional.l1_loss(TENSOR, mg.tensor(1.0)),
            ValueError,
            "l1_loss: expected predictions and targets of one shape, got (2, 3) and ()",
        ),
        (lambda: functional.huber_loss(TENSOR, TENSOR, delta=0), ValueError, "huber_loss: expected delta > 0, got 0"),
        (
            lambda: functional.bce_with_logits(TENSOR, np.full((2, 3), -1.0)),
            ValueError,
            "bce_with_logits: expected targets from 0 to 1, got -1.0",
        ),
        (
            lambda: functional.linear(TENSOR, mg.tensor(WEIGHT)),
            ValueError,
            "linear: expected x [..., in] and weight [out, in] with the same in, got (2, 3) and (3, 5)",
        ),
        (
            lambda: functional.linear(TENSOR, np.ones((4, 3)), np.ones(3)),
            ValueError,
            "linear: expected bias (4,), one for each row of weight, got (3,)",
        ),
        (
            lambda: functional.layer_norm(TENSOR, np.ones(2)),
            ValueError,
            "layer_norm: expected weight (3,), as x's last axis, got (2,)",
        ),
        (
            lambda: functional.layer_norm(TENSOR, bias=np.ones((2, 3))),
            ValueError,
            "layer_norm: expected bias (3,), as x's last axis, got (2, 3)",
        ),
        (lambda: functional.dropout(TENSOR, 1.5), ValueError, "dropout: expected a probability p from 0 to 1, got 1.5"),
        (
            lambda: functional.dropout(TENSOR, math.nan, training=False),
            ValueError,
            "dropout: expected a probability p from 0 to 1, got nan",
        ),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}"):
        call()


@pytest.mark.parametrize(
    "loss, targets",
    [
        (functional.cross_entropy, [0, 1]),
        (functional.nll_loss, [0, 1]),
        (functional.mse_loss, TENSOR),
        (functional.l1_loss, TENSOR),
        (functional.huber_loss, TENSOR),
        (functional.bce_with_logits, TENSOR),
    ],
)
def test_unknown_reductions_are_refused(loss, targets):
    with pytest.raises(ValueError, match=f"^{loss.__name__}: expected reduction 'mean', 'sum', 'none', got 'avg'$"):
        loss(TENSOR, targets, reduction="avg")
