"""A small graph as SVG: boxes in one column, so that it is read on a phone and no layout program is needed."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from .sections import Box

WIDTH, GAP, LANE, INSET, LINE = 280, 16, 11, 9, 15  # pixels
LEFT, TOP, HEAD = 18, 6, 22  # room at the left for a loop's arrow; above; for a box's title
LETTER, SMALL = 6.7, 6.0  # mean widths, of titles and of other lines


def column(boxes: Sequence[Box], described: str) -> str:
    """An SVG element; `described` is its text alternative. An edge past other boxes takes a lane at their right."""
    lanes = lanes_of(boxes)
    tops = tops_of(boxes)
    width = LEFT + WIDTH + LANE * (max(lanes.values(), default=-1) + 1) + 10
    height = max(top + size for top, size in tops) + TOP
    parts = [drawn(i, box, *tops[i]) for i, box in enumerate(boxes)]
    edges = [edge(source, i, boxes, tops, lanes.get(source)) for i, box in enumerate(boxes) for source in {*box.inputs}]
    return (
        f'<svg class="graph" role="img" aria-label="{escape(described)}" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}">{"".join(parts)}{"".join(edges)}</svg>'
    )


def tops_of(boxes: Sequence[Box]) -> list[tuple[int, int]]:
    """Each box's upper edge and its height; a frame reaches to the end of the last box in it."""
    at = TOP
    places: list[tuple[int, int]] = []
    around: list[int] = []  # the frames that a box is in

    def close(depth: int) -> None:
        nonlocal at
        while around and boxes[around[-1]].depth >= depth:
            top, _ = places[frame := around.pop()]
            places[frame] = top, at - GAP + INSET - top
            at += INSET

    for i, box in enumerate(boxes):
        close(box.depth)
        height = HEAD + LINE * len(box.lines) + 4
        places.append((at, height))
        at += height + GAP
        if i + 1 < len(boxes) and boxes[i + 1].depth > box.depth:
            around.append(i)
    close(0)
    return places


def lanes_of(boxes: Sequence[Box]) -> dict[int, int]:
    """For each box that is wanted further down than right below it, a lane of its own until there."""
    last = {source: i for i, box in enumerate(boxes) for source in box.inputs}
    ends: list[int] = []  # of the edge that has each lane
    lanes = {}
    for source, end in sorted(last.items()):
        if end > source + 1:
            free = next((k for k, taken in enumerate(ends) if taken <= source), len(ends))
            ends[free : free + 1] = [end]
            lanes[source] = free
    return lanes


def edge(source: int, target: int, boxes: Sequence[Box], tops: Sequence[tuple[int, int]], lane: int | None) -> str:
    """An arrow from one box to a later one."""
    (top, height), (bottom, _) = tops[source], tops[target]
    if target == source + 1 and boxes[source].depth >= boxes[target].depth:
        x = LEFT + WIDTH / 2
        return f'<path d="M{x} {top + height}V{bottom - 5}"/><path class="tip" d="M{x - 4} {bottom - 6}h8l-4 6z"/>'
    out, into = (LEFT + WIDTH - INSET * boxes[i].depth for i in (source, target))
    turn = LEFT + WIDTH + LANE * ((lane or 0) + 1)
    start, end = top + HEAD // 2 + 4, bottom + HEAD // 2
    return f'<path d="M{out} {start}H{turn}V{end}H{into + 5}"/><path class="tip" d="M{into + 6} {end - 4}v8l-6 -4z"/>'


def drawn(i: int, box: Box, top: int, height: int) -> str:
    """A box with its lines of text; what does not fit is in its title."""
    x, width = LEFT + INSET * box.depth, WIDTH - 2 * INSET * box.depth
    middle = x + width / 2
    words = "".join(
        f'<text class="{"detail" if k else "title"}" x="{middle}" y="{top + 17 + LINE * k}" text-anchor="middle">'
        f"{escape(shortened(line, int((width - 8) / (SMALL if k else LETTER))))}</text>"
        for k, line in enumerate([box.title, *box.lines])
    )
    again = f"M{x} {top + height - 8}H{x - 11}V{top + 9}H{x - 5}"
    arrow = f'<path d="{again}"/><path class="tip" d="M{x - 6} {top + 5}v8l6 -4z"/>' if box.kind == "loop" else ""
    return (
        f'<g class="box {escape(box.kind)}" data-box="{i}"><title>{escape("; ".join([box.title, *box.lines]))}</title>'
        f'<rect x="{x}" y="{top}" width="{width}" height="{height}" rx="5"/>{arrow}{words}</g>'
    )


def shortened(line: str, room: int) -> str:
    return line if len(line) <= room else line[: room - 1] + "…"
