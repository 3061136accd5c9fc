"""conv2d and max_pool2d beside PyTorch's, and against their definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.testing import check_gradients
from tests.parity import assert_same_as_torch

PAIRS = st.tuples(st.integers(1, 2), st.integers(1, 3))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 1), ((1, 2), (2, 0)), (3, (0, 1))])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (4, 4)])
def test_conv2d_beside_torch(size, stride, padding, bias):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(2, 3, 5, 6)), rng.normal(size=(4, 3, *size)), rng.normal(size=4)][: 3 if bias else 2]

    def theirs(*tensors):
        from torch.nn.functional import conv2d

        return conv2d(*tensors, stride=stride, padding=padding)

    assert_same_as_torch(lambda *xs: mg.conv2d(*xs, stride=stride, padding=padding), theirs, *arrays)


@pytest.mark.parametrize(("size", "stride"), [(2, None), (2, 1), ((1, 3), (2, 1)), ((3, 2), None)])
def test_max_pool2d_beside_torch(size, stride):
    x = np.random.default_rng(0).permutation(2 * 3 * 5 * 6).reshape(2, 3, 5, 6)  # no ties

    def theirs(t):
        from torch.nn.functional import max_pool2d

        return max_pool2d(t, size, stride)

    assert_same_as_torch(lambda x: mg.max_pool2d(x, size, stride), theirs, x)


def by_definition(x, weight, bias, stride, padding):
    """y[n, o, i, j] = bias[o] + sum of x[n, c, i * stride + k, j * stride + l] * weight[o, c, k, l]."""
    x = np.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)))
    (n, _, height, width), (out, _, kh, kw) = x.shape, weight.shape
    y = np.zeros((n, out, (height - kh) // stride[0] + 1, (width - kw) // stride[1] + 1), x.dtype)
    for i in range(y.shape[2]):
        for j in range(y.shape[3]):
            window = x[:, None, :, i * stride[0] : i * stride[0] + kh, j * stride[1] : j * stride[1] + kw]
            y[:, :, i, j] = np.sum(window * weight, axis=(2, 3, 4)) + bias
    return y


@given(size=PAIRS, stride=PAIRS, padding=PAIRS, seed=st.integers(0, 2**32 - 1))
def test_conv2d_by_its_definition(size, stride, padding, seed):
    rng = np.random.default_rng(seed)
    xs = [rng.normal(size=s) for s in ((2, 2, 3, 4), (3, 2, *size), (3,))]
    f = lambda *xs: mg.conv2d(*xs, stride=stride, padding=padding)  # noqa: E731
    np.testing.assert_allclose(f(*xs), by_definition(*xs, stride, padding), rtol=1e-12, atol=1e-12)
    check_gradients(f, *xs, order=2)


@given(size=PAIRS, stride=PAIRS, seed=st.integers(0, 2**32 - 1))
def test_derivatives_of_max_pool2d(size, stride, seed):
    x = np.random.default_rng(seed).permutation(24).reshape(2, 3, 4) / 10  # no ties
    check_gradients(lambda x: mg.max_pool2d(x, size, stride), x, order=2)


def test_max_pool2d_shares_at_a_tie():
    x = mg.tensor(np.array([[[[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]]]]), requires_grad=True)
    y = mg.max_pool2d(x, 2, stride=1)
    (y * np.array([3.0, 4.0])).sum().backward()
    assert x.grad.numpy().tolist() == [[[[1.0, 3.0, 0.0], [0.0, 3.0, 0.0]]]]


def test_float32_and_arrays():
    x, w = np.ones((1, 1, 3, 3), np.float32), np.ones((1, 1, 2, 2), np.float32)
    assert mg.conv2d(mg.tensor(x), mg.tensor(w), stride=np.int64(2)).dtype == np.float32
    assert type(mg.conv2d(x, w)) is np.ndarray and type(mg.max_pool2d(x, 2)) is np.ndarray


# bad input


@pytest.mark.parametrize(
    ("x", "weight"), [((2, 3, 4), (1, 3, 2, 2)), ((2, 3, 4, 4), (3, 2, 2)), ((2, 3, 4, 4), (1, 2, 2, 2))]
)
def test_conv2d_refuses_other_channels_and_axes(x, weight):
    with pytest.raises(ValueError) as error:
        mg.conv2d(mg.tensor(np.ones(x)), np.ones(weight))
    message = str(error.value)
    assert message.startswith("conv2d: expected x [n, channels, height, width] and weight [out, channels, kh, kw]")
    assert message.endswith(f"got {x} and {weight}")


@pytest.mark.parametrize("bias", [(2,), (1,), (3, 1), ()])
def test_conv2d_refuses_another_bias(bias):
    with pytest.raises(
        ValueError, match=r"^conv2d: expected a bias of shape \(3,\), one for each output channel, got "
    ):
        mg.conv2d(np.ones((1, 2, 4, 4)), np.ones((3, 2, 2, 2)), np.ones(bias))


def test_a_window_that_does_not_fit():
    with pytest.raises(
        ValueError, match=r"^conv2d: a window of \(3, 2\) does not fit into \(1, 1, 2, 2\) padded by \(0, 1\)"
    ):
        mg.conv2d(np.ones((1, 1, 2, 2)), np.ones((1, 1, 3, 2)), padding=(0, 1))
    for shape in ((3,), (1, 3), (0, 0)):
        with pytest.raises(ValueError, match=r"^max_pool2d: a window of \(2, 2\) does not fit into \("):
            mg.max_pool2d(np.ones(shape), 2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stride": -1}, "conv2d: expected stride to be an integer from 1 up, got -1"),
        ({"stride": 0}, "conv2d: expected stride to be an integer from 1 up, got 0"),
        ({"padding": (1, 1, 1)}, r"conv2d: expected padding to be an int or a pair \(height, width\), got \(1, 1, 1\)"),
    ],
)
def test_strides_and_paddings_that_cannot_be_meant_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        mg.conv2d(np.ones((1, 1, 4, 4)), np.ones((1, 1, 2, 2)), **settings)
