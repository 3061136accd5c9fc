"""Arrays, numbers and settings as code to paste."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

NUMBERS = 64  # an array larger than that is not written out in a report


def literal(x: Any) -> str:
    """Code for an array, a number, or whatever a setting holds."""
    if isinstance(x, np.ndarray):
        numbers = with_names(x.tolist())
        return f"np.array({numbers}, {type_of(x)})" if x.size else f"np.zeros({x.shape}, {type_of(x)})"
    if isinstance(x, tuple | list):
        inside = ", ".join(map(literal, x))
        return f"[{inside}]" if isinstance(x, list) else f"({inside},)" if len(x) == 1 else f"({inside})"
    if isinstance(x, np.dtype):
        return f"np.{x!r}"
    if isinstance(x, type) and issubclass(x, np.generic):
        return f"np.{x.__name__}"
    if isinstance(x, float | np.floating):
        return with_names(x)
    return "..." if x is Ellipsis else repr(x)


def abridged(x: Any) -> str:
    """The same; for a large array, code for another one of its range."""
    if not isinstance(x, np.ndarray) or x.size <= NUMBERS:
        return literal(x)
    known = np.extract(np.isfinite(x), x)
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    return f"np.random.default_rng(0).uniform({low:.6g}, {high:.6g}, {x.shape}).astype({type_of(x)})"


def type_of(x: np.ndarray) -> str:
    return "bool" if x.dtype.kind == "b" else f"np.{x.dtype.name}"


def with_names(numbers: Any) -> str:
    """Numbers as code in which NaN and infinities have NumPy's names."""
    return re.sub(r"\b(nan|inf)\b", r"np.\1", repr(numbers))
