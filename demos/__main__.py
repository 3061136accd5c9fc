"""`python -m demos`: the demos, a line each."""

from __future__ import annotations

import ast
from pathlib import Path

from rich.console import Console
from rich.table import Table

COLUMNS = ("name", "shape", "data", "time")


def main() -> None:
    """Print each demo's name, shape, data and time."""
    table = Table(title="python -m demos.NAME [--help]")
    for heading in COLUMNS:
        table.add_column(heading, no_wrap=heading == "name")
    for path in sorted(Path(__file__).parent.glob("[!_]*.py")):
        table.add_row(*about(path).values())
    Console().print(table)


def about(path: Path) -> dict[str, str]:
    """What a demo's file says of itself, read without importing it. Raises ValueError where it says nothing."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            said = {k.arg: str(k.value.value) for k in node.keywords if isinstance(k.value, ast.Constant)}
            if said.keys() >= set(COLUMNS):
                return {column: said[column] for column in COLUMNS}
    raise ValueError(f"{path.name}: expected a Demo or About with {', '.join(COLUMNS)} as plain strings")


if __name__ == "__main__":
    main()
