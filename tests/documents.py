"""How tests read a document: its Python blocks, and what it says that each of them prints."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
LESSONS = sorted((ROOT / "docs" / "lessons").glob("[0-9]*.md"))
BLOCK = re.compile(
    r"^```python\n(?P<code>.*?)^```$(?:\n\n```text(?P<varies> varies)?\n(?P<printed>.*?)^```$)?",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """Python code in a document, and the text block right under it."""

    line: int  # how many lines stand before the code
    code: str
    printed: str  # "" where there is no text block
    varies: bool  # whether the numbers printed differ from run to run


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name):
    text = read(name)
    return [
        Block(text.count("\n", 0, m.start("code")), m["code"], m["printed"] or "", bool(m["varies"]))
        for m in BLOCK.finditer(text)
    ]


def codes(name):
    """The Python code in a document, a block each."""
    return [block.code for block in blocks(name)]
