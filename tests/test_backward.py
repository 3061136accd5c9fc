"""The reverse walk: order, accumulation, release, and what it refuses."""

import gc
import weakref
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigrad as mg
from minigrad.graph import primitive, registry


@contextmanager
def no_garbage_collector():
    """Reference counting alone."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@pytest.fixture
def visits(monkeypatch):
    """How often each rule was called."""
    count = dict.fromkeys(registry, 0)

    def counted(name, rule):
        def call(*args, **settings):
            count[name] += 1
            return rule(*args, **settings)

        return call

    for name, op in registry.items():
        if op.rule:
            monkeypatch.setattr(op, "rule", counted(name, op.rule))
    return count


def leaf(*values):
    return mg.tensor(np.array(values if len(values) != 1 else values[0], np.float64), requires_grad=True)


# order and number of visits


def test_diamond(visits):
    a = leaf(3.0)
    b = a + a
    c = b * b
    c.backward()
    assert a.grad.item() == 8 * 3.0
    assert (visits["add"], visits["multiply"]) == (1, 1)


def test_a_late_consumer_of_an_early_node():
    """The cotangent of an early node waits for its newest consumer."""
    x = leaf(2.0)
    early = x * x
    long = early
    for _ in range(50):
        long = long * 1.0 + 0.0
    (long * early).backward()
    assert x.grad.item() == 4 * 2.0**3


def test_ten_thousand_uses_of_one_node(visits):
    x = leaf(0.3)
    y = mg.tanh(x)
    total = y
    for _ in range(10_000):
        total = total + y
    total.backward()
    np.testing.assert_allclose(x.grad.item(), 10_001 / np.cosh(0.3) ** 2, rtol=1e-12)
    assert (visits["tanh"], visits["add"]) == (1, 10_000)


def test_ten_thousand_uses_in_one_node(visits):
    x = leaf([1.0, 2.0])
    y = mg.square(x)
    mg.stack([y] * 10_000).sum().backward()
    assert x.grad.numpy().tolist() == [20_000.0, 40_000.0]
    assert visits["square"] == visits["stack"] == 1


def test_doubling_thirty_times_is_linear(visits):
    x = leaf(1.0)
    y = x
    for _ in range(30):
        y = y + y
    y.backward()
    assert x.grad.item() == 2.0**30
    assert visits["add"] == 30


def test_what_does_not_lead_to_a_leaf_is_not_visited(visits):
    x, constant = leaf(2.0), mg.tensor(3.0)
    (mg.exp(constant) * x).backward()
    assert visits["exp"] == 0


# a million nodes


def chain(x, n):
    y = x
    for _ in range(n):
        y = -y
    return y


def test_a_chain_of_a_million_nodes():
    with no_garbage_collector():
        x = leaf(1.0)
        y = chain(x, 1_000_000)
        middle = weakref.ref(y.node.inputs[0].node)
        y.backward()
        assert x.grad.item() == 1.0
        assert middle() is None


def test_a_chain_of_a_million_nodes_is_freed_without_backward():
    with no_garbage_collector():
        y = chain(leaf(1.0), 1_000_000)
        first = weakref.ref(y.node.inputs[0].node)
        del y
        assert first() is None


def test_a_long_chain_of_several_outputs():
    with no_garbage_collector():
        x = leaf([1.0, 2.0])
        y = x
        for _ in range(20_000):
            a, b = mg.unstack(y)
            y = mg.stack([b, a])
        (y * np.array([1.0, 3.0])).sum().backward()
        assert x.grad.numpy().tolist() == [1.0, 3.0]


def test_a_long_chain_is_differentiated_twice():
    x = leaf(1.0)
    y = x
    for _ in range(20_000):
        y = y * 1.0
    (y * y).backward(create_graph=True)
    first, x.grad = x.grad, None
    first.backward()
    assert x.grad.item() == 2.0


# release


def traces(y):
    """Weak references to all nodes behind y but the leaves, and to the arrays that they keep."""
    nodes, waiting = [], [y.node]
    while waiting:
        node = waiting.pop()
        if node.primitive and node not in nodes:
            nodes.append(node)
            waiting += [x.node for x in node.inputs if isinstance(x, mg.Tensor) and x.node]
    arrays = [a for n in nodes for a in (*n.values, n.output) if isinstance(a, np.ndarray)]
    return [weakref.ref(n) for n in nodes], [weakref.ref(a) for a in arrays if a is not y.array]


def network(x, w):
    h = mg.tanh(x @ w)
    a, b = mg.split(h, 2, axis=1)
    return mg.sum(mg.concatenate([a * b, mg.exp(h)], axis=1)[:, ::2] * np.ones((3, 1)))


def test_backward_releases_the_graph_by_reference_counting_alone():
    with no_garbage_collector():
        w = leaf(np.ones((4, 4)))
        y = network(np.ones((3, 4)), w)
        nodes, arrays = traces(y)
        assert len(nodes) == 9 and len(arrays) > 9
        y.backward()
        alive = [n() for n in nodes if n() is not None]
        assert alive == [y.node]  # y itself is still held
        assert [a for a in arrays if a() is not None and a() is not w.array] == []


def test_dropping_the_result_releases_the_graph_without_backward():
    with no_garbage_collector():
        w = leaf(np.ones((4, 4)))
        y = network(np.ones((3, 4)), w)
        nodes, arrays = traces(y)
        del y
        assert not any(n() for n in nodes)
        assert [a for a in arrays if a() is not None and a() is not w.array] == []


def test_a_kept_graph_goes_with_its_result():
    with no_garbage_collector():
        w = leaf(np.ones((4, 4)))
        y = network(np.ones((3, 4)), w)
        nodes, _ = traces(y)
        y.backward(retain_graph=True)
        assert all(n() for n in nodes)
        del y
        assert not any(n() for n in nodes)


def test_functional_derivatives_leave_no_garbage():
    with no_garbage_collector():
        f = lambda x: mg.sum(mg.tanh(x) ** 3)  # noqa: E731
        x = np.array([0.1, 0.2])
        mg.grad(f)(x), mg.hessian(f)(x), mg.hvp(f, x, x), mg.jvp(f, (x,), (x,)), mg.vjp(f, x)[1](1.0)
        assert gc.collect() == 0


# accumulation, retain_graph, create_graph


def test_gradients_add_up_over_calls():
    x = leaf([1.0, 2.0])
    for count in (1, 2, 3):
        (x * 3).sum().backward()
        assert x.grad.numpy().tolist() == [3.0 * count] * 2
    x.grad = None
    (x * 5).sum().backward()
    assert x.grad.numpy().tolist() == [5.0, 5.0]


def test_a_gradient_taken_earlier_does_not_change_when_more_is_added():
    x = leaf([1.0, 2.0])
    (x * 3).sum().backward()
    before = x.grad
    (x * 3).sum().backward()
    assert before.numpy().tolist() == [3.0, 3.0] and x.grad.numpy().tolist() == [6.0, 6.0]


def test_sums_made_on_the_way_do_not_leak_into_other_gradients():
    """add hands one array to both sides, and each side adds more to it."""
    a, b = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    c = a + b
    (c + a + a + a + b + b).sum().backward()
    assert a.grad.numpy().tolist() == [4.0, 4.0]
    assert b.grad.numpy().tolist() == [3.0, 3.0]


def test_the_given_gradient_is_not_changed():
    x, g = leaf([1.0, 2.0]), np.array([1.0, 10.0])
    given = mg.tensor(g)
    y = x + 0.0
    (y + y).backward(given, retain_graph=True)
    z = x + x + x
    z.backward(g)
    assert given.numpy().tolist() == g.tolist() == [1.0, 10.0]
    assert x.grad.numpy().tolist() == [5.0, 50.0]


def test_retain_graph_allows_another_call():
    x = leaf(2.0)
    y = x**3
    y.backward(retain_graph=True)
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 3 * 12.0


def test_two_results_of_one_graph():
    x = leaf(2.0)
    shared = x * x
    a, b = shared * 3, shared * 5
    a.backward(retain_graph=True)
    b.backward()
    assert x.grad.item() == 4 * (3 + 5)


@pytest.mark.parametrize(
    ("f", "third"),
    [
        (mg.exp, np.exp),
        (mg.sin, lambda x: -np.cos(x)),
        (mg.tanh, lambda x: -2 * (1 - np.tanh(x) ** 2) * (1 - 3 * np.tanh(x) ** 2)),
        (lambda x: x**5, lambda x: 60 * x**2),
        (mg.log, lambda x: 2 / x**3),
        (lambda x: 1 / x, lambda x: -6 / x**4),
        (lambda x: mg.prod(mg.stack([x, x, x, 2 * x])), lambda x: 48 * x),
    ],
)
def test_triple_derivative(f, third):
    x = leaf(0.7)
    y = f(x)
    for _ in range(3):
        x.grad = None
        y.backward(create_graph=True)
        y = x.grad
    np.testing.assert_allclose(y.item(), third(0.7), rtol=1e-12)


def test_create_graph_keeps_the_graph():
    x = leaf(2.0)
    y = x**3
    y.backward(create_graph=True)
    y.backward()
    assert x.grad.item() == 24.0


def test_a_penalty_on_the_gradient():
    """The loss contains a gradient: |d(w x ** 2) / dx| ** 2 = 4 w ** 2 x ** 2."""
    x, w = leaf(3.0), leaf(2.0)
    (w * x * x).backward(create_graph=True)
    penalty = x.grad**2
    x.grad = w.grad = None
    penalty.backward()
    assert w.grad.item() == 8 * 2.0 * 3.0**2
    assert x.grad.item() == 8 * 2.0**2 * 3.0


def test_the_given_gradient_can_be_differentiated():
    x, v = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    (x**2).backward(v, create_graph=True)
    (x.grad * np.array([1.0, 10.0])).sum().backward()
    assert v.grad.numpy().tolist() == [2.0, 40.0]


def test_plain_gradients_are_constants():
    x = leaf(2.0)
    (x**3).backward()
    assert not x.grad.requires_grad


def test_backward_works_under_no_grad():
    x = leaf(2.0)
    y = x**3
    with mg.no_grad():
        y.backward(create_graph=True)
    assert x.grad.item() == 12.0 and x.grad.requires_grad


# the given gradient


@pytest.mark.parametrize("convert", [np.asarray, mg.tensor, lambda g: g, lambda g: np.array(g, np.float32)])
def test_backward_with_a_gradient(convert):
    x = leaf([1.0, 2.0])
    (x * x).backward(convert([1, 10]))
    assert x.grad.numpy().tolist() == [2.0, 40.0] and x.grad.dtype == np.float64


def test_one_entry_of_any_shape_needs_none():
    x = leaf([[3.0]])
    (x * x).backward()
    assert x.grad.numpy().tolist() == [[6.0]]


def test_a_leaf_itself():
    x = leaf(3.0)
    x.backward()
    assert x.grad.item() == 1.0


# broadcasting, dtypes, several outputs, detach


@given(hnp.mutually_broadcastable_shapes(num_shapes=3, max_dims=4, min_side=0, max_side=3))
def test_broadcasting_is_undone(shapes):
    x, y, z = (mg.tensor(np.ones(s), requires_grad=True) for s in shapes.input_shapes)
    mg.sum(x + 2 * y - 3 * z).backward()
    size = np.prod(shapes.result_shape)
    for t, weight in ((x, 1), (y, 2), (z, -3)):
        assert t.grad.shape == t.shape
        assert (t.grad.numpy() == (weight * size / t.size if t.size else 0)).all()


@given(st.permutations([np.float16, np.float32, np.float64]))
def test_each_leaf_gets_its_own_dtype(dtypes):
    xs = [mg.tensor(np.array([1.0, 2.0], d), requires_grad=True) for d in dtypes]
    y = (xs[0] * xs[1] * xs[2]).sum()
    assert y.dtype == np.float64
    y.backward()
    assert [x.grad.dtype for x in xs] == dtypes
    assert all(x.grad.numpy().tolist() == [1.0, 4.0] for x in xs)


def test_a_float64_step_of_a_float32_leaf():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    y = x * np.array([1e-3, 3.0])
    assert y.dtype == np.float64
    y.sum().backward(create_graph=True)
    assert x.grad.dtype == np.float32


def test_several_outputs_some_unused():
    x = leaf(np.arange(6.0))
    _, b, _ = mg.split(x, 3)
    (b * b).sum().backward()
    assert x.grad.numpy().tolist() == [0.0, 0.0, 4.0, 6.0, 0.0, 0.0]


def test_several_outputs_each_a_root():
    x = leaf([2.0, 3.0])
    a, b = mg.unstack(x * x)
    a.backward(retain_graph=True)
    assert x.grad.numpy().tolist() == [4.0, 0.0]
    b.backward(create_graph=True)
    assert x.grad.numpy().tolist() == [4.0, 6.0]


def test_detach_cuts():
    x = leaf(3.0)
    y = x * x
    (y.detach() * x).backward()
    assert x.grad.item() == 9.0
    assert not y.detach().requires_grad


def test_leaves_that_do_not_lead_there_stay_untouched():
    x, other = leaf(1.0), leaf(2.0)
    (x * 2).backward()
    assert other.grad is None


# bad input: a clear error, and nothing changed


def test_nothing_recorded():
    with pytest.raises(RuntimeError, match=r"^backward: nothing was recorded; no leaf with requires_grad=True"):
        mg.tensor(1.0).backward()
    with mg.no_grad():
        y = leaf(1.0) * 2
    with pytest.raises(RuntimeError, match=r"^backward: nothing was recorded"):
        y.backward()


def test_not_a_single_number():
    x = leaf([1.0, 2.0])
    y = x * x
    with pytest.raises(
        RuntimeError, match=r"^backward: a tensor of shape \(2,\) needs a gradient of that shape;.*sum\(\)"
    ):
        y.backward()
    assert x.grad is None
    y.backward([1.0, 1.0])  # the graph is still there
    assert x.grad.numpy().tolist() == [2.0, 4.0]


@pytest.mark.parametrize("wrong", [1.0, [1.0], [1.0, 2.0, 3.0], [[1.0, 2.0]]])
def test_a_gradient_of_the_wrong_shape(wrong):
    x = leaf([1.0, 2.0])
    y = x * x
    got = np.shape(wrong)
    with pytest.raises(ValueError) as error:
        y.backward(wrong)
    assert str(error.value) == f"backward: expected shape (2,), the tensor's own, got {got}"
    assert x.grad is None
    y.backward([1.0, 1.0])
    assert x.grad.numpy().tolist() == [2.0, 4.0]


def test_a_gradient_that_is_no_number():
    x = leaf([1.0, 2.0])
    with pytest.raises((TypeError, ValueError), match=r"^tensor: "):
        (x * x).backward(["a", "b"])
    assert x.grad is None


def test_a_second_backward_over_a_freed_graph():
    x, w = leaf(2.0), leaf(5.0)
    shared = x * x
    (shared * 3).backward()
    again = mg.tanh(w) * shared
    with pytest.raises(RuntimeError) as error:
        again.backward()
    message = str(error.value)
    assert message.startswith("backward() came to a multiply whose graph an earlier backward() has freed")
    assert "retain_graph=True" in message and "state = models.detach(state)" in message
    assert x.grad.item() == 12.0 and w.grad is None
    assert again.node.inputs is not None  # refused before anything was freed or computed


@pytest.mark.parametrize("part", [mg.unstack, lambda x: mg.split(x, 2), lambda x: (x[0] * 2,)])
def test_a_second_backward_from_one_of_several_outputs(part):
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    first = part(x)[0]
    first.backward(np.ones(first.shape))
    with pytest.raises(RuntimeError, match=r"^backward\(\) came to a \w+ whose graph .* has freed.*retain_graph=True"):
        first.backward(np.ones(first.shape))


def test_an_input_assigned_after_it_was_recorded():
    x, w = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    y = (x * w).sum()
    w.assign_([5.0, 6.0])
    with pytest.raises(RuntimeError) as error:
        y.backward()
    message = str(error.value)
    assert message.startswith("backward() came to a multiply whose input of shape (2,) was changed by assign_()")
    assert "Call backward() before assign_()" in message
    assert x.grad is None and w.grad is None


def test_assigned_before_it_was_recorded():
    x, w = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    w.assign_([5.0, 6.0])
    (x * w).sum().backward()
    assert x.grad.numpy().tolist() == [5.0, 6.0]


def test_assigning_to_something_else_does_no_harm():
    x, other = leaf([1.0, 2.0]), leaf([0.0])
    y = (x * x).sum()
    other.assign_([1.0])
    y.backward()
    assert x.grad.numpy().tolist() == [2.0, 4.0]


def test_a_detached_copy_is_not_touched_by_assigning():
    w = leaf([3.0, 4.0])
    x = leaf([1.0, 2.0])
    y = (x * w.detach()).sum()
    w.assign_([5.0, 6.0])
    y.backward()
    assert x.grad.numpy().tolist() == [3.0, 4.0]


def test_outputs_that_nobody_used_are_zeros_of_the_graph():
    """With `create_graph` two of them may be added up before a Tensor is."""

    @primitive
    def both(a, b, /):
        return a, b

    both.vjp(lambda g, y, a, b: g)
    try:
        a, b = (mg.tensor([value, 1.0], requires_grad=True) for value in (2.0, 3.0))
        y = b * b
        for _ in range(2):
            y = y + both(a, b)[0]
        y.sum().backward(create_graph=True)
        assert (a.grad.tolist(), b.grad.tolist()) == ([2, 2], [6, 2])
        b.grad.sum().backward()
        assert b.grad.tolist() == [8, 4]
    finally:
        del registry["both"]
