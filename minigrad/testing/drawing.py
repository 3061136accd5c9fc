"""How a random program is drawn: it is computed step by step, and so kept where its primitives are smooth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from numpy.typing import DTypeLike

from ..domain import REAL, Domain
from ..graph import Primitive, registry
from .arrays import contents
from .programs import Program, Ref, Step, several
from .recipes import Suits, pointwise, recipes
from .shapes import Draw, Shape, check_range, shapes
from .value import FOLLOWED, LARGEST, MARGIN, PROBE, REACH, Value

first_shapes = shapes(max_dims=2)


@st.composite
def programs(
    draw: Draw,
    dtype: DTypeLike = np.float64,
    max_steps: int = 10,
    max_inputs: int = 3,
    primitives: Sequence[str] | None = None,
) -> Program:
    """Functions of one to `max_inputs` Tensors, with inputs: DAGs over all registered primitives that have a rule.

    They use values more than once, have branches that lead nowhere and ops of several outputs, and are smooth at
    `program.inputs`: every value is computed when it is drawn, and kept inside the domain of what takes it, off kinks
    and ties by more than an oracle's step (where need be, by a product with and a sum with a constant). No value is
    larger than 100, none is subnormal. They shrink to few steps and small integers.

    dtype: of the inputs, float32 or float64. primitives: names from `minigrad.graph.registry`, to draw from these only.
    Raises ValueError for a name that no call can be drawn of.

    >>> from hypothesis import given
    >>> @given(programs(max_steps=4))
    ... def test(program):
    ...     mg.testing.check_gradients(program, *program.inputs)
    """
    check_range("programs", "number of steps", 1, max_steps)
    check_range("programs", "number of inputs", 1, max_inputs)
    known = drawable()
    chosen = known if primitives is None else [registry[name] for name in checked(primitives, known)]
    drawing = Drawing(draw, dtype, max_inputs)
    drawing.input(draw(first_shapes))
    for _ in range(max_steps):
        if not draw(another_step(drawing, chosen)):
            break
    if not drawing.steps:
        drawing.record("negative", drawing.inputs[0])
    return drawing.program()


def drawable() -> list[Primitive]:
    """The primitives that a program can be drawn of, those with the simplest calls first."""
    found = [p for p in registry.values() if p.rule and (p.name in recipes or p.pointwise)]
    return sorted(found, key=lambda p: (p.name in recipes, p.arity))


def checked(names: Sequence[str], known: Sequence[Primitive]) -> Sequence[str]:
    if unknown := set(names) - {p.name for p in known}:
        raise ValueError(
            f"programs: expected primitives that are registered, have a rule, and are pointwise or have a recipe; "
            f"{', '.join(sorted(unknown))} is none (minigrad.testing.strategies.recipe declares one)"
        )
    return names


@st.composite
def another_step(draw: Draw, drawing: Drawing, primitives: Sequence[Primitive]) -> bool:
    """Let a program grow, or say that it is complete. A strategy, so that shrinking leaves a step out as a whole."""
    if draw(st.integers(0, 30)) == 0:
        return False
    drawing.grow(draw(st.sampled_from(primitives)))
    return True


class Taken(NamedTuple):
    """A step of the program that is being drawn."""

    primitive: Primitive
    operands: Sequence[Any]
    settings: dict[str, Any]
    outputs: list[Value]
    several: bool


class Drawing:
    """A program that is being drawn; the pool that recipes choose from."""

    def __init__(self, draw: Draw, dtype: DTypeLike, max_inputs: int) -> None:
        self.draw, self.dtype, self.max_inputs = draw, dtype, max_inputs
        self.rng = np.random.default_rng(0)
        self.inputs: list[Value] = []
        self.steps: list[Taken] = []
        self.values: list[Value] = []  # those that a step can take
        self.wanted: list[Domain] = [REAL]  # of the operands that are asked for next

    # what recipes ask for

    def value(self, suits: Suits = lambda shape: True, otherwise: st.SearchStrategy[Shape] = first_shapes) -> Value:
        """One of the values, the last with the greatest chance; or a new input."""
        domain = self.wanted.pop(0) if len(self.wanted) > 1 else self.wanted[0]
        suiting = [x for x in self.values if suits(x.shape)]
        n, more = len(suiting), len(self.inputs) < self.max_inputs
        chosen = self.draw(st.integers(0, n + 1 + more)) if suiting else n + 2
        return self.input(self.draw(otherwise), domain) if chosen == n + 2 else suiting[min(chosen, n - 1)]

    def is_clear_of(self, x: Value, number: float) -> bool:
        """Whether no oracle's step takes an entry of x across the number."""
        return x.keeps(Domain(-LARGEST, LARGEST, (number,)))

    def record(self, name: str, *operands: Any) -> Value:
        """One more step, of a primitive without settings and with one output."""
        return self.run(registry[name], operands, {})[0]

    # how a program grows

    def input(self, shape: Shape, domain: Domain = REAL) -> Value:
        """One more input, with numbers inside a domain."""
        array = self.draw(contents(math.prod(shape), self.dtype, domain)).reshape(shape)
        moves = self.rng.uniform(0.5, 1, (2, *shape)) * self.rng.choice([-PROBE, PROBE], (2, *shape))
        value = Value([array, *(array + moves).astype(array.dtype)])
        self.inputs.append(value)
        self.values.append(value)
        return value

    def grow(self, primitive: Primitive) -> None:
        """One more step, and what it takes to bring its operands into its domain; or nothing, where that fails."""
        before = len(self.inputs), len(self.steps), len(self.values)
        self.wanted = list(primitive.domain) if type(primitive.domain) is tuple else [primitive.domain]  # type: ignore
        if primitive.name in recipes:
            operands, settings = recipes[primitive.name].draw(self.draw, self)
        else:
            operands, settings = pointwise(self.draw, self, primitive)
        fitting = self.fitted(primitive, operands)
        if fitting is None or not all(x.is_tame for x in self.run(primitive, fitting, settings)):
            inputs, steps, values = before
            del self.inputs[inputs:], self.steps[steps:], self.values[values:]

    def run(self, primitive: Primitive, operands: Sequence[Any], settings: dict[str, Any]) -> list[Value]:
        """Compute a step for all versions of the values."""
        versions = [
            primitive.run([x.versions[i] if isinstance(x, Value) else x for x in operands], settings) for i in range(3)
        ]
        outputs = [Value([np.asarray(y) for y in parts]) for parts in zip(*map(several, versions), strict=True)]
        self.steps.append(Taken(primitive, operands, settings, outputs, isinstance(versions[0], tuple)))
        self.values += [y for y in outputs if y.is_float]
        return outputs

    # how operands are brought into a domain

    def fitted(self, primitive: Primitive, operands: Sequence[Any]) -> Sequence[Any] | None:
        """The operands, each in its domain; None where that cannot be."""
        domains = primitive.domain if type(primitive.domain) is tuple else (primitive.domain,) * len(operands)
        fitting = [
            self.brought_into(x, domain) if isinstance(x, Value) and x.is_float else x  # type: ignore[arg-type]
            for x, domain in zip(operands, domains, strict=True)
        ]
        if any(x is None for x in fitting):
            return None
        if fitting and domains[0].distinct:  # type: ignore[union-attr]
            fitting[-1] = self.apart(*fitting) if primitive.pointwise else self.spread(fitting[0], domains[0])  # type: ignore
        return None if fitting[-1] is None else fitting

    def brought_into(self, x: Value, domain: Domain) -> Value | None:
        """x itself, or a multiple of it around the middle between two kinks."""
        if x.keeps(domain):
            return x
        bounds = [domain.low, *sorted(domain.kinks), domain.high]
        low, high = self.draw(st.sampled_from([*pairwise(bounds)]))
        middle = round((low + high) * 2) / 4
        half = min(middle - low, high - middle)
        moved = self.affine(x, min(power_of_two(half / 2, x.top), power_of_two(FOLLOWED, x.follows)), middle)
        return moved if moved.keeps(domain) else None

    def affine(self, x: Value, scale: float, shift: Any) -> Value:
        """x * scale + shift, without the steps that do nothing."""
        scaled = x if scale == 1 else self.record("multiply", x, scale)
        return self.record("add", scaled, shift) if np.any(shift) else scaled

    def apart(self, *operands: Value) -> Value | None:
        """The last operand, shifted so that no entry ties with the one beside it."""
        *others, last = operands
        for shift in (0.0, 0.25, -0.25, 0.5, -0.5, 1.0, -1.0):
            if all(np.all(abs(last.array + shift - x.array) >= last.margin + x.margin) for x in others):
                return self.affine(last, 1, shift)
        return None

    def spread(self, x: Value, domain: Domain) -> Value | None:
        """x itself, or a multiple of it on top of constants that differ, so that no two entries tie."""
        if has_gaps(x):
            return x
        steps = self.draw(contents(x.array.size, x.array.dtype, domain)).reshape(x.shape)
        gap = np.diff(np.sort(steps, axis=None)).min(initial=1)
        higher = self.affine(x, power_of_two(float(gap) / 4, x.top), steps)
        return higher if has_gaps(higher) else None

    # the result

    def program(self) -> Program:
        """All that was drawn; it returns what no step has taken, but for some."""
        taken = {id(x) for step in self.steps for x in step.operands if isinstance(x, Value)}
        loose = [y for step in self.steps for y in step.outputs if y.is_float and id(y) not in taken]
        returned = [y for y in loose[:-1] if self.draw(st.integers(0, 4)) < 4] + loose[-1:]
        inputs = [x for x in self.inputs if id(x) in taken]
        place = {id(x): i for i, x in enumerate([*inputs, *(y for step in self.steps for y in step.outputs)])}
        steps = [
            Step(
                step.primitive,
                tuple(Ref(place[id(x)]) if isinstance(x, Value) else constant(x) for x in step.operands),
                step.settings,
                tuple(y.array for y in step.outputs) if step.several else step.outputs[0].array,
            )
            for step in self.steps
        ]
        return Program([x.array for x in inputs], steps, [place[id(y)] for y in returned])


def has_gaps(x: Value) -> bool:
    """Whether all entries differ, and stay so where the inputs move by REACH."""
    return bool(np.all(np.diff(np.sort(x.array, axis=None)) >= max(MARGIN, 2 * REACH * x.follows)))


def power_of_two(bound: float, size: float) -> float:
    """The largest one, 1 at most, that brings a size below a bound."""
    return 1.0 if size <= bound else 2.0 ** math.floor(math.log2(bound / size))


def constant(x: Any) -> Any:
    """An operand that no gradient goes to, as a program keeps it."""
    if isinstance(x, np.ndarray):
        x = x.copy()
        x.flags.writeable = False
    return x
