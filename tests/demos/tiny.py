"""Every demo in its smallest form that still beats its baseline, in about a second; and what to ask it then."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.image import imsave


class Tiny(NamedTuple):
    """options: the run's, without seed and data. ask: makes an input for `--predict`, in a folder of its own.

    epochs: at least 2, so that there is something to interrupt. unbeaten: baselines that take longer to beat.
    real: options for the real data beside `--quick`.
    """

    options: str
    ask: Callable[[Path], str]
    epochs: int = 2
    unbeaten: tuple[str, ...] = ()
    real: tuple[str, ...] = ()


def words(text: str) -> Callable[[Path], str]:
    return lambda folder: text


def picture(folder: Path) -> str:
    """A dark stroke on light paper: a 1."""
    paper = np.ones((32, 32))
    paper[4:28, 14:18] = 0
    imsave(folder / "one.png", paper, cmap="gray")
    return str(folder / "one.png")


def series(folder: Path) -> str:
    """Two and a half years that grow, with a season."""
    steps = np.arange(30)
    (folder / "series.csv").write_text("\n".join(map(str, 100 + 2 * steps + 20 * np.sin(steps * np.pi / 6))))
    return str(folder / "series.csv")


def careers(folder: Path) -> str:
    """Three seasons of one player."""
    (folder / "careers.csv").write_text("".join(f"Ann,{2020 + i},500,{25 + i},{20 + i}\n" for i in range(3)))
    return str(folder / "careers.csv")


TINY = {
    "adding": Tiny("--cell gru --hidden 16 --lr 0.02", words("0.3 *0.7 0.1 *0.2")),
    "caption": Tiny("--hidden 32 --lr 0.006", picture, epochs=4, real=("--epochs", "2")),
    "chatbot": Tiny("--cell gru --hidden 32 --lr 0.02", words("Are you open on Sunday?"), epochs=15),
    "entities": Tiny("--quick --cell gru --hidden 32 --lr 0.02", words("We met Dr Kent in Paris.")),
    "slot_filling": Tiny("--cell gru --hidden 32 --lr 0.01", words("Two tickets for Casablanca"), epochs=3),
    "char_lm": Tiny("--hidden 32 --quick --lr 0.02", words("def main(")),
    "complete_image": Tiny("--cell gru --hidden 32 --lr 0.02", picture, epochs=3, unbeaten=("linear regression",)),
    "copy": Tiny("--cell gru --hidden 48 --lr 0.02", words("1234567812")),
    "digits": Tiny("--cell gru --hidden 16", picture),
    "forecast": Tiny("", series, epochs=20),
    "home_runs": Tiny("--hidden 16 --lr 0.01", careers),
    "names": Tiny("--hidden 32 --lr 0.03", words("italian M"), epochs=4),
    "sentiment": Tiny("--hidden 16 --lr 0.03", words("The plot is not dull")),
    "dna": Tiny("--quick --hidden 16 --lr 0.03", words("acgttgacgtcatgac"), epochs=6),
    "music": Tiny("--quick --hidden 64 --lr 0.02", words("CDEC"), epochs=4),
    "translate": Tiny("--quick --hidden 48 --lr 0.015", words("3rd of May 2021"), epochs=3, real=("--epochs", "2")),
    "spam": Tiny("--hidden 8 --lr 0.02", words("Claim your prize now!")),
    "two_digits": Tiny("--hidden 24 --lr 0.02", picture),
    "word_lm": Tiny("--hidden 32 --quick --lr 0.03", words("return the"), unbeaten=("bigram, Kneser-Ney",)),
    "vanishing": Tiny("--cell gru --hidden 8 --lr 0.02", words("0.3 *0.7 0.1 *0.2")),
}
