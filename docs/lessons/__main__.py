"""`python -m docs.lessons` writes the lessons as notebooks and opens them in Jupyter, which is given any arguments.

It needs Jupytext and Jupyter: `pip install -e ".[notebooks]"`. A notebook that is there already is kept.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

LESSONS = Path(__file__).parent
ROOT = LESSONS.parent.parent
FOLDER = ROOT / "runs" / "notebooks"
LINK = re.compile(r"(?<=\]\()[^)#:]+(?=\))")
PRINTED = re.compile(r"\A```text[^\n]*\n(.*?)^```$\s*", re.MULTILINE | re.DOTALL)


def notebook(page: Path, folder: Path) -> Any:
    """A page as a notebook in `folder`: what a block prints is its cell's output, links lead to the same places."""
    import jupytext
    from nbformat.v4 import new_output

    def relinked(link: re.Match[str]) -> str:
        target = page.parent / link[0]
        if target.suffix == ".md" and target.name[0].isdigit():
            return f"{target.stem}.ipynb"
        return Path(os.path.relpath(target, folder)).as_posix()

    made = jupytext.reads(page.read_text(encoding="utf-8"), "md")
    before = None
    for cell in made.cells:
        if cell.cell_type == "markdown":
            if before is not None and (printed := PRINTED.match(cell.source)):
                before.outputs = [new_output("stream", name="stdout", text=printed[1])]
                cell.source = cell.source[printed.end() :]
            cell.source = LINK.sub(relinked, cell.source)
        before = cell if cell.cell_type == "code" else None
    made.cells = [cell for cell in made.cells if cell.source]
    made.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return made


def write(folder: Path) -> list[Path]:
    """Write what is not there yet, and return it: a notebook may have been worked on."""
    import nbformat

    folder.mkdir(parents=True, exist_ok=True)
    paths = {folder / f"{page.stem}.ipynb": page for page in sorted(LESSONS.glob("[0-9]*.md"))}
    new = {path: page for path, page in paths.items() if not path.exists()}
    for path, page in new.items():
        nbformat.write(notebook(page, folder), path)
    return list(new)


def main(arguments: Sequence[str]) -> None:
    """Write, say so, and open Jupyter on the project's folder, so that links to the source open there, too."""
    if not {"-h", "--help"}.isdisjoint(arguments):
        print(__doc__, end="")
        return
    try:
        written = write(FOLDER)
    except ImportError as error:
        sys.exit(f'notebooks: {error.name} is not installed; pip install -e ".[notebooks]"')
    kept = len(list(FOLDER.glob("[0-9]*.ipynb"))) - len(written)
    print(f"{FOLDER}: {len(written)} notebooks written, {kept} kept (delete one to have it anew)", flush=True)
    if find_spec("notebook") is None:
        sys.exit('Jupyter is not installed, so open them with what you have, or pip install -e ".[notebooks]"')
    folder = FOLDER.relative_to(ROOT).as_posix()
    place = f"--ServerApp.root_dir={ROOT}", f"--JupyterNotebookApp.default_url=/tree/{folder}"
    os.execv(sys.executable, [sys.executable, "-m", "notebook", *place, *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])
