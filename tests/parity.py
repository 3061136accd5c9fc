"""Value and gradient beside PyTorch's, in float64."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg


def assert_same_as_torch(
    ours: Callable[..., Any], theirs: Callable[..., Any], *arrays: Any, rtol: float = 1e-12
) -> None:
    """`theirs` is given PyTorch's tensors of the same float64 arrays."""
    torch = pytest.importorskip("torch")
    xs = [mg.tensor(np.asarray(a, np.float64), requires_grad=True) for a in arrays]
    ts = [torch.tensor(np.asarray(a, np.float64), requires_grad=True) for a in arrays]
    y, t = ours(*xs), theirs(*ts)
    assert y.shape == tuple(t.shape)
    np.testing.assert_allclose(y.numpy(), t.detach().numpy(), rtol=rtol, atol=rtol)
    weights = np.random.default_rng(0).uniform(-1, 1, y.shape)
    y.backward(weights)
    t.backward(torch.tensor(weights))
    for x, s in zip(xs, ts):
        np.testing.assert_allclose(x.grad.numpy(), s.grad.numpy(), rtol=rtol, atol=rtol)
