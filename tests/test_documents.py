"""What the README and CONTRIBUTING show runs, and gives what they say."""

import re
import textwrap
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, sigmoid, tanh
from minigrad.graph import registry
from minigrad.ops import nonlinear
from models import Cell, Layer, LSTMState

ROOT = Path(__file__).parent.parent
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def blocks(name):
    """The Python code in a document, a block each."""
    return re.findall(r"^```python\n(.*?)^```", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture
def names():
    """What a block may use without importing it."""
    return dict(Cell=Cell, LSTMState=LSTMState, NamedTuple=NamedTuple, Tensor=Tensor, mg=mg, sigmoid=sigmoid,
                tanh=tanh)  # fmt: skip


def test_readme(names):
    taste, network, cell = blocks("README.md")
    exec(taste, names)
    assert repr(names["x"].grad) in taste
    assert mg.grad(names["f"])([1.0, 2.0]).tolist() == [3, 12]
    assert mg.hvp(names["f"], [1.0, 2.0], [1.0, 0.0]).tolist() == [6, 0]
    exec(network, names)
    assert names["outputs"].shape == (3, 12, 128)
    assert all(p.grad is not None for p in names["net"].parameters())
    exec(cell, names)
    assert isinstance(Layer(names["LSTMCell"](8, 4))(mg.tensor(np.ones((2, 3, 8))))[1], LSTMState)


def test_the_cell_in_contributing(names):
    (cell,) = blocks("CONTRIBUTING.md")
    exec(cell, names)
    x = mg.tensor(np.ones((2, 3, 8)), requires_grad=True)
    outputs, state = Layer(names["CoupledLSTMCell"](8, 4))(x)
    outputs.sum().backward()
    np.testing.assert_array_equal(outputs.numpy()[:, -1], state.h.numpy())
    assert x.grad.shape == x.shape


def test_the_op_in_contributing():
    declaration, *_ = re.findall(r"^   ```python\n(.*?)^   ```", CONTRIBUTING, re.MULTILINE | re.DOTALL)
    declared = dict(vars(nonlinear))
    exec(textwrap.dedent(declaration).replace("from .", "from minigrad.ops."), declared)
    try:
        x = np.array([-2.0, 0.5, 3.0])
        np.testing.assert_allclose(declared["softsign"](x), x / (1 + abs(x)))
        np.testing.assert_allclose(mg.grad(lambda x: declared["softsign"](x).sum())(x), 1 / (1 + abs(x)) ** 2)
        np.testing.assert_allclose(
            mg.hvp(lambda x: declared["softsign"](x).sum(), x, [1.0] * 3), -2 * np.sign(x) / (1 + abs(x)) ** 3
        )
    finally:
        del registry["softsign"]


def test_the_map_in_the_readme_names_what_there_is():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    modules = {path.stem for path in (ROOT / "minigrad").glob("[a-z]*") if path.is_dir() or path.suffix == ".py"}
    assert not {name for name in modules if not re.search(rf"\b{name}\b", text)}
