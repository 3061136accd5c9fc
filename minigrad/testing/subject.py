"""What is checked: any function of trees of Tensors, as a function of a list of float64 arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..backward import deliver, reachable, walk
from ..mode import enable_grad, mode, no_grad
from ..nn import Module
from ..nn.module import flattened
from ..node import Node, Traced
from ..random import get_state, set_state
from ..tensor import Tensor
from .oracles import Arrays

Call = Callable[[list[Tensor]], list[Tensor]]


@dataclass(frozen=True)
class Subject:
    """`call` maps leaves to outputs; the last leaves are `parameters`, which the function closes over."""

    call: Call
    names: list[str]
    arrays: list[np.ndarray]
    parameters: tuple[Tensor, ...] = ()

    def leaves(self, arrays: Arrays) -> list[Tensor]:
        """New leaves with these entries; parameters take them in place, whatever their dtype."""
        own = len(arrays) - len(self.parameters)
        for p, x in zip(self.parameters, arrays[own:]):
            p.array, p.node = x, Node()
        return [*(Tensor(x, Node()) for x in arrays[:own]), *self.parameters]

    def values(self, arrays: Arrays) -> list[np.ndarray]:
        """The outputs, with nothing recorded."""
        with no_grad():
            return [np.asarray(y.array) for y in self.call(self.leaves(arrays))]

    def gradient(self) -> Subject:
        """The gradient of u (2 y + y**2 / 2 s), s the largest y, as a subject: linear ops have a curvature, too."""
        sizes = [np.max(np.abs(y), initial=0, where=np.isfinite(y)) or 1.0 for y in self.values(self.arrays)]

        def gradients(leaves: list[Tensor]) -> list[Tensor]:
            record = mode.recording
            with enable_grad():
                ys = self.call(leaves)
                us = [np.linspace(0.5, 1, y.size).reshape(y.shape) * (2 + y / s) for y, s in zip(ys, sizes)]
            return pull(ys, us, leaves, record)

        return Subject(gradients, self.names, self.arrays, self.parameters)

    def record(self, arrays: Arrays) -> Recording:
        """One run, recorded."""
        leaves = self.leaves(arrays)
        with enable_grad():
            return Recording(leaves, self.call(leaves))


@dataclass(frozen=True)
class Recording:
    """The leaves of one run, its outputs, and what lies between."""

    leaves: list[Tensor]
    outputs: list[Tensor]

    @cached_property
    def nodes(self) -> list[Node]:
        """The nodes that depend on the leaves, oldest first."""
        depend = {x.node for x in self.leaves}
        found = []
        for node in reversed(reachable({y.node for y in self.outputs if y.node is not None})):
            if any(isinstance(x, Traced) and x.node in depend for x in node.inputs or ()):
                depend.add(node)
                found.append(node)
        return found

    @property
    def epsilon(self) -> float:
        """The rounding of the coarsest floats on the way."""
        arrays = [*(x.array for x in self.leaves), *(y for node in self.nodes for y in outputs_of(node.output))]
        return float(max((np.finfo(y.dtype).eps for y in arrays if y.dtype.kind == "f"), default=2.0**-52))

    @property
    def analytic(self) -> bool:
        """Whether everything on the way is said to hold for complex numbers, too."""
        return all(getattr(node.primitive, "analytic", False) for node in self.nodes)

    def pull(self, us: Arrays) -> tuple[list[np.ndarray], float]:
        """The gradient of <u, outputs>, and how many times the rounding of a number these may be off by."""
        watched = Watched()
        gs = pull(self.outputs, [Tensor(u) for u in us], self.leaves, False, watched)
        return [np.asarray(g.array) for g in gs], watched.condition

    def push(self, vs: Arrays) -> list[np.ndarray]:
        """The derivative of the outputs along `vs`: the pullback, which is linear in u, pulled back in turn."""
        us = [Tensor(np.zeros_like(y.array), Node()) for y in self.outputs]
        gs = pull(self.outputs, us, self.leaves, True)
        return [np.asarray(y.array) for y in pull(gs, [Tensor(v) for v in vs], us, False)]


class Watched(dict[Node, Any]):
    """Cotangents on their way. Each node's, when complete, is what the result gains from a rounding there.

    So the sum of |cotangent * output| over all nodes bounds the rounding of the result (Iri 1984).
    """

    condition = 0.0

    def pop(self, node: Node, default: Any = None) -> Any:
        """What `visit` calls when all of a node's consumers have sent their part."""
        g = super().pop(node, default)
        pairs = ((g[i], node.output[i]) for i in g) if isinstance(g, dict) else [(g, node.output)]
        for part, y in pairs if g is not None else ():
            products = np.abs(part * y)
            self.condition += float(np.sum(products, where=np.isfinite(products)))
        return g


def pull(
    ys: list[Tensor], us: list[Tensor], leaves: list[Tensor], create_graph: bool, start: dict[Node, Any] | None = None
) -> list[Tensor]:
    """Cotangents sent back from outputs to leaves; zeros where nothing arrives."""
    start = {} if start is None else start
    for y, u in zip(ys, us, strict=True):
        if y.node is not None:
            u = u if u.dtype == y.dtype else u.astype(y.dtype)
            deliver(start, y, u if create_graph else u.array)
    stop = frozenset(x.node for x in leaves if x.node is not None)
    with enable_grad():
        arrived = walk(start, retain_graph=True, create_graph=create_graph, stop=stop)
    found = (arrived.get(x.node, np.zeros_like(x.array)) for x in leaves)  # type: ignore[arg-type]
    return [g if isinstance(g, Tensor) else Tensor(g) for g in found]


@contextmanager
def prepared(
    f: Callable[..., Any], inputs: tuple[Any, ...], held: list[tuple[str, Tensor]], dtype: Any = None
) -> Iterator[Subject]:
    """f as a subject; at the end, the parameters `held` and the random generator are as they were.

    Every call starts from the same random state. dtype: what floats are converted to; None leaves them.
    """
    named = [pair for i, x in enumerate(inputs) for pair in flattened(f"input {i}", x)]
    places = [i for i, (_, x) in enumerate(named) if is_float(x)]
    floats = [(name, np.asarray(x)) for name, x in (*(named[i] for i in places), *held)]
    tensors = tuple(p for _, p in held)
    before, state = [(p.array, p.node) for p in tensors], get_state()

    def call(leaves: list[Tensor]) -> list[Tensor]:
        given = [x for _, x in named]
        for i, x in zip(places, leaves):
            given[i] = x
        following = iter(given)
        set_state(state)
        return float_outputs(f(*(rebuilt(x, following) for x in inputs)))

    try:
        yield Subject(call, [name for name, _ in floats], [x.astype(dtype or x.dtype) for _, x in floats], tensors)
    finally:
        for p, (array, node) in zip(tensors, before):
            p.array, p.node = array, node
        set_state(state)


def is_float(x: Any) -> bool:
    return isinstance(x, float) or (isinstance(x, Tensor | np.ndarray | np.generic) and x.dtype.kind == "f")


def named_parameters(f: Any, parameters: Any) -> list[tuple[str, Tensor]]:
    """Those of f, if it is a Module and no others are given."""
    if parameters is None:
        parameters = f if isinstance(f, Module) else ()
    if isinstance(parameters, Module):
        found = [(f"parameter {name}", p) for name, p in parameters.named_parameters()]
    else:
        found = [(f"parameter {i}", p) for i, p in enumerate(parameters)]
    if not all(isinstance(p, Tensor) and p.is_leaf for _, p in found):
        raise TypeError("parameters: expected a Module or leaf Tensors; pass arrays and recorded Tensors as inputs")
    return [(name, p) for name, p in found if p.requires_grad]


def float_outputs(returned: Any) -> list[Tensor]:
    """The Tensors of floats (or of complex numbers, in a complex step) in what f returned."""
    ys = [y for _, y in flattened("", returned) if y is not None]
    if strange := {type(y).__name__ for y in ys if not isinstance(y, Tensor)}:
        raise TypeError(
            f"expected f to return a Tensor, or tuples, lists or dicts of them, got {', '.join(sorted(strange))}; "
            "a result of numpy(), item() or detach() carries no gradient"
        )
    floats = [y for y in ys if y.dtype.kind in "fc"]
    if not floats:
        raise TypeError(f"expected f to return a Tensor of floats, got {[str(y.dtype) for y in ys]}")
    return floats


def rebuilt(tree: Any, leaves: Iterator[Any]) -> Any:
    """The same nested tuples, lists and dicts with other leaves."""
    if isinstance(tree, dict):
        return {key: rebuilt(branch, leaves) for key, branch in tree.items()}
    if not isinstance(tree, tuple | list):
        return next(leaves)
    branches = [rebuilt(branch, leaves) for branch in tree]
    return type(tree)(*branches) if hasattr(tree, "_fields") else type(tree)(branches)


def outputs_of(returned: Any) -> tuple[Any, ...]:
    return returned if isinstance(returned, tuple) else (returned,)


def of_node(node: Any) -> Subject:
    """A recorded op as a subject of its own, at the values that it was given."""
    places = [i for i, x in enumerate(node.inputs) if isinstance(x, Traced) and x.node and x.array.dtype.kind == "f"]

    def call(leaves: list[Tensor]) -> list[Tensor]:
        values = list(node.values)
        for i, x in zip(places, leaves):
            values[i] = x
        return [y for y in outputs_of(node.primitive.apply(*values, **node.settings)) if y.dtype.kind in "fc"]

    return Subject(call, [f"input {i}" for i in places], [node.values[i].astype(np.float64) for i in places])


def replay(recording: Recording) -> Call:
    """What was recorded, run again from other leaves: f without anything that it does outside of the graph."""
    nodes = recording.nodes

    def call(leaves: list[Tensor]) -> list[Tensor]:
        found: dict[tuple[Any, Any], Tensor] = {(x.node, None): new for x, new in zip(recording.leaves, leaves)}
        known = lambda x, value: found.get((x.node, x.index), Tensor(x.array)) if isinstance(x, Traced) else value  # noqa: E731
        for node in nodes:
            arguments = (known(x, value) for x, value in zip(node.inputs or (), node.values or ()))
            ys = node.primitive.apply(*arguments, **node.settings)
            several = isinstance(ys, tuple)
            found.update(((node, i if several else None), y) for i, y in enumerate(outputs_of(ys)))
        return [found.get((y.node, y.index), Tensor(y.array)) for y in recording.outputs]

    return call
