"""Which of the numbers that a cell's step recorded are its gates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..backward import reachable
from ..fusion.pointwise import Loops
from ..node import Node, Traced

PRODUCTS = ("multiply", "divide", "matmul", "power")
Blocks = frozenset[int]  # the numbers of the blocks that something is made of
MIXED: Blocks = frozenset()  # made of blocks, but past a nonlinearity, or past a product of several


class Gate(NamedTuple):
    """The value of a gate at one step [batch, hidden], and the op that it came out of ("linear": none)."""

    value: np.ndarray
    op: str


def find_gates(cuts: Sequence[Sequence[Traced]], outputs: Sequence[Traced], since: int) -> dict[int, Gate]:
    """By its number, each gate among what was recorded after the serial number `since` on the way to `outputs`.

    cuts: a step's affine maps, each cut into one block for each gate. Gate k is what comes out of the first
    nonlinearity that block k enters. On the way there may be sums (with a peephole's share, say), normalisation, and
    products with what depends on no block. Where nonlinearities compete, the one with fewest other blocks in it is the
    gate's, and each is one gate's. A block that enters none, as a linear candidate's, gives the last number that is
    made of this block alone.
    """
    made: dict[Any, Blocks] = {(block.node, block.index): frozenset([k]) for cut in cuts for k, block in enumerate(cut)}
    shapes = {block.array.shape for cut in cuts for block in cut}
    squashed: dict[int, list[tuple[int, Node]]] = {}
    plain: dict[int, Node] = {}
    for node in reversed(reachable([y.node for y in outputs if y.node is not None], since=since)):
        sources = {made_of(made, x) for x in node.inputs or () if isinstance(x, Traced)} - {None}
        if not sources:
            continue
        blocks = frozenset[int]().union(*sources)  # type: ignore[arg-type]
        if squashes(node):
            for k in blocks:
                squashed.setdefault(k, []).append((len(blocks), node))
            blocks = MIXED
        elif len(sources) > 1 and node.primitive.name in PRODUCTS:
            blocks = MIXED
        elif len(blocks) == 1 and getattr(node.output, "shape", None) in shapes:
            plain[min(blocks)] = node
        made[node] = blocks
    gates, taken = {}, set[Node]()
    for k in sorted(squashed.keys() | plain.keys()):
        free = [(count, node) for count, node in squashed.get(k, ()) if node not in taken]
        if free:
            _, node = min(free, key=lambda found: found[0])  # the oldest of equals
            taken.add(node)
            gates[k] = Gate(node.output, node.primitive.name)
        elif k in plain:
            gates[k] = Gate(plain[k].output, "linear")
    return gates


def made_of(made: dict[Any, Blocks], x: Traced) -> Blocks | None:
    """Which blocks x is made of; None where it depends on none."""
    return made.get((x.node, x.index), made.get(x.node))


def squashes(node: Node) -> bool:
    """Whether a node is a nonlinearity as cells have them: tanh, or a function that is none of NumPy's."""
    op = node.primitive
    if isinstance(op, Loops):
        return isinstance(node.output, np.ndarray)
    arithmetic = isinstance(op.forward, np.ufunc) or op.name == "astype"
    return op.pointwise and op.arity == 1 and (op.name == "tanh" or not arithmetic)
