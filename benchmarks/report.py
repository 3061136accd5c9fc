"""Tables from measurements: `python -m benchmarks.report runs/bench.json [--markdown]`.

Every time is the median over rounds of the median in each, and every ratio the time of the fastest peer that the goal
names over minigrad's: above 1, minigrad is faster.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from .plan import GOALS, GROWTH, Goal

Result = dict[str, Any]  # a row as __main__ writes it: shape, operations, seconds and memory of each library's rounds
IMPORT_GOAL, WARM_GOAL = 0.5, 1.0  # seconds
TOLERANCE = 0.005  # a ratio that is printed as the goal meets it


@dataclass
class Table:
    """A title, the columns' heads, the rows, and what to say below."""

    title: str
    heads: list[str]
    rows: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def median(row: Result, what: str, library: str) -> float | None:
    """Of a library's rounds; None if it took no part."""
    return statistics.median(row[what][library]) if library in row[what] else None


def ratio(row: Result, peers: Sequence[str]) -> float | None:
    """The time of the fastest peer that was measured over minigrad's; None where there is none, or no minigrad."""
    ours, theirs = median(row, "seconds", "minigrad"), [median(row, "seconds", peer) for peer in peers]
    known = [t for t in theirs if t is not None]
    return min(known) / ours if ours and known else None


def applies(goal: Goal, row: Result) -> bool:
    """Whether a row is large enough to be asked for a goal."""
    return row["shape"][0] >= goal.from_batch


def met(reached: float, wanted: float) -> bool:
    return reached >= wanted - TOLERANCE


def verdict(reached: float, wanted: float) -> str:
    return f"{reached:.2f} of {wanted:.2f} wanted, " + ("met" if met(reached, wanted) else "MISSED")


def judged(goal: Goal, rows: Sequence[Result]) -> str:
    """A goal's line below its table."""
    present = [peer for peer in goal.peers if any(peer in row["seconds"] for row in rows)]
    beside = "the faster of " * (len(present) > 1) + " and ".join(present or goal.peers)
    beside += f" from batch {goal.from_batch} up" * (goal.from_batch > 1)
    reached = [x for row in rows if applies(goal, row) and (x := ratio(row, goal.peers)) is not None]
    if not reached:
        return f"against {beside}: not measured"
    line = f"against {beside}: lowest {verdict(min(reached), goal.each)}"
    mean = math.exp(statistics.fmean(map(math.log, reached)))
    return line + "; geometric mean " + (f"{mean:.2f}" if goal.mean is None else verdict(mean, goal.mean))


def number(value: float | None, digits: int = 3) -> str:
    """A few digits of a value."""
    if value is None:
        return "-"
    return f"{value:.{max(0, digits - 1 - math.floor(math.log10(value)))}f}" if value > 0 else "0"


def milliseconds(row: Result, library: str) -> str:
    seconds = median(row, "seconds", library)
    return number(None if seconds is None else 1e3 * seconds)


def megabytes(row: Result, library: str) -> str:
    used = median(row, "memory", library)
    return number(None if used is None else used / 2**20, 2)


def with_ratio(row: Result, goal: Goal) -> str:
    """A row's ratio, marked where it misses what every row has to reach."""
    reached = ratio(row, goal.peers)
    if reached is None or not applies(goal, row):
        return number(reached)
    return f"{reached:.2f}" + ("" if met(reached, goal.each) else " !")


def share_of_limit(row: Result, limit: float) -> str:
    seconds = median(row, "seconds", "minigrad")
    return f"{row['operations'] / seconds / limit:.0%}" if seconds and row["operations"] else "-"


def dimensions(row: Result) -> str:
    return " x ".join(f"{size:,}" for size in row["shape"])


def compared(title: str, rows: Sequence[Result], limit: float) -> Table:
    """minigrad beside its peers."""
    goals = GOALS[title]
    present = list(dict.fromkeys(library for row in rows for library in row["seconds"]))
    columns: dict[str, Callable[[Result], str]] = {"shape": dimensions}
    for library in present:
        columns[f"{'copying' if library == 'numpy' else library} ms"] = partial(milliseconds, library=library)
    for goal in goals:
        columns["faster than " + "/".join(goal.peers)] = partial(with_ratio, goal=goal)
    if any(row["operations"] for row in rows):
        columns["of sgemm"] = partial(share_of_limit, limit=limit)
    for library in [x for x in ("minigrad", "torch") if x in present]:
        columns[f"{library} MB"] = partial(megabytes, library=library)
    cells = [[cell(row) for cell in columns.values()] for row in rows]
    return Table(title, list(columns), cells, [judged(goal, rows) for goal in goals])


def grown(title: str, rows: Sequence[Result]) -> Table:
    """How time and memory grow with one size: as its power between a row and the one before."""
    axis, _ = GROWTH[title]
    libraries = [x for x in ("minigrad", "torch") if x in rows[0]["seconds"]]
    heads = ["shape", *(f"{x} {what}" for x in libraries for what in ("ms", "time power", "MB", "memory power"))]
    table = Table(title, heads)
    for before, row in zip([None, *rows], rows):
        cells = [dimensions(row)]
        for x in libraries:
            cells += [milliseconds(row, x), power(before, row, "seconds", x, axis)]
            cells += [megabytes(row, x), power(before, row, "memory", x, axis)]
        table.rows.append(cells)
    return table


def power(before: Result | None, row: Result, what: str, library: str, axis: int) -> str:
    """p, where a quantity grew as size ** p."""
    if before is None:
        return ""
    less, more = median(before, what, library), median(row, what, library)
    return (
        f"{math.log(more / less) / math.log(row['shape'][axis] / before['shape'][axis]):.2f}" if less and more else "-"
    )


def started(rows: Sequence[Result]) -> Table:
    """Seconds to import, and from there to a first tiny run, with empty caches and with full ones."""
    heads = ["work", "library", "import s", "first run, empty cache, s", "first run, warm cache, s"]
    table = Table("startup", heads)
    for row in rows:
        times = [statistics.median(row[what]) for what in ("import", "cold", "warm")]
        table.rows.append([row["title"], row["library"], *map(number, times)])
        if row["library"] == "minigrad":
            imported, warm = times[0] <= IMPORT_GOAL, times[2] <= WARM_GOAL
            table.notes.append(
                f"{row['title']}: import within {IMPORT_GOAL:g} s {'met' if imported else 'MISSED'}, "
                f"warm first run within {WARM_GOAL:g} s {'met' if warm else 'MISSED'}"
            )
    return table


def tables(results: dict[str, Any]) -> list[Table]:
    """All that was measured."""
    made = [
        grown(title, rows) if title in GROWTH else compared(title, rows, results["limit"])
        for title, rows in results["groups"].items()
    ]
    return made + ([started(results["startup"])] if results["startup"] else [])


def plain(table: Table) -> str:
    """A table for the terminal."""
    widths = [max(map(len, column)) for column in zip(table.heads, *table.rows)]
    lines = ["  ".join(f"{x:>{w}}" for x, w in zip(row, widths)) for row in (table.heads, *table.rows)]
    return "\n".join([f"\n{table.title}", *lines, *table.notes])


def markdown(table: Table) -> str:
    """The same for a document."""
    rows = [table.heads, ["---:"] * len(table.heads), *table.rows]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"\n**{table.title}**\n", *lines, "", *(f"- {note}" for note in table.notes)])


def heading(results: dict[str, Any]) -> str:
    """The machine and the versions."""
    machine = [f"{name}: {value}" for name, value in results["machine"].items()]
    return "\n".join([*machine, f"sgemm limit: {results['limit'] / 1e9:.0f} GFLOP/s"])


def text(results: dict[str, Any], render: Callable[[Table], str]) -> str:
    """The whole report."""
    return "\n".join([heading(results), *map(render, tables(results))])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--markdown", action="store_true", help="tables for a document")
    given = parser.parse_args()
    print(text(json.loads(given.results.read_text()), markdown if given.markdown else plain))


if __name__ == "__main__":
    main()
