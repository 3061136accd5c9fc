"""fuse: one loop forward and one back, with the body's own numbers; or the body itself."""

import copy
import functools
import gc
import operator
import pickle
import threading
import weakref
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad as mg
from minigrad import Tensor, shortcut
from minigrad.fusion.pointwise import Loops, Rows
from minigrad.kernels import compile, memory, pool
from minigrad.testing import check_gradients, check_same, strategies
from tests.fusion.drawn import Body, assert_same, bodies, parameters, pulled

WIDTH = 3
few = settings(max_examples=5)
needs_compiler = pytest.mark.skipif(not compile.available(), reason="no compiler")


class Pair(NamedTuple):
    a: mg.Tensor
    b: mg.Tensor


@mg.fuse
def gate(x, y):
    """sigmoid(x) * tanh(y)"""
    return mg.sigmoid(x) * mg.tanh(y)


@mg.fuse
def three(x, y, z):
    return x * mg.tanh(y) + z * x


def is_fused(function):
    return any(function.known.values())


def leaf(*shape, dtype=np.float64, seed=0):
    return mg.tensor(np.random.default_rng(seed).normal(size=shape).astype(dtype), requires_grad=True)


# the same as the body


@few
@given(body=bodies(), dtype=st.sampled_from([np.float32, np.float64]), seed=st.integers(0, 2**32 - 1))
def test_drawn_bodies(body, dtype, seed):
    arrays = [x.astype(dtype) for x in np.random.default_rng(seed).normal(size=(body.inputs, 2, WIDTH))]
    fused = mg.fuse(body)
    found, expected = pulled(fused, arrays), pulled(body, arrays)
    assert_same(found[0], expected[0])
    assert_same(found[1], expected[1], 2000)


@few
@given(seed=st.integers(0, 2**32 - 1), body=bodies(parameters(np.float64, WIDTH)))
def test_drawn_bodies_with_parameters(body, seed):
    arrays = [*np.random.default_rng(seed).normal(size=(body.inputs, 2, WIDTH))]
    found, expected = pulled(mg.fuse(body), arrays, body.external), pulled(body, arrays, body.external)
    assert_same(found[0], expected[0])
    assert_same(found[1], expected[1], 2000)


@given(strategies.broadcastable_arrays(3))
def test_broadcasting(arrays):
    """Every pattern of stretched, missing and empty axes, in any memory layout; raw arrays give raw arrays."""
    raw = three(*arrays)
    assert not isinstance(raw, mg.Tensor)
    assert_same([raw], [three.body(*map(np.asarray, arrays))])
    found, expected = pulled(three, arrays), pulled(three.body, arrays)
    assert_same(found[0], expected[0])
    assert_same(found[1], expected[1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(data=st.data())
def test_second_order(dtype, data):
    x, y = data.draw(strategies.broadcastable_arrays(2, dtype))
    check_same(gate, gate.body, x, y, order=2)


def test_derivatives_against_oracles():
    check_gradients(gate, np.array([[0.3], [-1.2]]), np.array([0.7, 0.1, -2.0]), order=2)
    x, v = leaf(4), np.arange(4.0)
    (_, found), (_, expected) = (mg.jvp(lambda x, f=f: f(x, x), (x,), (v,)) for f in (gate, gate.body))
    assert_same([found.numpy()], [expected.numpy()])


INPUTS = {
    "mixed dtypes": (np.ones(3, np.float32), np.arange(3.0)),
    "integers": (np.arange(3), np.arange(3)),
    "an integer and a float": (np.arange(3), np.ones(3)),
    "a number": (np.ones(3, np.float32), 2.5),
    "a number first": (-1, np.ones((2, 3))),
    "a boolean": (True, np.ones(3, np.float32)),
    "NumPy's number": (np.ones(3, np.float32), np.float64(0.1)),
    "0-d": (np.array(0.3), np.array(0.1)),
    "0-d and 2-d": (np.array(0.3), np.ones((2, 3))),
    "empty": (np.ones((0, 3)), np.ones(3)),
    "none in a row": (np.ones((3, 0)), np.ones((1, 0))),
    "half precision": (np.ones(3, np.float16), np.ones(3, np.float16)),
}


@pytest.mark.parametrize("kind", INPUTS)
def test_inputs_of_all_kinds(kind):
    found, expected = (pulled(f, INPUTS[kind]) for f in (gate, gate.body))
    assert_same(found[0], expected[0])
    assert_same(found[1], expected[1])


def test_numbers():
    assert gate(0.5, 2) == gate.body(0.5, 2)
    fused = mg.fuse(lambda x, a, b: (a * x + b) / (1 + x * x))
    for numbers in ((2.5, -1), (True, 3), (0, 0.5)):
        for dtype in (np.float32, np.float64):
            x = np.arange(6, dtype=dtype).reshape(2, 3)
            found, expected = (pulled(f, [x, *numbers]) for f in (fused, fused.body))
            assert_same(found[0] + found[1], expected[0] + expected[1])


def test_the_same_tensor_twice():
    check_same(lambda x: three(x, x, x), lambda x: three.body(x, x, x), np.arange(3.0), order=2)
    x = leaf(3)
    captured = mg.fuse(lambda y: y * mg.tanh(x))
    check_same(lambda x: captured(x), lambda y: y * mg.tanh(x), x.numpy(), order=2, parameters=[x])


def test_a_0d_tensor_from_a_reduction():
    x = leaf(3)
    results = [gate(x.sum(), x.mean()) for gate in (gate, gate.body)]
    assert_same([results[0].numpy()], [results[1].numpy()])
    check_same(lambda x: gate(x.sum(), x), lambda x: gate.body(x.sum(), x), x.numpy())


w, s = leaf(3, seed=1), leaf(seed=2)
BODIES = {
    "the input": lambda x: x,
    "the input and more": lambda x: (x, mg.tanh(x)),
    "one output twice": lambda x: (lambda y: (y, y))(mg.tanh(x)),
    "a NamedTuple": lambda x: Pair(mg.tanh(x), 2 * x),
    "a tuple of one": lambda x: (mg.tanh(x),),
    "nested": lambda x: (mg.tanh(x), (x * x, Pair(x + 1, x))),
    "a comparison inside": lambda x: (x > 0) * x,
    "a comparison as a float": lambda x: (x > 0).astype(np.float64) * x,
    "a pole where the body is tried": lambda x: 1 / (x - 0.5) + mg.log(x * x),
    "a vector parameter": lambda x: x * w,
    "a scalar parameter": lambda x: mg.tanh(x * s),
    "derived parameters": lambda x: mg.tanh(x * (2 * w) + mg.exp(s)) * w,
    "a constant vector": lambda x: x * np.arange(3.0),
    "a mask": lambda x: mg.where(np.array([True, False, True]), x, x * x),
}
UNFUSED = {
    "sum": lambda x: mg.tanh(x).sum(),
    "sum along rows": lambda x: x / mg.exp(x).sum(-1, keepdims=True),
    "matmul": lambda x: x @ x.T,
    "reshape": lambda x: x.reshape(-1),
    "rows of another size": lambda x: x.reshape(6)[1:],
    "reversed": lambda x: mg.flip(mg.tanh(x)),
    "a comparison": lambda x: x > 0,
    "another dtype": lambda x: x.astype(np.float32),
    "a constant": lambda x: (mg.tanh(x), mg.tensor(np.ones(3))),
    "bounds for each entry": lambda x: mg.clip(x, np.zeros(3), np.ones(3)),
}


@needs_compiler
@pytest.mark.parametrize("kind", BODIES)
def test_bodies(kind):
    body = BODIES[kind]
    fused, x = mg.fuse(body), leaf(2, 3).numpy()
    found, expected = (pulled(f, [x], [w, s]) for f in (fused, body))
    assert is_fused(fused)
    assert_same(found[0], expected[0])
    assert_same(found[1], expected[1])
    assert type(fused(mg.tensor(x))) is type(body(mg.tensor(x)))
    check_same(fused, body, x, order=2, parameters=[w, s])


@pytest.mark.parametrize("kind", UNFUSED)
def test_other_functions_are_recorded(kind):
    body = UNFUSED[kind]
    fused, x = mg.fuse(body), leaf(2, 3).numpy()
    for xs in ([x], [x[:, :1].repeat(3, 1)], [x[:1].repeat(2, 0)]):
        found, expected = (pulled(f, xs) for f in (fused, body))
        assert_same(found[0], expected[0])
        assert_same(found[1], expected[1])
    assert not is_fused(fused)


@pytest.mark.parametrize("kind", ["sum", "sum along rows"])
def test_reductions_are_seen_where_no_gradient_is_wanted_and_rows_are_narrow(kind):
    fused = mg.fuse(UNFUSED[kind])
    for shape in ((4, 1), (1, 1), (4, 5), (1,)):
        x = np.random.default_rng(0).normal(size=shape)
        assert_same([fused(x)], [fused.body(x)])
        assert_same([fused(mg.tensor(x)).numpy()], [fused.body(x)])


def test_outputs_that_do_without_an_input():
    both = mg.fuse(lambda x, y: (mg.tanh(x), mg.tanh(x) * y))
    for xs in ([np.ones(3), np.ones((2, 3))], [np.ones((2, 3)), np.ones(3)], [np.ones(3), np.ones(3)]):
        found, expected = (pulled(f, xs) for f in (both, both.body))
        assert_same(found[0], expected[0])
        assert_same(found[1], expected[1])
    x, y = leaf(3), leaf(3)
    mg.fuse(lambda x, y: mg.tanh(x))(x, y).sum().backward()
    assert x.grad is not None and y.grad is None


def test_an_error_is_the_bodys_own():
    with pytest.raises(ValueError, match=r"multiply: .*\(2,\).*\(3,\)"):
        gate(leaf(2), leaf(3))
    with pytest.raises(ZeroDivisionError):
        mg.fuse(lambda x: x / (1 // 0))(leaf(2))


# parameters


def test_a_parameter_that_changes():
    p = leaf(3)
    fused = mg.fuse(lambda x: mg.tanh(x * p))
    x = np.ones((2, 3))
    for value in (np.zeros(3), np.arange(3.0)):
        p.assign_(value)
        assert_same([fused(mg.tensor(x)).numpy()], [np.tanh(x * value)])
    y = fused(leaf(2, 3))
    p.assign_(np.ones(3))
    with pytest.raises(RuntimeError, match="assign_"):
        y.sum().backward()


def test_rows_of_several_widths():
    fused = mg.fuse(lambda x: mg.tanh(x) * s)
    for width in (1, 2, 5, 1):
        check_same(fused, fused.body, np.ones((3, width)), order=1, parameters=[s])


def test_given_arrays_are_not_read_on_the_way_back():
    for given_as in (lambda x, c: gate(x, c), lambda x, c: mg.fuse(lambda x: mg.sigmoid(x) * mg.tanh(c))(x)):
        x, c = leaf(3), np.ones(3)
        y = given_as(x, c)
        c[:] = 100
        y.sum().backward()
        expected = pulled(gate.body, [x.numpy(), np.ones(3)])
        loss = mg.sigmoid(leaf(3)) * np.tanh(1.0)
        np.testing.assert_allclose(loss.numpy(), expected[0][0], rtol=1e-12)
        sigmoid = 1 / (1 + np.exp(-x.numpy()))
        np.testing.assert_allclose(x.grad, sigmoid * (1 - sigmoid) * np.tanh(1.0), rtol=1e-12)


# the graph


def test_one_node():
    x = leaf(3)
    y = gate(x, x)
    assert y.node.inputs[:2] == (x, x) and y.node.serial > x.node.serial
    assert not gate(x.detach(), x.detach()).requires_grad
    with mg.no_grad():
        assert not gate(x, x).requires_grad


def test_twice_over_one_graph():
    x = leaf(3)
    y, g = gate(x, x), np.ones(3)
    y.backward(g, retain_graph=True)
    once = x.grad.numpy()
    y.backward(g)
    np.testing.assert_array_equal(x.grad, 2 * once)
    with pytest.raises(RuntimeError, match=r"a gate whose graph .* retain_graph=True"):
        y.backward(g)


@needs_compiler
def test_memory_is_free_after_backward():
    x = leaf(3)
    y = gate(x, x)
    saved = [weakref.ref(array) for array in y.node.settings["saved"]]
    assert saved
    y.sum().backward()
    gc.collect()
    assert not any(reference() is not None for reference in saved) and y.requires_grad


def test_gradients_of_one_output_only():
    pair = mg.fuse(lambda x: Pair(mg.tanh(x), mg.exp(x)))
    for chosen in (0, 1):
        check_same(lambda x, i=chosen: pair(x)[i], lambda x, i=chosen: pair.body(x)[i], np.arange(3.0))


def test_under_checkpoint():
    check_same(lambda x: mg.checkpoint(gate, x, x), lambda x: gate.body(x, x), np.arange(3.0), order=2)


@needs_compiler
def test_fused_inside_fused():
    inner = mg.fuse(mg.tanh)
    outer = mg.fuse(lambda x: inner(x) * x)
    assert "scalar.tanh" in outer.source and "tanh" not in outer.source.split("def backward")[1]
    check_same(outer, lambda x: mg.tanh(x) * x, np.arange(3.0))


# what the function is


def test_named_and_documented_like_the_body():
    assert gate.__name__ == "gate" and gate.__doc__ == "sigmoid(x) * tanh(y)"
    assert gate.__wrapped__ is gate.body


def test_copies_are_the_same():
    gate(leaf(2), leaf(2))
    assert copy.deepcopy(gate) is gate and copy.copy([gate])[0] is gate
    local = mg.fuse(lambda x: mg.tanh(x))
    assert copy.deepcopy(local) is local
    assert pickle.dumps(pulled)  # and a function is pickled by its name, as the fused one is:
    assert gate.__reduce__() == "gate"


@needs_compiler
def test_source_can_be_read():
    source = gate.source
    forward, backward = source.split("def backward_row")
    assert "gate" in source and "scalar.sigmoid(" in forward and "scalar.tanh(" in forward
    assert "scalar." not in backward and "np." not in backward
    assert mg.fuse(lambda x, y: x * y).source.count("@compiled") == 9  # a loop, its row, its step; there and back


@needs_compiler
def test_source_before_the_first_call():
    fused = mg.fuse(lambda a: mg.exp(a))
    assert "scalar.exp(" in fused.source and not fused.known


# threads


def test_any_number_of_threads_the_same_bits(monkeypatch):
    monkeypatch.setattr("minigrad.fusion.pointwise.TOGETHER", 0)
    before, results = pool.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            pool.set_num_threads(threads)
            results.append(pulled(gate, [np.ones((50, 7)), np.arange(7.0)]))
    finally:
        pool.set_num_threads(before)
    for other in results[1:]:
        assert_same(other[0] + other[1], results[0][0] + results[0][1], 0)


def test_first_calls_at_once():
    fused, results = mg.fuse(lambda x: mg.sigmoid(x) * mg.softplus(x)), []
    x = np.arange(5.0)
    threads = [threading.Thread(target=lambda: results.append(pulled(fused, [x]))) for _ in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(results) == 6
    for found in results:
        assert_same(found[0] + found[1], functools.reduce(operator.iadd, pulled(fused.body, [x]), []))


def test_memory_full_of_garbage(monkeypatch):
    """Nothing is read before it is written."""
    empty = memory.empty

    def garbage(shape, dtype):
        array = empty(shape, dtype)
        array[...] = np.nan
        return array

    monkeypatch.setattr(memory, "empty", garbage)
    for xs in ([np.ones((4, 3)), np.ones(3)], [np.ones((4, 1)), np.ones(3)], [np.array(1.0), np.array(2.0)]):
        found, expected = (pulled(f, xs) for f in (gate, gate.body))
        assert_same(found[0] + found[1], expected[0] + expected[1])


# rows


@given(strategies.broadcastable_arrays(3, max_side=4))
def test_rows_cover_every_entry(arrays):
    shape = np.broadcast_shapes(*(a.shape for a in arrays))
    rows = Rows(shape, arrays)
    assert rows.total == np.prod(shape) and rows.size >= 1
    for array, flat, step in zip(arrays, rows.read[::2], rows.read[1::2]):
        found = [flat[r * rows.size * step + j] for r in range(-(-rows.total // rows.size))
                 for j in range(min(rows.size, rows.total - r * rows.size))]  # fmt: skip
        np.testing.assert_array_equal(found, np.broadcast_to(array, shape).ravel())


def test_long_rows_are_cut():
    x = np.random.default_rng(0).normal(size=20_011).astype(np.float32)
    assert_same([gate(x, x)], [gate.body(x, x)])
    wide = np.random.default_rng(0).normal(size=(3, 20_011)).astype(np.float32)
    found, expected = pulled(gate, [wide, x]), pulled(gate.body, [wide, x])
    assert_same(found[0] + found[1], expected[0] + expected[1])


def test_bodies_may_be_objects():
    body = Body(1, (("tanh", (0,)),), (2,))
    check_same(mg.fuse(body), mg.tanh, np.arange(3.0))


# ops on long arrays


@pytest.fixture
def long_from_one_entry(monkeypatch):
    monkeypatch.setattr(shortcut, "LONG", 1)


LONG_OPS = {primitive.name: op for primitive, op in shortcut.at_length.items()}


@pytest.mark.parametrize("name", LONG_OPS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_ops_on_long_arrays(name, dtype, long_from_one_entry):
    op = getattr(mg, name)
    x = mg.tensor(np.linspace(0.25, 3, 24).reshape(2, 3, 4), dtype, requires_grad=True)
    y = op(x)
    y.backward(np.ones(y.shape, dtype))
    primitive = op.primitive
    expected = primitive.run((x.array,))
    g = primitive.rule(np.ones(x.shape, dtype), expected, x.array)
    assert y.dtype == expected.dtype and x.grad.dtype == dtype
    few = 4 * np.finfo(dtype).eps
    np.testing.assert_allclose(y, expected, rtol=few)
    np.testing.assert_allclose(x.grad, g, rtol=few, atol=few)


@needs_compiler
@pytest.mark.parametrize("name", LONG_OPS)
def test_ops_on_long_arrays_are_one_loop_and_have_all_derivatives(name, long_from_one_entry):
    op = getattr(mg, name)
    x = mg.tensor(np.linspace(0.25, 3, 5), requires_grad=True)
    assert isinstance(op(x).node.primitive, Loops) and op(x).node.primitive.name == name
    check_gradients(op, x, order=2)
    assert type(op(mg.tensor([1, 2]))) is Tensor  # integers: the op itself
    assert isinstance(op(np.ones(3)), np.ndarray)
