"""Derivatives along a direction by ways that share nothing with backpropagation."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.exceptions import ComplexWarning

Arrays = Sequence[np.ndarray]
Function = Callable[[Arrays], Arrays]
COMPLEX_STEP = 1e-20
SMALL = 2.0**-26
ROUNDINGS = 2.0**16  # how many roundings, all in one direction, a right computation may be off by


class Estimate(NamedTuple):
    """Numbers, each with a bound on its error, and how large what they come from is; what differences gave by step."""

    value: np.ndarray
    error: np.ndarray
    scale: np.ndarray
    how: str
    table: list[tuple[float, np.ndarray]]


def direction(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers of 0.5 to 1 and either sign: along a tiny one, x + h * v would be mostly rounding."""
    return rng.uniform(0.5, 1, shape) * rng.choice([-1, 1], shape)


def scale_of(x: np.ndarray) -> np.ndarray:
    """How far to move each entry to see a change: its own size, or a tenth of the largest; 0 for NaN, inf.

    Never less than SMALL: numbers below are mostly what rounding has left of others.
    """
    finite = np.isfinite(x)
    size = np.abs(np.where(finite, x, 0))
    largest = np.max(size, initial=0) or 1.0
    return np.where(finite, np.maximum(size, max(largest / 10, SMALL)), 0)


def moved(xs: Arrays, vs: Arrays, t: complex) -> Arrays:
    return [np.asarray(x + t * v) for x, v in zip(xs, vs)]


def complex_step(f: Function, xs: Arrays, vs: Arrays) -> Arrays | None:
    """d f(x + t v) / dt at 0, exact to rounding where f is analytic (Squire and Trapp 1998); None if f refuses."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", ComplexWarning)  # somebody drops the imaginary part
        try:
            ys = f(moved(xs, vs, 1j * COMPLEX_STEP))
        except Exception:
            return None  # a check of dtypes, say, that knows real numbers only
    return [np.imag(y) / COMPLEX_STEP for y in ys]


def differences(
    f: Function, xs: Arrays, vs: Arrays, project: Callable[[Arrays], np.ndarray], size: np.ndarray, epsilon: float
) -> Estimate:
    """The same by central differences, extrapolated twice to an error of h**6 (Richardson 1911).

    project: linear, from outputs to the numbers wanted. size: that of the numbers that go into them, whose last
    bits are noise. The step starts where truncation and rounding meet, and is halved until two successive
    extrapolations agree to rounding, or until rounding takes over; their disagreement is the bound on the error.
    """
    h = epsilon ** (1 / 7) / 2
    table: list[tuple[float, np.ndarray]] = []
    once, twice = [np.full(size.shape, np.nan)], [np.full(size.shape, np.nan)]
    best, error = np.full(size.shape, np.nan), np.full(size.shape, np.inf)
    while h > epsilon**0.8:
        up, down = f(moved(xs, vs, h)), f(moved(xs, vs, -h))
        table.append((h, project([a - b for a, b in zip(up, down)]) / (2 * h)))
        if len(table) > 1:
            once.append((4 * table[-1][1] - table[-2][1]) / 3)
            twice.append((16 * once[-1] - once[-2]) / 15)
        if len(table) > 3:
            scale = size + np.nan_to_num(np.abs(table[0][1]))  # the slope may be 0, and all else too, at x itself
            noise = 64 * epsilon * (scale + np.abs(table[-1][1])) / h
            bound = np.abs(twice[-1] - twice[-2]) + np.abs(once[-1] - once[-2]) + noise
            better = bound < error  # never where NaN
            best, error = np.where(better, twice[-1], best), np.where(better, bound, error)
            enough = 4 * epsilon ** (2 / 3) * (scale + np.abs(best))
            if np.all((error <= enough) | (bound > 16 * error) & settled(error, scale + np.abs(best), epsilon)):
                break
        h /= 2
    return Estimate(best, 4 * error, scale + np.nan_to_num(np.abs(best)), "central differences", table)


def settled(error: np.ndarray, scale: np.ndarray, epsilon: float) -> np.ndarray:
    """Whether an estimate is good enough to judge by: at a jump, or very near a kink, differences never are."""
    return error <= 64 * epsilon**0.5 * scale


def derivative(
    f: Function,
    xs: Arrays,
    vs: Arrays,
    project: Callable[[Arrays], np.ndarray],
    size: np.ndarray,
    epsilon: float,
    analytic: bool,
) -> Estimate:
    """By the complex step where f is said to be `analytic` and the differences bear it out; else by these."""
    real = differences(f, xs, vs, project, size, epsilon)
    step = complex_step(f, xs, vs) if analytic else None
    if step is None:
        return real
    exact = project(step)
    if not np.all(np.abs(exact - real.value) <= real.error) and np.all(settled(real.error, real.scale, epsilon)):
        return real  # something on the way (an abs, a cast) was not analytic after all
    error = ROUNDINGS * (epsilon * size + COMPLEX_STEP * real.scale)  # its truncation, where all else is exactly 0
    return Estimate(exact, error, real.scale, "complex step", real.table)


def one_sided(f: Function, xs: Arrays, vs: Arrays, epsilon: float) -> tuple[Arrays, Arrays]:
    """The slopes of every output ahead of x and behind it, each extrapolated once; at a kink they differ."""
    h = epsilon ** (1 / 3)
    at = f(xs)
    rise = lambda t: [(y - y0) / t for y, y0 in zip(f(moved(xs, vs, t)), at)]  # noqa: E731
    ahead, behind = ([2 * b - a for a, b in zip(rise(t), rise(t / 2))] for t in (h, -h))
    return ahead, behind
