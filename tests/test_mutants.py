"""The mutation run itself: what it mutates, what it says of a gap in the tests, and a quick sample of it."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from minigrad.kernels import compile
from tests.mutants import plain
from tests.mutants.edits import edits, path_of
from tests.mutants.targets import TARGETS

ROOT = Path(__file__).parent.parent


def mutants(*arguments):
    """Run the tool in a process of its own: it forks, and wants no minigrad imported before."""
    command = [sys.executable, "-m", "tests.mutants", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def changes(source):
    return {edit.name.removeprefix("module."): edit.kind for edit in edits("module", source.encode())}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "op = pointwise(np.op, domain=D(-1), vjp=lambda g, y, a, b: (g / b, -g))",
            {
                "op: pointwise(np.op, domain=D(-1), vjp=lambda g, y, a, b: (g / b, -g)) -> (np.op)": "call dropped",
                "op: (g / b, -g) -> (-g, g / b)": "operands swapped",
                "op: g / b -> g": "operand dropped",
                "op: g / b -> b": "operand dropped",
                "op: g / b -> (b / g)": "operands swapped",
                "op: g / b -> (-(g / b))": "sign flipped",
                "op: g / b -> ((g / b) * 1.01)": "factor 1.01",
                "op: -g -> g": "sign flipped",
                "op: -g -> ((-g) * 1.01)": "factor 1.01",
            },
        ),
        (
            "@op.vjp\ndef _(g: Any, y, x, axis) -> Any:\n    if g < 0:\n        raise ValueError(1 + 1)\n"
            "    return sum(g, axis=axis)\n",
            {
                "op: sum(g, axis=axis) -> (-sum(g, axis=axis))": "sign flipped",
                "op: sum(g, axis=axis) -> (sum(g, axis=axis) * 1.01)": "factor 1.01",
                "op: sum(g, axis=axis) -> g": "call dropped",
                "op: axis -> (-1 if axis is None else None)": "wrong axis",
            },
        ),
        (
            'class Cell:\n    def body(self, x):\n        """é"""; c = (x if 1 < x else 2.5); return not c and 3\n',
            {
                "Cell.body: x if 1 < x else 2.5 -> x": "branch dropped",
                "Cell.body: x if 1 < x else 2.5 -> (2.5)": "branch dropped",
                "Cell.body: 1 < x -> ((1) <= x)": "another operator",
                "Cell.body: 1 -> 2": "another constant",
                "Cell.body: 2.5 -> 2.525": "factor 1.01",
                "Cell.body: not c and 3 -> ((not c) or (3))": "another operator",
                "Cell.body: not c -> c": "sign flipped",
                "Cell.body: 3 -> 4": "another constant",
            },
        ),
    ],
)
def test_the_edits_of_a_function(source, expected):
    assert changes(source) == expected


def test_edits_that_look_alike_have_names_of_their_own():
    assert changes("def f(x):\n    return g(1, 1)") | {"f#2: 1 -> 2": "another constant"} == changes(
        "def f(x):\n    return g(1, 1)"
    )


@pytest.mark.parametrize("module", TARGETS)
def test_every_mutant_is_a_program_with_a_name_of_its_own(module):
    found = list(edits(module, path_of(module).read_bytes()))
    for edit in found:
        old, new = edit.source[edit.start : edit.end].decode(), edit.new
        before, after = (ast.dump(ast.parse(f"x[{text}]", mode="eval")) for text in (old, new))  # it may hold slices
        assert before != after, edit.name
    assert len({edit.name for edit in found}) == len(found) > 0


def test_a_sample_is_killed():
    ran = mutants("--sample", "12", "--jobs", "2", "minigrad.ops", "rule of", "models.lstm")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "12 mutants: 12 killed, 0 survived" in ran.stdout


def test_a_sample_of_what_is_generated_is_killed():
    ran = mutants("--sample", "8", "--jobs", "2", "kernels.(gemm|sequence)", "minigrad.fusion", r"\.backward: v")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "8 mutants: 8 killed, 0 survived" in ran.stdout


@pytest.mark.skipif(not compile.available(), reason="no compiler")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("accumulate", [False, True])
def test_the_doubles_do_what_machine_code_does(dtype, accumulate):
    from minigrad.kernels import tile

    rng = np.random.default_rng(0)
    a, b, c = (rng.normal(size=size).astype(dtype) for size in (40, 5 * 2 * tile.BYTES, 3 * 2 * tile.BYTES))
    one, other = c.copy(), c.copy()
    for kernel, result in ((tile.tile, one), (plain.tile, other)):
        kernel(3, 2, a, 2, 1, 4, b, 1, result, 3, 2 * tile.BYTES - 2, 5, accumulate)
    np.testing.assert_allclose(one, other, rtol=1e-5 if dtype is np.float32 else 1e-13)
    assert not np.array_equal(one, c)
    with pytest.raises(IndexError, match="entries"):
        plain.row(c, 5, c.size)


def test_a_rule_without_a_test_is_reported():
    ran = mutants("--tests", "tests/test_random.py", "--", "rule of tanh.*sign", "rule of tanh.*factor")
    assert ran.returncode == 1
    assert "SURVIVED\n    sign flipped: rule of tanh, input 0: sign flipped" in ran.stdout
    assert "2 mutants: 0 killed, 2 survived" in ran.stdout


def test_no_such_mutant():
    ran = mutants("rule of nothing")
    assert ran.returncode == 1
    assert ran.stderr == "no mutant matches:\n    rule of nothing\n"
