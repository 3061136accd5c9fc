"""What training does to parameters, and a diary of it: norms, update ratios, flows and gates, time after time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..errors import check_sizes
from ..mode import enable_grad
from ..nn import Module
from ..random import get_state, set_state
from ..tensor import Tensor
from .flow import Flow, Losses, gradient_flows, state_jacobians
from .graph import norm
from .views import saturated
from .watch import replaced, watch


class ParameterStats(NamedTuple):
    """A parameter's norm and its gradient's, and the share of the norm that the last update was."""

    name: str
    shape: tuple[int, ...]
    norm: float
    gradient: float | None  # None: it has no gradient
    update_ratio: float | None  # None: nothing to compare with


def parameter_stats(model: Module, before: Mapping[str, Tensor | ArrayLike] | None = None) -> list[ParameterStats]:
    """Every parameter's norm, its gradient's, and |update| / |parameter|; in order of definition.

    before: the model's `state_dict()` from before the step, which the ratio's denominator is taken of; about 0.001 is
    healthy for a weight (Karpathy, CS231n, "ratio of weights:updates"). The ratio for what was 0 is infinite, or 0
    where it still is. Raises KeyError for a state without one of the parameters.
    """
    return [
        ParameterStats(
            name,
            p.shape,
            norm(p.array),
            None if p.grad is None else norm(p.grad.array),
            None if before is None else ratio(np.asarray(before[name]), p.numpy()),
        )
        for name, p in model.named_parameters()
    ]


def ratio(before: np.ndarray, after: np.ndarray) -> float:
    """The norm of what changed, by the norm of what it was."""
    change, size = norm(after - before), norm(before)
    return change / size if size else math.inf if change else 0.0


@dataclass(frozen=True)
class Snapshot:
    """What a `Collector` saw at one of its calls."""

    number: int  # of the call, from 0
    flows: dict[str, dict[str, Flow]]  # by the cell's name, then the state's part: flows["cell"]["h"]
    jacobians: dict[str, np.ndarray]  # by the cell's name, |dh_t / dh_0| [states, batch], as `state_jacobians` gives it
    saturated: dict[str, dict[str, tuple[float, float]]]  # by the cell's name, then the gate's: shares low and high
    parameters: list[ParameterStats]
    seconds: float  # what looking cost


class Collector:
    """A diary of training: called after each step or epoch, it takes a snapshot every n-th time, the first included.

    losses: a function of nothing that runs the model on one batch, the same each time, and returns losses as
    `gradient_flow` takes them: `lambda: model.step_losses(x, targets)`. It is called in eval mode, recording; training
    then goes on as if nobody had looked, to the bit. Update ratios are those since the call before (at first since the
    collector was made). `snapshots` grows by one each time, and says what it cost. Raises ValueError for `every` < 1.
    """

    def __init__(self, model: Module, losses: Callable[[], Losses], every: int = 1) -> None:
        check_sizes("Collector", every=every)
        self.model, self.losses, self.every = model, losses, every
        self.snapshots: list[Snapshot] = []
        self.calls = 0
        self.before = model.state_dict()

    def __call__(self) -> None:
        if self.calls % self.every == 0:
            self.snapshots.append(self.look())
        self.calls += 1
        self.before = self.model.state_dict()

    def look(self) -> Snapshot:
        """A snapshot of the model as it is."""
        began, random_state = time.perf_counter(), get_state()
        with ExitStack() as undo:
            undo.callback(set_state, random_state)
            for module in self.model.modules():
                undo.enter_context(replaced(module, {"training": False}))
            undo.enter_context(enable_grad())
            with watch(self.model) as watched:
                losses = self.losses()
            wanted = [(run, part) for run in watched.values() for part in run.parts]
            flows: dict[str, dict[str, Flow]] = {name: {} for name in watched}
            for flow in gradient_flows(losses, wanted):
                flows[flow.name][flow.part] = flow
            jacobians = {name: state_jacobians(run) for name, run in watched.items()}
            shut = {name: saturated(run) for name, run in watched.items()}
        stats = parameter_stats(self.model, self.before)
        return Snapshot(self.calls, flows, jacobians, shut, stats, time.perf_counter() - began)
