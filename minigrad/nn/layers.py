"""Layers: parameters, initialised, and the function that they are for. Parameters are float32 (see `Module.to`)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..convolution import Pair, conv2d, max_pool2d, pair
from ..errors import check_sizes
from ..functional import as_array, check_indices, check_probability, dropout, layer_norm, linear
from ..ops import reshape, take, where
from ..tensor import Tensor
from . import init
from .module import Module, Parameter


class Linear(Module):
    """x [..., in_features] -> x weight^T + bias [..., out_features].

    weight [out_features, in_features] (Glorot and Bengio 2010, eq. 16), bias [out_features] (zeros). Raises
    ValueError for an x of another size.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        check_sizes("Linear", in_features=in_features, out_features=out_features)
        self.weight = Parameter(init.glorot_uniform((out_features, in_features)))
        self.bias = Parameter(init.zeros((out_features,))) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)


class Embedding(Module):
    """indices [...], integers from 0 to num_embeddings - 1 -> their vectors [..., embedding_dim].

    weight [num_embeddings, embedding_dim] (standard normal). The row `padding_idx` starts as zeros and gets no
    gradient. Raises IndexError for an index out of range (a negative one is), TypeError for what is no integer.
    """

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None) -> None:
        check_sizes("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        if padding_idx is not None and not 0 <= padding_idx < num_embeddings:
            raise ValueError(f"Embedding: expected padding_idx from 0 to {num_embeddings - 1}, got {padding_idx}")
        weight = init.normal((num_embeddings, embedding_dim))
        if padding_idx is not None:
            weight[padding_idx] = 0
        self.weight = Parameter(weight)
        self.padding_idx = padding_idx

    def forward(self, indices: Tensor | ArrayLike) -> Tensor:
        rows = as_array(indices)
        check_indices("Embedding", rows, self.weight.shape[0])
        vectors = take(self.weight, rows, axis=0)
        if self.padding_idx is None or not (padded := rows == self.padding_idx).any():
            return vectors
        return where(padded[..., None], self.weight.detach()[self.padding_idx], vectors)


class Dropout(Module):
    """While training, zero each entry with probability `p` and divide the others by 1 - p (Srivastava et al. 2014)."""

    def __init__(self, p: float = 0.5) -> None:
        check_probability("Dropout", p)
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        return dropout(x, self.p, self.training)


class LayerNorm(Module):
    """x [..., size] to mean 0 and variance 1 over the last axis, times weight, plus bias (Ba et al. 2016, eq. 4).

    weight [size] (ones), bias [size] (zeros); `eps` is added to the variance. Raises ValueError for another size.
    """

    def __init__(self, size: int, eps: float = 1e-5) -> None:
        check_sizes("LayerNorm", size=size)
        self.weight = Parameter(np.ones(size, np.float32))
        self.bias = Parameter(init.zeros((size,)))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return layer_norm(x, self.weight, self.bias, self.eps)


class Conv2d(Module):
    """Cross-correlation: x [n, in_channels, height, width] -> [n, out_channels, rows, columns].

    weight [out_channels, in_channels, *kernel_size] (He et al. 2015, eq. 10), bias [out_channels] (zeros).
    `kernel_size`, `stride` and `padding` (zeros at each side): an int, or a pair (height, width). Raises ValueError
    for an x of other axes or channels, or smaller than the window.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Pair = 0,
        bias: bool = True,
    ) -> None:
        check_sizes("Conv2d", in_channels=in_channels, out_channels=out_channels)
        size = pair("Conv2d", "kernel_size", kernel_size)
        self.weight = Parameter(init.he_uniform((out_channels, in_channels, *size)))
        self.bias = Parameter(init.zeros((out_channels,))) if bias else None
        self.stride = pair("Conv2d", "stride", stride)
        self.padding = pair("Conv2d", "padding", padding, least=0)

    def forward(self, x: Tensor) -> Tensor:
        return conv2d(x, self.weight, self.bias, self.stride, self.padding)


class MaxPool2d(Module):
    """The largest entry of each window: x [..., height, width] -> [..., rows, columns].

    `size` and `stride` (by default `size`): an int, or a pair (height, width). Raises ValueError where the window
    is larger than x.
    """

    def __init__(self, size: Pair, stride: Pair | None = None) -> None:
        self.size = pair("MaxPool2d", "size", size)
        self.stride = self.size if stride is None else pair("MaxPool2d", "stride", stride)

    def forward(self, x: Tensor) -> Tensor:
        return max_pool2d(x, self.size, self.stride)


class Flatten(Module):
    """x [n, ...] -> [n, all entries of the rest in one axis]."""

    def forward(self, x: Tensor) -> Tensor:
        return reshape(x, (x.shape[0], math.prod(x.shape[1:])))


class Sequential(Module):
    """One after the other: modules, or plain functions such as `mg.relu`."""

    def __init__(self, *layers: Callable[..., Any]) -> None:
        for i, layer in enumerate(layers):
            if not callable(layer):
                raise TypeError(f"Sequential: expected modules and functions, got {type(layer).__name__} at {i}")
        self.layers = layers

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, index: int) -> Any:
        return self.layers[index]
