"""Random programs: no false alarm, no miss, and something that a person can read."""

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, seed, settings
from hypothesis import strategies as st

import minigrad as mg
from minigrad.backward import reachable
from minigrad.graph import pointwise, primitive, registry
from minigrad.testing import GradientError, check_gradients
from minigrad.testing.drawing import drawable
from minigrad.testing.programs import Ref
from minigrad.testing.strategies import programs, recipe, recipes
from minigrad.testing.value import LARGEST

SEEDS = range(20 if settings.default.max_examples >= 1000 else 10)  # 20,000 programs in `thorough`, 500 in `ci`
NAMES = [p.name for p in drawable()]
floats = st.sampled_from([np.float32, np.float64])
enough = settings(max_examples=2000, database=None, derandomize=True)


def simplest(condition, **options):
    return find(programs(**options), condition, settings=enough)


def one(condition):
    return find(programs(), condition, settings=settings(enough, phases=[Phase.generate]))


# no false alarm


@pytest.mark.parametrize("number", SEEDS)
def test_right_gradients_pass(number):
    """The first derivative of each program, and the second of one in eight."""

    @seed(number)
    @given(floats.flatmap(programs), st.integers(0, 7))
    def check(program, turn):
        check_gradients(program, *program.inputs, order=2 if turn == 7 else 1)

    check()


# no miss


def wrong(rule, factor):
    """The rule with its first cotangent off by a factor."""

    def other(*arguments, **named):
        sent = rule(*arguments, **named)
        first, *rest = sent if isinstance(sent, tuple) else (sent,)
        if first is None:  # the condition of `where`
            return (first, off(rest[0]), *rest[1:])
        return (off(first), *rest)

    def off(c):
        return (lambda: c() * factor) if callable(c) else c * factor

    return other


@pytest.mark.parametrize("factor", [-1, 1.01])
@pytest.mark.parametrize(
    "name", [name for name in NAMES if name != "sign"]
)  # whose gradient is 0: right times anything
def test_a_wrong_rule_is_found(name, factor, monkeypatch):
    """And by the name of the primitive, in programs where it stands among others."""
    monkeypatch.setattr(registry[name], "rule", wrong(registry[name].rule, factor))

    @seed(0)
    @settings(max_examples=300, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(programs(primitives=[name, "sin", "multiply", "sum"]))
    def check(program):
        check_gradients(program, *program.inputs)

    with pytest.raises(GradientError, match=f"`{name}`"):
        check()


# what is drawn


@given(programs())
def test_values_are_bounded_and_in_domain(program):
    for x in program.inputs:
        assert x.dtype == np.float64
    for step in program.steps:
        for y in step.outputs:
            assert np.all(np.isfinite(y)) and np.all(abs(y) <= LARGEST) and y.size <= 64
            assert y.dtype == bool or np.all((y == 0) | (abs(y) >= np.finfo(y.dtype).tiny))


@given(floats.flatmap(programs))
def test_a_program_gives_what_was_computed_in_drawing(program):
    arrays = [y for step in program.steps for y in step.outputs]
    expected = [arrays[i - len(program.inputs)] for i in program.returned]
    for got in (program(*program.inputs), program(*map(mg.tensor, program.inputs))):
        got = got if isinstance(got, tuple) else (got,)
        for y, e in zip(got, expected, strict=True):
            np.testing.assert_array_equal(np.asarray(y), e, strict=True)


@given(floats.flatmap(programs))
def test_repr_is_code_that_gives_the_same(program):
    names = {}
    exec(repr(program), names)
    for x, y in zip(names["inputs"], program.inputs, strict=True):
        np.testing.assert_array_equal(x, y, strict=True)
    expected, got = program(*program.inputs), names["program"](*names["inputs"])
    for x, y in zip(*(y if isinstance(y, tuple) else (y,) for y in (expected, got)), strict=True):
        np.testing.assert_array_equal(x, y, strict=True)


@given(programs(max_steps=3, max_inputs=1, primitives=["tanh", "add"]))
def test_programs_within_limits(program):
    assert program.primitives <= {"tanh", "add", "negative", "multiply"} and len(program.inputs) == 1


@pytest.mark.parametrize("name", NAMES)
def test_every_primitive_is_drawn(name):
    program = simplest(lambda p: name in p.primitives, primitives=[name])
    assert len(program.steps) <= 3


def uses(program):
    return [[x.index for x in step.operands if isinstance(x, Ref)] for step in program.steps]


def sources(program):
    """For each value, all that it was made of."""
    behind = [{i} for i in range(len(program.inputs))]
    for step, used in zip(program.steps, uses(program), strict=True):
        behind += [set().union({len(behind)}, *(behind[i] for i in used)) for _ in step.outputs]
    return behind


def has_diamond(program):
    behind, n = sources(program), len(program.inputs)
    return any(
        len(used) == 2 and used[0] != used[1] and min(used) >= n and behind[used[0]] & behind[used[1]]
        for used in uses(program)
    )


STRUCTURES = {
    "diamond": has_diamond,
    "fan-out": lambda p: sum(0 in used for used in uses(p)) >= 3,
    "dead branch": lambda p: "(dead)" in str(p),
    "several outputs of a step": lambda p: any(len(step.outputs) > 1 for step in p.steps),
    "several results": lambda p: len(p.returned) > 1,
    "several inputs": lambda p: len(p.inputs) == 3,
    "depth": lambda p: max(map(len, sources(p))) > 5,
    "nothing in it": lambda p: any(x.size == 0 for x in p.inputs),
    "comparison": lambda p: "greater" in p.primitives,
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_every_structure_is_drawn(name):
    assert STRUCTURES[name](one(STRUCTURES[name]))


def test_programs_shrink_to_few_steps_and_small_integers():
    program = simplest(lambda p: "tanh" in p.primitives and p.inputs[0].any())
    assert [step.primitive.name for step in program.steps] == ["tanh"]
    assert program.inputs[0].tolist() == 1.0
    assert str(simplest(lambda p: True)) == (
        "x0 = input            float64[]\nv0 = mg.negative(x0)  float64[]\nreturn v0"
    )


def test_a_program_is_read_from_above():
    program = simplest(lambda p: "concatenate" in p.primitives, primitives=["concatenate"])
    assert repr(program) == (
        "import numpy as np\nimport minigrad as mg\n\ndef program(x0):\n    v0 = mg.concatenate([x0], axis=0)\n"
        "    return v0\n\ninputs = (\n    np.zeros((0,), np.float64),\n)"
    )


def test_a_program_takes_its_inputs_only():
    with pytest.raises(TypeError, match=r"the program takes 1 inputs, got 2"):
        simplest(lambda p: len(p.inputs) == 1)(1.0, 2.0)


@given(programs())
def test_programs_are_recorded(program):
    """So that what is checked is a graph: one node for each step that leads from inputs to results."""
    leaves = [mg.tensor(x, requires_grad=True) for x in program.inputs]
    outputs = program(*leaves)
    nodes = reachable([y.node for y in (outputs if isinstance(outputs, tuple) else (outputs,)) if y.node is not None])
    assert {node.primitive.name for node in nodes} <= program.primitives


# recipes


def test_every_primitive_with_a_rule_can_be_drawn():
    missing = [p.name for p in registry.values() if p.rule and not p.pointwise and p.name not in recipes]
    assert not missing, f"say in minigrad/testing/recipes.py how to call {missing}"
    assert recipes.keys() <= registry.keys()


def test_pointwise_primitives_without_a_recipe_need_no_settings():
    unset = [p.name for p in drawable() if p.pointwise and p.name not in recipes and p.setting_names]
    assert not unset, f"say in minigrad/testing/recipes.py what settings {unset} take"


def test_a_users_own_op_is_drawn_by_its_recipe(monkeypatch):
    for table in (registry, recipes):
        monkeypatch.setitem(table, "scaled", None)  # forgotten again after the test

    @primitive(vjp=lambda g, y, x, by: g * by)
    def scaled(x, /, by):
        return x * by

    @recipe("scaled")
    def _(draw, pool):
        return (pool.value(lambda shape: len(shape) == 1, st.just((2,))),), {"by": draw(st.just(3.0))}

    program = simplest(lambda p: "scaled" in p.primitives, primitives=["scaled"])
    check_gradients(program, *program.inputs)
    assert "from minigrad.graph import registry\n" in repr(program)
    assert "v0 = registry['scaled'].apply(x0, by=3.0)" in repr(program)
    assert str(program).splitlines()[1].startswith("v0 = registry['scaled'].apply(x0, by=3.0)  float64[")
    names = {}
    exec(repr(program), names)
    np.testing.assert_array_equal(names["program"](*names["inputs"]), 3 * program.inputs[0])


def test_a_users_own_pointwise_op_needs_no_recipe(monkeypatch):
    monkeypatch.setitem(registry, "cube", None)

    @pointwise(vjp=lambda g, y, x: 3 * g * x * x)
    def cube(x, /):
        return x**3

    program = simplest(lambda p: "cube" in p.primitives and p.inputs[0].any(), primitives=["cube"])
    check_gradients(program, *program.inputs, order=2)


@pytest.mark.parametrize("name", ["argmax", "no_such_op"])
def test_a_primitive_that_cannot_be_drawn_is_refused(name):
    with pytest.raises(ValueError, match=rf"programs: expected primitives that are registered.*; {name} is none"):
        simplest(lambda p: True, primitives=["tanh", name])


@pytest.mark.parametrize(("name", "least"), [("max_steps", "steps"), ("max_inputs", "inputs")])
def test_a_program_of_nothing_is_refused(name, least):
    with pytest.raises(ValueError, match=f"programs: expected 0 <= least <= largest number of {least}, got 1 and 0"):
        simplest(lambda p: True, **{name: 0})
