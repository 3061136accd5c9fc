"""What optimizers, clipping and schedules refuse, and in what words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..errors import misfits
from ..tensor import Tensor

INTEGERS = (int, np.integer)
NUMBERS = (float, np.floating, *INTEGERS)


def hyperparameter(owner: str, name: str, value: Any, below: float = math.inf) -> float:
    """`value` as a float, if it is a number in [0, below)."""
    if not isinstance(value, NUMBERS) or not 0 <= value < below:
        raise ValueError(f"{owner}: {name} must be a number in [0, {below:g}), got {value!r}")
    return float(value)


def limit(owner: str, name: str, value: Any) -> float:
    """`value` as a float, if it is a positive number (infinity is one)."""
    if not isinstance(value, NUMBERS) or not value > 0:
        raise ValueError(f"{owner}: {name} must be a number above 0, got {value!r}")
    return float(value)


def count(owner: str, name: str, value: Any) -> int:
    """`value` as an int, if it is a positive whole number."""
    if not isinstance(value, INTEGERS) or value < 1:
        raise ValueError(f"{owner}: {name} must be a whole number of at least 1, got {value!r}")
    return int(value)


def tensors(owner: str, params: Iterable[Tensor]) -> list[Tensor]:
    """The parameters as a list, if they are Tensors and no two are the same."""
    if isinstance(params, Tensor):
        raise TypeError(f"{owner}: expected an iterable of Tensors, got a single Tensor; put it in a list")
    params = list(params)
    seen: dict[int, int] = {}
    for i, p in enumerate(params):
        if not isinstance(p, Tensor):
            raise TypeError(f"{owner}: expected Tensors, got {type(p).__name__} as parameter {i}")
        if id(p) in seen:
            raise ValueError(f"{owner}: parameters {seen[id(p)]} and {i} are the same Tensor; pass each one once")
        seen[id(p)] = i
    return params


def trainable(owner: str, params: Iterable[Tensor]) -> list[Tensor]:
    """The parameters as a list, if there are some and a gradient can arrive at each."""
    params = tensors(owner, params)
    if not params:
        raise ValueError(f"{owner}: there are no parameters (an iterator that has been used up is empty too)")
    for i, p in enumerate(params):
        if not p.is_leaf:
            raise ValueError(
                f"{owner}: parameter {i} of shape {p.shape} was computed and is not a leaf; pass the tensors it was "
                "computed from"
            )
        if not p.requires_grad:
            raise ValueError(
                f"{owner}: parameter {i} of shape {p.shape} does not require a gradient; set requires_grad=True, or "
                "leave it out"
            )
    return params


def finite(owner: str, params: Iterable[Tensor]) -> None:
    """Refuse gradients that hold NaN or infinity, and name every parameter that has one."""
    gradients = ((i, p.grad) for i, p in enumerate(params) if p.grad is not None)
    bad = [f"{i} of shape {g.shape}" for i, g in gradients if not np.isfinite(g.array).all()]
    if bad:
        raise FloatingPointError(
            f"{owner}: NaN or infinity in the gradient of parameter {', '.join(bad)}; nothing was changed. Lower the "
            "learning rate, or look for a log, sqrt or division at 0"
        )


def state(owner: str, given: Mapping[str, Any], expected: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Fresh arrays of `given`, if names, shapes and dtypes are those of `expected`; else all that differ are named."""
    if not isinstance(given, Mapping):
        raise TypeError(
            f"{owner}.load_state_dict: expected a dict, as mg.load(path) returns, got {type(given).__name__}"
        )
    arrays = {name: np.array(value) for name, value in given.items()}
    if problems := "\n  ".join(misfits({name: np.asarray(value) for name, value in expected.items()}, arrays)):
        raise ValueError(
            f"{owner}.load_state_dict: the state does not fit, and nothing was loaded; it must be one of the same "
            f"class, settings and parameters:\n  {problems}"
        )
    return arrays
