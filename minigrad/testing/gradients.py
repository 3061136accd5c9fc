"""check_gradients: whether a function's derivatives are those of its values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..nn import Module
from ..tensor import Tensor
from .compare import MODES, Check, along_direction, dot, drawn, every_entry, magnitude
from .locate import Trouble, culprit_in, failure
from .oracles import ROUNDINGS, Arrays, direction, moved, scale_of
from .report import GradientError, of_culprit, of_not_finite, of_whole
from .subject import Subject, named_parameters, prepared

MOVES = 4  # points nearby that are tried where one lies on a kink
COARSE = 2.0**12  # roundings by which float32 may differ from float64, of the numbers that are summed up


@np.errstate(all="ignore")  # oracles step over the edge of a domain; what is not finite is found, and said
def check_gradients(
    f: Callable[..., Any],
    *inputs: Any,
    order: int = 1,
    modes: Iterable[str] = ("direction", "dot"),
    parameters: Module | Iterable[Tensor] | None = None,
) -> None:
    """Check the derivatives of `f(*inputs)` by backpropagation against those of its values.

    inputs: arrays, Tensors or Python floats, or tuples, lists and dicts of them; floats of any precision are checked
    in float64 (float32 ones in float32, too), all else is passed on as it is. f returns Tensors, or such trees of
    them. parameters: leaves that f closes over, checked like inputs; those of f itself if it is a Module.
    order: 2 checks the second derivatives as well. modes, any of:

    - "direction": along one random direction, by the complex step (Squire and Trapp 1998) where all ops on the way
      are analytic, else by central differences, extrapolated (Richardson 1911); about ten evaluations of f;
    - "dot": <u, J v> of the jvp equals <J^T u, v> of the vjp;
    - "jacobian": every entry of the Jacobian; evaluations for every entry of the inputs and outputs.

    Steps and tolerances follow from dtype and scale. At kinks and ties, an op's slope may be anything between those
    of the two sides, and the whole is judged nearby. Raises GradientError (an AssertionError) whose message names
    the op, the input and the index; TypeError or ValueError for arguments that cannot be checked.

    >>> check_gradients(lambda x: mg.tanh(x).sum(), np.array([0.5, -1.0]), order=2)
    """
    checks = chosen(order, modes)
    held = named_parameters(f, parameters)
    with prepared(f, inputs, held, np.float64) as subject:
        if not subject.arrays:
            raise TypeError("check_gradients: expected an input of floats to differentiate for, or parameters")
        check_repeats(subject)
        for derivative in range(1, order + 1):
            for check in checks:
                judge(subject, check, derivative)
    with prepared(f, inputs, held) as subject:
        check_coarse(subject)


def chosen(order: int, modes: Iterable[str]) -> list[Check]:
    if order not in (1, 2):
        raise ValueError(f"check_gradients: expected order 1 or 2, got {order!r}; for 3, check a gradient at order 2")
    modes = (modes,) if isinstance(modes, str) else tuple(modes)
    if not modes or not {*modes} <= MODES.keys():
        raise ValueError(f"check_gradients: expected modes out of {', '.join(map(repr, MODES))}, got {modes!r}")
    return [MODES[name] for name in modes]


def check_repeats(subject: Subject) -> None:
    """Refuse values that are not finite, and a function that answers differently the second time."""
    run = subject.record(subject.arrays)
    first = [np.asarray(y.array) for y in run.outputs]
    if not all(np.isfinite(y).all() for y in first):
        raise GradientError(of_not_finite(run))
    for i, (a, b) in enumerate(zip(first, subject.values(subject.arrays))):
        if a.shape != b.shape or np.any(np.abs(a - b) > ROUNDINGS * run.epsilon * np.max(np.abs(a), initial=0)):
            raise GradientError(
                f"output {i} was another when f was called again with the same inputs; draw what is random from "
                "minigrad.random.generator(), which is reset before each call, and change nothing from call to call"
            )


def judge(subject: Subject, check: Check, order: int) -> None:
    """Check one derivative. On failure each op is checked by itself; where all are right, points off the kinks."""
    derivative = subject.gradient() if order == 2 else subject
    locally = along_direction if check is every_entry else check

    def trouble_at(arrays: Arrays) -> Trouble | None:
        trouble = failure(derivative, check, arrays)
        if trouble is not None:
            run = subject.record(arrays)
            if culprit := culprit_in(run, locally, order):
                raise GradientError(of_culprit(run, culprit, locally, order))
        return trouble

    if (trouble := trouble_at(subject.arrays)) is None:
        return
    rng = np.random.default_rng(1)
    for _ in range(MOVES):
        steps = [0.02 * scale_of(x) * direction(rng, x.shape) for x in subject.arrays]
        aside = [trouble_at(moved(subject.arrays, steps, t)) for t in (1, -1)]  # on both sides of a kink
        if aside == [None, None]:
            return
    raise GradientError(of_whole(subject, subject.arrays, trouble, locally, order))


def check_coarse(subject: Subject) -> None:
    """That inputs of less than 64 bits get the gradient that the same numbers get in float64, but for rounding."""
    if all(x.dtype == np.float64 for x in subject.arrays):
        return
    run, us, vs = drawn(subject, subject.arrays, None)
    epsilon, found = run.epsilon, dot(run.pull(us)[0], vs)
    exact, condition = subject.record([x.astype(np.float64) for x in subject.arrays]).pull(us)
    if not np.abs(found - dot(exact, vs)) <= COARSE * epsilon * (condition + magnitude(exact, vs)):
        dtypes = ", ".join(sorted({str(x.dtype) for x in subject.arrays}))
        raise GradientError(
            f"the gradient is right in float64, but not in {dtypes}: {found[0]:.6g} along a direction, instead of "
            f"{dot(exact, vs)[0]:.6g}; something on the way overflows, or loses precision, in a narrower dtype"
        )
