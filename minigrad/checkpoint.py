"""Recompute instead of store: what a function records is dropped at once, and recorded again on the way back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .backward import deliver, reachable, visit
from .errors import check_unchanged
from .mode import mode
from .node import Node, Traced, next_serial
from .random import generator
from .tensor import Tensor


class Replay:
    """Stands where a primitive does, without a rule: the walk runs `f` again and goes on through what it records."""

    name = "checkpoint"
    rule = None

    def __init__(self) -> None:
        self.random_state = generator().bit_generator.state

    def retrace(
        self, node: Node, gs: dict[int, Any], cotangents: dict[Node, Any], own: set[Node], create_graph: bool
    ) -> None:
        """Record again what was dropped, and visit it as if it had been kept. `node.values`: f, its arguments."""
        f, arguments = node.values  # type: ignore[misc]
        since = next_serial()
        outputs = list(recorded(self.run(f, arguments), since).values())
        first, shapes = [y.shape for y in node.output], [y.shape for y in outputs]
        if shapes != first:
            raise RuntimeError(
                f"checkpoint: the function recorded outputs of shapes {first} at first, and {shapes} when it was "
                "run again; it must do the same each time"
            )
        for i, g in gs.items():
            deliver(cotangents, outputs[i], g)
        roots: Any = {outputs[i].node for i in gs}
        retraced = reachable(roots, since=since)
        for inner in retraced:  # sources are inputs of the checkpoint's own node; a constant is seen only here
            check_unchanged(inner, node.serial, since)
        visit(retraced, cotangents, own, create_graph, create_graph)

    def run(self, f: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        """What f returns, with the random numbers that it drew the first time."""
        later, generator().bit_generator.state = generator().bit_generator.state, self.random_state
        try:
            return f(*arguments)
        finally:
            generator().bit_generator.state = later


def checkpoint(f: Callable[..., Any], *xs: Any) -> Any:
    """`f(*xs)`, keeping only xs and what comes out; backward runs f again (Chen et al. 2016).

    xs and outputs: Tensors, or tuples of them (states). A sequence of T steps cut into sqrt(T) such pieces needs
    memory for about 2 sqrt(T) steps instead of T. Gradients, those of what f closes over as well, are those of
    `f(*xs)` to the bit (higher orders to rounding); random numbers that f draws are drawn again. Raises TypeError
    where f returns anything else; backward raises RuntimeError where f, run again, returns other shapes.
    """
    if not mode.recording:
        return f(*xs)
    replay, before = Replay(), next_serial()
    returned = f(*xs)
    outputs = recorded(returned, before)
    nodes = reachable({node for node, _ in outputs}, since=before)
    sources = {(x.node, x.index): x for node in nodes for x in node.inputs or () if is_source(x, before)}
    if not sources:
        return returned
    inputs = tuple(sources.values())
    node = Node(replay, inputs, (f, rebuilt(xs, map(fixed, tensors(xs)))), tuple(y.array for y in outputs.values()))
    twins = {key: Tensor(y.array, node, i) for i, (key, y) in enumerate(outputs.items())}
    return rebuilt(returned, (twins.get((y.node, y.index), y) for y in tensors(returned)))


def recorded(returned: Any, since: int) -> dict[tuple[Node, int | None], Tensor]:
    """The Tensors that f made, each once; others (an input, a constant) come out as they are."""
    outputs = {}
    for y in tensors(returned):
        if not isinstance(y, Tensor):
            raise TypeError(f"checkpoint: f must return a Tensor, or tuples of them, got {type(y).__name__}")
        if y.node is not None and y.node.serial > since and not y.is_leaf:
            outputs[y.node, y.index] = y
    return outputs


def is_source(x: Any, before: int) -> bool:
    """Whether a gradient goes to x, and x was there before the function ran."""
    return isinstance(x, Traced) and x.node is not None and x.node.serial < before


def fixed(x: Any) -> Any:
    """x with its present entries, where backward would not notice a change."""
    if isinstance(x, np.ndarray):
        return x.copy()
    return x.detach() if isinstance(x, Tensor) and x.node is None else x


def tensors(tree: Any) -> Iterator[Any]:
    """The Tensors in nested tuples, from left to right."""
    if isinstance(tree, tuple):
        for branch in tree:
            yield from tensors(branch)
    else:
        yield tree


def rebuilt(tree: Any, leaves: Iterator[Any]) -> Any:
    """The same nested tuples with other leaves."""
    if not isinstance(tree, tuple):
        return next(leaves)
    branches = [rebuilt(branch, leaves) for branch in tree]
    return type(tree)(*branches) if hasattr(tree, "_fields") else tuple(branches)
