"""Whose fault it is: every recorded op is checked by itself, at the values that it was given, the oldest first."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from ..graph import Primitive
from ..node import Node
from .compare import Check, Comparison, along_direction, beyond_one_sided
from .oracles import Arrays, scale_of
from .subject import Recording, Subject, of_node, outputs_of

FEW = 256  # entries that are tried one by one; of more, halves first

Trouble = Comparison | Exception


class Place(NamedTuple):
    """Where a subject is furthest off: the number of the input, the index in it, the size of the step taken there."""

    input: int
    entry: tuple[int, ...]
    step: float
    trouble: Trouble


class Culprit(NamedTuple):
    """An op whose own derivative is off; `place` is None where it is off along all inputs at once only."""

    node: Node
    local: Subject
    place: Place | None
    trouble: Trouble


def failure(subject: Subject, check: Check, arrays: Arrays, vs: Arrays | None = None) -> Trouble | None:
    """What a check finds wrong; backpropagation that raises is wrong as well."""
    try:
        found = check(subject, arrays, vs)
    except Exception as error:
        return error
    return None if found.agrees else found


def own_failure(local: Subject, check: Check, order: int, vs: Arrays | None = None) -> Trouble | None:
    """`failure` of one op; at a kink any slope between those of the two sides is right."""
    found = failure(local if order == 1 else local.gradient(), check, local.arrays, vs)
    if check is not along_direction or not isinstance(found, Comparison) or found.numeric.how == "complex step":
        return found
    if order == 2:
        return found if found.conclusive else None
    both = [[scale_of(x) for x in local.arrays], vs] if vs is None else [vs]  # all upwards: ties that win together
    beyond = [b for v in both if (b := failure(local, beyond_one_sided, local.arrays, v))]
    return next((b for b in beyond if isinstance(b, Comparison) and not b.near(found)), found) if beyond else None


def culprit_in(run: Recording, check: Check, order: int) -> Culprit | None:
    """The oldest recorded op that fails the check by itself; None where all pass."""
    for node in run.nodes:
        if not isinstance(node.primitive, Primitive):
            continue  # a checkpoint, or a compiled body: nobody sees into it
        local = of_node(node)
        if trouble := own_failure(local, check, order):
            place = worst(local.arrays, partial(own_failure, local, check, order), FEW)
            return Culprit(node, local, place, place.trouble if place else trouble)
    return None


def worst(arrays: Arrays, failing: Callable[[Arrays], Trouble | None], few: int) -> Place | None:
    """The entry along which it fails by most: halves are tried while there are more than a few."""

    def along(i: int, entries: np.ndarray) -> Trouble | None:
        vs = [np.zeros(x.shape) for x in arrays]
        np.put(vs[i], entries, np.ravel(scale_of(arrays[i]))[entries])
        return failing(vs)

    for i, x in enumerate(arrays):
        entries = np.arange(x.size)
        while entries.size > few:
            entries = max(np.array_split(entries, 2), key=lambda half: amount(along(i, half)))
        found = [(along(i, np.array([entry])), entry) for entry in entries]
        trouble, entry = max(found, key=lambda pair: amount(pair[0]), default=(None, 0))
        if trouble:
            index = tuple(map(int, np.unravel_index(entry, x.shape)))
            return Place(i, index, float(scale_of(x)[index]), trouble)
    return None


def amount(trouble: Trouble | None) -> float:
    if trouble is None:
        return 0.0
    return float(np.sum(trouble.excess)) if isinstance(trouble, Comparison) else np.inf


def first_not_finite(run: Recording) -> Node | None:
    """The oldest op that made NaN or an infinity out of finite numbers."""
    finite = lambda xs: all(np.isfinite(x).all() for x in xs if np.asarray(x).dtype.kind in "fc")  # noqa: E731
    return next((n for n in run.nodes if finite(n.values) and not finite(outputs_of(n.output))), None)
