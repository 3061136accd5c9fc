"""Initial weights: their shape, variance, orthogonality and bounds, and that a seed repeats them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.nn import init

DRAWN = [init.glorot_uniform, init.glorot_normal, init.he_uniform, init.he_normal, init.orthogonal]
BY_BOUND = [lambda shape, **dtype: init.uniform(shape, 0.5, **dtype), init.normal, init.zeros]
shapes = st.lists(st.integers(1, 5), min_size=2, max_size=4).map(tuple)


@given(shapes, st.sampled_from(DRAWN + BY_BOUND), st.sampled_from([np.float32, np.float64]))
def test_shape_dtype_and_seed(shape, draw, dtype):
    mg.manual_seed(3)
    first = draw(shape, dtype=dtype)
    assert first.shape == shape and first.dtype == dtype
    mg.manual_seed(3)
    np.testing.assert_array_equal(draw(shape, dtype=dtype), first)
    mg.manual_seed(3)
    np.testing.assert_array_equal(draw(shape, dtype=np.float64).astype(np.float32), first.astype(np.float32))
    assert draw(shape).dtype == np.float32


@pytest.mark.parametrize(
    "draw, variance, bounded",
    [
        (init.glorot_uniform, lambda i, o: 2 / (i + o), True),
        (init.glorot_normal, lambda i, o: 2 / (i + o), False),
        (init.he_uniform, lambda i, o: 2 / i, True),
        (init.he_normal, lambda i, o: 2 / i, False),
        (lambda shape: init.glorot_uniform(shape, gain=3), lambda i, o: 9 * 2 / (i + o), True),
        (lambda shape: init.glorot_normal(shape, gain=3), lambda i, o: 9 * 2 / (i + o), False),
        (lambda shape: init.uniform(shape, 0.5), lambda i, o: 1 / 12, True),
        (lambda shape: init.normal(shape, 0.5), lambda i, o: 1 / 4, False),
    ],
)
@pytest.mark.parametrize("shape", [(200, 600), (60, 200, 2, 5)])
def test_variance(draw, variance, bounded, shape):
    weight = draw(shape).astype(np.float64)
    window = math.prod(shape[2:])
    expected = variance(shape[1] * window, shape[0] * window)
    assert abs(weight.mean()) < 6 * math.sqrt(expected / weight.size)
    np.testing.assert_allclose(weight.var(), expected, rtol=6 * math.sqrt(2 / weight.size))
    assert (np.abs(weight).max() <= math.sqrt(3 * expected) * (1 + 1e-6)) == bounded


@given(shapes, st.floats(0.1, 3))
def test_orthogonal(shape, gain):
    weight = init.orthogonal(shape, gain, np.float64).reshape(shape[0], -1)
    rows, columns = weight.shape
    product = weight @ weight.T if rows <= columns else weight.T @ weight
    np.testing.assert_allclose(product, gain**2 * np.eye(min(rows, columns)), atol=1e-12)


def test_orthogonal_is_uniform():
    """Of 1 x 1 matrices half are negative; QR alone would give one sign to all."""
    signs = [init.orthogonal((1, 1)).item() for _ in range(1000)]
    assert set(np.round(signs, 6)) == {-1, 1} and abs(sum(signs)) < 6 * math.sqrt(1000)


@pytest.mark.parametrize("draw", DRAWN)
@pytest.mark.parametrize("shape", [(3,), (), (0, 3)])
def test_a_shape_without_fans_is_refused(draw, shape):
    with pytest.raises(ValueError) as refusal:
        draw(shape)
    assert str(refusal.value) == (
        f"{draw.__name__}: expected a weight's shape, [out, in] or [out, in, *window], got {shape}"
    )
