"""Every registered primitive, driven by the registry: value, first and second derivative, dtypes, plain data."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.graph import Primitive, registry
from tests.ops.cases import FORMULAS, SETTINGS, TABLE, Case, calls, outputs_of
from tests.ops.oracles import complex_step, differences, direction

NAMES = sorted(registry)
DIFFERENTIABLE = [name for name in NAMES if registry[name].rule]
OPS = {
    op.primitive.name: op
    for module in [m for key, m in sorted(sys.modules.items()) if key.startswith("minigrad")]
    for op in vars(module).values()
    if isinstance(getattr(op, "primitive", None), Primitive)
}
every_primitive = pytest.mark.parametrize("name", NAMES)
every_differentiable = pytest.mark.parametrize("name", DIFFERENTIABLE)


@every_primitive
def test_is_tested(name):
    primitive = registry[name]
    if name in TABLE:
        return
    assert primitive.pointwise, f"{name} is not pointwise: say in tests/ops/cases.py how to call it"
    assert name in FORMULAS or hasattr(np, name), f"NumPy has no {name}: give its formula in tests/ops/cases.py"
    unset = [setting for setting in primitive.setting_names if (name, setting) not in SETTINGS]
    assert not unset, f"{name}: say in tests/ops/cases.py what to draw for {unset}"


def test_no_case_without_primitive():
    assert {*TABLE, *FORMULAS, *(name for name, _ in SETTINGS)} <= registry.keys()


# values


@every_primitive
@given(st.data())
def test_value_is_numpys(name, data):
    case = data.draw(calls(name, np.float32, np.float64))
    expected = case.expected
    for actual in (
        call(case),
        call(case, mg.tensor),
        call(case, lambda x: mg.tensor(x, requires_grad=x.dtype.kind == "f")),
    ):
        assert len(actual) == len(expected)
        for y, e in zip(actual, expected):
            assert y.dtype == e.dtype and y.shape == e.shape
            np.testing.assert_allclose(np.asarray(y), e, **tolerance(case, e.dtype))


@every_primitive
@given(st.data())
def test_arrays_give_arrays_and_tensors_the_same_tensors(name, data):
    case = data.draw(calls(name, np.float32, np.float64))
    for array, t in zip(call(case), call(case, mg.Tensor)):
        assert isinstance(array, np.ndarray | np.generic) and isinstance(t, mg.Tensor)
        np.testing.assert_array_equal(array, t.numpy(), strict=isinstance(array, np.ndarray))
        assert not t.requires_grad


@every_primitive
@given(st.data())
def test_integers_flow_through_as_data(name, data):
    case = data.draw(calls(name, np.int32, np.int64))
    try:
        expected = case.expected
    except (TypeError, ValueError) as refused:  # integers to negative powers, say
        with pytest.raises(type(refused), match=f"^{name}: "):
            call(case, mg.tensor)
        return
    for y, e in zip(call(case, mg.tensor), expected):
        assert y.dtype == e.dtype and not y.requires_grad
        np.testing.assert_allclose(y.numpy(), e, **tolerance(case, np.float32 if e.dtype == np.float32 else np.float64))


# derivatives


@every_differentiable
@given(st.data())
def test_gradient(name, data):
    case = data.draw(calls(name, np.float64))
    wanted = chosen(case, data)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    weights, vs = weights_for(case, rng), [direction(rng, case.inputs[i].shape) for i in wanted]
    derivative = complex_step if case.primitive.analytic else differences
    expected = derivative(lambda xs: weighted(forward(case, wanted, xs), weights), [case.inputs[i] for i in wanted], vs)
    gradients = gradients_of(case, wanted, weights)
    size = sum(np.sum(np.abs(g * v)) for g, v in zip(gradients, vs)) + weighted(
        map(np.abs, call(case)), weights, np.abs
    )
    actual = sum(np.sum(g * v) for g, v in zip(gradients, vs))
    assert abs(actual - expected) <= (1e-13 if derivative is complex_step else 1e-11) * size + 1e-15


@every_differentiable
@given(st.data())
def test_second_derivative(name, data):
    """Of a curved function of the outputs, so that linear ops have one, too."""
    case = data.draw(calls(name, np.float64))
    wanted = chosen(case, data)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    weights = weights_for(case, rng)
    us, vs = ([direction(rng, case.inputs[i].shape) for i in wanted] for _ in range(2))

    def slope(xs):
        moved = Case(case.primitive, replaced(case.inputs, wanted, xs), case.settings)
        return weighted(gradients_of(moved, wanted, weights, curved), us)

    expected = differences(slope, [case.inputs[i] for i in wanted], vs)
    leaves, gradients = recorded_gradients(case, wanted, weights, curved)
    total = weighted(gradients, us)
    for leaf in leaves:
        leaf.grad = None
    if getattr(total, "requires_grad", False):
        total.backward()
    hessian_us = [np.zeros(x.shape) if x.grad is None else x.grad.numpy() for x in leaves]
    size = sum(np.sum(np.abs(h * v)) for h, v in zip(hessian_us, vs))
    size += weighted([np.abs(g.numpy()) for g in gradients], us, np.abs)
    actual = sum(np.sum(h * v) for h, v in zip(hessian_us, vs))
    assert abs(actual - expected) <= 1e-10 * size + 1e-15


@every_differentiable
@given(st.data())
def test_recorded_gradient_is_the_same(name, data):
    case = data.draw(calls(name, np.float32, np.float64))
    wanted = chosen(case, data)
    weights = weights_for(case, np.random.default_rng(0))
    plain = gradients_of(case, wanted, weights)
    _, recorded = recorded_gradients(case, wanted, weights)
    for i, a, b in zip(wanted, plain, recorded):
        np.testing.assert_allclose(a, b.numpy(), **tolerance(case, np.result_type(a, b.numpy())))
        assert a.dtype == b.dtype == case.inputs[i].dtype and a.shape == b.shape == case.inputs[i].shape


@pytest.mark.parametrize("name", [n for n in NAMES if not registry[n].rule])
@given(st.data())
def test_no_gradient_passes(name, data):
    case = data.draw(calls(name, np.float64))
    assert not any(y.requires_grad for y in call(case, lambda x: mg.tensor(x, requires_grad=True)))


# how a case is run


def call(case, convert=lambda x: x):
    """The outputs of the public op (or of the primitive, where the op takes its inputs in another form)."""
    op = OPS[case.primitive.name]
    return outputs_of(op(*map(convert, case.inputs), **case.settings))


def forward(case, wanted, xs):
    return outputs_of(case.primitive.forward(*replaced(case.inputs, wanted, xs), **case.settings))


def replaced(inputs, places, xs):
    """`inputs` with others at some places."""
    found = dict(zip(places, xs))
    return tuple(found.get(i, x) for i, x in enumerate(inputs))


def chosen(case, data):
    """Some of the inputs that can carry a gradient; the others stay arrays."""
    able = case.differentiable
    return sorted(data.draw(st.sets(st.sampled_from(able), min_size=1))) if able else []


def weights_for(case, rng):
    return [rng.uniform(-1, 1, np.shape(y)) for y in call(case)]


def weighted(ys, weights, of_weight=lambda w: w):
    """The sum over all outputs of weight times entry: one number, whose gradient is asked for."""
    return sum((y * of_weight(w)).sum() for y, w in zip(ys, weights))


def curved(ys, weights):
    return weighted([y + y * y / 2 for y in ys], weights)


def recorded(case, wanted):
    leaves = [mg.tensor(case.inputs[i], requires_grad=True) for i in wanted]
    moved = Case(case.primitive, replaced(case.inputs, wanted, leaves), case.settings)
    return leaves, call(moved)


def gradients_of(case, wanted, weights, total=weighted):
    """The gradient of the weighted outputs for the wanted inputs, as arrays."""
    leaves, ys = recorded(case, wanted)
    if leaves and ys:
        total(ys, weights).backward()
    return [np.zeros(x.shape, x.dtype) if x.grad is None else x.grad.numpy() for x in leaves]


def recorded_gradients(case, wanted, weights, total=weighted):
    leaves, ys = recorded(case, wanted)
    if leaves and ys:
        total(ys, weights).backward(create_graph=True)
    return leaves, [mg.tensor(np.zeros(x.shape, x.dtype)) if x.grad is None else x.grad for x in leaves]


def tolerance(case, dtype):
    """A few units in the last place of the largest number that went into a result."""
    if np.dtype(dtype).kind != "f":
        return {"rtol": 0, "atol": 0}
    largest = max((float(np.max(np.abs(x), initial=1)) for x in case.inputs), default=1)
    epsilon = np.finfo(np.float32 if any(x.dtype == np.float32 for x in case.inputs) else dtype).eps
    return {"rtol": 100 * epsilon, "atol": 100 * epsilon * largest}
