"""The picture of a run: training curves at the left, and beside them what the demo wants to show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from models.run import History


def save_picture(
    path: Path, histories: Mapping[str, History], unit: str, draw: Callable[[Any, Any], None] | None, report: Any
) -> None:
    """Write a PNG. draw: fills the subfigure that it is given (`figure.subplots(...)`) with what the report says."""
    figure = new_figure(14 if draw else 6, 6)
    left, *right = figure.subfigures(1, 2, width_ratios=(1, 2)) if draw else [figure]
    draw_curves(left.subplots(2, 1, sharex=True), histories, unit)
    if draw:
        draw(right[0], report)
    save_figure(figure, path)


def new_figure(width: float, height: float) -> Any:
    """An empty figure, sizes in inches."""
    import matplotlib

    matplotlib.use("Agg")  # a file is wanted, not a window
    import matplotlib.pyplot as plt

    return plt.figure(figsize=(width, height), layout="constrained")


def save_figure(figure: Any, path: Path) -> None:
    """Write a PNG, and forget the figure."""
    import matplotlib.pyplot as plt

    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_curves(both: Any, histories: Mapping[str, History], unit: str) -> None:
    """Loss and validation of all networks; a dot where the best weights were."""
    upper, lower = both
    for name, history in histories.items():
        epochs, best = range(1, len(history.loss) + 1), history.best_epoch or 0
        (line,) = upper.plot(epochs, history.loss, label=name)
        lower.plot(epochs, history.validation, color=line.get_color())
        lower.plot(epochs[best], history.validation[best], "o", color=line.get_color())
    upper.set(title="training", yscale="log", ylabel=unit)
    upper.legend()
    lower.set(title="validation (dot: the weights that were kept)", yscale="log", ylabel=unit)
    lower.set_xlabel("epoch")
    lower.xaxis.get_major_locator().set_params(integer=True)
