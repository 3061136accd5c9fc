"""check_gradients: right gradients pass, at kinks as well; wrong ones do not, however little they are off."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.domain import NONZERO
from minigrad.graph import Primitive
from minigrad.random import generator
from minigrad.testing import GradientError, check_gradients
from models import GRU, LSTM

ALL = ("direction", "dot", "jacobian")
seeds = st.integers(0, 2**32 - 1)
shapes = st.lists(st.integers(0, 3), max_size=3).map(tuple)


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def op(forward, rule, **facts):
    """A primitive that is not registered."""
    return Primitive(forward, rule, **facts).apply


def sine(x, /):
    return np.sin(x)


def ramp(x, /):
    return np.maximum(x, 0)


def pair(a, b, /):
    return a * b


# right gradients pass


RIGHT = {
    "elementwise": lambda x: mg.tanh(x) * mg.exp(-x * x) + mg.sigmoid(x) / (2 + mg.sin(x)),
    "not analytic": lambda x: mg.gelu(x) + mg.erf(x),
    "linear": lambda x: 3 * x - 1,
    "constant": lambda x: mg.where(False, x, 2.0) + 1.0,
    "sum": lambda x: x.sum(),
    "itself": lambda x: x,
    "kinks": lambda x: mg.abs(mg.relu(x) - mg.maximum(x, 0.5)) + mg.clip(x, -0.3, 0.3),
    "by hand": lambda x: mg.where(x > 0, x * x, -0.1 * x),
    "in float32": lambda x: mg.tanh(mg.astype(x, np.float32)),
    "several": lambda x: (x * x, {"a": [mg.sin(x), mg.argmax(x.flatten()) if x.size else None]}),
    "random": lambda x: mg.functional.dropout(x, 0.5),
    "refuses complex": lambda x: mg.functional.l1_loss(x, np.full(x.shape, 0.2), reduction="none"),
    "checkpointed": lambda x: mg.checkpoint(lambda x: mg.tanh(x) * x, x),
}


@pytest.mark.parametrize("f", RIGHT.values(), ids=RIGHT)
@given(seeds, shapes)
def test_right_gradients_pass(f, seed, shape):
    check_gradients(f, normal(seed, *shape), order=2, modes=ALL)


@pytest.mark.parametrize("f", RIGHT.values(), ids=RIGHT)
@pytest.mark.parametrize("value", [0.0, 0.3, 0.5, 1e-3, -1e-6, 1e-9, 1e-14])
def test_right_gradients_pass_at_kinks_and_near_them(f, value):
    check_gradients(f, np.full((2, 2), value), order=2)
    check_gradients(f, np.array([value, -value, 0.0, 0.7]), order=2, modes=ALL)


KINKED = {
    "ties": (lambda x: mg.max(x, axis=-1), np.ones((2, 3))),
    "ties of some": (lambda x: mg.min(x * x, axis=0), np.array([[1.0, 2.0], [-1.0, 3.0]])),
    "convex and concave": (lambda x: 2 * mg.relu(x) - mg.abs(x), np.zeros(3)),
    "smooth in all": (lambda x: mg.relu(x) - mg.relu(-x), np.zeros(3)),
    "constant tie": (lambda x: mg.relu(mg.where(np.array([True, False]), x, 0)), np.array([1.0, 2.0])),
    "pooling": (lambda x: mg.max_pool2d(x, 2), np.zeros((1, 1, 4, 4))),
    "large": (mg.relu, normal(0, 50_000)),
}


@pytest.mark.parametrize(("f", "x"), KINKED.values(), ids=KINKED)
def test_a_right_gradient_is_not_called_wrong_at_a_kink(f, x):
    check_gradients(f, x, order=2)


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1e3, 1e6])
@given(seed=seeds)
def test_scale_does_not_matter(scale, seed):
    x = scale * np.abs(normal(seed, 5)) + 0.1 * scale
    check_gradients(lambda x: mg.log(x) * x + mg.sqrt(x), x, order=2)
    check_gradients(lambda x: scale * mg.tanh(x / scale), x, order=2, modes=ALL)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: mg.exp(x) - mg.exp(1.0 * x),
        lambda x: mg.log(x + 4) / mg.log(4 + x),
        lambda x: (x + 1e8) - 1e8,
        lambda x: mg.functional.softmax(x).sum(),
    ],
    ids=["difference", "quotient", "large in between", "softmax"],
)
@given(seed=seeds)
def test_what_cancels_is_judged_by_what_it_is_made_of(f, seed):
    check_gradients(f, np.tanh(normal(seed, 2, 3)), order=2)


@pytest.mark.parametrize(
    "f", [lambda x: x * x * x, mg.prod, lambda x: mg.sin(x) - x, lambda x: 0 * x, lambda x: mg.abs(x) * x * x]
)
def test_where_everything_is_zero(f):
    check_gradients(f, np.zeros((2, 2)), order=2, modes=ALL)


def test_a_cast_to_float64_on_the_way_does_not_make_float32_inputs_finer():
    check_gradients(lambda x: mg.tanh(x.astype(np.float64)), normal(0, 3).astype(np.float32), order=2)


def test_entries_of_very_different_sizes():
    check_gradients(mg.log, np.array([1e-7, 1e-2, 1.0, 1e3]), order=2)


@pytest.mark.parametrize("net", [LSTM(3, 2, num_layers=2), GRU(3, 2, bidirectional=True)], ids=["lstm", "gru"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_network_is_checked_with_its_parameters_and_left_as_it_was(net, dtype):
    before = {name: p.array for name, p in net.named_parameters()}
    nodes = [p.node for p in net.parameters()]
    check_gradients(net, normal(0, 2, 3, 3).astype(dtype), order=2)
    for name, p in net.named_parameters():
        assert p.array is before[name]
    assert [p.node for p in net.parameters()] == nodes


def test_parameters_that_a_function_closes_over():
    net, x = mg.nn.Linear(3, 2), normal(0, 4, 3)
    for given_as in (net, list(net.parameters()), net.parameters()):
        check_gradients(lambda: mg.tanh(net(x)), parameters=given_as, order=2)
    w = mg.tensor(np.ones(3), requires_grad=True)
    wrong = op(sine, lambda g, y, x: g)
    with pytest.raises(GradientError, match="sine"):
        check_gradients(lambda x: wrong(w) * x, normal(1, 3), parameters=[w])
    check_gradients(lambda x: wrong(w) * x, normal(1, 3))  # not asked for: w is a constant
    np.testing.assert_array_equal(w.numpy(), np.ones(3))


class Pair(NamedTuple):
    h: mg.Tensor
    c: mg.Tensor


def test_inputs_may_be_trees_tensors_and_numbers_and_all_else_is_passed_on():
    def f(tree, number, index, flag):
        assert isinstance(tree["pair"], Pair) and flag == "yes" and index.dtype == np.int64
        return mg.take(tree["pair"].h, index) * tree["list"][0] + number * tree["pair"].c.sum()

    tree = {"pair": Pair(mg.tensor(normal(0, 4)), normal(1, 3)), "list": [normal(2, 2)]}
    check_gradients(f, tree, 0.5, np.array([1, 3]), "yes", order=2, modes=ALL)


def test_the_random_state_is_left_as_it_was():
    before = generator().bit_generator.state
    check_gradients(RIGHT["random"], normal(0, 4), order=2)
    assert generator().bit_generator.state == before


def test_the_cost_does_not_grow_with_the_input():
    counts = []
    for n in (1, 1000):
        counts.append(0)

        def counted(x):
            counts[-1] += 1
            return mg.tanh(x)

        check_gradients(counted, normal(0, n))
    assert counts[0] == counts[1] <= 14


def test_a_long_chain():
    def chain(x):
        for _ in range(10_000):
            x = mg.sin(x)
        return x

    check_gradients(chain, np.array(0.5))


# wrong gradients do not


@given(
    seed=seeds,
    shape=st.lists(st.integers(1, 3), max_size=3).map(tuple),
    error=st.floats(1e-6, 1e3),
    sign=st.sampled_from([-1, 1]),
)
def test_a_factor_however_near_to_one_is_found(seed, shape, error, sign):
    wrong = op(sine, lambda g, y, x: g * mg.cos(x) * (1 + sign * error))
    with pytest.raises(GradientError, match="`sine`"):
        check_gradients(lambda x: mg.exp(wrong(x)), 0.3 * normal(seed, *shape))


@given(seed=seeds, entry=st.integers(0, 29))
def test_one_wrong_entry_is_found_and_named(seed, entry):
    mask = np.ones(30)
    mask[entry] = 0.9
    wrong = op(sine, lambda g, y, x: g * mg.cos(x) * mask.reshape(x.shape))
    with pytest.raises(GradientError, match=rf"at index \[{entry // 10}, {entry % 10}\]"):
        check_gradients(wrong, 0.3 * normal(seed, 3, 10))


@pytest.mark.parametrize("value", [1.0, -1.0, 1e-4, -1e-4, 1e-9, 0.0])
@pytest.mark.parametrize(
    "rule",
    [
        lambda g, y, x: mg.where(x > 0, 0, g),  # the other side's
        lambda g, y, x: mg.where(x > 0, 1.01 * g, 0),
        lambda g, y, x: mg.where(x > 0, g, 0.01 * g),
        lambda g, y, x: g,
    ],
)
def test_a_wrong_slope_beside_a_kink_is_found_from_wherever(rule, value):
    wrong = op(ramp, rule, domain=NONZERO, analytic=False)
    with pytest.raises(GradientError, match="`ramp`"):
        check_gradients(lambda x: mg.tanh(wrong(x)), np.array([value, -value]))


@pytest.mark.parametrize("at_zero", [-0.5, 1.5, np.nan])
def test_at_a_kink_only_slopes_between_the_two_sides_pass(at_zero):
    def rule(of_zero):
        return lambda g, y, x: mg.where(mg.equal(x, 0), of_zero * g, mg.where(x > 0, g, 0))

    x = np.array([0.0, 1.0, 0.0, -1.0])
    with pytest.raises(GradientError, match=r"`ramp` .* at index \[[02]\]"):
        check_gradients(op(ramp, rule(at_zero), analytic=False), x)
    for valid in (0, 0.5, 1):
        check_gradients(op(ramp, rule(valid), analytic=False), x)


def test_a_tie_that_pays_twice_is_found():
    def larger(a, b, /):
        return np.maximum(a, b)

    wrong = op(larger, lambda g, y, a, b: (mg.where(a >= b, g, 0), mg.where(b >= a, g, 0)), analytic=False)
    with pytest.raises(GradientError, match="`larger`"):
        check_gradients(lambda x: wrong(x, x * 1), np.array([1.0, 2.0, 3.0]))


def test_an_error_of_the_jacobian_alone():
    """A direction sees a sum; the Jacobian, every entry."""
    wrong = op(sine, lambda g, y, x: g * mg.cos(x) + 1e-5 * g)
    with pytest.raises(GradientError, match="sine"):
        check_gradients(wrong, normal(0, 3), modes="jacobian")


def test_a_rule_that_is_not_recorded_is_found_by_the_dot_product():
    wrong = op(sine, lambda g, y, x: np.asarray(g) * np.cos(np.asarray(x)))
    check_gradients(wrong, normal(0, 3), modes="direction")
    with pytest.raises(GradientError, match=r"`sine`.*: vjp .*, jvp 0"):
        check_gradients(wrong, normal(0, 3), modes="dot")


def test_a_rule_that_is_right_only_once_is_found_at_order_2():
    wrong = op(sine, lambda g, y, x: g * np.cos(np.asarray(x)))
    check_gradients(lambda x: mg.exp(wrong(x)), normal(0, 3))
    with pytest.raises(GradientError, match="second derivative of `sine`"):
        check_gradients(lambda x: mg.exp(wrong(x)), normal(0, 3), order=2)


def test_a_rule_that_raises():
    def rule(g, y, x):
        raise ValueError("no idea")

    with pytest.raises(GradientError, match=r"gradient of `sine` cannot be computed.*ValueError: no idea"):
        check_gradients(lambda x: op(sine, rule)(mg.exp(x)), normal(0, 3))


def test_a_wrong_gradient_in_float32_only():
    def rule(g, y, x):
        return g * mg.cos(x) * (1.01 if x.dtype == np.float32 else 1)

    check_gradients(op(sine, rule), normal(0, 3))
    with pytest.raises(GradientError, match="right in float64, but not in float32"):
        check_gradients(op(sine, rule), normal(0, 3).astype(np.float32))


OUTSIDE = {
    "numpy": lambda x: x * mg.tensor(np.tanh(x.numpy())),
    "abs of numpy": lambda x: x * mg.tensor(np.abs(x.numpy())),  # the complex step would miss it
    "detach": lambda x: x * x.detach(),
    "no_grad": lambda x: x * mg.no_grad()(mg.tanh)(x),
}


@pytest.mark.parametrize("f", OUTSIDE.values(), ids=OUTSIDE)
def test_what_is_computed_outside_of_the_graph_is_found(f):
    with pytest.raises(GradientError, match=r"gradient of f is wrong for input 0(.|\n)*outside of the graph"):
        check_gradients(f, normal(0, 2, 3) + 3)


# what cannot be judged


def test_a_function_that_changes():
    calls = []
    with pytest.raises(GradientError, match=r"output 0 was another when f was called again.*generator"):
        check_gradients(lambda x: calls.append(1) or x * len(calls), normal(0, 3))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite(value):
    with pytest.raises(GradientError, match=r"NaN or infinite(.|\n)*begins in `log`: %1 = log\(%0\)"):
        check_gradients(lambda x: mg.tanh(mg.log(x)) * value, np.array([1.0, -1.0]))
    with pytest.raises(GradientError, match=r"NaN or infinite(.|\n)*in an input"):
        check_gradients(lambda x: x * 2, np.array([1.0, value]))


def test_an_input_may_be_nan_where_it_does_not_matter():
    check_gradients(lambda x: mg.where(np.array([True, False]), x, 0), np.array([1.0, np.nan]), order=2)


def test_a_function_that_jumps_everywhere():
    noise = np.random.default_rng(0)
    table = {}

    def f(x):
        return mg.abs(x) * 0 + table.setdefault(x.numpy().tobytes(), noise.standard_normal())

    with pytest.raises(GradientError, match=r"cannot be judged(.|\n)*do not settle"):
        check_gradients(f, np.array([0.3]), modes="direction")


# what is refused


@pytest.mark.parametrize("order", [0, 3, "2", None])
def test_unknown_order(order):
    with pytest.raises(ValueError, match="expected order 1 or 2"):
        check_gradients(mg.tanh, 1.0, order=order)


@pytest.mark.parametrize("modes", ["full", (), ("direction", "complex")])
def test_unknown_modes(modes):
    with pytest.raises(ValueError, match="expected modes out of 'direction', 'dot', 'jacobian', got"):
        check_gradients(mg.tanh, 1.0, modes=modes)


def test_nothing_to_differentiate_for():
    with pytest.raises(TypeError, match="expected an input of floats"):
        check_gradients(mg.tanh, np.arange(3))


@pytest.mark.parametrize(("f", "found"), [(lambda x: x.numpy(), "ndarray"), (lambda x: [x, 1.0], "float")])
def test_a_function_that_does_not_return_tensors(f, found):
    with pytest.raises(TypeError, match=f"expected f to return a Tensor.*got {found}"):
        check_gradients(f, normal(0, 3))


def test_a_function_of_integers():
    with pytest.raises(TypeError, match="expected f to return a Tensor of floats, got"):
        check_gradients(mg.argmax, normal(0, 3))


@pytest.mark.parametrize("parameters", [[np.ones(2)], [mg.tensor([1.0], requires_grad=True) * 2]])
def test_parameters_that_are_no_leaves(parameters):
    with pytest.raises(TypeError, match="parameters: expected a Module or leaf Tensors"):
        check_gradients(mg.tanh, 1.0, parameters=parameters)


def test_an_error_of_the_function_itself_comes_through():
    with pytest.raises(ValueError, match="matmul: "):
        check_gradients(mg.matmul, normal(0, 2, 3), normal(0, 2, 3))
