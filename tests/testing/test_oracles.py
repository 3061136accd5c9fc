"""The oracles on functions whose derivatives are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.testing.oracles import complex_step, derivative, differences, direction, one_sided, scale_of, settled

WIDE, NARROW = 2.0**-52, 2.0**-23
SMOOTH = {
    "sin": (np.sin, np.cos),
    "exp": (np.exp, np.exp),
    "cube": (lambda x: x**3, lambda x: 3 * x**2),
    "line": (lambda x: 2 * x + 1e3, lambda x: 2 + 0 * x),
}
smooth = pytest.mark.parametrize(("f", "slope"), SMOOTH.values(), ids=SMOOTH)
points = st.floats(-3, 3, allow_subnormal=False)


def total(ys):
    return np.array([sum(float(np.sum(y)) for y in ys)])


def of(f):
    return lambda xs: [f(x) for x in xs]


def central(f, x, v, epsilon=WIDE):
    size = np.array([np.abs(f(x)).sum() + np.abs(x).sum()])
    return size, differences(of(f), [x], [v], total, size, epsilon)


@smooth
@given(x=points)
def test_complex_step_is_exact(f, slope, x):
    (found,) = complex_step(of(f), [np.array(x)], [np.array(0.7)])
    np.testing.assert_allclose(found, 0.7 * slope(x), rtol=1e-15, atol=1e-30)


@smooth
@given(x=points)
def test_differences_are_within_their_own_bound(f, slope, x):
    size, found = central(f, np.array(x), np.array(0.7))
    assert abs(found.value[0] - 0.7 * slope(x)) <= found.error[0] <= 1e-8 * (size[0] + 1)


@pytest.mark.parametrize("frequency", [1e2, 1e4, 1e6])
def test_the_step_is_found_whatever_the_scale(frequency):
    _, found = central(lambda x: np.sin(frequency * x), np.array(0.3), np.array(1.0))
    assert abs(found.value[0] - frequency * np.cos(frequency * 0.3)) <= found.error[0] <= 1e-5 * frequency


@given(x=points)
def test_differences_of_a_float32_function_know_its_rounding(x):
    _, found = central(lambda x: np.sin(np.float32(x)), np.array(x), np.array(1.0), NARROW)
    assert abs(found.value[0] - np.cos(x)) <= found.error[0] <= 3e-2


def test_few_evaluations_where_all_is_smooth():
    calls = []
    differences(
        lambda xs: calls.append(xs) or [np.sin(x) for x in xs], [np.ones(3)], [np.ones(3)], total, np.ones(1), WIDE
    )
    assert len(calls) == 8


@pytest.mark.parametrize("distance", [1e-2, 1e-4, 1e-6])
@pytest.mark.parametrize("side", [-1, 1])
def test_steps_shrink_past_a_kink_nearby(side, distance):
    _, found = central(lambda x: np.maximum(x, 0), np.array(side * distance), np.array(1.0))
    assert abs(found.value[0] - (side > 0)) <= found.error[0] <= 1e-5


def test_differences_say_that_they_do_not_settle_at_a_jump():
    _, found = central(np.sign, np.array(0.0), np.array(1.0))
    assert not settled(found.error, found.scale, WIDE).any()


def test_what_is_not_finite_does_not_settle():
    _, found = central(lambda x: x * np.nan, np.array(1.0), np.array(1.0))
    assert found.error[0] == np.inf and np.isnan(found.value[0])


def test_a_function_that_refuses_complex_numbers_has_no_complex_step():
    assert complex_step(lambda xs: [np.array(float(xs[0]))], [np.array(1.0)], [np.array(1.0)]) is None
    assert complex_step(lambda xs: [xs[0].astype(float)], [np.array(1.0)], [np.array(1.0)]) is None  # drops a part


@pytest.mark.parametrize("f", [np.abs, np.real, lambda x: np.sign(x) * x], ids=["abs", "real", "sign"])
def test_the_complex_step_is_believed_only_if_differences_bear_it_out(f):
    x = np.array(-2.0)
    found = derivative(of(f), [x], [np.array(1.0)], total, np.array([4.0]), WIDE, analytic=True)
    expected = 1.0 if f is np.real else -1.0
    assert abs(found.value[0] - expected) < 1e-9 and found.how == "central differences"


def test_the_complex_step_is_taken_where_differences_cannot_settle():
    step = lambda x: np.where(np.real(x) > 0, 3 * x, x - 1)  # noqa: E731 (jumps right behind x)
    found = derivative(of(step), [np.array(1e-13)], [np.array(1.0)], total, np.ones(1), WIDE, analytic=True)
    assert found.value[0] == pytest.approx(3) and found.how == "complex step"


@given(x=points)
def test_one_sided_slopes_of_a_smooth_function_agree(x):
    (ahead,), (behind,) = one_sided(of(np.sin), [np.array(x)], [np.array(1.0)], WIDE)
    assert abs(ahead - np.cos(x)) < 1e-8 and abs(behind - np.cos(x)) < 1e-8


def test_one_sided_slopes_differ_at_a_kink():
    ahead, behind = one_sided(of(np.abs), [np.zeros(2)], [np.array([1.0, -0.5])], WIDE)
    np.testing.assert_allclose((ahead[0], behind[0]), ([1, 0.5], [-1, -0.5]))


@given(st.integers(0, 2**32 - 1))
def test_no_entry_of_a_direction_is_tiny(seed):
    v = np.abs(direction(np.random.default_rng(seed), (3, 2)))
    assert v.shape == (3, 2) and np.all((v >= 0.5) & (v <= 1))


def test_scale_is_each_entrys_own_or_a_tenth_of_the_largest():
    np.testing.assert_array_equal(scale_of(np.array([-20.0, 1.0, 0.0])), [20, 2, 2])
    np.testing.assert_array_equal(scale_of(np.zeros(2)), [0.1, 0.1])
    np.testing.assert_array_equal(scale_of(np.array([np.nan, np.inf, 2.0])), [0, 0, 2])
    assert scale_of(np.zeros((0, 3))).shape == (0, 3)
