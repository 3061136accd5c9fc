"""Ties, kinks, powers of zero, mixed dtypes: what the registry's smooth domains leave out."""

import numpy as np
import pytest

import minigrad as mg

NAN, INF = np.nan, np.inf


def slopes(f, *arrays):
    """The gradient of the sum of f for each argument."""
    xs = [mg.tensor(np.asarray(a, np.float64), requires_grad=True) for a in arrays]
    f(*xs).sum().backward()
    return [x.grad.numpy().tolist() for x in xs]


@pytest.mark.parametrize("op", [mg.maximum, mg.minimum])
def test_a_tie_is_shared_equally(op):
    assert slopes(op, [2.0, 2.0], [2.0, 2.0]) == [[0.5, 0.5], [0.5, 0.5]]
    assert slopes(op, [0.0], [-0.0]) == [[0.5], [0.5]]
    assert slopes(lambda a, b: 3 * op(a, b), [1.0], [1.0]) == [[1.5], [1.5]]


def test_the_winner_takes_the_gradient():
    assert slopes(mg.maximum, [1.0, 3.0], [2.0, 2.0]) == [[0.0, 1.0], [1.0, 0.0]]
    assert slopes(mg.minimum, [1.0, 3.0], [2.0, 2.0]) == [[1.0, 0.0], [0.0, 1.0]]


def test_a_tie_with_a_number_passes_half():
    assert slopes(lambda x: mg.maximum(x, 0.0), [-1.0, 0.0, 1.0]) == [[0.0, 0.5, 1.0]]


@pytest.mark.parametrize("op", [mg.maximum, mg.minimum])
def test_nan_wins(op):
    assert np.isnan(op(mg.tensor([NAN, 1.0]), mg.tensor([1.0, NAN])).numpy()).all()


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        (mg.abs, [-1.0, 0.0, 1.0]),
        (mg.sign, [0.0, 0.0, 0.0]),
        (mg.relu, [0.0, 0.0, 1.0]),
        (mg.leaky_relu, [0.01, 0.01, 1.0]),
        (lambda x: mg.leaky_relu(x, 0.3), [0.3, 0.3, 1.0]),
        (lambda x: mg.leaky_relu(x, negative_slope=-2.0), [-2.0, -2.0, 1.0]),
    ],
)
def test_slope_at_zero(op, expected):
    assert slopes(op, [-2.0, 0.0, 2.0]) == [expected]


def test_clip_passes_at_its_bounds_and_inside():
    assert slopes(lambda x: mg.clip(x, -1, 2), [-1.5, -1.0, 0.0, 2.0, 2.5]) == [[0.0, 1.0, 1.0, 1.0, 0.0]]
    assert slopes(lambda x: x.clip(min=0.0), [-1.0, 0.0, 5.0]) == [[0.0, 1.0, 1.0]]
    assert slopes(lambda x: x.clip(max=0.0), [-1.0, 0.0, 5.0]) == [[1.0, 1.0, 0.0]]


def test_where_has_no_gradient_for_its_condition():
    condition = mg.tensor([1.0, 0.0], requires_grad=True)
    a, b = mg.tensor([3.0, 4.0], requires_grad=True), mg.tensor(5.0, requires_grad=True)
    y = mg.where(condition, a, b)
    y.sum().backward()
    assert y.numpy().tolist() == [3.0, 5.0]
    assert condition.grad is None
    assert (a.grad.numpy().tolist(), b.grad.item()) == ([1.0, 0.0], 1.0)


def test_where_sums_the_gradient_of_what_it_stretches():
    a, b = mg.tensor(5.0, requires_grad=True), mg.tensor([[3.0], [4.0]], requires_grad=True)
    y = mg.where([True, False, True], a, b)
    (y * [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).sum().backward()
    assert (a.grad.numpy().tolist(), b.grad.numpy().tolist()) == (14.0, [[2.0], [5.0]])


def test_where_keeps_nan_out_of_the_gradient_of_the_other_branch():
    x = mg.tensor([0.0, 4.0], requires_grad=True)
    safe = mg.where(x > 0, x, 1.0)
    mg.where(x > 0, mg.sqrt(safe), 0.0).sum().backward()
    assert x.grad.numpy().tolist() == [0.0, 0.25]


@pytest.mark.parametrize(
    ("exponent", "slope"), [(0.0, [0.0, 0.0]), (1.0, [1.0, 1.0]), (2.0, [0.0, -4.0]), (3.0, [0.0, 12.0])]
)
def test_power_at_zero_and_below(exponent, slope):
    assert slopes(lambda x: x**exponent, [0.0, -2.0]) == [slope]
    assert slopes(lambda x: x ** int(exponent), [0.0, -2.0]) == [slope]


def test_power_of_what_has_no_reciprocal():
    assert slopes(lambda x: x ** mg.tensor([0.0, 0.0, 0.0]), [0.0, 5e-324, -5e-324]) == [[0.0, 0.0, 0.0]]


def test_power_of_zero_has_slope_zero_for_the_exponent():
    assert slopes(lambda b: mg.power(0.0, b), [2.0, 0.5]) == [[0.0, 0.0]]
    assert slopes(mg.power, [0.0], [0.0]) == [[0.0], [0.0]]


@pytest.mark.parametrize("exponent", [0, 1, 2, 3])
def test_second_slope_of_a_power_at_zero(exponent):
    second = mg.grad(mg.grad(lambda x: x**exponent))
    assert second(np.float64(0.0)).item() == (2.0 if exponent == 2 else 0.0)


def test_numbers_do_not_widen_float32():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    y = 2 * x + 1.5 - x / 3 + 2.0**x + x**2 + mg.maximum(x, 0.5) + mg.clip(x, 0.0, 1.5) + mg.where(x > 1, x, 0.0)
    assert y.dtype == np.float32
    y.sum().backward()
    assert x.grad.dtype == np.float32


def test_numbers_on_the_left():
    x = mg.tensor([2.0, 4.0])
    np.testing.assert_array_equal((1 - x).numpy(), [-1, -3])
    np.testing.assert_array_equal((8 / x).numpy(), [4, 2])
    np.testing.assert_array_equal((2**x).numpy(), [4, 16])
    np.testing.assert_array_equal((np.float32(3) * x).numpy(), [6, 12])
    np.testing.assert_array_equal((np.array([1, 2], np.float32) - x).numpy(), [-1, -2])
    np.testing.assert_array_equal(([5, 6] - x).numpy(), [3, 2])


def test_gradients_pass_by_integers():
    x = mg.tensor([2.0, 3.0], requires_grad=True)
    n = mg.tensor([2, 3])
    (x**n * n * np.array([True, False])).sum().backward()
    assert x.grad.numpy().tolist() == [8.0, 0.0]
    assert n.grad is None and not n.requires_grad


def test_no_gradient_passes_through_integers():
    x = mg.tensor([1.7, 2.2], requires_grad=True)
    y = (x.astype(np.int64) * 1.5 + x * 2).sum()
    assert y.item() == pytest.approx(12.3)
    y.backward()
    assert x.grad.numpy().tolist() == [2.0, 2.0]


def test_astype_takes_the_gradient_back_to_the_dtype_it_came_from():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    wide = x.astype(np.float64)
    (wide * np.array([3.0, 4.0])).sum().backward()
    assert wide.dtype == np.float64 and x.grad.dtype == np.float32
    assert x.grad.numpy().tolist() == [3.0, 4.0]


@pytest.mark.parametrize(
    ("operator", "name"),
    [("__lt__", "less"), ("__le__", "less_equal"), ("__gt__", "greater"), ("__ge__", "greater_equal"),
     ("__eq__", "equal"), ("__ne__", "not_equal")],
)  # fmt: skip
def test_comparisons(operator, name):
    a, b = np.array([1.0, 2.0, 3.0, NAN]), np.array([2.0, 2.0, 2.0, NAN])
    x = mg.tensor(a, requires_grad=True)
    expected = getattr(np, name)(a, b)
    for y in (getattr(x, operator)(b), getattr(x, operator)(mg.tensor(b)), getattr(mg, name)(x, b)):
        assert y.dtype == np.bool_ and not y.requires_grad
        np.testing.assert_array_equal(y.numpy(), expected)
    np.testing.assert_array_equal(getattr(mg, name)(a, b), expected)


def test_isfinite_and_isnan():
    x = mg.tensor([1.0, NAN, INF])
    assert mg.isfinite(x).numpy().tolist() == [True, False, False]
    assert mg.isnan(x).numpy().tolist() == [False, True, False]


# bad input


@pytest.mark.parametrize("op", [mg.add, mg.maximum, mg.power, mg.less])
def test_shapes_that_do_not_broadcast(op):
    a, b = mg.tensor(np.ones((4, 2, 3)), requires_grad=True), mg.tensor(np.ones((2, 4)), requires_grad=True)
    name = op.primitive.name
    with pytest.raises(
        ValueError,
        match=rf"^{name}: shapes \(4, 2, 3\) and \(2, 4\) do not broadcast: axis -1 is 3 against 4;.*reshape",
    ):
        op(a, b)
    with pytest.raises(
        ValueError, match=rf"^{name}: shapes \(2, 3\) and \(3, 3\) do not broadcast: axis -2 is 2 against 3"
    ):
        op(np.ones((2, 3)), np.ones((3, 3)))
    assert a.grad is None and b.grad is None


def test_where_names_all_three_shapes():
    with pytest.raises(
        ValueError, match=r"^where: shapes \(2,\) and \(3,\) and \(\) do not broadcast: axis -1 is 2 against 3"
    ):
        mg.where(mg.tensor([True, False]), mg.tensor([1.0, 2.0, 3.0]), 0.0)


@pytest.mark.parametrize(
    "bad", [np.array(["a", "b"]), np.array([1, None]), "text", None, [{}, {}], np.array(["2020-01-01"], "M8[D]")]
)
def test_objects_and_strings_are_refused(bad):
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    for use in (lambda: x + bad, lambda: bad * x, lambda: mg.tanh(bad), lambda: mg.where(x > 0, x, bad)):
        with pytest.raises(TypeError, match=r"^(add|multiply|tanh|where): expected numbers, got .* of dtype"):
            use()
    assert x.numpy().tolist() == [1.0, 2.0] and x.grad is None


def test_memory_errors_are_not_disguised():
    x = mg.tensor(1.0)
    with pytest.raises(MemoryError):
        x.broadcast_to((2**30, 2**30)) + 1.0
