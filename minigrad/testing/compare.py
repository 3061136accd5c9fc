"""One comparison of a gradient with an oracle: what came out of each, and how far apart they may be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from .oracles import ROUNDINGS, Arrays, Estimate, derivative, direction, one_sided, scale_of, settled
from .subject import Recording, Subject


class Comparison(NamedTuple):
    """Numbers by backpropagation, and the oracle's, with a bound on its errors."""

    analytic: np.ndarray
    numeric: Estimate
    size: np.ndarray
    epsilon: float

    @property
    def excess(self) -> np.ndarray:
        """By how much each pair differs more than it may; infinite for NaN."""
        tolerance = self.numeric.error + ROUNDINGS * self.epsilon * self.size
        excess = np.abs(self.analytic - self.numeric.value) - tolerance
        return np.where(np.isnan(excess), np.inf, np.maximum(excess, 0))

    @property
    def conclusive(self) -> bool:
        """Whether the oracle came to rest."""
        return bool(np.all(settled(self.numeric.error, self.numeric.scale, self.epsilon)))

    def near(self, other: Comparison) -> bool:
        """Whether both oracles say the same: at a kink, a central difference and one-sided slopes do not."""
        return bool(
            np.all(np.abs(self.numeric.value - other.numeric.value) <= self.numeric.error + other.numeric.error)
        )

    @property
    def agrees(self) -> bool:
        return self.conclusive and not np.any(self.excess)


Check = Callable[..., Comparison]


def along_direction(subject: Subject, arrays: Arrays, vs: Arrays | None = None) -> Comparison:
    """<J^T u, v> against the derivative of <u, f> along v; u random, and v too unless given."""
    run, us, vs = drawn(subject, arrays, vs)
    gs, condition = run.pull(us)
    size = magnitude(gs, vs) + condition
    numeric = derivative(subject.values, arrays, vs, lambda ys: dot(us, ys), size, run.epsilon, run.analytic)
    return Comparison(dot(gs, vs), numeric, size, run.epsilon)


def dot_product(subject: Subject, arrays: Arrays, vs: Arrays | None = None) -> Comparison:
    """<J^T u, v> against <u, J v>, of the vjp and the jvp: whether rules are linear in u, and recorded."""
    run, us, vs = drawn(subject, arrays, vs)
    gs, condition = run.pull(us)
    size = magnitude(gs, vs) + condition
    pushed = dot(us, run.push(vs))
    return Comparison(dot(gs, vs), Estimate(pushed, 0 * size, size, "jvp", []), size, run.epsilon)


def every_entry(subject: Subject, arrays: Arrays, vs: Arrays | None = None) -> Comparison:
    """The whole Jacobian (its rows by backpropagation, its columns by the oracle), flattened."""
    run = subject.record(arrays)
    flat = lambda ys: np.concatenate([np.zeros(0), *map(np.ravel, ys)])  # noqa: E731
    shapes = [y.shape for y in run.outputs]
    pulled = [run.pull(unit) for unit in units(shapes)]
    columns = np.array([flat(gs) for gs, _ in pulled]).T if pulled else np.zeros((sum(x.size for x in arrays), 0))
    conditions = np.array([condition for _, condition in pulled])
    parts: list[Comparison] = []
    for unit, column in zip(units([x.shape for x in arrays]), columns):
        step = [e * scale_of(x) for e, x in zip(unit, arrays)]
        stride = float(sum(np.sum(v) for v in step))
        size = conditions + np.abs(stride * column)
        numeric = derivative(subject.values, arrays, step, flat, size, run.epsilon, run.analytic)
        parts.append(Comparison(stride * column, numeric, size, run.epsilon))
    value, error, scale = (flat([p.numeric[i] for p in parts]) for i in range(3))
    numeric = Estimate(value, error, scale, "Jacobian", [])
    return Comparison(flat([p.analytic for p in parts]), numeric, flat([p.size for p in parts]), run.epsilon)


MODES: dict[str, Check] = {"direction": along_direction, "dot": dot_product, "jacobian": every_entry}


def beyond_one_sided(subject: Subject, arrays: Arrays, vs: Arrays | None = None) -> Comparison:
    """As `along_direction`, for one op, where it may have a kink: any slope between the two sides' will do.

    Of each output, along one direction; of a whole program that would not be true (Bolte and Pauwels 2020).
    """
    run, us, vs = drawn(subject, arrays, vs)
    gs, condition = run.pull(us)
    size = magnitude(gs, vs) + condition
    slopes = [(u * a, u * b) for u, a, b in zip(us, *one_sided(subject.values, arrays, vs, run.epsilon))]
    low, high = (np.array([sum(float(np.sum(pick(a, b))) for a, b in slopes)]) for pick in (np.minimum, np.maximum))
    analytic = dot(gs, vs)
    nearest, error = np.clip(analytic, low, high), 64 * run.epsilon ** (2 / 3) * size
    numeric = Estimate(nearest, error, size + np.abs(nearest), "one-sided slopes", [])
    return Comparison(analytic, numeric, size, run.epsilon)


def drawn(subject: Subject, arrays: Arrays, vs: Arrays | None) -> tuple[Recording, list[np.ndarray], Arrays]:
    """A recorded run, cotangents for its outputs, and a direction; the same ones every time."""
    rng = np.random.default_rng(0)
    run = subject.record(arrays)
    us = [np.where(np.isfinite(y.array), direction(rng, y.shape), 0) for y in run.outputs]
    return run, us, [scale_of(x) * direction(rng, x.shape) for x in arrays] if vs is None else vs


def dot(us: Arrays, ys: Arrays) -> np.ndarray:
    """The sum of all products, as one entry; what is multiplied by 0 does not count, be it NaN."""
    total = 0.0
    for u, y in zip(us, ys, strict=True):
        counts = (u != 0) & (y != 0)
        total += float(np.vdot(u[counts], y[counts]))
    return np.array([total])


def magnitude(gs: Arrays, vs: Arrays) -> np.ndarray:
    """The size of the products that `dot` sums up."""
    return np.nan_to_num(dot([np.abs(g) for g in gs], [np.abs(v) for v in vs]))


def units(shapes: list[tuple[int, ...]]) -> Iterator[list[np.ndarray]]:
    """Every list of arrays of these shapes with a single 1 in it."""
    for i, shape in enumerate(shapes):
        for place in np.ndindex(shape):
            unit = [np.zeros(s) for s in shapes]
            unit[i][place] = 1
            yield unit
