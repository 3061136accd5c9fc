"""Every registered primitive, driven by the registry: value, first and second derivative, dtypes, plain data."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad as mg
from minigrad.graph import Primitive, registry
from minigrad.testing import check_fused, check_gradients
from minigrad.testing.strategies import recipes
from tests.ops.cases import FORMULAS, INDICES, calls, outputs_of

NAMES = sorted(registry)
DIFFERENTIABLE = [name for name in NAMES if registry[name].rule]
OPS = {
    op.primitive.name: op
    for module in [m for key, m in sorted(sys.modules.items()) if key.startswith("minigrad")]
    for op in vars(module).values()
    if isinstance(getattr(op, "primitive", None), Primitive)
}
POINTWISE = [name for name in DIFFERENTIABLE if registry[name].pointwise]
few = settings(max_examples=settings.default.max_examples // 5)
every_primitive = pytest.mark.parametrize("name", NAMES)
every_differentiable = pytest.mark.parametrize("name", DIFFERENTIABLE)


@every_primitive
def test_is_tested(name):
    drawn = registry[name].pointwise or name in INDICES
    assert name in recipes or drawn, f"{name} is not pointwise: it needs a recipe (minigrad/testing/recipes.py)"
    assert name in FORMULAS or hasattr(np, name), f"NumPy has no {name}: give its formula in tests/ops/cases.py"


def test_no_formula_without_primitive():
    assert {*FORMULAS, *INDICES} <= registry.keys()


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
def test_derivatives_to_second_order(name, data):
    case = data.draw(calls(name, np.float64))
    wanted = chosen(case, data)
    f = lambda *xs: call(case._replace(inputs=replaced(case.inputs, wanted, xs)))  # noqa: E731
    check_gradients(f, *(case.inputs[i] for i in wanted), order=2)


@every_differentiable
@given(st.data())
def test_recorded_gradient_is_the_same(name, data):
    case = data.draw(calls(name, np.float32, np.float64))
    wanted = chosen(case, data)
    weights = weights_for(case, np.random.default_rng(0))
    plain, recorded = (gradients_of(case, wanted, weights, create_graph) for create_graph in (False, True))
    for i, a, b in zip(wanted, plain, recorded):
        np.testing.assert_allclose(a, b, **tolerance(case, np.result_type(a, b)))
        assert a.dtype == b.dtype == case.inputs[i].dtype and a.shape == b.shape == case.inputs[i].shape


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("name", [n for n in POINTWISE if registry[n].arity == 2])
@pytest.mark.parametrize("shape", [(), (3,), (2, 1), (1, 1), (1, 3)])
def test_a_stretched_input_gets_the_sum_of_its_copies(name, place, shape):
    rng = np.random.default_rng(0)
    inputs = [rng.uniform(0.5, 2, (2, 3)) for _ in range(2)]
    inputs[place] = rng.uniform(0.5, 2, shape)
    total = lambda *xs: (OPS[name](*xs) * np.arange(1, 7).reshape(2, 3)).sum()  # noqa: E731
    copies = mg.grad(total, argnums=place)(*np.broadcast_arrays(*inputs)).numpy()
    stretched = tuple(i for i, n in enumerate((1,) * (2 - len(shape)) + shape) if n == 1)
    expected = copies.sum(stretched, keepdims=True).reshape(shape)
    np.testing.assert_allclose(mg.grad(total, argnums=place)(*inputs), expected, rtol=1e-12)


@pytest.mark.parametrize("name", [n for n in NAMES if not registry[n].rule])
@given(st.data())
def test_no_gradient_passes(name, data):
    case = data.draw(calls(name, np.float64))
    assert not any(y.requires_grad for y in call(case, lambda x: mg.tensor(x, requires_grad=True)))


# compiled


def in_floats(name, settings):
    """A pointwise op as a function from floats to floats, with a gradient."""
    op = OPS[name]
    if name == "where":
        return lambda condition, a, b: op(mg.greater(condition, 0.5), a, b)
    if not registry[name].rule:
        return lambda *xs: mg.where(op(*xs, **settings), xs[0], 2.0)
    return lambda *xs: op(*xs, **settings)


@few  # a body is compiled once for each dtype and each choice of settings
@pytest.mark.parametrize("name", [name for name in NAMES if registry[name].pointwise])
@given(st.data())
def test_fused(name, data):
    case = data.draw(calls(name, np.float64))
    check_fused(in_floats(name, case.settings), *(x.astype(np.float64) for x in case.inputs))


# how a case is run


def call(case, convert=lambda x: x):
    """The outputs of the public op (or of the primitive, where the op takes its inputs in another form)."""
    op = OPS[case.primitive.name]
    return outputs_of(op(*map(convert, case.inputs), **case.settings))


def replaced(inputs, places, xs):
    """`inputs` with others at some places."""
    found = dict(zip(places, xs))
    return tuple(found.get(i, x) for i, x in enumerate(inputs))


def chosen(case, data):
    """Some of the inputs that can carry a gradient; the others stay arrays."""
    return sorted(data.draw(st.sets(st.sampled_from(case.differentiable), min_size=1)))


def weights_for(case, rng):
    return [rng.uniform(-1, 1, np.shape(y)) for y in call(case)]


def weighted(ys, weights):
    """The sum over all outputs of weight times entry: one number, whose gradient is asked for."""
    return sum((y * w).sum() for y, w in zip(ys, weights))


def gradients_of(case, wanted, weights, create_graph=False):
    """The gradient of the weighted outputs for the wanted inputs, as arrays."""
    leaves = [mg.tensor(case.inputs[i], requires_grad=True) for i in wanted]
    ys = call(case._replace(inputs=replaced(case.inputs, wanted, leaves)))
    weighted(ys, weights).backward(create_graph=create_graph)
    return [np.zeros(x.shape, x.dtype) if x.grad is None else x.grad.numpy() for x in leaves]


def tolerance(case, dtype):
    """A few units in the last place of the largest number that went into a result."""
    if np.dtype(dtype).kind != "f":
        return {"rtol": 0, "atol": 0}
    largest = max((float(np.max(np.abs(x), initial=1)) for x in case.inputs), default=1)
    epsilon = np.finfo(np.float32 if any(x.dtype == np.float32 for x in case.inputs) else dtype).eps
    return {"rtol": 100 * epsilon, "atol": 100 * epsilon * largest}
