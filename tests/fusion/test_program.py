"""fusion.program: what a body computes, and its gradient, as straight-line programs. Nothing is compiled here."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.fusion.prelude import Prelude
from minigrad.fusion.program import NotPointwise, trace
from minigrad.graph import registry
from minigrad.mode import mode
from minigrad.random import generator
from minigrad.testing import check_gradients
from tests.fusion.drawn import UNARY, Body, assert_same, bodies, flat, parameters, pulled, weight_of

WIDTH = 4
OUTSIDE = parameters(np.float64, WIDTH)
TRANSCENDENTAL = {
    "cos",
    "erf",
    "exp",
    "expm1",
    "gelu",
    "log",
    "log1p",
    "power",
    "sigmoid",
    "silu",
    "sin",
    "softplus",
    "tanh",
}


def row(*values, dtype=np.float64):
    return np.array(values, dtype)


def traced(body, inputs=1, dtype=np.float64, at_hand=(), **named):
    return trace(body, [np.full(WIDTH, 0.5, dtype)] * inputs, at_hand, **named)


def names(steps):
    return [step.primitive.name for step in steps]


def execute(steps, known):
    """Run steps on arrays; each finds what it needs among `known`."""
    for name, op, arguments, settings in steps:
        known[name] = op.run([known[a] if isinstance(a, str) else a for a in arguments], settings)
    return known


def forward_and_back(program, arrays, at_hand):
    """Outputs and cotangents, the latter from nothing but what is saved, or at hand anyway."""
    prelude = Prelude(program, (WIDTH,))
    outside = prelude()
    values = dict(zip(program.inputs, arrays)) | dict(zip(program.externals, (x.array for x in outside)))
    known = execute(program.forward, dict(values))
    outputs = [known[y] for y in program.outputs]
    there = [*program.saved, *program.outputs, *program.externals, *(program.inputs[i] for i in at_hand)]
    kept = {name: known[name] for name in there} | {f"g{i}": weight_of(y) for i, y in enumerate(outputs)}
    execute(program.backward, kept)
    found = [kept[c] if (c := program.cotangents.get(x)) else np.zeros(WIDTH) for x in program.inputs]
    arrived = [kept[c] if (c := program.cotangents.get(x)) else np.zeros(WIDTH) for x in program.externals]
    sent = dict(zip(map(id, prelude.parameters), prelude.cotangents(outside, arrived)))
    return outputs, found, lambda p: np.zeros(p.shape) if sent.get(id(p)) is None else sent[id(p)]


@given(body=bodies(OUTSIDE), at_hand=st.booleans(), seed=st.integers(0, 2**32 - 1))
@example(Body(2, (), (2, 2)), False, 0)  # one output twice, an input unused
@example(Body(1, (("multiply", (0, 0)), ("multiply", (2, 2)), ("add", (2, 3))), (4, 3)), False, 0)  # diamonds
@example(Body(1, (("multiply", (1, -1)), ("add", (2, -3)), ("multiply", (3, -4))), (4,), OUTSIDE), False, 0)
def test_forward_and_backward(body, at_hand, seed):
    arrays = [x for x in np.random.default_rng(seed).normal(size=(body.inputs, WIDTH))]
    chosen = range(body.inputs) if at_hand else ()
    expected, gradients = pulled(body, arrays, OUTSIDE)
    outputs, found, outside = forward_and_back(traced(body, body.inputs, at_hand=chosen), arrays, chosen)
    assert_same(outputs, expected)
    assert_same([*found, *(np.asarray(outside(p)) for p in OUTSIDE)], gradients)


POINTWISE = {name: op for name, op in registry.items() if op.pointwise and op.rule}
CALLS = {
    "astype": lambda x: mg.astype(x, np.float64),
    "clip": lambda x: mg.clip(x, -0.5, 1.25),
    "divide": lambda x, y: x / y,
    "leaky_relu": lambda x: mg.leaky_relu(x, 0.3),
    "power": lambda x, y: x**y,
    "where": lambda x, y: mg.where(x > y, x, y),
}


@pytest.mark.parametrize("name", POINTWISE)
def test_every_pointwise_primitive(name):
    """Run on arrays, and on Tensors: derivatives of second order."""
    op = POINTWISE[name]
    call = CALLS.get(name, getattr(mg, name))
    count = 2 if name == "where" else op.arity
    program = traced(call, count)
    x = [np.array([0.4, 1.1, 1.7, 2.3]), np.array([0.9, 0.8, 2.1, 1.3])][:count]
    assert_same(program.run(dict(zip(program.inputs, x))), [np.asarray(call(*map(mg.tensor, x)))])
    found = forward_and_back(program, x, ())
    assert_same([*found[0], *found[1]], [y for part in pulled(call, x) for y in part])
    check_gradients(lambda *x: program.run(dict(zip(program.inputs, x)))[0], *x, order=2)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softplus", "relu", "exp", "sqrt"])
def test_the_way_back_is_free_of_transcendentals(name):
    program = traced(UNARY.get(name, getattr(mg, name)), at_hand=(0,))
    assert not TRANSCENDENTAL.intersection(names(program.backward))
    assert len(program.saved) <= 2


def test_the_way_back_of_an_lstm():
    def body(i, f, g, o, c):
        c = mg.sigmoid(f) * c + mg.sigmoid(i) * mg.tanh(g)
        return mg.sigmoid(o) * mg.tanh(c), c

    program = traced(body, 5, at_hand=(4,))
    assert not TRANSCENDENTAL.intersection(names(program.backward))
    assert len(program.saved) == 5  # four gates, tanh(c)
    assert sorted(names(program.forward)) == sorted(3 * ["sigmoid", "multiply"] + 2 * ["tanh"] + ["add"])


def test_equal_steps_are_one():
    program = traced(lambda x: mg.tanh(x) * mg.tanh(x) + mg.tanh(x))
    assert names(program.forward).count("tanh") == 1


def test_dead_branches_are_dropped():
    def body(x):
        mg.exp(x)
        return mg.tanh(x)

    assert names(traced(body).forward) == ["tanh"]


def test_no_gradient_is_asked_for():
    program = traced(lambda x, y: mg.tanh(x) * mg.exp(y), 2, wanted_for=[0])
    assert set(program.cotangents) == {"x0"}
    assert not traced(mg.tanh, wanted_for=[]).backward


def test_comparisons_carry_no_gradient():
    program = traced(lambda x: (x > 0) * x)
    x = row(-1, 0, 2, 3)
    assert_same(forward_and_back(program, [x], ())[1], [(x > 0) * weight_of(x)])


def test_what_stands_outside_is_used_as_it_is_now():
    w = mg.tensor(np.ones(WIDTH), requires_grad=True)
    program = traced(lambda x: x * (2 * w))
    prelude = Prelude(program, (WIDTH,))
    assert prelude.parameters == (w,)
    w.assign_(np.arange(4.0))
    (external,) = prelude()
    np.testing.assert_array_equal(external, [0, 2, 4, 6])
    (sent,) = prelude.cotangents([external], [np.ones(WIDTH)])
    np.testing.assert_array_equal(sent, [2, 2, 2, 2])


def test_parts_of_a_parameter():
    w = mg.tensor(np.arange(12.0).reshape(3, 4), requires_grad=True)

    def body(x):
        a, b, _ = w
        return x * a + mg.tanh(x * b)

    x = row(0.1, 0.2, 0.3, 0.4)
    _, found, outside = forward_and_back(traced(body), [x], ())
    assert_same([*found, np.asarray(outside(w))], pulled(body, [x], [w])[1])


def test_constants_are_copied_at_each_call():
    c = np.arange(4.0)
    prelude = Prelude(traced(lambda x: x * c), (WIDTH,))
    (before,) = prelude()
    c[:] = 7
    np.testing.assert_array_equal(before, [0, 1, 2, 3])
    np.testing.assert_array_equal(*prelude(), c)


float32 = np.ones(WIDTH, np.float32)
REFUSED = {
    "a reduction": lambda x: x.sum(),
    "a reduction that is spread again": lambda x: x + x.sum(),
    "the mean": lambda x: x - x.mean(),
    "an axis kept": lambda x: mg.tanh(x).max(axis=0, keepdims=True),
    "a product": lambda x: x @ x,
    "another shape": lambda x: x.reshape(2, 2),
    "another order": lambda x: mg.flip(x),
    "one entry": lambda x: x[0],
    "a cumulative sum": lambda x: x.cumsum(0),
    "concatenation": lambda x: mg.concatenate([x, x]),
    "a constant output": lambda x: (x, mg.tensor(1.0)),
    "no Tensor": lambda x: (x, None),
    "a list": lambda x: [x],
    "an array of another shape": lambda x: x * np.ones((2, WIDTH)),
    "another dtype": lambda x: x.astype(np.float32),
    "integers": lambda x: x.astype(np.int64) * x,
    "a comparison": lambda x: x > 0,
    "a constant of another dtype": lambda x: x * np.arange(4),
    "a bound for each entry": lambda x: mg.clip(x, np.arange(4.0)),
    "a body that fails on one row": lambda x: mg.matmul(x, np.ones((3, 3))),
    "a checkpoint": lambda x: mg.checkpoint(mg.tanh, x),
}


@pytest.mark.parametrize("what", REFUSED)
def test_not_pointwise(what):
    with pytest.raises(NotPointwise):
        traced(REFUSED[what])
    assert not mode.tracing


@pytest.mark.parametrize("constant", [np.float64(2), np.ones(WIDTH), np.sqrt(2)])
def test_what_would_widen_float32_is_refused(constant):
    with pytest.raises(NotPointwise):
        traced(lambda x: x * constant, dtype=np.float32)


@pytest.mark.parametrize("what", ["a reduction", "a reduction that is spread again", "an axis kept"])
@pytest.mark.parametrize("width", [1, 3])
def test_not_pointwise_without_a_gradient_either(what, width):
    with pytest.raises(NotPointwise):
        trace(REFUSED[what], [np.full(width, 0.5)], wanted_for=[])


def test_samples_raise_no_warnings():
    traced(lambda x: 1 / (x - 0.5) + mg.log(x - 0.5) + mg.sqrt(x - 2))


def test_tracing_under_no_grad_and_alone():
    with mg.no_grad():
        program = traced(mg.tanh)
    assert names(program.forward) == ["tanh"] and program.cotangents
    assert not (mg.tensor([1.0], requires_grad=True) > 0).requires_grad


def test_outputs_keep_their_order():
    program = traced(lambda x, y: (y * x, mg.tanh(x), y + 1), 2)
    x, y = row(1, 2, 3, 4), row(5, 6, 7, 8)
    assert_same(program.run({"x0": x, "x1": y}), [x * y, np.tanh(x), y + 1])
    assert flat((1, (2, (3,)))) == [1, 2, 3]


# bodies whose choices a loop could not repeat


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (lambda x: x * 2 if x.numpy().max() > 0 else x * 3, "depends on the entries"),
        (lambda x: x * float(x.numpy()[0]), "depends on the entries"),
        (lambda x: x + mg.tensor(np.abs(x.numpy())), "depends on the entries"),
        (lambda x: x * generator().random(), "draws random numbers"),
        (lambda x: mg.functional.dropout(x, 0.5), "draws random numbers"),
    ],
    ids=["a branch", "a number", "an array", "a random number", "dropout"],
)
def test_what_depends_on_more_than_the_program(body, reason):
    mg.manual_seed(1)
    with pytest.raises(NotPointwise, match=reason):
        trace(body, [np.full(3, 0.5)])
    expected = np.random.default_rng(1).random()
    assert generator().random() == expected  # the draws of a body that is tried do not count
