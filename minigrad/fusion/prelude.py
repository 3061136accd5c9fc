"""What a body makes of parameters alone, before it meets its inputs: done again at every call, outside the loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backward import deliver, walk
from ..node import Node
from ..ops import broadcast_to
from ..tensor import Tensor
from .program import Program, cotangent_of, has_node


class Prelude:
    """Computes the externals of a program, all of one shape, from `parameters`: Tensors that were there before."""

    def __init__(self, program: Program, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.ends = list(program.externals.values())
        self.steps = [(node, node.primitive, node.inputs or (), node.settings) for node in program.prelude]
        made = {step[0] for step in self.steps}
        found = [x for step in self.steps for x in step[2]] + self.ends
        sources = {(x.node, x.index): x for x in found if has_node(x) and x.node not in made}
        self.parameters: tuple[Tensor, ...] = tuple(sources.values())

    def __call__(self) -> list[Tensor]:
        """The externals as they are now."""
        made: dict[Node, Any] = {}

        def now(x: Any) -> Any:
            if not has_node(x) or x.node not in made:
                return x
            return made[x.node] if x.index is None else made[x.node][x.index]

        for node, op, inputs, settings in self.steps:
            made[node] = op.apply(*map(now, inputs), **settings)
        ends = (now(x) for x in self.ends)
        externals = (x if isinstance(x, Tensor) else Tensor(np.array(x)) for x in ends)
        return [x if x.shape == self.shape else broadcast_to(x, self.shape) for x in externals]

    def cotangents(self, externals: Sequence[Tensor], arrived: Sequence[np.ndarray]) -> list[Any]:
        """What goes to each parameter, where `arrived` has come to the externals."""
        sent: dict[Node, Any] = {}
        for x, c in zip(externals, arrived):
            if has_node(x):
                deliver(sent, x, c)
        walk(sent, retain_graph=True, create_graph=False, stop=frozenset(p.node for p in self.parameters))  # type: ignore[misc]
        return [cotangent_of(p, sent) for p in self.parameters]
