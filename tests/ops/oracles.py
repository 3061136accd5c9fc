"""Derivatives along a direction by ways that share nothing with backpropagation."""

from collections.abc import Callable, Sequence

import numpy as np

Arrays = Sequence[np.ndarray]
COMPLEX_STEP, REAL_STEP = 1e-20, 2e-3


def complex_step(f: Callable[[Arrays], np.ndarray], xs: Arrays, vs: Arrays) -> np.ndarray:
    """d f(x + t v) / dt at 0, exact to rounding where f is analytic (Squire and Trapp 1998)."""
    return np.imag(f([x + COMPLEX_STEP * 1j * v for x, v in zip(xs, vs)])) / COMPLEX_STEP


def differences(f: Callable[[Arrays], np.ndarray], xs: Arrays, vs: Arrays) -> np.ndarray:
    """The same by central differences at three steps, extrapolated twice to an error of h**6 (Richardson 1911)."""
    at = lambda h: (f([x + h * v for x, v in zip(xs, vs)]) - f([x - h * v for x, v in zip(xs, vs)])) / (2 * h)  # noqa: E731
    coarse, middle, fine = (at(REAL_STEP / 2**i) for i in range(3))
    once = (4 * middle - coarse) / 3, (4 * fine - middle) / 3
    return (16 * once[1] - once[0]) / 15


def direction(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers of 0.5 to 1 and either sign: along a tiny one, x + h * v would be mostly rounding."""
    return rng.uniform(0.5, 1, shape) * rng.choice([-1, 1], shape)
