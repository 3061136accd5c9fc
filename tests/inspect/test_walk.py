"""walk: what backward() does, to the bit, and each step as a learner would compute it by hand."""

import ast
import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.backward import walk as sent_back
from minigrad.functional import dropout
from minigrad.graph import registry
from minigrad.inspect import show_walk, walk
from minigrad.inspect.walk import source
from minigrad.nn import Linear
from minigrad.testing.strategies import programs
from models import GRU, LSTM, LSTMCell


def leaf(*shape, seed=0, dtype=np.float64):
    return mg.tensor(np.random.default_rng(seed).normal(size=shape).astype(dtype), requires_grad=True)


def total(outputs):
    """One number that depends on every entry of every output, each in its own way."""
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    floats = [y for y in outputs if isinstance(y, mg.Tensor) and y.dtype.kind == "f" and y.requires_grad]
    return sum((mg.sum(y * np.linspace(0.5, 1, y.size, dtype=y.dtype).reshape(y.shape)) for y in floats), 0.0)


def last_of(y, names, gradient=None):
    """What has arrived in the end."""
    arrived = {}
    for step in walk(y, gradient, names):
        arrived = step.arrived
    return arrived


def assert_as_backward(y, names, gradient=None):
    """Every leaf has what backward() gives, to the bit; before that, no leaf has anything."""
    arrived = last_of(y, names, gradient)
    assert all(x.grad is None for x in names.values())
    y.backward(gradient)
    found = {name: x.grad for name, x in names.items() if x.grad is not None}
    assert found.keys() == arrived.keys()
    for name, g in found.items():
        assert (g.dtype, g.shape) == (arrived[name].dtype, arrived[name].shape)
        assert g.numpy().tobytes() == arrived[name].tobytes()


# to the bit


@given(programs(), st.sampled_from([np.float32, np.float64]))
def test_random_programs(program, dtype):
    leaves = [mg.tensor(x.astype(dtype), requires_grad=True) for x in program.inputs]
    y = total(program(*leaves))
    if isinstance(y, mg.Tensor) and not y.is_leaf:
        assert_as_backward(y, {f"x{i}": x for i, x in enumerate(leaves)})


@given(programs(max_steps=6))
def test_every_cotangent_is_the_derivative_for_that_node(program):
    leaves = [mg.tensor(x, requires_grad=True) for x in program.inputs]
    y = total(program(*leaves))
    if not isinstance(y, mg.Tensor) or y.is_leaf:
        return
    for step in walk(y):
        arrived = sent_back({y.node: np.ones(())}, retain_graph=True, create_graph=False, stop=frozenset([step.node]))
        g = arrived.get(step.node)
        if isinstance(g, dict):
            g = tuple(g.get(i, np.zeros_like(part)) for i, part in enumerate(step.output))
        assert (g is None) == (step.cotangent is None)
        if g is not None:
            for mine, theirs in zip(*((a if isinstance(a, tuple) else (a,)) for a in (step.cotangent, g)), strict=True):
                np.testing.assert_array_equal(mine, theirs)


CASES = {
    "an input twice": lambda x, w: (x * x).sum(),
    "an input three times, at different nodes": lambda x, w: (x * x + x).sum() * x[0, 0],
    "broadcasting": lambda x, w: ((x + w[0]) * w[:3, :1]).sum(),
    "split": lambda x, w: mg.split(x @ w, 2, -1)[1].sum(),
    "unstack, in part": lambda x, w: mg.unstack(x)[1].sum() + mg.unstack(w, 1)[0].sum(),
    "thunks": lambda x, w: ((x * x + 1) ** 3 @ w).sum(),
    "a cotangent that is never sent": lambda x, w: (mg.astype(x, np.int32) * w[:3]).sum() + x.sum(),
    "checkpoint": lambda x, w: mg.checkpoint(lambda x: mg.tanh(x @ w) * x, x).sum() + (x * w[0]).sum(),
    "a checkpoint in a checkpoint": lambda x, w: mg.checkpoint(
        lambda x: mg.checkpoint(lambda z: mg.tanh(z @ w) + z, x * x), x
    ).sum(),
    "a checkpoint with dropout": lambda x, w: mg.checkpoint(lambda x: dropout(x @ w, 0.5), x).sum() + x.sum(),
    "a checkpoint of several": lambda x, w: mg.checkpoint(lambda x: (x @ w, x * x), x)[0].sum() + w.sum(),
}


@pytest.mark.parametrize("case", CASES)
def test_awkward_graphs(case):
    x, w = leaf(3, 4), leaf(4, 4, seed=1)
    assert_as_backward(CASES[case](x, w), {"x": x, "w": w})


@mg.fuse
def swish(x, beta):
    return x * mg.sigmoid(beta * x)


def test_a_fused_function():
    x, beta = leaf(5, 3, dtype=np.float32), mg.tensor(1.5, requires_grad=True)
    assert_as_backward((swish(x, beta) * x).sum(), {"x": x, "beta": beta})


@pytest.mark.parametrize("kind", [LSTM, GRU])
@pytest.mark.parametrize("unroll", [False, True])
def test_a_recurrent_network(kind, unroll):
    net, x = kind(3, 4, num_layers=2, bidirectional=True), leaf(2, 5, 3, dtype=np.float32)
    outputs, final = net(x, lengths=[5, 3], unroll=unroll)
    y = (outputs * outputs).sum() + total(final[0][0] if kind is LSTM else final[0])
    assert_as_backward(y, {"x": x, **dict(net.named_parameters())})


def test_a_gradient_that_is_given():
    x, w = leaf(3, 4), leaf(4, 4, seed=1)
    assert_as_backward(mg.tanh(x @ w), {"x": x, "w": w}, np.arange(12.0).reshape(3, 4))
    gradient = mg.tensor(np.arange(12.0).reshape(3, 4))
    (step, *_) = walk(mg.tanh(x @ w), gradient)
    np.testing.assert_array_equal(step.cotangent, gradient)


# each step


@given(programs(max_steps=6))
def test_what_is_sent_adds_up_to_what_has_arrived(program):
    leaves = {f"x{i}": mg.tensor(x, requires_grad=True) for i, x in enumerate(program.inputs)}
    y = total(program(*leaves.values()))
    if not isinstance(y, mg.Tensor) or y.is_leaf:
        return
    sums = {}
    for number, step in enumerate(walk(y, names=leaves), 1):
        assert step.number == number and len(step.sent) == len(step.inputs)
        for (name, value), c in zip(step.inputs, step.sent, strict=True):
            if c is not None:
                assert c.shape == value.shape and c.dtype == value.dtype
                sums[name] = sums[name] + c if name in sums else c
        for name, g in step.arrived.items():
            np.testing.assert_array_equal(g, sums[name])
        assert all(name in leaves or name.startswith("%") for name in step.arrived)
        assert not any(name.partition(".")[0] == step.name for name in step.arrived), "it has been visited"
    assert set(step.arrived) <= set(leaves)


def test_the_numbers_on_ten_nodes_are_those_by_hand():
    w, x, b = (mg.tensor(v, requires_grad=True) for v in ([1.0, 2.0], [0.5, 0.25], [0.5]))
    y = (w * x + b).sum() * 3.0
    names = {"w": w, "x": x, "b": b}
    three, total, plus, times = walk(y, names=names)
    assert [s.title for s in (three, total, plus, times)] == [
        "%4 = multiply(%3, 3.0)", "%3 = sum(%2)", "%2 = add(%1, b)", "%1 = multiply(w, x)",
    ]  # fmt: skip
    assert [s.number for s in (three, total, plus, times)] == [1, 2, 3, 4] and times.count == 4
    assert three.cotangent.tolist() == 1 and three.output.tolist() == 6 and three.sent[0].tolist() == 3
    assert three.sent[1] is None, "3.0 is a constant"
    assert total.sent[0].tolist() == [3, 3]
    assert [c.tolist() for c in plus.sent] == [[3, 3], [6]], "b was broadcast, so its cotangents are added up"
    assert [c.tolist() for c in times.sent] == [[1.5, 0.75], [3, 6]]
    assert {name: g.tolist() for name, g in times.arrived.items()} == {"b": [6], "w": [1.5, 0.75], "x": [3, 6]}
    assert {name: g.tolist() for name, g in plus.arrived.items()} == {"b": [6], "%1": [3, 3]}
    assert times.op == "multiply" and times.node.primitive is registry["multiply"]
    assert [(name, value.tolist()) for name, value in times.inputs] == [("w", [1, 2]), ("x", [0.5, 0.25])]
    assert times.rule == "lambda g, y, a, b: (g * b, g * a)"
    assert str(plus) == (
        "step 3 of 4: %2 = add(%1, b)\n"
        "  rule         lambda g, y, a, b: (g, g)\n"
        "  comes in, g  [3.0, 3.0]\n"
        "  output, y    [1.0, 1.0]\n"
        "  input %1     [0.5, 0.5]\n"
        "  input b      [0.5]\n"
        "  sent to %1   [3.0, 3.0]\n"
        "  sent to b    [6.0]\n"
        "  %1 has now   [3.0, 3.0]\n"
        "  b has now    [6.0]"
    )
    assert repr([plus]) == "[<step 3 of 4: %2 = add(%1, b)>]"


def test_numbers_are_shown_to_their_last_digit():
    x = mg.tensor(np.array([0.1, 1 / 3]), requires_grad=True)
    (step,) = walk(mg.exp(x), np.array([1.0, 1e-30]))
    assert "[0.1, 0.3333333333333333]" in str(step) and "1e-30" in str(step)
    (step,) = walk(mg.exp(leaf(4, 5)), np.ones((4, 5)))
    assert "comes in, g     float64[4, 5], norm 4.47214\n" in str(step), "too many to be read"


def test_a_name_is_given_once():
    first, second = Linear(2, 2), Linear(2, 2)
    y = second(first(mg.tensor(np.ones((1, 2), np.float32)))).sum()
    arrived = last_of(y, None)
    y.backward()
    assert len(arrived) == 4
    assert {g.tobytes() for g in arrived.values()} == {
        p.grad.numpy().tobytes() for m in (first, second) for p in m.parameters()
    }
    both = {"a": first.weight, "b": first.weight}  # one Tensor of two names has the last
    assert "b" in last_of(first(mg.tensor(np.ones((1, 2), np.float32))).sum(), both)


def test_constants_are_named_by_value_or_place():
    x = leaf(3)
    (_, step) = walk(mg.where(np.array([True, False, True]), x, np.zeros(3)).sum())
    assert step.title == "%1 = where(constant 1, leaf 1, constant 3)"
    (_, step) = walk((x * np.arange(3.0)).sum(), names={"c": (c := mg.tensor(np.ones(3))), "x": x})
    assert step.title == "%1 = multiply(x, constant)"
    (_, step) = walk((x * c).sum(), names={"c": c, "x": x})
    assert step.title == "%1 = multiply(x, c)"


# rules


@pytest.mark.parametrize("name", [name for name, op in registry.items() if op.rule])
def test_the_rule_is_shown_as_it_is_written(name):
    text = source(registry[name].rule)
    tree = ast.parse(text)
    if registry[name].rule.__name__ == "<lambda>":
        shown = tree.body[0].value
        assert isinstance(shown, ast.Lambda)
    else:
        shown = tree.body[0]
        assert isinstance(shown, ast.FunctionDef)
    assert [a.arg for a in shown.args.args][:2] == ["g", "y"]
    assert text.splitlines()[0] == text.splitlines()[0].strip()


def test_rules_that_nobody_wrote():
    x = leaf(4, 3, dtype=np.float32)
    steps = [*walk(swish(x, 1.0).sum()), *walk(LSTM(3, 2)(mg.expand_dims(x, 0))[0].sum())]
    assert [s.rule.partition(":")[0] for s in steps if s.op in ("swish (fused)", "recurrence")] == ["generated"] * 2
    assert next(iter(walk(mg.checkpoint(lambda x: x * x, x), np.ones((4, 3))))).rule.startswith("none")
    made = {}
    exec("from minigrad.graph import Primitive\nrule = lambda g, y, x: g", made)
    twice = made["Primitive"](np.positive, made["rule"])
    assert next(walk(twice.apply(x).sum() * 1.0)) and [*walk(twice.apply(x).sum())][1].rule == (
        "its source cannot be read"
    )


# it only looks


def test_nothing_is_changed():
    x, w = leaf(3, 4), leaf(4, 4, seed=1)
    x.grad = np.ones((3, 4))
    y = mg.checkpoint(lambda x: mg.tanh(x @ w), x).sum() + (x * x).sum()
    state = mg.random.get_state()
    first = [copy.deepcopy(dict(step.arrived)) for step in walk(y)]
    again = [dict(step.arrived) for step in walk(y)]
    assert (state == mg.random.get_state()).all()
    assert w.grad is None and x.grad.tolist() == np.ones((3, 4)).tolist()
    for a, b in zip(first, again, strict=True):
        assert a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)
    y.backward()  # the graph is there


def test_what_is_shown_cannot_be_written_to():
    x = leaf(3)
    for step in walk((mg.split(x, 3)[0] * x).sum()):
        shown = [step.cotangent, step.output, *(v for _, v in step.inputs), *step.sent, *step.arrived.values()]
        arrays = [a for part in shown for a in (part if isinstance(part, tuple) else (part,)) if a is not None]
        assert arrays and not any(a.flags.writeable for a in arrays)


def test_it_may_be_walked_where_nothing_is_recorded():
    x = leaf(3)
    y = mg.checkpoint(lambda x: x * x, x).sum()
    with mg.no_grad():
        arrived = last_of(y, {"x": x})
    np.testing.assert_array_equal(arrived["x"], 2 * x.numpy())


# refusals


def test_no_graph():
    with pytest.raises(RuntimeError, match="walk: nothing was recorded; no leaf with requires_grad=True leads here"):
        walk(mg.tensor(1.0))
    with pytest.raises(TypeError, match="walk: expected a Tensor, got ndarray"):
        walk(np.ones(3))
    with pytest.raises(TypeError, match="names: expected a Module, or a dict from names to Tensors, got list"):
        walk(leaf(3).sum(), names=["x"])


def test_a_graph_that_was_freed():
    y = (leaf(3) * 2).sum()
    y.backward()
    with pytest.raises(RuntimeError, match=r"came to a sum whose graph an earlier .* retain_graph=True"):
        walk(y)


def test_an_input_that_was_changed():
    x = leaf(3)
    y = (x * x).sum()
    x.assign_(np.zeros(3))
    with pytest.raises(RuntimeError, match=r"came to a multiply whose input of shape .* was changed by assign_"):
        walk(y)


def test_a_gradient_that_is_missing_or_does_not_fit():
    y = leaf(3, 2) * 2
    with pytest.raises(RuntimeError, match=r"walk: a tensor of shape \(3, 2\) needs a gradient .*sum\(\) or mean"):
        walk(y)
    with pytest.raises(ValueError, match=r"walk: expected a gradient of shape \(3, 2\), the tensor's own, got \(3,\)"):
        walk(y, np.ones(3))


# on the terminal


def test_the_table(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "110")
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    show_walk((x * x).sum(), names={"x": x})
    shown = capsys.readouterr().out
    assert "2: %1 = multiply(x, x)" in shown and "lambda g, y, a, b: (g" in shown
    assert shown.count("x [1.0, 2.0]") == 2 and "x has now [2.0, 4.0]" in shown


def test_without_rich(capsys, monkeypatch):
    monkeypatch.setitem(show_walk.__globals__, "find_spec", lambda name: None)
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    show_walk((x * x).sum(), names={"x": x})
    assert capsys.readouterr().out == "\n\n".join(map(str, walk((x * x).sum(), names={"x": x}))) + "\n"


def test_a_cell_by_hand():
    """tanh(W x + U h + b), one step, with numbers a learner can follow."""
    w, u, b = (mg.tensor(v, requires_grad=True) for v in (2.0, -1.0, 0.5))
    x, h = 0.25, 0.5
    y = mg.tanh(w * x + u * h + b)
    arrived = last_of(y, {"w": w, "u": u, "b": b})
    slope = 1 - np.tanh(0.5) ** 2
    np.testing.assert_allclose([arrived[n] for n in "wub"], [slope * x, slope * h, slope], rtol=1e-6)
    cell = LSTMCell(2, 3)
    _, state = cell(mg.tensor(np.ones((1, 2), np.float32)))
    assert_as_backward((state.h * state.c).sum(), dict(cell.named_parameters()))
