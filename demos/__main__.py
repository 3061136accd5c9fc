"""`python -m demos`: the demos, a line each."""

import ast
from pathlib import Path


def main() -> None:
    """Print each demo's name and the first line of its docstring."""
    here = Path(__file__).parent
    for path in sorted(here.glob("[!_]*.py")):
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        print(f"python -m demos.{path.stem:16} {text.splitlines()[0]}")


if __name__ == "__main__":
    main()
