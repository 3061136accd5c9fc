"""What to say when an op is given what it cannot take: the op, the shapes, the axis that disagrees, the cure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np


def explained(error: Exception, name: str, values: Iterable[Any]) -> Exception:
    """NumPy's error, said again with the op's name and what it was given."""
    clash = broadcast_clash([np.shape(v) for v in values]) if "broadcast" in str(error) else None
    if not isinstance(error, ValueError | TypeError | IndexError) or str(error).startswith(f"{name}: "):
        return error
    text = clash or f"{error} (given {', '.join(describe(v) for v in values)})"
    kind = type(error) if type(error) in (TypeError, IndexError) else ValueError
    return kind(f"{name}: {text}")


def broadcast_clash(shapes: list[tuple[int, ...]]) -> str | None:
    """Which axis keeps shapes from broadcasting, in words; None if they do broadcast."""
    for axis in range(1, max((len(s) for s in shapes), default=0) + 1):
        sizes = {s[-axis] for s in shapes if len(s) >= axis} - {1}
        if len(sizes) > 1:
            listed, found = " and ".join(map(str, shapes)), " against ".join(map(str, sorted(sizes)))
            return (
                f"shapes {listed} do not broadcast: axis {-axis} is {found}; "
                "sizes must be equal or 1 (reshape or expand_dims one of them)"
            )
    return None


def describe(value: Any) -> str:
    if hasattr(value, "shape"):
        return f"{value.dtype}{list(value.shape)}"
    return repr(value) if isinstance(value, int | float | bool) else type(value).__name__


def freed(name: str) -> RuntimeError:
    return RuntimeError(
        f"backward() came to a {name} whose graph an earlier backward() has freed. To go through it again, call "
        "the earlier one with retain_graph=True. If a state is carried from one training window to the next, you "
        "may have forgotten to detach it: state = models.detach(state)"
    )


def check_unchanged(node: Any, since: int | None = None, until: float = math.inf) -> None:
    """Refuse a node that `assign_` has given other inputs after `since` (when it was recorded) and before `until`."""
    for x in node.inputs:
        if (node.serial if since is None else since) < getattr(x, "version", 0) < until:
            raise RuntimeError(
                f"backward() came to a {node.primitive.name} whose input of shape {x.array.shape} was changed by "
                "assign_() after it was recorded. Call backward() before assign_(), or compute with its detach()"
            )


def matmul_clash(a: tuple[int, ...], b: tuple[int, ...]) -> ValueError | None:
    """What keeps shapes from being multiplied as matrices, or None."""
    if not (a and b):
        return ValueError(f"matmul: expected at least one axis each, got shapes {a} and {b}; use multiply")
    axis = -1 if len(b) == 1 else -2
    if a[-1] == b[axis]:
        return None
    return ValueError(
        f"matmul: shapes {a} and {b} do not match: axis -1 of the first is {a[-1]}, axis {axis} of the second "
        f"is {b[axis]}; they must be equal (transpose one of them?)"
    )


def not_recorded(name: str) -> RuntimeError:
    return RuntimeError(f"{name}: nothing was recorded; no leaf with requires_grad=True leads here")


def no_gradient_given(name: str, shape: tuple[int, ...]) -> RuntimeError:
    return RuntimeError(
        f"{name}: a tensor of shape {shape} needs a gradient of that shape; only a single number has an obvious "
        "one (sum() or mean() it?)"
    )


def check_shape(name: str, given: Any, wanted: Any) -> None:
    """Refuse what does not have the tensor's own shape."""
    if given.shape != wanted.shape:
        raise ValueError(f"{name}: expected shape {wanted.shape}, the tensor's own, got {given.shape}")


def misfits(expected: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[str]:
    """What keeps a state from being loaded, a line each: names, shapes and dtypes that differ."""
    for name, value in expected.items():
        wanted = describe(value)
        if name not in given:
            yield f"missing: {name} {wanted}"
        elif (found := describe(given[name])) != wanted:
            yield f"{name}: expected {wanted}, got {found}"
    yield from (f"surplus: {name} {describe(value)}" for name, value in given.items() if name not in expected)


def check_sizes(owner: str, least: int = 1, **sizes: Any) -> None:
    """Refuse a size that is no integer, or below `least`."""
    for name, size in sizes.items():
        if not isinstance(size, int | np.integer) or size < least:
            raise ValueError(f"{owner}: expected {name} to be an integer from {least} up, got {size!r}")
