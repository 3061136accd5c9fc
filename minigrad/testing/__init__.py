"""Tests of derivatives: gradient checks, relations, and (with Hypothesis) strategies that draw what to check."""

from importlib import import_module
from typing import Any

from .gradients import check_gradients
from .relations import check_batched, check_checkpointed, check_fused, check_same, check_unrolled
from .report import GradientError

__all__ = [
    "GradientError", "check_batched", "check_checkpointed", "check_fused", "check_gradients", "check_same",
    "check_unrolled",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """`strategies`, when it is first asked for: it needs Hypothesis, which nothing else does."""
    if name != "strategies":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return import_module(".strategies", __name__)
    except ModuleNotFoundError as error:
        if error.name != "hypothesis":
            raise
        raise ImportError("minigrad.testing.strategies needs Hypothesis: pip install minigrad[testing]") from error
