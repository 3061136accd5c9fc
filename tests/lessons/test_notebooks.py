"""A lesson as a notebook: the same code, what it prints as its output, and links that lead to the same places."""

import copy
import re
import sys

import pytest

from docs.lessons import __main__ as lessons
from docs.lessons.__main__ import FOLDER, main, notebook, write
from tests.documents import LESSONS, blocks

pytest.importorskip("jupytext")
import nbformat

every_page = pytest.mark.parametrize("page", LESSONS, ids=lambda page: page.stem)


def cells(made, kind):
    return [cell for cell in made.cells if cell.cell_type == kind]


def printed(cell):
    return "".join(output.text for output in cell.get("outputs", ()))


@every_page
def test_is_valid_and_has_the_code_and_what_it_prints(page):
    made = notebook(page, FOLDER)
    nbformat.validate(made)
    expected = [(block.code.strip("\n"), block.printed) for block in blocks(page)]
    assert [(cell.source, printed(cell)) for cell in cells(made, "code")] == expected
    assert all("```text" not in cell.source for cell in cells(made, "markdown"))


def words(text):
    """What there is to read, without fences and without where links lead."""
    return re.sub(r"^```.*$|(?<=\])\([^)#:]+\)", "", text, flags=re.MULTILINE).split()


@every_page
def test_everything_is_there_in_its_order(page):
    parts = [text for cell in notebook(page, FOLDER).cells for text in (cell.source, printed(cell))]
    assert words("\n".join(parts)) == words(page.read_text(encoding="utf-8"))


@every_page
def test_links_lead_somewhere(page):
    pages = {f"{lesson.stem}.ipynb" for lesson in LESSONS}
    for cell in cells(notebook(page, FOLDER), "markdown"):
        for link in re.findall(r"\]\(([^)#:]+)\)", cell.source):
            assert link in pages or (FOLDER / link).resolve().exists(), f"{page.stem} links to {link}"


def test_what_is_there_is_kept(tmp_path):
    written = write(tmp_path)
    assert [path.stem for path in written] == [page.stem for page in LESSONS]
    written[0].write_text("mine")
    written[1].unlink()
    assert write(tmp_path) == [written[1]]
    assert written[0].read_text() == "mine"


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setattr(lessons, "ROOT", tmp_path)
    monkeypatch.setattr(lessons, "FOLDER", tmp_path / "runs" / "notebooks")
    return tmp_path / "runs" / "notebooks"


def test_the_command_opens_jupyter_where_the_notebooks_are(folder, monkeypatch, capsys):
    started = []
    monkeypatch.setattr(lessons, "find_spec", lambda name: name)
    monkeypatch.setattr(lessons.os, "execv", lambda program, arguments: started.append(arguments))
    main(["--no-browser"])
    assert f"{len(LESSONS)} notebooks written, 0 kept" in capsys.readouterr().out
    ((_, *module, root, url, option),) = started
    assert module == ["-m", "notebook"] and option == "--no-browser"
    assert root.endswith(f"={folder.parent.parent}") and url.endswith("=/tree/runs/notebooks")
    main([])
    assert f"0 notebooks written, {len(LESSONS)} kept" in capsys.readouterr().out


def test_help_writes_nothing(folder, capsys):
    main(["--help"])
    assert capsys.readouterr().out == lessons.__doc__ and not folder.exists()


def test_without_jupyter_it_says_so(folder, monkeypatch):
    monkeypatch.setattr(lessons, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="Jupyter is not installed"):
        main([])
    assert len(list(folder.iterdir())) == len(LESSONS)


def test_without_jupytext_it_says_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "jupytext", None)
    with pytest.raises(SystemExit, match=r"jupytext is not installed; pip install -e"):
        main([])


def test_runs_in_jupyter(tmp_path):
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    first = nbformat.read(write(tmp_path)[0], as_version=4)
    ran = nbclient.NotebookClient(copy.deepcopy(first), timeout=60).execute(cwd=str(tmp_path))
    for cell, expected in zip(cells(ran, "code"), cells(first, "code"), strict=True):
        assert printed(cell).rstrip() == printed(expected).rstrip()
