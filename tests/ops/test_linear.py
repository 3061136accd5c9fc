"""matmul in all combinations of rank, beside PyTorch."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.testing import check_gradients
from tests.parity import assert_same_as_torch

RNG = np.random.default_rng(0)


RANKS = pytest.mark.parametrize(
    ("a", "b"),
    [
        ((3,), (3,)),
        ((3,), (3, 4)),
        ((2, 3), (3,)),
        ((2, 3), (3, 4)),
        ((3,), (5, 3, 4)),
        ((5, 2, 3), (3,)),
        ((5, 2, 3), (3, 4)),
        ((2, 3), (5, 3, 4)),
        ((5, 2, 3), (5, 3, 4)),
        ((1, 2, 3), (5, 3, 4)),
        ((6, 1, 2, 3), (5, 3, 4)),
        ((6, 5, 2, 3), (3, 4)),
        ((6, 5, 2, 3), (3,)),
        ((3,), (6, 5, 3, 4)),
        ((2, 0), (0, 4)),
        ((0, 2, 3), (3, 4)),
    ],
)


@RANKS
def test_matmul_of_any_ranks(a, b):
    x, y = RNG.normal(size=a), RNG.normal(size=b)
    np.testing.assert_allclose(mg.matmul(x, y), np.matmul(x, y), rtol=1e-12)
    check_gradients(mg.matmul, x, y)


@RANKS
def test_ranks_beside_torch(a, b):
    assert_same_as_torch(lambda x, y: x @ y, lambda s, t: s @ t, RNG.normal(size=a), RNG.normal(size=b))


def test_arrays_and_lists_on_either_side():
    x = mg.tensor(np.eye(2), requires_grad=True)
    rows = [[1.0, 2.0], [3.0, 4.0]]
    for y in (x @ np.array(rows), x @ rows, np.array(rows) @ x, rows @ x, mg.matmul(rows, x)):
        assert isinstance(y, mg.Tensor)
        np.testing.assert_array_equal(y.numpy(), rows)


def test_lists_when_the_gradient_is_recorded():
    x = mg.tensor(np.eye(2), requires_grad=True)
    (x @ [[1.0, 2.0], [3.0, 4.0]]).sum().backward(create_graph=True)
    assert x.grad.numpy().tolist() == [[3.0, 7.0], [3.0, 7.0]]


# bad input


@pytest.mark.parametrize(
    ("a", "b", "axes"),
    [
        ((2, 3), (2, 3), "axis -1 of the first is 3, axis -2 of the second is 2"),
        ((3,), (2,), "axis -1 of the first is 3, axis -1 of the second is 2"),
        ((4, 2, 3), (2, 5), "axis -1 of the first is 3, axis -2 of the second is 2"),
    ],
)
def test_inner_sizes_that_differ(a, b, axes):
    x, y = mg.tensor(np.ones(a), requires_grad=True), mg.tensor(np.ones(b))
    with pytest.raises(ValueError) as error:
        x @ y
    message = str(error.value)
    assert message.startswith(f"matmul: shapes {a} and {b} do not match: {axes}") and "transpose" in message


def test_leading_axes_that_do_not_broadcast():
    with pytest.raises(
        ValueError, match=r"^matmul: .*\(given float64\[2, 1, 3\], float64\[3, 3, 1\]\)|^matmul: shapes .*2 against 3"
    ):
        mg.matmul(mg.tensor(np.ones((2, 1, 3))), np.ones((3, 3, 1)))


def test_numbers_are_no_matrices():
    with pytest.raises(
        ValueError, match=r"^matmul: expected at least one axis each, got shapes \(2,\) and \(\); use multiply"
    ):
        mg.tensor([1.0, 2.0]) @ 2.0
