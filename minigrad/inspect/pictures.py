"""Matplotlib pictures of what was watched, in colours that colour-blind readers can read and that print in grey."""

from __future__ import annotations

from typing import Any

import numpy as np

from .flow import Flow
from .watch import Run

COLOURS = "cividis"
SPAN = 1e-12  # of the largest norm: less is drawn as if it were this


def plot_flow(axes: Any, flow: Flow) -> Any:
    """The mean norm of dL_t / dh_s as colour, in powers of ten: a row for each loss t, a column for each state s.

    What is exactly 0 (or NaN) is left blank. Dotted lines: where truncation windows begin; triangles: where sequences
    end. Returns the image, for `figure.colorbar`.
    """
    from matplotlib.colors import LogNorm

    norms = np.ma.masked_array(flow.mean, mask=~(flow.mean > 0))
    finite = flow.mean[(flow.mean > 0) & np.isfinite(flow.mean)]
    top = finite.max(initial=0) or 1.0
    bottom = max(finite.min(initial=top), SPAN * top)
    scale = LogNorm(bottom, max(top, 10 * bottom), clip=True)
    image = axes.imshow(norms, norm=scale, cmap=COLOURS, aspect="auto", interpolation="nearest")
    for cut in flow.cuts:
        if cut:
            axes.axvline(cut, color="black", linestyle=":")
    if flow.lengths is not None:
        axes.plot(flow.lengths, np.full(len(flow.lengths), len(norms) - 0.5), "^", color="black", clip_on=False)
    axes.set(title=f"{flow.name}: |dL_t / d{flow.part}_s|", xlabel="state s", ylabel="loss t")
    return image


def plot_gates(axes: Any, run: Run, sequence: int = 0) -> Any:
    """Every gate and every part of the state of one sequence as colour, -1 to 1: a row for each unit, a column a step.

    What is beyond is drawn as -1 or 1 (a cell state may be), what is past the sequence's end is left out. Returns the
    image, for `figure.colorbar`.
    """
    blocks = {**run.gates, **{part: run.values(part) for part in run.parts}}
    rows = np.concatenate([values[sequence, run.within[sequence]].T for values in blocks.values()])
    image = axes.imshow(rows, vmin=-1, vmax=1, cmap=COLOURS, aspect="auto", interpolation="nearest")
    size = len(rows) // len(blocks)
    for k in range(1, len(blocks)):
        axes.axhline(k * size - 0.5, color="white")
    axes.set_yticks([(k + 0.5) * size - 0.5 for k in range(len(blocks))], list(blocks))
    axes.set(title=run.name, xlabel="step")
    return image


def plot_jacobians(axes: Any, norms: np.ndarray, label: str | None = None) -> None:
    """The norm of dh_t / dh_0 by t, on a logarithmic axis: a thin line for each sequence, and the mean.

    norms: as `state_jacobians` returns them [states, batch]. What is exactly 0, past a sequence's end, is left out.
    """
    there = np.ma.masked_less_equal(norms, 0)
    (line,) = axes.plot(there.mean(axis=1), label=label)
    axes.plot(there, color=line.get_color(), linewidth=0.5, alpha=0.5)
    axes.set(xlabel="state t", ylabel="|dh_t / dh_0|", yscale="log")
