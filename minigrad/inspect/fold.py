"""A recorded graph folded by module and by time step: a tree of calls, and of loops where the same comes again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..checkpoint import Replay
from ..node import Node, Traced
from .graph import Replayed, is_leaf, origins, outputs_of, sources

LONGEST = 1000  # boxes in a step of a loop that is looked for
REPEATS = 5  # from how many on repeats are a loop that are no steps in time; the four gates of an LSTM are better seen


@dataclass(eq=False)
class Op:
    """A recorded node. Items with equal tokens look the same."""

    node: Node
    token: int


@dataclass(eq=False)
class Call:
    """What was recorded while a module was called, or what a compiled node consists of (`whole`)."""

    origin: Any
    whole: Node | None
    end: float
    items: list[Any] = field(default_factory=list)
    token: int = -1


@dataclass(eq=False)
class Loop:
    """The same again and again: in each iteration items with the same tokens, or None where an end lacks one."""

    iterations: list[list[Any]]
    token: int


class Run(NamedTuple):
    """A stretch of items in which each has the token of the one `period` before it."""

    start: int
    period: int
    length: int

    @property
    def coverage(self) -> int:
        return self.length - self.length % self.period

    @property
    def end(self) -> int:
        return self.start + self.length


Home = dict[Any, tuple[int, int, int]]  # where nodes stand: in which iteration, which item, at which place in that
Tokens = dict[Any, int]  # a number for each thing that looks different


def folded(entries: Sequence[Any], loops: bool) -> list[Any]:
    """Nodes and what is Replayed, oldest first -> Ops, Calls and (if `loops`) Loops."""
    tokens: Tokens = {}
    return completed(called(entries, tokens), tokens, loops)


def completed(items: list[Any], tokens: Tokens, loops: bool) -> list[Any]:
    """The items with tokens for all calls, and loops folded, from the inside out."""
    for item in items:
        if isinstance(item, Call):
            item.items = completed(item.items, tokens, loops)
            key = item.whole.primitive if item.whole else item.origin[0]  # a weak reference: one for each module
            item.token = number(tokens, ("call", id(key), *(part.token for part in item.items)))
    return with_loops(items, tokens) if loops else items


def number(tokens: Tokens, key: Any) -> int:
    return tokens.setdefault(key, len(tokens))


# by module


def called(entries: Sequence[Any], tokens: Tokens) -> list[Any]:
    """The entries in a tree of module calls: a call holds what was recorded from when it began to what it returned."""
    waiting = calls_in(entries)
    inside = Call(None, None, np.inf)
    open_calls = [inside]
    for entry in entries:
        node = entry.node if isinstance(entry, Replayed) else entry
        while open_calls[-1].end < node.serial:
            open_calls.pop()
        while waiting and waiting[-1].origin[2] < node.serial:
            call = waiting.pop()
            if call.end >= node.serial:
                call.end = min(call.end, open_calls[-1].end)
                open_calls[-1].items.append(call)
                open_calls.append(call)
        open_calls[-1].items.append(item_of(entry, tokens))
    return inside.items


def calls_in(entries: Iterable[Any]) -> list[Call]:
    """The module calls that returned some of these nodes, the latest first."""
    calls: dict[int, Call] = {}
    for entry in entries:
        node = entry.node if isinstance(entry, Replayed) else entry
        for origin in origins(node):
            call = calls.setdefault(origin[2], Call(origin, None, 0))
            call.end = max(call.end, node.serial)
    return [calls[began] for began in sorted(calls, reverse=True)]


def item_of(entry: Any, tokens: Tokens) -> Op | Call:
    if isinstance(entry, Replayed):
        return Call(None, entry.node, 0, called(entry.inside, tokens))
    return Op(entry, number(tokens, look_of(entry)))


def look_of(node: Node) -> tuple[Any, ...]:
    """What two nodes have in common that are drawn as one: the op, what comes out, how many inputs."""
    op = "checkpoint" if isinstance(node.primitive, Replay) else id(node.primitive)
    return op, len(node.inputs or ()), *((y.dtype, y.shape) for y in outputs_of(node.output))


# by time step


def with_loops(items: list[Any], tokens: Tokens) -> list[Any]:
    """The items with repeats folded, those that cover most first."""
    while found := next(found_loops(items), None):
        start, end, iterations = found
        model = next(step for step in reversed(iterations) if None not in step)
        pattern, known = with_loops(model, tokens), {*map(id, model)}
        iterations = [list(arranged(pattern, iter(iteration), known)) for iteration in iterations]
        token = number(tokens, ("loop", len(iterations), *(item.token for item in pattern)))
        items = [*items[:start], Loop(iterations, token), *items[end:]]
    return items


def arranged(pattern: Sequence[Any], items: Iterator[Any], known: set[int]) -> Iterator[Any]:
    """Items folded as the pattern is, which was made of the `known` ones."""
    for item in pattern:
        if item is None:
            yield None
        elif isinstance(item, Loop) and id(item) not in known:
            yield Loop([list(arranged(iteration, items, known)) for iteration in item.iterations], item.token)
        else:
            yield next(items)


def found_loops(items: list[Any]) -> Iterator[tuple[int, int, list[list[Any]]]]:
    """Where a loop starts and ends, and its iterations; the one that covers most first."""
    runs = sorted(repeats(np.array([item.token for item in items])), key=lambda run: (-run.coverage, run.period))
    for run in runs:
        start = beginning(items, run)
        iterations = [items[at : at + run.period] for at in range(start, run.end - run.period + 1, run.period)]
        flow = Flow(iterations)
        first, last = flow.longest_piece()
        single = run.period == 1 and isinstance(iterations[0][0], Op)
        enough = 2 if flow.is_time(first, last) and not single else REPEATS
        if last - first >= enough and flow.is_steady(first, last):
            start, end = start + first * run.period, start + last * run.period
            before = incomplete_first(items[:start], iterations) if first == 0 else []
            after = incomplete_last(iterations, items[end:]) if last == len(iterations) else []
            yield (
                start - sum(item is not None for step in before for item in step),
                end + sum(item is not None for step in after for item in step),
                [*before, *iterations[first:last], *after],
            )


def repeats(tokens: np.ndarray) -> Iterator[Run]:
    """For each period, the longest stretch with that period, if it repeats at all."""
    for period in range(1, min(len(tokens) // 2, LONGEST) + 1):
        same = tokens[period:] == tokens[:-period]
        if np.count_nonzero(same) < period:
            continue
        edges = np.flatnonzero(np.diff(same, prepend=False, append=False))
        starts, lengths = edges[::2], edges[1::2] - edges[::2] + period
        if lengths[longest := int(np.argmax(lengths))] >= 2 * period:
            yield Run(int(starts[longest]), period, int(lengths[longest]))


def beginning(items: list[Any], run: Run) -> int:
    """Where the first iteration of a run starts: where few values pass from one to the next, best at a weight."""
    middle = run.start + run.length // run.period // 2 * run.period
    shifts = range(run.length % run.period + 1)
    return run.start + min(shifts, key=lambda i: (passing(items, run, middle + i), not has_leaf(items[middle + i])))


def has_leaf(item: Any) -> bool:
    return any(is_leaf(source) for node in nodes_of(item) for source in sources(node))


def passing(items: list[Any], run: Run, boundary: int) -> int:
    """How many values of the period before a boundary are used in the one after it."""
    before = {node for item in items[max(run.start, boundary - run.period) : boundary] for node in nodes_of(item)}
    after = (node for item in items[boundary : boundary + run.period] for node in nodes_of(item))
    used = (x for node in after for x in node.inputs or () if isinstance(x, Traced))
    return len({(x.node, x.index) for x in used if x.node in before})


def incomplete_last(iterations: list[list[Any]], following: list[Any]) -> list[list[Any]]:
    """What follows a loop as one more step, if it is part of one: a last step may make values that nobody uses."""
    count, model = len(iterations), iterations[-1]
    home, step, place, linked = places(iterations), [None] * len(model), 0, False
    for item in following:
        while place < len(model):
            home |= {node: (count, place, k) for k, node in enumerate(nodes_of(item))}
            if model[place].token == item.token and like(item, count, model[place], count - 1, home):
                break
            place += 1
        else:
            break
        step[place], linked = item, linked or takes_from_before(item, count, home)
        place += 1
    return [step] if linked and is_half(step) else []


def incomplete_first(preceding: list[Any], iterations: list[list[Any]]) -> list[list[Any]]:
    """What precedes a loop as a step before it, if it is part of one: a first step may start from constants."""
    first, model = iterations[:2]
    step, place = [None] * len(model), len(model)
    for item in reversed(preceding):
        place = next((i for i in reversed(range(place)) if model[i].token == item.token), -1)
        if place < 0:
            break
        step[place] = item
    home = places([step, *iterations])
    same = all(like(a, i, b, 2, home, first=True) for i, it in enumerate((step, first)) for a, b in zip(it, model) if a)
    linked = any(takes_from_before(item, 1, home) for item in first)
    constant = not any(has_leaf(wanted) for item, wanted in zip(step, model) if item is None)
    return [step] if same and linked and constant and is_half(step) else []


def places(iterations: list[list[Any]]) -> Home:
    """Where each node stands: in which iteration, which item, at which place in that."""
    return {
        node: (i, j, k)
        for i, iteration in enumerate(iterations)
        for j, item in enumerate(iteration)
        for k, node in enumerate(nodes_of(item))
    }


def takes(item: Any, now: int, home: Home) -> Iterator[Any]:
    """Each input of an item in iteration `now`: a leaf, or how many iterations ago it was computed and where in it."""
    for node in nodes_of(item):
        for source in sources(node):
            at = home.get(source)
            yield source if is_leaf(source) else at and (now - at[0], *at[1:])


def like(item: Any, now: int, model: Any, then: int, home: Home, first: bool = False) -> bool:
    """Whether an item takes what the model does, each in its iteration; in a first one it may come from outside."""
    return all(
        mine == wanted or ((first or wanted is None) and (mine is None or is_leaf(mine)))
        for mine, wanted in zip(takes(item, now, home), takes(model, then, home))
    )


def takes_from_before(item: Any, now: int, home: Home) -> bool:
    return any(isinstance(at, tuple) and at[0] > 0 for at in takes(item, now, home))


def is_half(step: list[Any]) -> bool:
    return 2 * sum(item is not None for item in step) >= len(step)


def nodes_of(item: Any) -> Iterator[Node]:
    """The nodes in an item, a compiled one after those that it was replayed as."""
    if isinstance(item, Op):
        yield item.node
    elif isinstance(item, Call):
        for part in item.items:
            yield from nodes_of(part)
        if item.whole is not None:
            yield item.whole
    elif isinstance(item, Loop):
        for step in item.iterations:
            for part in step:
                yield from nodes_of(part)


class Flow:
    """What goes into the iterations of a loop: `leaves` and `lags` [iterations, inputs].

    A leaf's number from 1 up, 0 for anything else; how many iterations ago an input was computed, 0 for this one and
    for what comes from outside.
    """

    def __init__(self, iterations: list[list[Any]]) -> None:
        nodes = [[node for item in iteration for node in nodes_of(item)] for iteration in iterations]
        home = {node: i for i, iteration in enumerate(nodes) for node in iteration}
        numbers: dict[Node, int] = {}
        rows = [[source for node in iteration for source in sources(node)] for iteration in nodes]
        leaves = [[numbers.setdefault(s, len(numbers) + 1) if is_leaf(s) else 0 for s in row] for row in rows]
        self.leaves: Any = np.array(leaves, np.intp)
        self.lags: Any = np.array([[i - home.get(s, i) for s in row] for i, row in enumerate(rows)], np.intp)

    def longest_piece(self) -> tuple[int, int]:
        """The iterations that are steps of one loop: they go on with what came before, and with the same weights."""
        going_on = self.lags.any(axis=1)
        same = self.leaves[1:] == self.leaves[:-1]
        other = ~same & (self.leaves[1:] > 0) & (self.leaves[:-1] > 0)
        never = np.zeros_like(same[:1])
        settled = np.concatenate([never, same[:-1]]) | np.concatenate([same[1:], never])
        fresh = ~going_on[1:] if going_on.any() else np.zeros(len(same), bool)
        cuts = np.flatnonzero(fresh | (other & settled).any(axis=1)) + 1
        return max(pairwise([0, *cuts.tolist(), len(self.leaves)]), key=lambda piece: piece[1] - piece[0])

    def is_steady(self, first: int, last: int) -> bool:
        """Whether each input is always the same leaf, or another each time: not one of two layers in turn."""
        kinds = np.sort(self.leaves[first:last], axis=0)
        new = (kinds[1:] != kinds[:-1]) & (kinds[1:] > 0)
        counts = new.sum(axis=0) + (kinds[0] > 0)
        return bool(((counts <= 1) | (counts == (kinds > 0).sum(axis=0))).all())

    def is_time(self, first: int, last: int) -> bool:
        """Whether these iterations hand something on, and share a weight."""
        leaves = self.leaves[first:last]
        shared = (leaves > 0) & (leaves == leaves[0])
        return bool(self.lags[first + 1 : last].any() and shared.all(axis=0).any())
