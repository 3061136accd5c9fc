"""Mutants of generated code: one step of a traced program, written another way when its source is made."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from . import plain

ORDERED = {"divide", "greater", "greater_equal", "less", "less_equal", "power", "subtract", "where"}


class BrokenStep(NamedTuple):
    """One mutant: in `loop` of `body`, the step at `place` of this very `program` computes `new`."""

    body: str
    loop: str
    kind: str
    place: int
    new: str
    program: tuple[str, ...]

    @property
    def name(self) -> str:
        """What reports and the list of equivalents call it."""
        return f"{self.body}.{self.loop}: {self.program[self.place]} -> {self.new}"

    def install(self) -> None:
        """Break the step wherever this process generates source from the program."""

        def broken(name: str, steps: Sequence[Any]) -> Sequence[Any]:
            if name != self.loop or lines(steps) != self.program:
                return steps
            (instead,) = (found for _, new, found in changes(steps[self.place]) if new == self.new)
            return [*steps[: self.place], *instead, *steps[self.place + 1 :]]

        on_the_way_to_source(broken)


def on_the_way_to_source(change: Callable[[str, Sequence[Any]], Sequence[Any]]) -> None:
    """From now on, let `change` have the name and the steps of every loop, and generate what it returns."""
    from minigrad.fusion.emit import Source

    function = Source.function

    def changed(source: Any, name: str, steps: Sequence[Any], *rest: Any, **named: Any) -> str:
        return function(source, name, change(name, steps), *rest, **named)

    Source.function = changed  # type: ignore[method-assign]


def lines(steps: Sequence[Any]) -> tuple[str, ...]:
    """A program as text."""
    return tuple(f"{step.name} = {call(step)}" for step in steps)


def call(step: Any) -> str:
    return f"{step.primitive.name}({', '.join(map(str, (*step.arguments, *step.settings.values())))})"


def changes(step: Any) -> Iterator[tuple[str, str, list[Any]]]:
    """The ways to write a step differently: kind, what it computes then, and the steps that take its place."""
    from minigrad.fusion.program import Step
    from minigrad.graph import registry

    *others, last = step.arguments
    if step.primitive.name in ORDERED:
        swapped = step._replace(arguments=(*others[:-1], last, others[-1]))
        yield "operands swapped", call(swapped), [swapped]
    intact = step._replace(name=f"{step.name}_intact")
    negative = Step(step.name, registry["negative"], (intact.name,), {})
    larger = Step(step.name, registry["multiply"], (1.01, intact.name), {})
    yield "sign flipped", f"-{call(step)}", [intact, negative]
    yield "factor 1.01", f"1.01 * {call(step)}", [intact, larger]
    for argument in dict.fromkeys(step.arguments[-2:]):
        alone = Step(step.name, registry["astype"], (argument,), {})  # to the dtype that it has
        yield "operand dropped" if others else "call dropped", str(argument), [alone]


def steps() -> list[BrokenStep]:
    """All mutants of the steps of `bodies`; run it where minigrad may be imported."""
    programs: list[tuple[str, Sequence[Any]]] = []
    found = []

    def noted(name: str, steps: Sequence[Any]) -> Sequence[Any]:
        programs.append((name, steps))
        return steps

    with tempfile.TemporaryDirectory() as folder:
        plain.install(folder)
        on_the_way_to_source(noted)
        for body, run in bodies().items():
            programs.clear()
            run()
            for loop, program in programs:
                found += [
                    BrokenStep(body, loop, kind, place, new, lines(program))
                    for place, step in enumerate(program)
                    for kind, new, _ in changes(step)
                    if loop != "inference" or kind == "factor 1.01"  # it is made of forward's steps: one way each
                ]
    return found


def bodies() -> dict[str, Callable[[], Any]]:
    """What makes minigrad generate the loops of four cells, and of a fused function, by name."""
    import minigrad as mg
    from models import GRUCell, LSTMCell, RNNCell
    from tests.fusion.cells import CoupledLSTMCell
    from tests.fusion.test_pointwise import leaf, three

    def a_step_of(make: Any) -> Callable[[], Any]:
        return lambda: make(3, 5)(mg.tensor([[1.0, 2.0, 3.0]]))

    cells = {make.__name__: a_step_of(make) for make in (LSTMCell, GRUCell, RNNCell, CoupledLSTMCell)}
    return cells | {"three": lambda: three(leaf(2), leaf(2), leaf(2))}
