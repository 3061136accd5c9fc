"""What the README, CONTRIBUTING and docs show runs, and gives what they say."""

import re
import textwrap
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, sigmoid, tanh
from minigrad.graph import registry
from minigrad.ops import nonlinear
from minigrad.testing import GradientError
from minigrad.testing.strategies import recipes
from models import Cell, Layer, LSTMState
from tests.documents import LESSONS, ROOT, codes, read


@pytest.fixture
def names():
    """What a block may use without importing it."""
    return dict(Cell=Cell, LSTMState=LSTMState, NamedTuple=NamedTuple, Sequence=Sequence, Tensor=Tensor, mg=mg,
                sigmoid=sigmoid, tanh=tanh)  # fmt: skip


def test_readme(names):
    taste, network, cell, fused, inside = codes("README.md")
    exec(taste, names)
    assert repr(names["x"].grad) in taste
    assert mg.grad(names["f"])([1.0, 2.0]).tolist() == [3, 12]
    assert mg.hvp(names["f"], [1.0, 2.0], [1.0, 0.0]).tolist() == [6, 0]
    exec(network, names)
    assert names["outputs"].shape == (3, 12, 128)
    assert all(p.grad is not None for p in names["net"].parameters())
    exec(cell, names)
    assert isinstance(Layer(names["LSTMCell"](8, 4))(mg.tensor(np.ones((2, 3, 8))))[1], LSTMState)
    exec(fused, names)
    x = np.linspace(-2, 2, 5)
    np.testing.assert_allclose(names["swish"](x, 1.0), mg.silu(x), rtol=1e-14)
    assert "def forward(" in names["swish"].source
    exec(inside, names)
    assert names["flow"].mean.shape == (12, 13) and np.tril(names["flow"].mean[:, 1:]).any()
    assert not np.triu(names["flow"].mean, 2).any()  # no loss depends on what comes after it


def test_the_cell_in_contributing(names):
    (cell,) = codes("CONTRIBUTING.md")
    exec(cell, names)
    x = mg.tensor(np.ones((2, 3, 8)), requires_grad=True)
    outputs, state = Layer(names["CoupledLSTMCell"](8, 4))(x)
    outputs.sum().backward()
    np.testing.assert_array_equal(outputs.numpy()[:, -1], state.h.numpy())
    assert x.grad.shape == x.shape


def test_the_op_in_contributing(clean_registry):
    declaration, *_ = re.findall(r"^   ```python\n(.*?)^   ```", read("CONTRIBUTING.md"), re.MULTILINE | re.DOTALL)
    declared = dict(vars(nonlinear))
    exec(textwrap.dedent(declaration).replace("from .", "from minigrad.ops."), declared)
    x = np.array([-2.0, 0.5, 3.0])
    np.testing.assert_allclose(declared["softsign"](x), x / (1 + abs(x)))
    np.testing.assert_allclose(mg.grad(lambda x: declared["softsign"](x).sum())(x), 1 / (1 + abs(x)) ** 2)
    np.testing.assert_allclose(
        mg.hvp(lambda x: declared["softsign"](x).sum(), x, [1.0] * 3), -2 * np.sign(x) / (1 + abs(x)) ** 3
    )


@pytest.fixture
def clean_registry(monkeypatch):
    """What a page declares is gone after it."""
    for table in (registry, recipes):
        for name in ("softsign", "roll"):
            monkeypatch.setitem(table, name, None)
            monkeypatch.delitem(table, name)


def test_the_page_on_testing(clean_registry):
    page: dict = {}
    tests = set()
    *run, planted = codes("docs/testing.md")
    for block in run:
        exec(block, page)
        for name in sorted({name for name in page if name.startswith("test_")} - tests):
            page[name]()
            tests.add(name)
    assert tests == {"test_softsign", "test_programs", "test_programs_that_roll"}
    (report,) = re.findall(r"^```text\n(.*?)\n```", read("docs/testing.md"), re.MULTILINE | re.DOTALL)
    with pytest.raises(GradientError) as caught:
        exec(planted, page)
    assert str(caught.value) == report


PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_links_lead_somewhere():
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"


def test_code_that_is_linked_by_name_is_there():
    for page in PAGES:
        for name, link in re.findall(r"\[`([\w.]+)`\]\(([^)#:]+\.py)\)", page.read_text(encoding="utf-8")):
            last = re.escape(name.rpartition(".")[2])
            code = (page.parent / link).read_text(encoding="utf-8")
            defined = rf"^\s*(def|class) {last}\b|^\s*{last}\b[^=\n(]* = "
            assert re.search(defined, code, re.MULTILINE), f"{page.name} looks for {name} in {link}"


def test_every_page_is_in_the_map_of_docs():
    for page in (ROOT / "docs").glob("[a-z]*.md"):
        assert f"({page.name})" in read("docs/README.md")
        assert page.name == "testing.md" or not codes(f"docs/{page.name}"), "a test has to run what it shows"


def test_every_lesson_is_in_the_list_of_lessons():
    for page in LESSONS:
        assert f"({page.name})" in read("docs/lessons/README.md")


def test_the_map_in_the_readme_names_what_there_is():
    text = read("README.md")
    modules = {path.stem for path in (ROOT / "minigrad").glob("[a-z]*") if path.is_dir() or path.suffix == ".py"}
    assert not {name for name in modules if not re.search(rf"\b{name}\b", text)}
