"""A recorded computation as a drawing: Mermaid text, DOT text, SVG, or lines on a terminal."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..nn import Module
from ..tensor import Tensor
from .boxes import Arrow, Box, Sketch
from .fold import folded
from .graph import gradient_norms, leaves_of, named, recorded_nodes, recorded_outputs, replayed, substitutes

UNFOLD = (False, "step", True)
MERMAID = {"leaf": ('(["', '"])'), "constant": ('[/"', '"/]'), "op": ('["', '"]'), "module": ('[["', '"]]'),
           "loop": ('{{"', '"}}')}  # fmt: skip
DOT = {
    "leaf": 'shape=ellipse fillcolor="#dce9f5"', "constant": 'shape=ellipse style="filled,dashed" fillcolor="#f2f2f2"',
    "op": 'shape=box fillcolor="#ffffff"', "module": 'shape=box fillcolor="#fbe8cf"',
    "loop": 'shape=box peripheries=2 fillcolor="#dff0df"',
}  # fmt: skip


class Drawing(NamedTuple):
    """Boxes, some inside others, and the arrows between them; `outputs` are those that y comes from.

    `print` shows it as text; notebooks show `svg()` where Graphviz is installed, else the Mermaid text.
    """

    boxes: Sequence[Box]
    arrows: Sequence[Arrow]
    outputs: Sequence[Box]

    def mermaid(self) -> str:
        """Mermaid's text for a flowchart, which GitHub, GitLab and notebooks turn into a picture."""
        ids = self.ids()
        lines = ["flowchart TD", *(line for box in self.boxes for line in mermaid_lines(box, ids, "  "))]
        for arrow in self.arrows:
            line = "-.->" if arrow.carried else "-->"
            label = f'|"{mermaid_text(arrow.label)}"|' if arrow.label else ""
            lines.append(f"  {ids[arrow.source]} {line}{label} {ids[arrow.target]}")
        lines += [f"  style {ids[box]} stroke-width:3px" for box in self.outputs]
        return "\n".join(lines) + "\n"

    def dot(self) -> str:
        """Text in Graphviz's language."""
        ids = self.ids()
        lines = [
            "digraph minigrad {",
            '  graph [bgcolor=white fontname="sans-serif" fontsize=11]',
            '  node [style="filled,rounded" fontname="sans-serif" fontsize=11]',
            '  edge [fontname="sans-serif" fontsize=10]',
            *(line for box in self.boxes for line in dot_lines(box, ids, self.outputs, "  ")),
        ]
        for arrow in self.arrows:
            style = " style=dashed constraint=false" if arrow.carried else ""
            lines.append(f'  {ids[arrow.source]} -> {ids[arrow.target]} [label="{dot_text([arrow.label])}"{style}]')
        return "\n".join([*lines, "}", ""])

    def svg(self) -> str:
        """The picture, laid out by Graphviz. Raises RuntimeError where its `dot` is not on the PATH."""
        import subprocess  # 3 ms, which nobody else needs

        if (program := shutil.which("dot")) is None:
            raise RuntimeError(
                "svg: Graphviz's program `dot` is not on the PATH. Install Graphviz (apt install graphviz, or brew "
                "install graphviz), or use mermaid(), which needs nothing"
            )
        ran = subprocess.run([program, "-Tsvg"], input=self.dot().encode(), capture_output=True, check=True)
        text = ran.stdout.decode()
        return text[text.index("<svg") :]

    def __repr__(self) -> str:
        names = self.names()
        takes: dict[Box, list[str]] = {}
        for arrow in self.arrows:
            takes.setdefault(arrow.target, []).append(names[arrow.source] + " of the step before" * arrow.carried)
        lines = [line for box in self.boxes for line in text_lines(box, names, takes, "")]
        return "\n".join([*lines, f"outputs: {', '.join(names[box] for box in self.outputs)}"])

    def _repr_svg_(self) -> str | None:
        return self.svg() if shutil.which("dot") else None

    def _repr_markdown_(self) -> str:
        return f"```mermaid\n{self.mermaid()}```"

    def everything(self) -> Iterator[Box]:
        """All boxes, frames before what is in them."""
        for box in self.boxes:
            yield from box.everything()

    def ids(self) -> dict[Box, str]:
        """A word for each box."""
        return {box: f"{'frame' if box.parts else 'box'}{i}" for i, box in enumerate(self.everything(), 1)}

    def names(self) -> dict[Box, str]:
        """What the text calls each box: leaves by their names, if these are their own."""
        boxes = [box for box in self.everything() if not box.parts]
        titles = [box.title for box in boxes]
        plain = (box.kind in ("leaf", "constant") and titles.count(box.title) == 1 for box in boxes)
        return {box: box.title if own else f"%{i}" for i, (box, own) in enumerate(zip(boxes, plain), 1)}


def draw(
    y: Any, unfold: bool | str = False, names: Module | Mapping[str, Tensor] | None = None,
    gradients: bool | None = None,
) -> Drawing:  # fmt: skip
    """What was recorded on the way to y (a Tensor, or several in tuples, lists, dicts), as a `Drawing`.

    A module's call is one box, or a frame where it has calls or loops inside; repeated steps are one loop, whose
    dashed arrow is what one step hands on to the next; so is a compiled recurrence. unfold="step" shows what is inside
    all boxes, with one step of each loop; unfold=True shows every step, and what compiled nodes consist of.

    names: a Module, for dotted names of parameters and modules, or a dict from names to Tensors. gradients: whether
    the norm of dy / d(output) stands in each box (y a single number); None: if a leaf has a gradient, as after
    backward(retain_graph=True). No leaf's `grad` is changed. Raises RuntimeError for a y without a graph, or with one
    that backward() has freed.
    """
    if unfold not in UNFOLD:
        raise ValueError(f"draw: unfold must be one of {', '.join(map(repr, UNFOLD))}, got {unfold!r}")
    outputs = recorded_outputs("draw", y)
    nodes = recorded_nodes("draw", outputs)
    entries = replayed(nodes) if unfold else nodes
    single = len(outputs) == 1 and outputs[0].size == 1
    if gradients is None:
        gradients = single and any(leaf.grad is not None for leaf in leaves_of(nodes))
    elif gradients and not single:
        raise RuntimeError("draw: gradients=True needs y to be one single number (sum() or mean() it?)")
    norms = gradient_norms(outputs[0], entries) if gradients else {}
    items = folded(entries, loops=unfold is not True)
    sketch = Sketch(items, outputs, named(names, nodes), norms, substitutes(entries), unfold)
    order = {box: i for i, box in enumerate(box for top in sketch.boxes for box in top.everything())}
    arrows = sorted(sketch.arrows.values(), key=lambda arrow: (order[arrow.target], arrow.at, arrow.carried))
    return Drawing(sketch.boxes, arrows, list(dict.fromkeys(sketch.outputs)))


def mermaid_lines(box: Box, ids: Mapping[Box, str], indent: str) -> Iterator[str]:
    """A box, or a frame with all that is in it."""
    if box.parts:
        yield f'{indent}subgraph {ids[box]}["{mermaid_text(", ".join([box.title, *box.lines]))}"]'
        for part in box.parts:
            yield from mermaid_lines(part, ids, indent + "  ")
        yield f"{indent}end"
    else:
        left, right = MERMAID[box.kind]
        yield f"{indent}{ids[box]}{left}{'<br/>'.join(map(mermaid_text, [box.title, *box.lines]))}{right}"


def mermaid_text(text: str) -> str:
    """Text as it may stand in a label: what Mermaid or HTML would read as something else, by its number."""
    return "".join(f"#{ord(c)};" if c in '"#&<>`\\\n' else c for c in text)


def dot_lines(box: Box, ids: Mapping[Box, str], outputs: Sequence[Box], indent: str) -> Iterator[str]:
    """A box, or a frame with all that is in it."""
    if box.parts:
        yield f"{indent}subgraph cluster_{ids[box]} {{"
        yield f'{indent}  label="{dot_text([box.title, *box.lines])}" style="rounded" class="{box.kind}"'
        for part in box.parts:
            yield from dot_lines(part, ids, outputs, indent + "  ")
        yield f"{indent}}}"
    else:
        look = DOT[box.kind] + " penwidth=2.5" * (box in outputs)
        yield f'{indent}{ids[box]} [label="{dot_text([box.title, *box.lines])}" class="{box.kind}" {look}]'


def dot_text(lines: Sequence[str]) -> str:
    return "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") for line in lines)


def text_lines(box: Box, names: Mapping[Box, str], takes: Mapping[Box, Sequence[str]], indent: str) -> Iterator[str]:
    """`%3 = tanh(%2)  float32[3]`, and what is in a frame further in."""
    rest = "; ".join(box.lines).replace(",; ", ", ")  # a list of ops that is cut into lines
    if box.parts:
        yield f"{indent}{box.title}:{f'  {rest}' if rest else ''}"
        for part in box.parts:
            yield from text_lines(part, names, takes, indent + "  ")
    elif box.kind in ("leaf", "constant"):
        own = names[box] == box.title
        yield f"{indent}{names[box]}{'' if own else f' = {box.title}'}  {rest}"
    else:
        yield f"{indent}{names[box]} = {box.title} ({', '.join(takes.get(box, ()))})  {rest}"
