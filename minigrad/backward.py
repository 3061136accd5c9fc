"""The reverse walk: cotangents go back from outputs to leaves, newest node first."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from types import FunctionType
from typing import Any

import numpy as np

from . import errors
from .node import Node, Traced, wrap
from .ops import add, astype, reshape, sum


def reachable(roots: Iterable[Node], stop: frozenset[Node] = frozenset(), since: int = 0) -> list[Node]:
    """The recorded nodes that lead to `roots`, newest first, without what lies behind `stop` or before `since`.

    An input is always recorded before what is made of it, so descending serial numbers are a topological order; for a
    recurrent network it is the way back through time. Everything is checked before anything is computed.
    """
    found: list[Node] = []
    waiting = [node for node in roots if node not in stop]
    seen = {*stop, *waiting}
    last_assignment = Traced.last_assignment
    while waiting:
        node = waiting.pop()
        if node.primitive is None or node.serial < since:
            continue
        if node.inputs is None:
            raise errors.freed(node.primitive.name)
        if node.serial < last_assignment:
            errors.check_unchanged(node)
        found.append(node)
        for x in node.inputs:
            if isinstance(x, Traced) and (source := x.node) is not None and source not in seen:
                seen.add(source)
                waiting.append(source)
    found.sort(key=attrgetter("serial"), reverse=True)
    return found


def walk(
    cotangents: dict[Node, Any], *, retain_graph: bool, create_graph: bool, stop: frozenset[Node] = frozenset()
) -> dict[Node, Any]:
    """Send the cotangents of some nodes back to the leaves (and to `stop`), and return what arrived there.

    A node is visited once, when all its consumers have been: its cotangent is then complete. Broadcasting
    is undone here, and a cotangent takes the dtype of what it belongs to. With `create_graph` the rules
    are given Tensors, and so are recorded like any other computation.
    """
    visit(reachable(cotangents, stop), cotangents, set(), retain_graph, create_graph)
    return cotangents


def visit(
    nodes: list[Node], cotangents: dict[Node, Any], own: set[Node], retain_graph: bool, create_graph: bool
) -> None:
    """Move each node's cotangent on to its inputs. `own`: nodes whose cotangent is a sum that nobody else holds."""
    for node in nodes:
        g = cotangents.pop(node, None)
        if g is None:
            continue
        rule = node.primitive.rule
        if rule is None:  # a checkpoint: what it dropped is recorded again, and visited
            node.primitive.retrace(node, g, cotangents, own, create_graph)
            sent: Any = ()
        else:
            inputs, values, y = node.inputs, node.values, node.output
            if type(g) is dict:
                zeros = (lambda part: wrap(np.zeros_like(part), None)) if create_graph else np.zeros_like
                g = tuple(g[i] if i in g else zeros(part) for i, part in enumerate(y))
            if create_graph:
                values = tuple(x if isinstance(x, Traced) else v for x, v in zip(inputs, values))  # type: ignore
                y = wrap(y, node)
            sent = rule(g, y, *values, **node.settings)  # type: ignore[misc]
        if type(sent) is not tuple:
            sent = (sent,)
        for i, c in enumerate(sent):  # zip would cost 0.1 us more a node
            x = inputs[i]  # type: ignore[index]
            if c is None or not isinstance(x, Traced) or (source := x.node) is None:
                continue
            if type(c) is FunctionType:
                c = c()
            value = x.array
            if c.shape != value.shape:
                c = unbroadcast(c, value.shape)
            if c.dtype is not value.dtype:
                c = astype(c, value.dtype)
            if source not in cotangents and x.index is None:
                cotangents[source] = c
            elif source in own:
                total = cotangents[source]
                total += c  # in place for arrays: a large weight used at every step is not allocated anew
                cotangents[source] = total
            else:
                deliver(cotangents, x, c)
                if x.index is None:
                    own.add(source)
        if not retain_graph:
            node.inputs = node.values = node.output = node.settings = None  # type: ignore[assignment]


def deliver(cotangents: dict[Node, Any], x: Traced, c: Any) -> None:
    """Add `c` to what has arrived for x. A node with several outputs has a dict, by the output's index."""
    node: Any = x.node
    if x.index is not None:
        parts = cotangents.setdefault(node, {})
        parts[x.index] = add(parts[x.index], c) if x.index in parts else c
    else:
        cotangents[node] = add(cotangents[node], c) if node in cotangents else c


def unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum a cotangent over the axes that broadcasting stretched or added, back to `shape`."""
    added = g.ndim - len(shape)
    stretched = (added + axis for axis, size in enumerate(shape) if size == 1 != g.shape[added + axis])
    return reshape(sum(g, axis=(*range(added), *stretched)), shape)
