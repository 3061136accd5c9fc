"""Every demo in its smallest form that still beats its baseline, in about a second; and what to ask it then."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.image import imsave


class Tiny(NamedTuple):
    """options: the run's, without seed and data. ask: makes an input for `--predict`, in a folder of its own.

    epochs: at least 2, so that there is something to interrupt.
    """

    options: str
    ask: Callable[[Path], str]
    epochs: int = 2


def words(text: str) -> Callable[[Path], str]:
    return lambda folder: text


def picture(folder: Path) -> str:
    """A dark stroke on light paper: a 1."""
    paper = np.ones((32, 32))
    paper[4:28, 14:18] = 0
    imsave(folder / "one.png", paper, cmap="gray")
    return str(folder / "one.png")


TINY = {
    "char_lm": Tiny("--hidden 32 --quick --lr 0.02", words("def main(")),
    "digits": Tiny("--cell gru --hidden 16", picture),
    "spam": Tiny("--hidden 8 --lr 0.02", words("Claim your prize now!")),
}
