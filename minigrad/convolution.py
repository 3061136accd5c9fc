"""Convolution and pooling: windows, and one product of matrices or one maximum."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import ops
from .errors import check_sizes
from .graph import primitive

Pair = int | tuple[int, int]


@primitive(vjp=lambda g, y, x, size, stride: overlap_add(g, x.shape[-2:], stride))
def sliding_windows(x: Any, /, size: tuple[int, int], stride: tuple[int, int]) -> Any:
    """All windows of `size` (height, width) over the last two axes, `stride` apart: [..., rows, columns, *size]."""
    windows = np.lib.stride_tricks.sliding_window_view(x, size, axis=(-2, -1))
    return windows[..., :: stride[0], :: stride[1], :, :]


@primitive(vjp=lambda g, y, windows, shape, stride: sliding_windows(g, windows.shape[-2:], stride))
def overlap_add(windows: Any, /, shape: tuple[int, int], stride: tuple[int, int]) -> Any:
    """Windows added up at the places that `sliding_windows` takes them from, in a plane of `shape`."""
    *leading, rows, columns, height, width = windows.shape
    total = np.zeros((*leading, *shape), windows.dtype)
    for i in range(height):
        for j in range(width):
            place = (..., slice(i, i + rows * stride[0], stride[0]), slice(j, j + columns * stride[1], stride[1]))
            total[place] += windows[..., i, j]
    return total


def conv2d(x: Any, weight: Any, bias: Any = None, stride: Pair = 1, padding: Pair = 0) -> Any:
    """Cross-correlation, as PyTorch's: [n, c, height, width] with [out, c, kh, kw] -> [n, out, rows, columns].

    `bias` [out]; `stride` and `padding` (zeros at each side) an int or a pair (height, width). Raises
    ValueError where the axes or channels do not match, or the window is larger than the padded input.
    """
    if len(x.shape) != 4 or len(weight.shape) != 4 or x.shape[1] != weight.shape[1]:
        raise ValueError(
            f"conv2d: expected x [n, channels, height, width] and weight [out, channels, kh, kw] with the same "
            f"channels, got {tuple(x.shape)} and {tuple(weight.shape)}"
        )
    out, size = weight.shape[0], weight.shape[2:]
    if bias is not None and bias.shape != (out,):
        raise ValueError(f"conv2d: expected a bias of shape {(out,)}, one for each output channel, got {bias.shape}")
    windows = windows_of(
        "conv2d", x, size, pair("conv2d", "stride", stride), pair("conv2d", "padding", padding, least=0)
    )
    n, _, rows, columns = windows.shape[:4]
    patches = ops.reshape(ops.transpose(windows, (0, 2, 3, 1, 4, 5)), (n * rows * columns, math.prod(weight.shape[1:])))
    y = ops.matmul(patches, ops.transpose(ops.reshape(weight, (out, patches.shape[1]))))
    if bias is not None:
        y = y + bias
    return ops.transpose(ops.reshape(y, (n, rows, columns, out)), (0, 3, 1, 2))


def max_pool2d(x: Any, size: Pair, stride: Pair | None = None) -> Any:
    """The largest entry of each window over the last two axes; ties share the gradient.

    `size` and `stride` (by default `size`) an int or a pair (height, width). Raises ValueError where the
    window is larger than the input.
    """
    size = pair("max_pool2d", "size", size)
    stride = size if stride is None else pair("max_pool2d", "stride", stride)
    windows = windows_of("max_pool2d", x, size, stride, (0, 0))
    return ops.max(windows, axis=(-2, -1))


def windows_of(name: str, x: Any, size: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int]) -> Any:
    """`sliding_windows` of the padded x, refused where not even one fits."""
    if len(x.shape) < 2 or any(n + 2 * p < k for n, p, k in zip(x.shape[-2:], padding, size, strict=True)):
        raise ValueError(f"{name}: a window of {tuple(size)} does not fit into {tuple(x.shape)} padded by {padding}")
    if any(padding):
        x = ops.pad(x, (*((0, 0),) * (len(x.shape) - 2), *((p, p) for p in padding)))
    return sliding_windows(x, tuple(size), stride)


def pair(owner: str, name: str, value: Any, least: int = 1) -> tuple[int, int]:
    """(height, width) from an int or a pair."""
    if isinstance(value, tuple | list) and len(value) != 2:
        raise ValueError(f"{owner}: expected {name} to be an int or a pair (height, width), got {value!r}")
    height, width = value if isinstance(value, tuple | list) else (value, value)
    check_sizes(owner, least, **{name: height})
    check_sizes(owner, least, **{name: width})
    return height, width
