"""Bounds on gradients, between backward() and step()."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from ..tensor import Tensor
from . import checks


def clip_grad_norm(params: Iterable[Tensor], max_norm: float, error_if_nonfinite: bool = False) -> float:
    """Scale all gradients by one number, so that their total norm is at most `max_norm`; returns the norm they had.

    Pascanu, Mikolov and Bengio (2013), algorithm 1, with PyTorch's factor max_norm / (norm + 1e-6), at most 1.
    max_norm: above 0; infinity only measures. Parameters without a gradient are passed over.
    Where NaN or infinity is among the gradients, or the norm is beyond float64, no scale is right (0 would lose
    the finite ones, NaN spoil them): they are all left as they are, and the norm returned is NaN or infinity.
    With `error_if_nonfinite`, NaN or infinity in a gradient raises FloatingPointError instead.
    """
    max_norm = checks.limit("clip_grad_norm", "max_norm", max_norm)
    params = checks.tensors("clip_grad_norm", params)
    if error_if_nonfinite:
        checks.finite("clip_grad_norm", params)
    with np.errstate(all="ignore"):
        return scale_down([p for p in params if p.grad is not None and p.grad.size], max_norm)


def scale_down(params: list[Tensor], max_norm: float) -> float:
    gradients = [p.grad.array for p in params if p.grad is not None]
    largest = float(np.max([max(g.max(), -g.min()) for g in gradients], initial=0))
    if largest == 0 or not math.isfinite(largest):
        return largest
    # over the largest entry, so that squares neither overflow nor vanish: a float32 of 1e20 is nothing special
    scaled = [g / largest for g in gradients]
    norm = largest * math.sqrt(sum(float(np.vdot(s, s)) for s in scaled))
    factor = max_norm / (norm + 1e-6)
    if factor < 1 and math.isfinite(norm):
        for p, s in zip(params, scaled):
            s *= largest * factor
            p.grad = Tensor(s)
    return norm


def clip_grad_value(params: Iterable[Tensor], max_abs: float) -> None:
    """Bring every entry of every gradient into [-max_abs, max_abs].

    max_abs: above 0. Infinity becomes `max_abs` with its sign; NaN stays NaN, where it is. Parameters without a
    gradient are passed over.
    """
    max_abs = checks.limit("clip_grad_value", "max_abs", max_abs)
    for p in checks.tensors("clip_grad_value", params):
        if p.grad is not None:
            p.grad = Tensor(np.clip(p.grad.array, -max_abs, max_abs))
