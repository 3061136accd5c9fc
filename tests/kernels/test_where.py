"""kernels.loops.where is np.where, to the bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigrad.kernels import loops
from minigrad.kernels.loops import where


@pytest.fixture(autouse=True, scope="module")
def always_round_the_branches():
    before, loops.BRANCHES = loops.BRANCHES, 1
    yield
    loops.BRANCHES = before


def assert_where(condition, a, b):
    found, expected = where(condition, a, b), np.where(condition, a, b)
    assert found.dtype == expected.dtype and found.shape == expected.shape
    assert found.tobytes() == expected.tobytes()


@given(
    shapes=hnp.mutually_broadcastable_shapes(num_shapes=2, min_side=0, max_dims=3),
    dtype=st.sampled_from([np.float16, np.float32, np.float64, ">f4", ">f8", np.int32, np.complex64]),
    zero=st.sampled_from([0, 0.0, -0.0, False, np.float32(0), 1]),
    data=st.data(),
)
def test_any_arrays(shapes, dtype, zero, data):
    shape, other = shapes.input_shapes
    condition = data.draw(hnp.arrays(bool, other))
    x = data.draw(hnp.arrays(dtype, shape))  # NaN of any bits, infinities and signed zeros among them
    assert_where(condition, x, zero)
    assert_where(condition, zero, x)
    assert_where(condition.T, x.T, zero) if condition.ndim == x.ndim else None


@pytest.mark.parametrize("condition", [True, False, [True, False, True], np.array([2, 0, -1]), np.float32(0)])
def test_conditions_that_are_no_booleans_yet(condition):
    x = np.array([1.5, np.nan, -0.0], np.float32)
    assert_where(condition, x, 0)
    assert_where(condition, 0, x)


def test_every_second_entry_and_backwards():
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert_where(x[:, ::2] > 3, x[:, ::-2], 0)


def test_shapes_that_clash():
    with pytest.raises(ValueError, match="broadcast"):
        where(np.ones(2, bool), np.ones(3), 0)
