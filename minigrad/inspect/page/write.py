"""From sections to one HTML file that holds all it needs, asks no host for anything, and opens offline."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import singledispatch
from html import escape
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from .column import column
from .sections import (
    Attention,
    AttentionSection,
    Curves,
    FlowAt,
    FlowSection,
    GraphSection,
    Panel,
    Rows,
    Section,
    Units,
    UnitsSection,
    WalkSection,
    WalkStep,
)

LIMIT = 10_000_000  # bytes of a page
CODES = 65_534  # an entry of an array is one of so many steps between the least and the greatest

READOUT = '<p class="readout" role="status"></p>'  # the numbers of what is pointed at

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>{title}</h1>
{intro}<nav aria-label="Sections"><ol>{links}</ol></nav>
</header>
<main>
{sections}
</main>
<script type="application/json" id="data">{data}</script>
<script>{script}</script>
</body>
</html>
"""


def write_page(path: str | PathLike[str], title: str, sections: Sequence[Section], intro: Sequence[str] = ()) -> Path:
    """Write sections to an HTML file, and return its path. intro: paragraphs under the title.

    The folder is made if it is not there. Raises TypeError for what is no section, and ValueError for no sections
    and for a page of over 10 MB, which says what is large; nothing is written then.
    """
    if not sections:
        raise ValueError("write_page: expected at least one section, got none")
    for section in sections:
        if not isinstance(section, Section):
            raise TypeError(f"write_page: expected sections of minigrad.inspect.page, got {type(section).__name__}")
    text = page(title, sections, intro).encode()
    if len(text) > LIMIT:
        sizes = {section.title: len(as_json(data_of(section))) for section in sections}
        largest = max(sizes, key=lambda name: sizes[name])
        raise ValueError(
            f"write_page: expected a page of at most {LIMIT:,} bytes, got {len(text):,}, of which {sizes[largest]:,} "
            f"are in {largest!r}; give it fewer sequences, steps or times of training"
        )
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)
    return path


def page(title: str, sections: Sequence[Section], intro: Sequence[str] = ()) -> str:
    """The HTML. Its policy lets nothing run but the one script, by its digest, and nothing be fetched."""
    folder = files(__package__)
    script, style = (folder.joinpath(name).read_text("utf-8") for name in ("page.js", "page.css"))
    policy = f"default-src 'none'; script-src {digest(script)}; style-src {digest(style)}"
    links = "".join(f'<li><a href="#section-{i}">{escape(s.title)}</a></li>' for i, s in enumerate(sections))
    return PAGE.format(
        policy=policy, title=escape(title), style=style, script=script, links=links,
        intro="".join(f'<p class="note">{escape(line)}</p>\n' for line in intro),
        sections="\n".join(around(i, section) for i, section in enumerate(sections)),
        data=as_json([data_of(section) for section in sections]),
    )  # fmt: skip


def digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def as_json(data: Any) -> str:
    """Without `<`, which could end the script element that it stands in."""
    return json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def around(i: int, section: Section) -> str:
    note = f'<p class="note">{escape(section.note)}</p>\n' if section.note else ""
    return (
        f'<section id="section-{i}" aria-labelledby="heading-{i}">\n<h2 id="heading-{i}">{escape(section.title)}</h2>\n'
        f"{note}{html_of(section)}\n</section>"
    )


# what stands in the page, section by section


@singledispatch
def html_of(section: Any) -> str:
    """A section's HTML without its heading; the script fills in what is drawn."""
    raise TypeError(f"write_page: expected a section that it knows, got {type(section).__name__}")


@html_of.register
def _(section: Rows) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in section.headings)
    rows = ("".join(f"<td>{escape(entry)}</td>" for entry in row) for row in section.rows)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(section.title)}">{table}</div>'


@html_of.register
def _(section: Curves) -> str:
    plots = (plot(panel.title, last_values(panel), panel.series) for panel in section.panels)
    return f'<div class="panels">{"".join(plots)}</div>'


def plot(title: str, described: str, names: Iterable[str] = ()) -> str:
    """Axes that the script fills, and which line is whose."""
    line = '<svg width="28" height="10" aria-hidden="true"><path class="curve c{}" d="M0 5H26"/></svg>'
    legend = "".join(f"<span>{line.format(i % 8)} {escape(name)}</span>" for i, name in enumerate(names))
    return (
        f'<div class="plot"><h3>{escape(title)}</h3><svg role="img" tabindex="0" width="100%" height="190" '
        f'aria-label="{escape(described)}"></svg><div class="legend">{legend}</div>{READOUT}</div>'
    )


def last_values(panel: Panel) -> str:
    """A panel in words."""
    ends = ", ".join(f"{name} from {line[0]:.3g} to {line[-1]:.3g}" for name, line in panel.series.items())
    return f"{panel.title}: {ends}. Left and right arrow keys read the numbers."


def labelled(text: str, control: str) -> str:
    return f"<label>{text} {control}</label>"


def canvas(described: str) -> str:
    return f'<canvas role="img" tabindex="0" aria-label="{escape(described)}"></canvas>'


def scale(name: str, low: str = "", high: str = "") -> str:
    """A colour map with its ends."""
    return f'<p class="scale"><span class="low">{low}</span><i class="{name}"></i><span class="high">{high}</span></p>'


@html_of.register
def _(section: FlowSection) -> str:
    low, high = (f"{10.0**x:.2g}" for x in log_range(section))
    marks = "Dotted: where a sequence ends. Magenta: where a window begins, over which no gradient goes back."
    marked = any(flow.ends or any(flow.cuts) for flow in section.flows)
    return (
        f'<div class="controls">{labelled("Network", "<select></select>")}'
        f'{labelled("Time of training", "<input type=range min=0 step=1>")}<output class="stop"></output></div>\n'
        f'<figure class="square">{canvas("")}{READOUT}{scale("viridis", low, high)}'
        f'<figcaption><span class="said"></span>{" " + marks if marked else ""}</figcaption></figure>\n'
        f'<div class="below">{plot("What of the first state is left", "")}</div>'
    )


@html_of.register
def _(section: UnitsSection) -> str:
    choices = (labelled(name, "<select></select>") for name in ("Sequence", "Colour by", "Unit"))
    return (
        f'<div class="controls">{"".join(choices)}</div>\n'
        f'<p class="tokens" role="img" aria-label=""></p>\n'
        f"{scale('cividis')}{READOUT}\n{canvas('All units at all steps. Arrow keys move, Enter chooses a unit.')}"
    )


@html_of.register
def _(section: AttentionSection) -> str:
    return (
        f'<div class="controls">{labelled("Example", "<select></select>")}</div>\n'
        f"<figure>{canvas('')}{READOUT}{scale('cividis', '0', '1')}</figure>"
    )


@html_of.register
def _(section: GraphSection) -> str:
    texts = "".join(
        f"<details><summary>{escape(name)}</summary><pre>{escape(text)}</pre></details>"
        for name, text in section.texts.items()
    )
    described = f"Graph of {len(section.boxes)} boxes, inputs first: " + ", ".join(box.title for box in section.boxes)
    return f'<div class="scroll">{column(section.boxes, described)}</div>\n{texts}'


@html_of.register
def _(section: WalkSection) -> str:
    described = f"Graph of {len(section.boxes)} boxes, inputs first: " + ", ".join(box.title for box in section.boxes)
    graph = column(section.boxes, described)
    buttons = '<button type="button">Previous</button><button type="button">Next</button>'
    return (
        f'<div class="controls" hidden>{buttons}<output class="where"></output>'
        f'<span class="note">or the arrow keys</span></div>\n'
        f'<div class="walk"><div>{"".join(map(article, section.steps))}</div>\n'
        f'<div class="map" tabindex="0" role="region" aria-label="The graph">{graph}</div></div>'
    )


def article(step: WalkStep) -> str:
    """One visit."""
    facts = [
        ("rule", f"<pre>{escape(step.rule)}</pre>"),
        ("output", value(step.output)),
        ("cotangent", value(step.cotangent)),
        *((f"sent to {name}", value(text)) for name, text in step.sent),
        *((f"arrived at {name}", value(text)) for name, text in step.arrived),
    ]
    body = "".join(f"<dt>{escape(name)}</dt><dd>{text}</dd>" for name, text in facts)
    return f'<article data-box="{step.box}"><h3>{escape(step.op)}</h3><dl>{body}</dl></article>'


def value(text: str) -> str:
    return f"<pre>{escape(text)}</pre>"


# what the script is given, section by section


@singledispatch
def data_of(section: Any) -> dict[str, Any]:
    """What JSON can hold; sections that are all HTML have nothing more to say."""
    return {"kind": ""}


@data_of.register
def _(section: Curves) -> dict[str, Any]:
    return {"kind": "curves", "panels": [of_panel(panel) for panel in section.panels]}


def of_panel(panel: Panel) -> dict[str, Any]:
    lines = [{"name": k, "values": numbers(v), "dot": panel.dots.get(k, -1)} for k, v in panel.series.items()]
    return {"series": lines, "log": panel.log, "x": panel.x, "y": panel.unit, "first": panel.first, "step": panel.step}


@data_of.register
def _(section: FlowSection) -> dict[str, Any]:
    low, high = log_range(section)
    flows = [
        {
            "name": flow.name,
            "first": flow.first,
            "ends": sorted({int(end) for end in flow.ends}),
            "cuts": [int(cut) for cut in flow.cuts if cut],
            "stops": [of_stop(stop, flow.first) for stop in flow.stops],
        }
        for flow in section.flows
    ]
    return {"kind": "flow", "flows": flows, "low": low, "high": high}


def of_stop(stop: FlowAt, first: int) -> dict[str, Any]:
    jacobian = None if stop.jacobian is None else numbers(stop.jacobian)
    norms = np.asarray(stop.norms)
    return {"label": stop.label, "norms": packed(norms, log=True), "jacobian": jacobian, "said": said(norms, first)}


def said(norms: np.ndarray, first: int) -> str:
    """A flow in words."""
    known = np.where(np.isfinite(norms), norms, -1)
    t, s = np.unravel_index(known.argmax(), known.shape)
    there = np.flatnonzero(norms[-1])
    return (
        f"Largest: {known[t, s]:.2g} (t = {t + first}, s = {s}). The last loss has a gradient of {norms[-1].max():.2g} "
        f"at most, and one of {norms[-1, there[0]] if len(there) else 0:.2g} at the first state that it reaches"
        f"{f', s = {there[0]}' if len(there) else ''}."
    )


def log_range(section: FlowSection) -> tuple[float, float]:
    """Powers of ten between which colours lie, the same for all of a section: twelve of them at most."""
    norms = np.concatenate([np.ravel(stop.norms) for flow in section.flows for stop in flow.stops])
    norms = norms[np.isfinite(norms) & (norms > 0)]
    if not norms.size:
        return -1.0, 0.0
    high = float(np.log10(norms.max()))
    return max(float(np.log10(norms.min())), high - 12), high


@data_of.register
def _(section: UnitsSection) -> dict[str, Any]:
    return {"kind": "units", "joined": section.joined, "views": [of_units(view) for view in section.views]}


def of_units(view: Units) -> dict[str, Any]:
    last = {"saliency": np.reshape(view.saliency, (-1, 1))} if view.saliency is not None else {}
    channels = [channel(name, np.asarray(array)) for name, array in {**view.values, **last}.items()]
    picture = None if view.picture is None else packed(view.picture)
    units = [int(unit) for unit in view.units]
    return {"name": view.name, "steps": list(view.steps), "units": units, "channels": channels, "picture": picture}


def channel(name: str, array: np.ndarray) -> dict[str, Any]:
    """Colours go from 0 to 1 for what lies there, as gates do; otherwise as far below 0 as above."""
    low, high = float(array.min()), float(array.max())
    if low < 0 or high > 1:
        high = max(-low, high)
        low = -high
    else:
        low, high = 0.0, 1.0
    return {"name": name, "values": packed(array), "low": low, "high": high}


@data_of.register
def _(section: AttentionSection) -> dict[str, Any]:
    return {"kind": "attention", "views": [of_attention(view) for view in section.views]}


def of_attention(view: Attention) -> dict[str, Any]:
    weights = packed(view.weights)
    return {"name": view.name, "read": list(view.read), "written": list(view.written), "weights": weights}


@data_of.register
def _(section: WalkSection) -> dict[str, Any]:
    return {"kind": "walk"}


def numbers(values: Any) -> list[float | None]:
    """Four digits of each number; null for what is not finite."""
    return [float(f"{x:.4g}") if np.isfinite(x) else None for x in np.asarray(values, np.float64).tolist()]


def packed(array: Any, log: bool = False) -> dict[str, Any]:
    """An array [rows, columns] in two bytes an entry, for `unpacked` of page.js.

    Even steps between the least and the greatest; with `log` of their logarithm to base 10, and 0 for 0. What is not
    finite is 65535. Off by half a step at most: 1/131,000 of the range.
    """
    numbers = np.asarray(array, np.float64)
    usable = np.isfinite(numbers) & ((numbers > 0) | (not log))
    known = np.log10(numbers, where=usable, out=np.zeros_like(numbers)) if log else np.where(usable, numbers, 0)
    low, high = (float(known[usable].min()), float(known[usable].max())) if usable.any() else (0.0, 0.0)
    first = 1 if log else 0
    codes = np.rint((known - low) / ((high - low) or 1) * (CODES - first)) + first
    codes = np.where(usable, codes, 0)
    codes = np.where(np.isfinite(numbers), codes, CODES + 1).astype("<u2")
    text = base64.b64encode(codes.tobytes()).decode()
    return {"shape": list(numbers.shape), "codes": text, "low": low, "high": high, "log": log}
