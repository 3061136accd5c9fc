"""What was recorded on the way to some Tensors: its nodes in order, names for them, and the norms of the gradient."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from ..backward import deliver, visit
from ..checkpoint import Replay
from ..errors import check_unchanged, describe, no_gradient_given, not_recorded
from ..fusion.pointwise import Loops
from ..fusion.recurrence import Recurrence
from ..mode import enable_grad
from ..nn import Module
from ..nn.module import attributes, contents, flattened
from ..node import Node, Traced, next_serial
from ..tensor import Tensor


class Replayed(NamedTuple):
    """A compiled node recorded again, op by op: what it consists of, and the Tensors that stand for its outputs."""

    node: Node
    inside: list[Any]  # Nodes, and what is Replayed among them
    outputs: list[Tensor]


class Names(NamedTuple):
    """What things are called: Tensors by their `key`, modules by their id; and whose a parameter is."""

    tensors: Mapping[Any, str]
    modules: Mapping[int, str]
    owners: Mapping[Node, Module]


def recorded_outputs(name: str, y: Any) -> list[Tensor]:
    """The Tensors in y. Raises TypeError for anything else, RuntimeError where nothing was recorded."""
    found = [part for _, part in flattened("y", y)]
    if strange := {type(part).__name__ for part in found if not isinstance(part, Tensor)}:
        raise TypeError(f"{name}: expected a Tensor, or Tensors in tuples, lists or dicts, got {', '.join(strange)}")
    outputs = [part for part in found if part.node is not None]
    if all(y.is_leaf for y in outputs):
        raise not_recorded(name)
    return outputs


def recorded_nodes(name: str, outputs: Iterable[Tensor], since: int = 0) -> list[Node]:
    """The nodes that lead to the outputs, oldest first, without leaves and what is older than `since`.

    Raises RuntimeError for a graph that `backward()` has freed. (What `assign_` has changed since can be looked at.)
    """
    waiting = list({y.node for y in outputs if y.node is not None})
    seen, found = set(waiting), []
    while waiting:
        node = waiting.pop()
        if node.primitive is None or node.serial < since:
            continue
        if node.inputs is None:
            raise RuntimeError(
                f"{name}: came to a {node.primitive.name} whose graph backward() has freed; {name} it before "
                "backward(), or call backward(retain_graph=True)"
            )
        found.append(node)
        for x in node.inputs:
            if isinstance(x, Traced) and x.node is not None and x.node not in seen:
                seen.add(x.node)
                waiting.append(x.node)
    return sorted(found, key=attrgetter("serial"))


def sources(node: Node) -> list[Any]:
    """The node that each input came from; None for a constant."""
    return [getattr(x, "node", None) for x in node.inputs or ()]


def leaves_of(nodes: Iterable[Node]) -> set[Node]:
    """The leaves that the nodes take."""
    return {source for node in nodes for source in sources(node) if is_leaf(source)}


def is_leaf(source: Any) -> bool:
    return isinstance(source, Node) and source.primitive is None


# compiled nodes


def is_loop(node: Node) -> bool:
    """Whether a node is a cell's compiled loop over more than one step."""
    return isinstance(node.primitive, Recurrence) and steps_of(node) > 1


def steps_of(node: Node) -> int:
    """How many time steps a compiled loop has run over."""
    return node.settings["run"].outputs.shape[1]


def replayed(entries: Sequence[Node]) -> list[Any]:
    """The nodes, those that were compiled as `Replayed`."""
    return [again(node) if isinstance(node.primitive, Recurrence | Loops) else node for node in entries]


def again(node: Node) -> Replayed:
    """A compiled node recorded op by op, from the same inputs. RuntimeError where `assign_` has changed one since."""
    check_unchanged(node)
    op, inputs, since = node.primitive, node.inputs or (), next_serial()
    with enable_grad():
        if isinstance(op, Recurrence):
            outputs = list(node.settings["run"].replay(inputs[0], inputs[4 : 4 + op.parts]))
        else:
            outputs = op.program.run(dict(zip((*op.program.inputs, *op.program.externals), inputs)))
    return Replayed(node, replayed(recorded_nodes("draw", outputs, since)), outputs)


def nodes_in(entries: Iterable[Any]) -> Iterator[Node]:
    """All nodes, oldest first; a replayed one after what it consists of."""
    for entry in entries:
        if isinstance(entry, Replayed):
            yield from nodes_in(entry.inside)
            yield entry.node
        else:
            yield entry


def substitutes(entries: Iterable[Any]) -> dict[Node, list[Tensor]]:
    """For each replayed node, the Tensors that stand for its outputs."""
    found: dict[Node, list[Tensor]] = {}
    for entry in entries:
        if isinstance(entry, Replayed):
            found |= {entry.node: entry.outputs} | substitutes(entry.inside)
    return found


def source_of(x: Any, instead: Mapping[Any, list[Tensor]]) -> Any:
    """An input, or what stands for it where the node that it came from was replayed."""
    while isinstance(x, Traced) and x.node in instead:
        x = instead[x.node][x.index or 0]
    return x


# the gradient


def seeded(name: str, y: Tensor, gradient: Any) -> dict[Node, Any]:
    """The cotangents that a walk back from y starts with. Raises as `backward()` does."""
    if gradient is None:
        if y.size != 1:
            raise no_gradient_given(name, y.shape)
        gradient = np.ones_like(y.array)
    g = np.asarray(gradient, y.dtype)
    if g.shape != y.shape:
        raise ValueError(f"{name}: expected a gradient of shape {y.shape}, the tensor's own, got {g.shape}")
    start: dict[Node, Any] = {}
    deliver(start, y, g)
    return start


def gradient_norms(y: Tensor, entries: Sequence[Any]) -> dict[Node, float]:
    """The norm of dy / d(what each node and leaf gave), by a walk that leaves every leaf's grad alone."""
    cotangents, own, norms = seeded("draw", y, None), set[Node](), dict[Node, float]()
    instead = substitutes(entries)
    with enable_grad():
        for node in reversed(list(nodes_in(entries))):
            if (g := cotangents.get(node)) is None:
                continue
            norms[node] = norm(g)
            if node in instead:
                for i, c in (g if isinstance(g, dict) else {0: g}).items():
                    if instead[node][i].node is not None:
                        deliver(cotangents, instead[node][i], c)
                del cotangents[node]
            else:
                visit([node], cotangents, own, retain_graph=True, create_graph=False)
    return norms | {leaf: norm(g) for leaf, g in cotangents.items()}


def norm(g: Any) -> float:
    """The Euclidean norm of an array, or of all parts of a cotangent, in float64."""
    parts = g.values() if isinstance(g, dict) else [g]
    return float(np.sqrt(sum(np.sum(np.square(part, dtype=np.float64)) for part in parts)))


# names


def key_of(x: Any) -> Any:
    """What a Tensor or array is known by: the node it came from, or the entries themselves."""
    if isinstance(x, Traced):
        return (x.node, x.index) if x.node is not None else id(x.array)
    return id(x)


def named(names: Any, nodes: Iterable[Node]) -> Names:
    """Names from a Module, or a dict of Tensors by name; also from the modules that were called, while they live.

    Raises TypeError for anything else.
    """
    if not (names is None or isinstance(names, Module | Mapping)):
        raise TypeError(f"names: expected a Module, or a dict from names to Tensors, got {type(names).__name__}")
    tops = [names] if isinstance(names, Module) else outermost(nodes)
    tensors: dict[Any, str] = {}
    modules: dict[int, str] = {}
    owners: dict[Node, Module] = {}
    for top in tops:
        for name, found in [("", top), *contents(top)]:
            if isinstance(found, Tensor):
                tensors.setdefault(key_of(found), name)
                continue
            modules.setdefault(id(found), name)
            for _, p in attributes(found):
                if isinstance(p, Tensor) and p.node is not None:
                    owners.setdefault(p.node, found)
    if isinstance(names, Mapping):
        tensors |= {key_of(x): str(name) for name, x in names.items()}
    return Names(tensors, modules, owners)


def outermost(nodes: Iterable[Node]) -> list[Module]:
    """The modules whose calls left these nodes and stand in no other's, while they are alive."""
    called = [origin[0]() for node in nodes for origin in origins(node)]
    alive = list({id(module): module for module in called if module is not None}.values())
    inside = {id(part) for module in alive for part in module.modules() if part is not module}
    return [module for module in alive if id(module) not in inside]


def origins(node: Node) -> Iterator[Any]:
    """The module calls that returned a node, outermost first."""
    origin = getattr(node, "origin", None)
    while origin is not None:
        yield origin
        origin = origin[3]


def name_of(node: Node) -> str:
    """An op's name."""
    op = node.primitive
    if isinstance(op, Replay):
        return f"checkpoint of {getattr(node.values[0], '__name__', 'a function')}"  # type: ignore[index]
    return f"{op.name} (fused)" if isinstance(op, Loops) else op.name


def made(output: Any) -> str:
    """What came out of a node, in words: `float32[3, 4]`, `4 x float32[3, 4]`."""
    return counted([describe(y) for y in outputs_of(output)], "{count} x {what}")


def outputs_of(output: Any) -> tuple[Any, ...]:
    return output if isinstance(output, tuple) else (output,)


def counted(words: Iterable[str], several: str) -> str:
    """The words once each, in order of first appearance, with how often they came."""
    counts: dict[str, int] = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    return ", ".join(several.format(count=n, what=word) if n > 1 else word for word, n in counts.items())


def array_of(x: Any) -> Any:
    return x.array if isinstance(x, Traced) else x
