"""Straight-line programs of registered primitives: to call, to read, and to paste."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .. import ops
from ..graph import Primitive
from .literals import literal
from .recipes import recipes


@dataclass(frozen=True)
class Ref:
    """A value of a program: its inputs come first, then what its steps give."""

    index: int


class Step(NamedTuple):
    """One primitive applied to values of the program, arrays and numbers."""

    primitive: Primitive
    operands: tuple[Ref | np.ndarray | float, ...]
    settings: dict[str, Any]
    output: Any  # an array, or a tuple of them

    @property
    def outputs(self) -> tuple[np.ndarray, ...]:
        """The arrays that came out when the program was drawn."""
        return several(self.output)

    def run(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """What comes out for the values so far: Tensors for Tensors."""
        return several(
            public(self.primitive)(
                *(values[x.index] if isinstance(x, Ref) else x for x in self.operands), **self.settings
            )
        )


class Program:
    """A function of Tensors (or arrays) to a Tensor or a tuple of them, and inputs to call it on.

    `repr` is code that defines the same function and inputs; `str` shows each value, with its dtype and shape.
    """

    def __init__(self, inputs: Sequence[np.ndarray], steps: Sequence[Step], returned: Sequence[int]) -> None:
        self.inputs, self.steps, self.returned = tuple(inputs), tuple(steps), tuple(returned)

    def __call__(self, *inputs: Any) -> Any:
        if len(inputs) != len(self.inputs):
            raise TypeError(f"the program takes {len(self.inputs)} inputs, got {len(inputs)}")
        values = list(inputs)
        for step in self.steps:
            values += step.run(values)
        outputs = tuple(values[i] for i in self.returned)
        return outputs[0] if len(outputs) == 1 else outputs

    @property
    def primitives(self) -> set[str]:
        """Names of the primitives in it, dead branches included."""
        return {step.primitive.name for step in self.steps}

    def __repr__(self) -> str:
        called = ", ".join(f"x{i}" for i in range(len(self.inputs)))
        body = [f"    {target(names, step)} = {code_of(step, self.name)}" for names, step in self.named_steps()]
        returned = ", ".join(map(self.name, self.returned))
        inputs = "".join(f"\n    {literal(x)}," for x in self.inputs)
        elsewhere = any(public(step.primitive) == step.primitive.apply and not written(step) for step in self.steps)
        return "\n".join([
            "import numpy as np", "import minigrad as mg", *["from minigrad.graph import registry"] * elsewhere, "",
            f"def program({called}):", *body, f"    return {returned}", "", f"inputs = ({inputs}\n)",
        ])  # fmt: skip

    def __str__(self) -> str:
        lines = [(f"x{i}", "input", [x]) for i, x in enumerate(self.inputs)]
        alive = self.alive()
        for names, step in self.named_steps():
            dead = "" if alive & {*names} else "   (dead)"
            lines.append((target(names, step), code_of(step, self.name) + dead, [*step.outputs]))
        width = max(len(f"{left} = {code}") for left, code, _ in lines)
        rows = [
            f"{f'{left} = {code}':{width}}  {', '.join(f'{x.dtype}{list(x.shape)}' for x in outputs)}"
            for left, code, outputs in lines
        ]
        return "\n".join([*rows, f"return {', '.join(map(self.name, self.returned))}"])

    def name(self, i: int) -> str:
        return f"x{i}" if i < len(self.inputs) else f"v{i - len(self.inputs)}"

    def named_steps(self) -> Iterator[tuple[list[str], Step]]:
        """Each step with the names of what it gives."""
        first = len(self.inputs)
        for step in self.steps:
            yield [self.name(first + i) for i in range(len(step.outputs))], step
            first += len(step.outputs)

    def alive(self) -> set[str]:
        """Names of the values that lead to what is returned."""
        found = {self.name(i) for i in self.returned}
        for names, step in reversed(list(self.named_steps())):
            if found & {*names}:
                found |= {self.name(x.index) for x in step.operands if isinstance(x, Ref)}
        return found


def several(outputs: Any) -> tuple[Any, ...]:
    return outputs if isinstance(outputs, tuple) else (outputs,)


def target(names: Sequence[str], step: Step) -> str:
    """The left side of an assignment: `v3,` takes the one entry of a tuple."""
    return ", ".join(names) + "," * (isinstance(step.output, tuple) and len(names) == 1)


def public(primitive: Primitive) -> Any:
    """The op as users call it, where `minigrad.ops` has it under the primitive's name."""
    op = getattr(ops, primitive.name, None)
    return op if getattr(op, "primitive", None) is primitive else primitive.apply


def written(step: Step) -> Any:
    """A recipe's own way to write a call."""
    name = step.primitive.name
    return recipes[name].code if name in recipes else None


def code_of(step: Step, name_of: Callable[[int], str]) -> str:
    operands = [name_of(x.index) if isinstance(x, Ref) else literal(x) for x in step.operands]
    if code := written(step):
        return code(operands, step.settings)
    name = step.primitive.name
    call = f"registry[{name!r}].apply" if public(step.primitive) == step.primitive.apply else f"mg.{name}"
    return f"{call}({', '.join([*operands, *(f'{k}={literal(v)}' for k, v in step.settings.items())])})"
