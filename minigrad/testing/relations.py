"""Two ways to compute the same: values and gradients must agree to rounding."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

from .. import ops
from ..checkpoint import checkpoint
from ..errors import describe
from ..fusion import fuse
from ..nn import Module
from ..nn.module import flattened
from ..tensor import Tensor
from .gradients import chosen
from .report import GradientError
from .subject import Subject, named_parameters, prepared, rebuilt

Parameters = Module | Iterable[Tensor] | None
SAME = 2.0**10  # roundings, of the largest entry of an array


@np.errstate(all="ignore")  # NaN and infinities are compared like numbers
def check_same(
    f: Callable[..., Any], g: Callable[..., Any], *inputs: Any, order: int = 2, parameters: Parameters = None
) -> None:
    """Check that f and g have the same outputs at `inputs`, and the same gradients, to rounding.

    inputs, parameters: as for `check_gradients`, in their own dtype. order: 1 for gradients, 2 for second derivatives
    as well. Both start from the same random state. Raises GradientError, which names the output, or input, and index.
    """
    chosen(order, ["direction"])
    held = named_parameters(f, parameters)
    with prepared(f, inputs, held) as one, prepared(g, inputs, held) as other:
        agree("output", one, other)
        for rank in ("gradient", "second derivative")[:order]:
            one, other = one.gradient(), other.gradient()
            agree(rank, one, other)


def check_checkpointed(f: Callable[..., Any], *inputs: Any, order: int = 2, parameters: Parameters = None) -> None:
    """Check that `checkpoint(f, *inputs)` is the same as `f(*inputs)`. See `check_same`."""
    check_same(f, partial(checkpoint, f), *inputs, order=order, parameters=parameters or module_of(f))


def check_fused(body: Callable[..., Any], *inputs: Any, order: int = 2, parameters: Parameters = None) -> None:
    """Check that `fuse(body)`, compiled for these inputs, is the same as `body`. See `check_same`."""
    check_same(fuse(body), body, *inputs, order=order, parameters=parameters)


def check_unrolled(net: Module, x: Any, order: int = 2, **named: Any) -> None:
    """Check that a recurrent `net(x, **named)` is the same with `unroll=True`, for x and all parameters."""
    check_same(partial(net, **named), partial(net, unroll=True, **named), x, order=order, parameters=net)


def check_batched(f: Callable[..., Any], *inputs: Any, order: int = 2, parameters: Parameters = None) -> None:
    """Check that f of a batch is f of each of its rows: no row may have an influence on another.

    Every input (every leaf of a tree) and every output has the batch on axis 0; f is given one row at a time as a
    batch of 1. Raises ValueError where the inputs' batches differ in size, or are empty. See `check_same`.
    """
    shapes = [np.shape(x) for i, tree in enumerate(inputs) for _, x in flattened(f"input {i}", tree)]
    sizes = {shape[0] if shape else 0 for shape in shapes}
    if len(sizes) != 1 or 0 in sizes:
        raise ValueError(f"check_batched: expected one batch size, from 1 up, on axis 0, got shapes {shapes}")

    def looped(*trees: Any) -> Any:
        rows = [f(*(row_of(tree, i) for tree in trees)) for i in range(*sizes)]
        leaves = zip(*([y for _, y in flattened("", row)] for row in rows))
        return rebuilt(rows[0], (ops.concatenate(parts) for parts in leaves))

    check_same(f, looped, *inputs, order=order, parameters=parameters or module_of(f))


def row_of(tree: Any, i: int) -> Any:
    """Row i of every leaf, as a batch of 1."""
    return rebuilt(tree, (x[i : i + 1] for _, x in flattened("", tree)))


def module_of(f: Any) -> Module | None:
    return f if isinstance(f, Module) else None


def agree(rank: str, one: Subject, other: Subject) -> None:
    """Refuse two subjects whose values differ."""
    ys, others = one.values(one.arrays), other.values(other.arrays)
    if [(y.shape, y.dtype) for y in ys] != [(y.shape, y.dtype) for y in others]:
        raise GradientError(f"one has {rank}s {list(map(describe, ys))}, the other {list(map(describe, others))}")
    epsilon = max((float(np.finfo(y.dtype).eps) for y in ys), default=0.0)
    largest = max(1.0, *(float(np.max(np.abs(y), initial=0, where=np.isfinite(y))) for y in ys), 0.0)
    for i, (a, b) in enumerate(zip(ys, others)):
        same = (a == b) | (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= SAME * epsilon * largest)
        if not same.all():
            index = tuple(map(int, np.argwhere(~same)[0]))
            name = f"{rank} {i}" if rank == "output" else f"{rank} for {one.names[i]}"
            raise GradientError(f"the {name} differs, at index {list(index)}: {a[index]!r} and {b[index]!r}")
