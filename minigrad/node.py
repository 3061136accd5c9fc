"""What recording leaves: a Node for each use of a primitive, and Tensors that know which node they came from."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, ClassVar

next_serial = itertools.count(1).__next__  # atomic, so that threads may record at the same time
NO_SETTINGS: Mapping[str, Any] = {}


class Node:
    """One recorded use of a primitive; a leaf (a parameter, say) has no primitive and keeps the gradient.

    Nodes point at their inputs, never at what was made of them, so that reference counting alone frees a graph.
    `inputs` None says that `backward()` has freed the node; on a leaf, that the derivative it was made for is done.
    """

    __slots__ = ("__weakref__", "grad", "inputs", "origin", "output", "primitive", "serial", "settings", "values")
    origin: Any  # only where a module's call returned it: see `nn.module.mark`

    def __init__(
        self, primitive: Any = None, inputs: Any = (), values: Any = (), output: Any = None,
        settings: Mapping[str, Any] = NO_SETTINGS,
    ) -> None:  # fmt: skip
        self.primitive = primitive
        self.inputs: tuple[Any, ...] | None = inputs  # as they were given: Tensors, arrays, numbers
        self.values: tuple[Any, ...] | None = values  # the arrays of the same inputs
        self.output = output  # the array that came out (a tuple where there are several outputs)
        self.settings = settings
        self.serial = next_serial()  # an input's serial is always below its consumers'
        self.grad: Any = None


class Traced:
    """An array, and the node it came from (None for a constant): all that recording knows of a Tensor."""

    __slots__ = ("array", "index", "node", "version")
    wrap: ClassVar[type[Traced]]  # what primitives return; `tensor.py` sets it to Tensor
    last_assignment: ClassVar[int] = 0  # serial number of the newest `assign_`

    def __init__(self, array: Any, node: Node | None = None, index: int | None = None) -> None:
        self.array = array
        self.node = node
        self.index = index  # which output of its node, where there are several


def wrap(output: Any, node: Node | None) -> Any:
    """A Tensor for each output of a node."""
    if type(output) is tuple:
        return tuple(Traced.wrap(y, node, i) for i, y in enumerate(output))
    return Traced.wrap(output, node)
