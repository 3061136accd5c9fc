"""What a network went by: inputs by their saliency, hidden units by their say, gates by how often they are shut."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..tensor import Tensor
from .flow import arrivals, states_of, total
from .watch import Run

BOUNDS: Mapping[str, tuple[float, float]] = {"sigmoid": (0.1, 0.9), "tanh": (-0.9, 0.9)}


def saliency(loss: Tensor, x: Tensor) -> np.ndarray:
    """Gradient times input, summed over the features: x [batch, time, features] -> [batch, time].

    To first order, what the loss loses where a step's vector becomes 0 (Denil, Demiraj and de Freitas 2014). loss: one
    entry. x: what it was made from, a leaf or anything after it, such as the vectors that an embedding looked up.
    Nothing is freed, and no `grad` changes. Raises RuntimeError where the loss or x wants no gradient.
    """
    if x.node is None:
        raise RuntimeError("saliency: x wants no gradient; make it with mg.tensor(x, requires_grad=True)")
    (arrived,) = arrivals([loss], {x.node})
    gradient = total(arrived, [x])
    return np.zeros(x.shape[:-1], x.dtype) if gradient is None else (gradient * x.array).sum(axis=-1)


def telling_units(loss: Tensor, run: Run, part: str = "h") -> tuple[np.ndarray, np.ndarray]:
    """Hidden units, those first that say most about a loss: their numbers [hidden], and every unit's score [hidden].

    score[j] = |sum over time and sequences of dL/dh_j * h_j|: gradient times input, as `saliency`, of units. loss: one
    entry, recorded while the run was watched. part: which part of the state. Raises RuntimeError as `gradient_flow`.
    """
    borders = states_of(run, part)
    (arrived,) = arrivals([loss], {x.node for border in borders for x in border if x.node is not None})
    totals = [(total(arrived, border), border[0].array) for border in borders]
    products = [(g * h).sum(axis=0, dtype=np.float64) for g, h in totals if g is not None]
    scores = np.abs(sum(products, np.zeros(borders[0][0].shape[1])))
    return np.argsort(-scores, kind="stable"), scores


def saturated(run: Run) -> dict[str, tuple[float, float]]:
    """For each sigmoid or tanh gate, the share of its values that are low, and of those that are high.

    Of a sigmoid, below 0.1 and above 0.9 (Karpathy, Johnson and Fei-Fei 2015, section 4.2); of a tanh, below -0.9 and
    above 0.9. Over all units, and all steps that are not padding.
    """
    shares, gates, within = {}, run.gates, run.within
    for name, op in run.nonlinearities.items():
        if op in BOUNDS:
            low, high = BOUNDS[op]
            values = gates[name][within]
            shares[name] = float((values < low).mean()), float((values > high).mean())
    return shares
