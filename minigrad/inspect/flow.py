"""Backpropagation through time as numbers: how much of each loss's gradient arrives at each earlier state."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backward import deliver, reachable, visit, walk
from ..checkpoint import rebuilt, tensors
from ..mode import enable_grad
from ..node import Node
from ..tensor import Tensor
from .watch import Run, State, Step, constant, leaf

Losses = Tensor | Sequence[Tensor]
Arrived = dict[tuple[Node | None, int | None], np.ndarray]  # by node, and which of its outputs
COPIES = 32  # of a batch that are pulled back at once


@dataclass(frozen=True)
class Flow:
    """The norm over the hidden units of dL_t / dh_s, for each loss t, state s and sequence.

    States are numbered as `Run.states` are. What a loss does not depend on, as what comes later, has a norm of 0.
    """

    norms: np.ndarray  # float64 [losses, states, batch]
    name: str  # of the cell
    part: str  # of its state
    lengths: np.ndarray | None  # how many steps of each sequence count [batch]; None: all
    cuts: list[int]  # steps before which the history ends: where truncation windows begin
    reverse: bool  # it read from the end to the start, and the initial state is the last

    @property
    def mean(self) -> np.ndarray:
        """The mean over the sequences that do not end before this state [losses, states]."""
        count = self.within.sum(axis=1)
        return np.divide(self.norms.sum(axis=2), count, where=count > 0, out=np.zeros(self.norms.shape[:2]))

    @property
    def within(self) -> np.ndarray:
        """Which states are not past the end of a sequence [states, batch]."""
        _, states, batch = self.norms.shape
        if self.lengths is None:
            return np.ones((states, batch), bool)
        s = np.arange(states)[:, np.newaxis]
        return (s < self.lengths) | (s == states - 1) if self.reverse else s <= self.lengths


def gradient_flow(losses: Losses, run: Run, part: str = "h") -> Flow:
    """The norm of dL_t / dh_s for every loss t and every state s of a run: exact, a walk back for each loss.

    losses: recorded while the run was watched; a list of Tensors of one entry each, or a Tensor [losses]. part: which
    part of the state, "c" for an LSTM's cell state. It is the derivative for all that is made of this part of the
    state, its own step's output included. The state with which a truncation window begins counts with the one that
    it was cut from. Nothing is freed, and no `grad` changes. Bengio, Simard and Frasconi (1994) and Pascanu, Mikolov
    and Bengio (2013) say what to look for. Raises RuntimeError where no loss was recorded or the graph has been freed,
    TypeError or ValueError for losses or a part that are none.
    """
    return gradient_flows(losses, [(run, part)])[0]


def gradient_flows(losses: Losses, wanted: Sequence[tuple[Run, str]]) -> list[Flow]:
    """`gradient_flow` for several runs, each with a part of its state, in the same walks."""
    tensors_of = [states_of(run, part) for run, part in wanted]
    states = (state for run, _ in wanted for border in run.borders for state in border)
    nodes = {x.node for state in states for x in tensors(state) if x.node is not None}  # all parts: zeros end there
    norms: list[list[np.ndarray]] = [[] for _ in wanted]
    for arrived in arrivals(losses, nodes):
        for (run, _), borders, rows in zip(wanted, tensors_of, norms):
            rows.append(norms_of([total(arrived, border) for border in borders], run.batch))
    return [
        Flow(np.stack(rows), run.name, part, run.lengths, run.cuts, run.reverse)
        for (run, part), rows in zip(wanted, norms)
    ]


def states_of(run: Run, part: str) -> list[list[Tensor]]:
    """One part of the states between steps, in order of time (two Tensors where a window begins)."""
    return [[run.part(state, part) for state in border] for border in run.borders]


def arrivals(losses: Losses, wanted: Collection[Node]) -> Iterator[Arrived]:
    """For each loss, its gradient at those of the `wanted` nodes that it depends on.

    The nodes are found once, for all losses. Where nothing but zeros arrives at a wanted node, the walk ends: most of
    a sequence's states come after a loss, and are zeros to it only because its outputs were stacked.
    """
    seeds = seeded(losses)
    nodes = reachable({loss.node for loss, _ in seeds if loss.node is not None})
    place = {node: i for i, node in enumerate(nodes)}
    stops = [i for i, node in enumerate(nodes) if node in wanted]
    leaves = [node for node in wanted if node not in place]
    if any(node.primitive is not None for node in leaves) and any(node.primitive.rule is None for node in nodes):
        raise RuntimeError("losses: a checkpoint() hides what was recorded in it; compute them without it")
    for loss, seed in seeds:
        arrived: Arrived = {}
        cotangents: dict[Node, Any] = {}
        own: set[Node] = set()
        if loss.node in place:
            deliver(cotangents, loss, seed)
            at = place[loss.node]
            with enable_grad():  # a checkpoint records again
                for stop in stops[bisect_left(stops, at) :]:
                    visit(nodes[at:stop], cotangents, own, True, False)
                    take(nodes[stop], cotangents, arrived)
                    at = stop
                visit(nodes[at:], cotangents, own, True, False)
        for node in leaves:
            take(node, cotangents, arrived)
        yield arrived


def take(node: Node, cotangents: dict[Node, Any], arrived: Arrived) -> None:
    """Note what has arrived at a node; if it is nothing but zeros, nothing has."""
    g = cotangents.get(node)
    if g is None:
        return
    parts = g if isinstance(g, dict) else {None: g}
    if any(c.any() for c in parts.values()):
        arrived.update(((node, index), c) for index, c in parts.items())
    else:
        del cotangents[node]


def seeded(losses: Losses) -> list[tuple[Tensor, np.ndarray]]:
    """Each loss as a Tensor, and the cotangent with which its walk begins."""
    if isinstance(losses, Tensor):
        if losses.ndim > 1:
            raise ValueError(f"losses: expected a Tensor [losses], or a list of single ones, got shape {losses.shape}")
        found = [(losses, seed.reshape(losses.shape)) for seed in np.eye(losses.size, dtype=losses.dtype)]
    else:
        for loss in losses:
            if not isinstance(loss, Tensor) or loss.size != 1:
                got = f"shape {loss.shape}" if isinstance(loss, Tensor) else type(loss).__name__
                raise TypeError(f"losses: expected Tensors of one entry each, got {got}; sum() or mean() them?")
        found = [(loss, np.ones_like(loss.array)) for loss in losses]
    if not any(loss.node for loss, _ in found):
        raise RuntimeError(
            "losses: none was recorded as depending on anything; compute them inside "
            "`with inspect.watch(model) as watched:`, and not under no_grad"
        )
    return found


def total(arrived: Arrived, border: Sequence[Tensor]) -> np.ndarray | None:
    """What arrived at the Tensors [batch, hidden] of a border, added up; None for nothing."""
    found = [arrived[key] for x in border if (key := (x.node, x.index)) in arrived]
    return sum(found[1:], found[0]) if found else None


def norms_of(gradients: Sequence[np.ndarray | None], batch: int) -> np.ndarray:
    """The norm of each row of gradients [batch, hidden], float64 [gradients, batch]; 0 for None."""
    norms = np.zeros((len(gradients), batch))
    there = [i for i, g in enumerate(gradients) if g is not None]
    if there:
        g = np.stack([gradients[i] for i in there]).astype(np.float64)  # type: ignore[misc]
        scale = scale_of(g, 2)  # squares of what has vanished would be 0
        norms[there] = scale[:, :, 0] * np.sqrt(np.square(g / scale).sum(axis=2))
    return norms


def scale_of(x: np.ndarray, axis: int | tuple[int, ...]) -> np.ndarray:
    """The largest entry's size along axes that stay as 1, float64; 1 where it is 0 or infinite."""
    largest = np.abs(x).max(axis=axis, keepdims=True).astype(np.float64)
    return np.where((largest > 0) & np.isfinite(largest), largest, 1)


def state_jacobians(run: Run, part: str = "h") -> np.ndarray:
    """The Frobenius norm of dh_t / dh_0 for every state t of a run: float64 [states, batch], numbered as `Run.states`.

    What makes gradients vanish or explode, whatever the loss: a product of the steps' Jacobians (Pascanu, Mikolov and
    Bengio 2013, eq. 5), each pulled through the cell's own step. h_0 is the state with which the history begins; after
    a cut, the one that came in there. 0 past a sequence's end. part: of both states; the other parts of h_0 are held.
    Raises RuntimeError where the cell's parameters have changed since, ValueError for a part that is none.
    """
    check_unchanged(run)
    sizes, k = [x.shape[1] for x in tensors(run.calls[0].incoming)], run.part_number(part)
    here = slice(sum(sizes[:k]), sum(sizes[: k + 1]))  # the part, among all entries of the state
    norms, within = np.zeros((len(run.steps) + 1, run.batch)), run.within
    for call in run.calls:
        order = range(call.start, call.start + len(call.steps))
        state = [x.array for x in tensors(call.incoming)]
        if not call.follows:
            product = np.tile(np.eye(sum(sizes), dtype=state[0].dtype)[:, here], (run.batch, 1, 1))
            scale = np.ones((run.batch, 1, 1))  # apart from the product, whose entries would vanish
            norms[order.stop if call.reverse else order.start] = np.sqrt(sizes[k])
        for t, step in zip(reversed(order) if call.reverse else order, call.steps):
            alive = within[:, t]
            product[alive] = (step_jacobian(run.cell, step, call.incoming, state) @ product)[alive]
            size = scale_of(product, (1, 2))
            product, scale = product / size.astype(product.dtype), scale * size
            norm = scale[:, 0, 0] * norms_of([product[:, here].reshape(run.batch, -1)], run.batch)[0]
            norms[t if call.reverse else t + 1] = np.where(alive, norm, 0)
            state = [np.where(alive[:, np.newaxis], x.array, old) for x, old in zip(tensors(step.state), state)]
    return norms


def check_unchanged(run: Run) -> None:
    """Refuse a run whose cell has learned since."""
    since = min(x.node.serial for step in run.steps for x in tensors(step.state) if x.node is not None)
    if any(getattr(parameter, "version", 0) > since for parameter in run.cell.parameters()):
        raise RuntimeError("state_jacobians: the cell's parameters have changed since it was watched; watch it again")


def step_jacobian(cell: Any, step: Step, like: State, state: Sequence[np.ndarray]) -> np.ndarray:
    """The derivative of the state after a step by the one before, [batch, entries, entries].

    A pull gives a row for each sequence; copies of the batch give as many at once, in arrays that a core's cache holds.
    """
    batch, sizes = len(state[0]), [x.shape[1] for x in state]
    entries, copies = sum(sizes), min(sum(sizes), COPIES)
    repeat = lambda x: Tensor(np.tile(x, (copies, 1)))  # noqa: E731
    before = [leaf(repeat(x)) for x in state]
    with enable_grad(), constant(cell.parameters()):
        mask = None if step.mask is None else repeat(step.mask.array)
        new = cell.step(repeat(step.inputs.array), rebuilt(like, iter(before)), mask)
    rows: list[np.ndarray] = []
    for first in range(0, entries, copies):
        identity = np.repeat(np.eye(copies, entries, first, state[0].dtype), batch, axis=0)
        cotangents: dict[Node, Any] = {}
        for x, g in zip(tensors(new), np.split(identity, np.cumsum(sizes)[:-1], axis=1)):
            if x.node is not None:
                deliver(cotangents, x, g)
        arrived = walk(cotangents, retain_graph=True, create_graph=False)
        columns: list[Any] = [arrived.get(x.node, np.zeros_like(x.array)) for x in before]  # type: ignore[arg-type]
        rows.append(np.concatenate(columns, axis=1).reshape(copies, batch, entries))
    return np.concatenate(rows)[:entries].swapaxes(0, 1)
