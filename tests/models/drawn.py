"""Leaves and states with random entries in float64, and derivatives by backpropagation."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from hypothesis import strategies as st

import minigrad as mg
from minigrad import Tensor
from models.cell import parts

small = st.integers(1, 4)
seeds = st.integers(0, 2**32 - 1)


def leaf(rng: np.random.Generator, *shape: int) -> Tensor:
    return mg.tensor(rng.standard_normal(shape), requires_grad=True)


def random_state(cell: Any, rng: np.random.Generator, batch: int) -> Any:
    """A state of leaves, of the cell's kind."""
    fields = [leaf(rng, batch, cell.hidden_size) for _ in parts(cell.zero_state(1))]
    return cell.State(*fields) if cell.State else fields[0]


def tensors(tree: Any) -> list[Tensor]:
    """The Tensors in nested tuples."""
    return [tensor for part in tree for tensor in tensors(part)] if isinstance(tree, tuple) else [tree]


def weighted(tree: Any, weights: Iterable[np.ndarray]) -> Tensor:
    """One number of all Tensors in nested tuples: their entries times weights, summed."""
    total = mg.tensor(np.float64(0))
    for tensor, weight in zip(tensors(tree), weights, strict=True):
        total = total + (tensor * weight).sum()
    return total


def weights_for(tree: Any, rng: np.random.Generator) -> list[np.ndarray]:
    return [rng.standard_normal(tensor.shape) for tensor in tensors(tree)]


def gradients(loss: Tensor, leaves: Iterable[Tensor], create_graph: bool = False) -> list[Tensor]:
    """d loss / d leaf, zeros where there is none; nothing is left behind in the leaves."""
    leaves = list(leaves)
    for x in leaves:
        x.grad = None
    loss.backward(retain_graph=True, create_graph=create_graph)
    found = [mg.tensor(np.zeros(x.shape)) if x.grad is None else x.grad for x in leaves]
    for x in leaves:
        x.grad = None
    return found


def hessian_products(loss: Tensor, leaves: Iterable[Tensor], directions: Iterable[np.ndarray]) -> list[Tensor]:
    """The Hessian of the loss for all leaves together, times a direction."""
    leaves = list(leaves)
    return gradients(weighted(tuple(gradients(loss, leaves, create_graph=True)), directions), leaves)


def assert_equal(actual: Any, expected: Any, tolerance: float = 1e-12) -> None:
    """That two trees of Tensors and arrays hold the same numbers, relative to the largest of each array."""
    for a, b in zip(tensors(actual), tensors(expected), strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * max(1.0, np.abs(b).max(initial=0)))
