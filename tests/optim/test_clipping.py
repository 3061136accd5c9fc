"""clip_grad_norm and clip_grad_value."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigrad as mg
from minigrad.optim import clip_grad_norm, clip_grad_value

shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)


ordinary = st.floats(-100, 100).map(lambda x: round(x, 6))  # whose squares do not vanish


def gradients(elements=ordinary, min_size=0):
    return st.lists(hnp.arrays(np.float64, shapes, elements=elements), min_size=min_size, max_size=4)


def parameters(arrays):
    params = [mg.tensor(np.zeros_like(a), requires_grad=True) for a in arrays]
    for p, a in zip(params, arrays):
        p.grad = mg.tensor(a)
    return params


def grads(params):
    return [p.grad.numpy() for p in params]


@given(arrays=gradients(), max_norm=st.floats(1e-3, 1e3))
def test_the_norm_equals_pytorch(arrays, max_norm):
    torch = pytest.importorskip("torch")
    params, theirs = parameters(arrays), [torch.zeros(a.shape, dtype=torch.float64) for a in arrays]
    for t, a in zip(theirs, arrays):
        t.grad = torch.tensor(a)
    total = clip_grad_norm(params, max_norm)
    peer = torch.nn.utils.clip_grad_norm_(theirs, max_norm)
    np.testing.assert_allclose(total, float(peer), rtol=1e-12)
    for g, t in zip(grads(params), theirs):
        np.testing.assert_allclose(g, t.grad.numpy(), rtol=1e-12, atol=0)


@given(arrays=gradients(min_size=1), max_abs=st.floats(1e-3, 1e3))
def test_values_equal_pytorch(arrays, max_abs):
    torch = pytest.importorskip("torch")
    params, theirs = parameters(arrays), [torch.zeros(a.shape, dtype=torch.float64) for a in arrays]
    for t, a in zip(theirs, arrays):
        t.grad = torch.tensor(a)
    clip_grad_value(params, max_abs)
    torch.nn.utils.clip_grad_value_(theirs, max_abs)
    for g, t in zip(grads(params), theirs):
        np.testing.assert_array_equal(g, t.grad.numpy())


@given(arrays=gradients(), max_norm=st.floats(1e-3, 1e3))
def test_afterwards_the_norm_is_within_bounds_and_the_direction_the_same(arrays, max_norm):
    flat = np.concatenate([a.ravel() for a in arrays] or [np.zeros(0)])
    params = parameters(arrays)
    total = clip_grad_norm(params, max_norm)
    assert type(total) is float
    np.testing.assert_allclose(total, np.sqrt(np.sum(flat**2)), rtol=1e-12)
    after = np.concatenate([g.ravel() for g in grads(params)] or [np.zeros(0)])
    assert np.linalg.norm(after) <= max_norm * (1 + 1e-12)
    np.testing.assert_allclose(after, flat * min(1, max_norm / (total + 1e-6)), rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    "dtype, size", [(np.float32, 1e30), (np.float32, 1e-30), (np.float64, 1e300), (np.float64, 1e-300)]
)
def test_squares_neither_overflow_nor_vanish(dtype, size):
    params = parameters([np.array([3, 0], dtype) * dtype(size), np.array(4, dtype) * dtype(size)])
    np.testing.assert_allclose(clip_grad_norm(params, np.inf), 5 * size, rtol=1e-6)
    clip_grad_norm(params, 1)
    np.testing.assert_allclose(np.hypot(grads(params)[0][0], grads(params)[1]), min(5 * size, 1), rtol=1e-6)


def test_dtypes_of_very_different_range_go_together():
    params = parameters([np.array(1, np.float32), np.array(1e300)])
    assert clip_grad_norm(params, 1.0) == pytest.approx(1e300)
    np.testing.assert_allclose(grads(params)[0], 0, atol=1e-40)
    np.testing.assert_allclose(grads(params)[1], 1)


def test_a_norm_beyond_float64_is_infinite_and_changes_nothing():
    params = parameters([np.array([1.5e308, 1.5e308])])
    assert clip_grad_norm(params, 1.0) == np.inf
    np.testing.assert_array_equal(grads(params)[0], [1.5e308, 1.5e308])


def test_a_norm_at_the_bound_is_scaled_as_in_pytorch():
    params = parameters([np.array([0.6, 0.8])])
    clip_grad_norm(params, 1.0)
    np.testing.assert_allclose(grads(params)[0], np.array([0.6, 0.8]) / (1 + 1e-6), rtol=1e-12)


def test_small_gradients_are_left_alone():
    params = parameters([np.array([0.3, 0.4])])
    before = params[0].grad
    assert clip_grad_norm(params, 1.0) == pytest.approx(0.5)
    assert params[0].grad is before


@pytest.mark.parametrize("clip", [clip_grad_norm, clip_grad_value])
def test_arrays_that_somebody_holds_do_not_change(clip):
    params = parameters([np.array([3.0, 4.0]), np.array(12.0)])
    held = [p.grad.array for p in params]
    clip(params, 1.0)
    np.testing.assert_array_equal(held[0], [3, 4])
    assert held[1] == 12
    assert max(np.abs(g).max() for g in grads(params)) <= 1


@pytest.mark.parametrize("clip", [clip_grad_norm, clip_grad_value])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes_and_missing_gradients_stay(clip, dtype):
    params = parameters([np.ones((2, 2), dtype), np.ones(3, dtype), np.ones((), dtype), np.ones((0, 3), dtype)])
    params[1].grad = None
    clip(params, 0.5)
    assert params[1].grad is None
    assert [p.grad.dtype for p in params if p.grad is not None] == [dtype] * 3
    assert [p.grad.shape for p in params if p.grad is not None] == [(2, 2), (), (0, 3)]


def test_a_generator_will_do():
    params = parameters([np.array([30.0, 40.0])])
    assert clip_grad_norm(iter(params), 1.0) == pytest.approx(50)
    assert np.linalg.norm(grads(params)[0]) == pytest.approx(1)


@pytest.mark.parametrize("params", [[], [mg.tensor([1.0], requires_grad=True)]])
def test_without_gradients_the_norm_is_zero(params):
    assert clip_grad_norm(params, 1.0) == 0.0


# what is not finite


@given(
    arrays=gradients(st.floats(-1e3, 1e3) | st.sampled_from([np.nan, np.inf, -np.inf])),
    bad=st.sampled_from([np.nan, np.inf, -np.inf]),
)
def test_one_bad_gradient_leaves_the_others_as_they_are(arrays, bad):
    arrays = [*arrays, np.array([1.0, bad])]
    params = parameters(arrays)
    total = clip_grad_norm(params, 1e-3)
    if any(np.isnan(a).any() for a in arrays):
        assert np.isnan(total)
    else:
        assert total == np.inf
    for g, a in zip(grads(params), arrays):
        np.testing.assert_array_equal(g, a)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_error_if_nonfinite_names_the_parameter_and_changes_nothing(bad):
    arrays = [np.array([30.0, 40.0]), np.array([[1.0, bad]])]
    params = parameters(arrays)
    with pytest.raises(FloatingPointError, match=r"clip_grad_norm: NaN or infinity .* parameter 1 of shape \(1, 2\)"):
        clip_grad_norm(params, 1.0, error_if_nonfinite=True)
    for g, a in zip(grads(params), arrays):
        np.testing.assert_array_equal(g, a)


def test_error_if_nonfinite_lets_finite_gradients_pass():
    params = parameters([np.array([30.0, 40.0])])
    assert clip_grad_norm(params, 1.0, error_if_nonfinite=True) == pytest.approx(50)


def test_clipping_values_brings_infinity_back_and_leaves_nan():
    params = parameters([np.array([np.inf, -np.inf, np.nan, 0.1])])
    clip_grad_value(params, 2.0)
    np.testing.assert_array_equal(grads(params)[0], [2, -2, np.nan, 0.1])


# refusals


@pytest.mark.parametrize("clip, limit", [(clip_grad_norm, "max_norm"), (clip_grad_value, "max_abs")])
@pytest.mark.parametrize("bad", [0, -1.0, np.nan, "1", None])
def test_a_limit_is_above_zero(clip, limit, bad):
    params = parameters([np.array([3.0])])
    with pytest.raises(ValueError, match=f"{clip.__name__}: {limit} must be a number above 0, got"):
        clip(params, bad)
    assert grads(params)[0] == [3.0]


@pytest.mark.parametrize("clip", [clip_grad_norm, clip_grad_value])
def test_parameters_are_checked(clip):
    (p,) = parameters([np.array([3.0])])
    for params, error, message in [
        (p, TypeError, "expected an iterable of Tensors, got a single Tensor"),
        ([p, "w"], TypeError, "expected Tensors, got str as parameter 1"),
        ([p, p], ValueError, "parameters 0 and 1 are the same Tensor; pass each one once"),
    ]:
        with pytest.raises(error, match=f"{clip.__name__}: {message}"):
            clip(params, 1.0)
    assert grads([p])[0] == [3.0]
