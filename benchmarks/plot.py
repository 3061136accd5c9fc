"""A picture of a run's figures: `python -m benchmarks.plot [runs/bench.json]` draws it beside them, as bench.png."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib

from .plan import GOALS
from .report import Result, dimensions, ratio

ROOT = Path(__file__).parent.parent
PEERS = {"torch": "tab:orange", "jax": "tab:green", "onnx": "tab:purple"}


def picture(results: dict[str, Any]) -> Any:
    """A panel for each table: how many times faster than each peer minigrad is, row by row, on a logarithmic axis."""
    matplotlib.use("agg")
    from matplotlib import pyplot

    groups = {title: rows for title, rows in results["groups"].items() if title in GOALS}
    if not groups:
        raise ValueError("nothing to draw: there is no table with peers among the figures")
    columns = min(3, len(groups))
    lines = -(-len(groups) // columns)
    figure, panels = pyplot.subplots(lines, columns, figsize=(5 * columns, 3 * lines), squeeze=False, layout="tight")
    for panel in panels.flat[len(groups) :]:
        panel.remove()
    for panel, (title, rows) in zip(panels.flat, groups.items()):
        draw(panel, title, rows)
    return figure


def draw(panel: Any, title: str, rows: list[Result]) -> None:
    """One table's points."""
    for peer, color in PEERS.items():
        known = [(x, at) for at, row in enumerate(rows) if (x := ratio(row, [peer])) is not None]
        if known:
            panel.plot(*zip(*known), "o", label=peer, color=color)
            panel.legend(fontsize="small")
    panel.set_yticks(range(len(rows)), [dimensions(row) for row in rows], fontsize="small")
    panel.set_ylim(len(rows) - 0.5, -0.5)
    panel.set_xscale("log", base=2)
    left, right = panel.get_xlim()
    panel.set_xlim(min(left, 0.5), max(right, 4))
    panel.xaxis.set_major_formatter("{x:g}x")
    panel.axvline(1, color="black", linewidth=1)
    panel.grid(alpha=0.3)
    panel.set_title(f"{title}: times faster than")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, nargs="?", default=ROOT / "runs" / "bench.json")
    path: Path = parser.parse_args().results
    target = path.with_suffix(".png")
    picture(json.loads(path.read_text())).savefig(target, dpi=120)
    print(f"picture: {target}")


if __name__ == "__main__":
    main()
