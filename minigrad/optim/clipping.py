"""Bounds on gradients, between backward() and step()."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from ..kernels.loops import sum_of_squares
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
    norm = total_norm(gradients)
    factor = max_norm / (norm + 1e-6)
    if factor < 1 and math.isfinite(norm):
        for p, g in zip(params, gradients):
            p.grad = Tensor(g * factor)
    return norm


def total_norm(gradients: list[np.ndarray]) -> float:
    """The root of the sum of all squares; of what is divided by the largest, where squares overflow or vanish."""
    squares = sum(sum_of_squares(g.reshape(-1)) for g in gradients)
    if 1e-280 < squares < math.inf:
        return math.sqrt(squares)
    largest = float(np.max([max(g.max(), -g.min()) for g in gradients], initial=0))
    if largest == 0 or not math.isfinite(largest):
        return largest
    return largest * math.sqrt(sum(sum_of_squares((g / largest).reshape(-1)) for g in gradients))


def clip_grad_value(params: Iterable[Tensor], max_abs: float) -> None:
    """Bring every entry of every gradient into [-max_abs, max_abs].

    max_abs: above 0. Infinity becomes `max_abs` with its sign; NaN stays NaN, where it is. Parameters without a
    gradient are passed over.
    """
    max_abs = checks.limit("clip_grad_value", "max_abs", max_abs)
    for p in checks.tensors("clip_grad_value", params):
        if p.grad is not None:
            p.grad = Tensor(np.clip(p.grad.array, -max_abs, max_abs))
