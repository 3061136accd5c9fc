"""The ends of the range: no overflow, no warning, and finite slopes where there are some."""

import numpy as np
import pytest

import minigrad as mg
from tests.parity import assert_same_as_torch

FAR = [-1e4, -100.0, -20.0, -1e-3, 0.0, 1e-3, 20.0, 100.0, 1e4]


@pytest.mark.parametrize("name", ["sigmoid", "softplus", "silu", "gelu", "tanh", "relu"])
def test_far_out_beside_torch(name):
    def theirs(x):
        import torch

        return {"sigmoid": torch.sigmoid, "tanh": torch.tanh}.get(name) or getattr(torch.nn.functional, name)

    assert_same_as_torch(getattr(mg, name), lambda x: theirs(x)(x), FAR)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("op", "low", "high"), [(mg.sigmoid, 0.0, 1.0), (mg.tanh, -1.0, 1.0), (mg.erf, -1.0, 1.0)])
def test_limits(op, low, high, dtype):
    x = mg.tensor(np.array([-np.inf, -1e10, 1e10, np.inf], dtype), requires_grad=True)
    y = op(x)
    assert y.numpy().tolist() == [low, low, high, high]
    y[1:3].sum().backward()
    assert x.grad.numpy().tolist() == [0.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softplus", "silu", "gelu", "relu", "erf", "exp", "log1p"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nan_stays_nan(name, dtype):
    assert np.isnan(getattr(mg, name)(np.array([np.nan], dtype))).all()


def test_exact_near_zero():
    tiny = np.array([1e-12, -1e-12])
    np.testing.assert_allclose(mg.expm1(tiny), tiny, rtol=1e-11)
    np.testing.assert_allclose(mg.log1p(tiny), tiny, rtol=1e-11)
