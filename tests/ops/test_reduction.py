"""Ties, zeros, infinities and empty arrays."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigrad as mg
from tests.ops.test_arithmetic import slopes
from tests.parity import assert_same_as_torch

INF, NAN = np.inf, np.nan


@pytest.mark.parametrize("op", [mg.max, mg.min])
def test_entries_that_tie_share_equally(op):
    assert slopes(op, [3.0, 3.0, 3.0, 3.0]) == [[0.25, 0.25, 0.25, 0.25]]
    assert slopes(lambda x: op(x, axis=1), [[1.0, 1.0], [2.0, 3.0]])[0][0] == [0.5, 0.5]


def test_ties_over_two_axes():
    x = [[[5.0, 1.0], [5.0, 2.0]], [[0.0, 7.0], [1.0, 1.0]]]
    expected = [[[0.5, 0.0], [0.5, 0.0]], [[0.0, 1.0], [0.0, 0.0]]]
    assert slopes(lambda x: mg.max(x, axis=(-1, 1)), x) == [expected]


@pytest.mark.parametrize("op", [mg.max, mg.min])
def test_nan_wins(op):
    assert np.isnan(op(mg.tensor([1.0, NAN, 2.0])).item())


def test_argmax_and_argmin_take_the_first_at_a_tie():
    x = mg.tensor([[1.0, 3.0, 3.0], [0.0, 0.0, -1.0]], requires_grad=True)
    assert mg.argmax(x, axis=1).numpy().tolist() == [1, 0]
    assert x.argmin(1).numpy().tolist() == [0, 2]
    assert mg.argmax(x).item() == 1
    assert mg.argmax(x, axis=1, keepdims=True).shape == (2, 1)
    assert not x.argmax().requires_grad and x.argmax().dtype.kind == "i"
    assert mg.argmax(x.numpy()) == 1


@pytest.mark.parametrize(
    ("x", "axis"),
    [([2.0, 0.0, 3.0], None), ([0.0, 0.0, 3.0], None), ([0.0], None), ([[0.0, 2.0], [3.0, 4.0]], 0), (5.0, None)],
)
def test_prod_with_zeros_beside_torch(x, axis):
    theirs = (lambda t: t.prod()) if axis is None else lambda t: t.prod(axis)
    assert_same_as_torch(lambda x: mg.prod(x, axis=axis), theirs, x)


@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (0, 1), (0, 2), (2, 1), (0, 1, 2)])
def test_prod_with_zeros_over_some_axes(axes):
    x = np.array([[[0.0, 2.0], [3.0, 5.0]], [[7.0, 11.0], [13.0, 17.0]]])
    weights = np.arange(1.0, 9.0)[: np.prod(x, axes).size].reshape(np.prod(x, axes).shape)
    found = mg.grad(lambda x: (mg.prod(x, axes) * weights).sum())(x)
    for place in np.ndindex(*x.shape):
        others = x.copy()
        others[place] = 1
        rest = tuple(i for axis, i in enumerate(place) if axis not in axes)
        assert found.numpy()[place] == np.prod(others, axes)[rest] * weights[rest]


@given(
    hnp.arrays(np.float64, hnp.array_shapes(max_dims=3, max_side=3), elements=st.sampled_from([0.0, 1.0, -2.0, 0.5]))
)
def test_hessian_of_prod_with_zeros(x):
    """Entry i, j is the product of all others, for i != j."""
    others = [[0.0 if i == j else np.prod(np.delete(x, [i, j])) for j in range(x.size)] for i in range(x.size)]
    found = mg.hessian(mg.prod)(x).numpy().reshape(x.size, x.size)
    np.testing.assert_allclose(found, others, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("ddof", [0, 1, 2])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2)])
def test_var_beside_torch(axis, ddof):
    x = np.random.default_rng(0).normal(size=(3, 4, 5))
    assert_same_as_torch(lambda x: mg.var(x, axis, ddof), lambda t: t.var(axis, correction=ddof), x)


@pytest.mark.parametrize("x", [[-INF, 1.0, 2.0], [1e4, -1e4, 9999.0], [-1e4, -1e4], [0.0], [[-INF, 3.0], [1.0, 2.0]]])
def test_logsumexp_far_out_beside_torch(x):
    assert_same_as_torch(lambda x: mg.logsumexp(x, axis=-1), lambda t: t.logsumexp(-1), x)


@pytest.mark.parametrize(("x", "expected"), [([-INF, -INF], -INF), ([INF, 1.0], INF), ([INF, 1e4], INF), ([], -INF)])
def test_logsumexp_of_infinities(x, expected):
    assert mg.logsumexp(mg.tensor(x)).item() == expected
    assert mg.logsumexp(np.array(x, np.float32)).dtype == np.float32


@pytest.mark.parametrize("x", [[INF, 1.0], [-INF, -INF]])
def test_slope_of_logsumexp_of_infinities_beside_torch(x):
    with np.errstate(invalid="ignore"):  # inf - inf: there is no slope, and both say NaN
        assert_same_as_torch(mg.logsumexp, lambda t: t.logsumexp(-1), x)


def test_logsumexp_of_integers():
    assert mg.logsumexp(mg.tensor([1, 1])).item() == pytest.approx(1 + np.log(2))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_cumsum_beside_torch(axis):
    x = np.random.default_rng(0).normal(size=(3, 4))
    assert_same_as_torch(lambda x: mg.cumsum(x, axis), lambda t: t.cumsum(axis), x)


def test_cumsum_without_axis_flattens():
    assert slopes(lambda x: mg.cumsum(x) * np.arange(4), [[1.0, 2.0], [3.0, 4.0]]) == [[[6.0, 6.0], [5.0, 3.0]]]


def test_empty():
    x = mg.tensor(np.zeros((0, 3)), requires_grad=True)
    assert mg.sum(x).item() == 0 and mg.prod(x).item() == 1
    (mg.sum(x) + mg.prod(x) + mg.sum(mg.cumsum(x, 0)) + mg.sum(mg.mean(x, 1))).backward()
    assert x.grad.shape == (0, 3)


# bad input


@pytest.mark.parametrize("op", [mg.sum, mg.mean, mg.max, mg.prod, mg.argmax])
def test_an_axis_that_is_not_there(op):
    with pytest.raises(
        ValueError, match=rf"^{op.primitive.name}: axis 2 is out of bounds .* \(given float64\[2, 3\]\)"
    ):
        op(mg.tensor(np.ones((2, 3)), requires_grad=True), axis=2)


def test_a_setting_that_is_not_there():
    with pytest.raises(TypeError, match=r"^sum: .*'axes'"):
        mg.sum(mg.tensor([1.0]), axes=0)
    with pytest.raises(TypeError, match=r"^sum\(x, /, axis=None, keepdims=False\) was given 4 positional arguments"):
        mg.sum(mg.tensor([1.0]), 0, False, 1)
    with pytest.raises(TypeError, match=r"was given 0 positional arguments"):
        mg.sum()


def test_max_of_nothing():
    with pytest.raises(ValueError, match=r"^max: zero-size array .* \(given float64\[0\]\)"):
        mg.max(mg.tensor(np.zeros(0)))


@pytest.mark.parametrize("op", [mg.max, mg.min])
def test_the_gradient_of_an_extreme_that_is_nan_is_zero(op):
    assert slopes(op, [1.0, np.nan, 2.0]) == [[0, 0, 0]]
