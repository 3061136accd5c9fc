"""Corners that drawn bodies rarely meet: settings, numbers of a row, parameters made of parameters, given arrays."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.fusion.emit import Source
from minigrad.fusion.prelude import Prelude
from minigrad.fusion.program import Step, trace
from minigrad.graph import registry
from minigrad.kernels import compile
from minigrad.testing import check_same
from tests.fusion.drawn import assert_same, pulled


def expression(name, source, **settings):
    return source.expression(Step("v0", registry[name], ("a",), settings))


@pytest.mark.parametrize("bounds", [(-1, 2), (2, -1), (None, 1.5), (-0.5, None)])
def test_clip(bounds):
    """Crossed bounds too: the upper one wins, as NumPy's."""
    source, found = Source("float32"), {}
    text = expression("clip", source, min=bounds[0], max=bounds[1])
    exec(source.constants(), {"np": np}, found)
    assert all(type(number) is np.float32 for number in found.values()) and len(found) == 2 - bounds.count(None)
    for a in np.float32([-3, -0.75, 0, 1.75, 3]):
        assert eval(text, found | {"a": a}) == np.clip(a, *bounds)


def test_leaky_relu_compares_in_the_loops_precision():
    source = Source("float32")
    assert expression("leaky_relu", source, negative_slope=0.1) == "a if a > C0 else a * C1"
    assert source.constants() == "C0 = np.float32(0.0)\nC1 = np.float32(0.1)\n"


def test_the_same_op_with_other_settings_is_another_step():
    x = np.array([-2.0, -0.5, 0.25, 3.0])
    body = lambda x: mg.clip(x, -1, 1) + 2 * mg.clip(x, -3, 2) + mg.leaky_relu(x, 0.1) * mg.leaky_relu(x, 0.3)  # noqa: E731
    check_same(mg.fuse(body), body, x)


def test_parameters_made_in_several_steps():
    """Each step is done again at every call, in its order; and the way back may be gone twice."""
    w = mg.tensor(np.array([0.5, -1.0, 2.0]), requires_grad=True)
    body = lambda x: x * mg.exp(mg.tanh(2 * w))  # noqa: E731
    fused, x = mg.fuse(body), mg.tensor(np.ones((2, 3)), requires_grad=True)
    for value in (np.arange(3.0), np.array([0.1, 0.2, 0.3])):
        w.assign_(value)
        found, expected = (pulled(f, [x.numpy()], [w]) for f in (fused, body))
        assert_same(found[0] + found[1], expected[0] + expected[1])
    loss = fused(x).sum()
    w.grad = None
    loss.backward(retain_graph=True)
    once = w.grad.numpy()
    loss.backward()
    np.testing.assert_array_equal(w.grad, 2 * once)


def test_cotangents_of_parameters():
    """Arrays, as often as they are asked for, and not past what was there before the body."""
    made_before = mg.tanh(mg.tensor(np.ones(3), requires_grad=True))
    prelude = Prelude(trace(lambda x: x * mg.exp(made_before), [np.full(3, 0.5)]), (3,))
    externals = prelude()
    for _ in range(2):
        (sent,) = prelude.cotangents(externals, [np.arange(3.0)])
        assert type(sent) is np.ndarray
        np.testing.assert_allclose(sent, np.exp(np.tanh(1)) * np.arange(3.0), rtol=1e-12)


def test_a_number_and_a_vector_where_no_gradient_goes_to_the_input():
    s, w = (mg.tensor(np.full(shape, 0.7), requires_grad=True) for shape in ((), (3,)))
    body = lambda x: s * x + w * mg.sin(x) * mg.cos(x) + mg.exp(2 * s) * mg.tanh(3 * w)  # noqa: E731
    fused, x, gradients = mg.fuse(body), np.arange(6.0).reshape(2, 3), []
    for f in (fused, body):
        s.grad = w.grad = None
        f(x).sum().backward()
        gradients.append([s.grad.numpy(), w.grad.numpy()])
    assert_same(*gradients)
    assert all(fused.known.values()) or not compile.available()


def test_second_derivatives_beside_a_given_array():
    body, factor = (lambda x, y: mg.tanh(x) * y), np.arange(3.0)
    fused = mg.fuse(body)
    check_same(lambda x: fused(x, factor), lambda x: body(x, factor), np.ones(3), order=2)


def test_a_number_for_rows_of_several_widths():
    s = mg.tensor(0.7, dtype=np.float64, requires_grad=True)
    fused = mg.fuse(lambda x: mg.tanh(x) * s)
    assert_same([fused(np.array(0.3))], [np.asarray(np.tanh(0.3) * s.numpy())])
    for shape in ((2, 3), (2, 5), (2, 0), (1,)):
        x = np.random.default_rng(0).normal(size=shape)
        found, expected = (pulled(f, [x], [s]) for f in (fused, fused.body))
        assert_same(found[0] + found[1], expected[0] + expected[1])


def test_an_output_keeps_its_shape_beside_a_number():
    body = lambda x, y, a: (mg.tanh(x) * a, mg.tanh(x) * y)  # noqa: E731
    arrays = [np.ones(3), np.ones((2, 3)), 2.0]
    found, expected = (pulled(f, arrays) for f in (mg.fuse(body), body))
    assert_same(found[0] + found[1], expected[0] + expected[1])


@pytest.mark.parametrize(
    "shapes",
    [
        [(3, 3), (3,), (3, 1)],
        [(2, 2), (2,), (2, 1)],
        [(2, 3), (3,), (1, 1)],
        [(2, 3, 4), (3, 4), (4,)],
        [(2, 3, 2), (3, 2), (2,)],
    ],
    ids=str,
)
def test_rows_of_one_size_in_arrays_of_several_shapes(shapes):
    """As many entries as a row has, but not a row; one for all rows; a row of rows, and a row."""
    arrays = [np.random.default_rng(0).normal(size=shape) for shape in shapes]
    body = lambda x, y, z: x * mg.tanh(y) + z * x  # noqa: E731
    found, expected = (pulled(f, arrays) for f in (mg.fuse(body), body))
    assert_same(found[0] + found[1], expected[0] + expected[1])


def test_a_given_array_may_change_before_the_way_back():
    x, factor = mg.tensor(np.ones(3), requires_grad=True), np.arange(3.0)
    y = mg.fuse(lambda x, y: x * y)(x, factor)
    factor[:] = 100
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, np.arange(3.0))


def test_one_entry_without_axes_beside_a_learned_number():
    factor = mg.tensor(0.7, np.float64, requires_grad=True)
    x = mg.tensor(np.array(0.3), requires_grad=True)
    mg.fuse(lambda x: mg.tanh(x) * factor)(x).backward()
    assert x.grad.item() == pytest.approx(0.7 * (1 - np.tanh(0.3) ** 2))
    assert factor.grad.item() == pytest.approx(np.tanh(0.3))


@pytest.mark.parametrize("shape", [(4,), (2, 3, 4)])
def test_a_learned_row_beside_any_number_of_axes(shape):
    row = mg.tensor(np.arange(1.0, 5.0), requires_grad=True)
    x = mg.tensor(np.linspace(-1, 1, int(np.prod(shape))).reshape(shape), requires_grad=True)
    y = mg.fuse(lambda x: mg.tanh(x) * row)(x)
    assert y.node.primitive is not mg.multiply.primitive  # one loop, not op by op
    y.sum().backward()
    np.testing.assert_allclose(row.grad, np.tanh(x.numpy()).reshape(-1, 4).sum(axis=0), rtol=1e-12)
