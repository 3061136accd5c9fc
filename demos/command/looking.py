"""What `--report` collects while a network is trained: how its gradients, gates and parameters fare, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import minigrad as mg
from minigrad import Tensor
from minigrad.inspect import Collector, Snapshot
from minigrad.nn import Module
from minigrad.random import get_state, set_state
from models import Cell, detach
from models.tokens import IGNORED, shares

from .sample import Sample

STOPS = 10  # of a training, about, at which it is looked at


class Look(NamedTuple):
    """A network as it was after an epoch."""

    epoch: int
    label: str
    snapshot: Snapshot


Diary = Sequence[Look]


def recurrent(model: Module) -> bool:
    return any(isinstance(module, Cell) for module in model.modules())


def collector(demo: Any, model: Module, data: Any, epochs: int) -> Collector | None:
    """To be called before the first epoch and after each: it looks at about ten of them. None: nothing to look at."""
    if not (demo.watched and recurrent(model)):
        return None
    before = get_state()
    sample = demo.watched(model.eval(), data, ())
    set_state(before)
    return Collector(model, lambda: step_losses(model, sample), every=max(1, math.ceil(epochs / STOPS)))


def then(validate: Callable[[], float], collect: Callable[[], None]) -> Callable[[], float]:
    """Validate, and collect."""

    def both() -> float:
        score = validate()
        collect()
        return score

    return both


def looking_took(collect: Collector) -> float:
    """Seconds so far."""
    return sum(snapshot.seconds for snapshot in collect.snapshots)


def diary(collect: Collector, history: Any) -> Diary:
    """What was collected in a training, or in the part of it after an interruption, by epoch; and the network kept."""
    done = len(history.loss)
    epochs = [done + 1 - collect.calls + snapshot.number for snapshot in collect.snapshots]
    labels = [f"after epoch {epoch}" if epoch else "before training" for epoch in epochs]
    return [*map(Look, epochs, labels, collect.snapshots), kept(collect, history)]


def looked_at(demo: Any, model: Module, data: Any, history: Any) -> Diary:
    """The one page of a diary that a saved network has."""
    collect = collector(demo, model, data, 1)
    return [kept(collect, history)] if collect else []


def kept(collect: Collector, history: Any) -> Look:
    """The network as it is at last."""
    epoch = history.best_epoch + 1
    return Look(epoch, f"the weights kept, of epoch {epoch}", collect.look())


def step_losses(model: Any, sample: Sample) -> list[Tensor]:
    """The loss of each step."""
    inputs = as_tensors(sample.inputs)
    if sample.window:
        return in_windows(model, inputs, sample.window)
    try:
        return model.step_losses(*inputs)
    except ValueError:  # one that reads backward cannot be asked before the end
        return [model.loss(*inputs)]


def as_tensors(inputs: Sequence[Any]) -> list[Any]:
    """The first, what is read, as a Tensor that wants a gradient, if it is of floats."""
    read, *rest = inputs
    return [mg.tensor(read, requires_grad=True) if read.dtype.kind == "f" else read, *rest]


def in_windows(model: Any, inputs: Sequence[np.ndarray], window: int) -> list[Tensor]:
    """Each step's share of a language model's loss, its state carried on detached from window to window."""
    tokens, targets = inputs
    state, logits = None, []
    for start in range(0, tokens.shape[1], window):
        outputs, state = model.network(tokens[:, start : start + window], state)
        state = detach(state)
        logits += [model.head(outputs[:, t]) for t in range(outputs.shape[1])]
    return shares("report", logits, targets, IGNORED)


def whole_loss(model: Any, inputs: Sequence[Any], window: int | None) -> Tensor:
    """The loss that training lowers."""
    if window:
        return mg.stack(in_windows(model, inputs, window)).sum()
    loss = model.loss(*inputs)
    return loss[0] if isinstance(loss, tuple) else loss
