"""A training run: what takes part, how far it has come, and how that is written to a file and read again."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import minigrad as mg
from minigrad import Tensor
from minigrad.nn import Module
from minigrad.optim import Optimizer, Schedule
from minigrad.random import get_state, set_state

ADDRESS = re.compile(r"(0x|\.\.\.x?)[0-9a-f]+(?=>)")  # in a repr, perhaps shortened: another one in every process


class CheckpointError(ValueError):
    """A checkpoint is not one that this run can go on from; nothing was loaded."""


@dataclass
class History:
    """What each epoch came to, in order; `validation` is empty where nothing was validated."""

    loss: list[float] = field(default_factory=list)  # mean over the batches
    norm: list[float] = field(default_factory=list)  # largest global norm of the gradient, before clipping
    lr: list[float] = field(default_factory=list)  # learning rate of the first step
    validation: list[float] = field(default_factory=list)

    @property
    def best_epoch(self) -> int | None:
        """Index of the epoch with the lowest validation (the first of equals), or None."""
        return int(np.argmin(self.validation)) if self.validation else None


@dataclass
class Run:
    """What takes part in training, and how far it has come."""

    model: Module
    optimizer: Optimizer
    loss: Callable[..., Tensor]
    validate: Callable[[], float] | None
    schedule: Schedule | None
    schedule_per: str
    clip: float
    history: History = field(default_factory=History)
    best: Mapping[str, Tensor] = field(default_factory=dict)  # weights of the best epoch
    settings: dict[str, str] = field(init=False)  # what must be the same when the run is gone on with

    def __post_init__(self) -> None:
        self.settings = {
            "model": ADDRESS.sub("", repr(self.model)),
            "optimizer": described(self.optimizer),
            "learning rate": str(self.schedule.initial_lr if self.schedule else self.optimizer.lr),
            "schedule": f"per {self.schedule_per}" if self.schedule else "none",
            "clip": str(self.clip),
            "validate": "none" if self.validate is None else "given",
        }

    @property
    def epochs(self) -> int:
        """How many are done."""
        return len(self.history.loss)

    @property
    def epochs_since_best(self) -> int:
        """How many in a row were no better than the best (0 where nothing is validated)."""
        best = self.history.best_epoch
        return 0 if best is None else self.epochs - 1 - best

    def state_dict(self) -> dict[str, Any]:
        """All that it takes to go on, by name, for `mg.save`."""
        parts: dict[str, Mapping[str, Any]] = {
            "model": self.model.state_dict(),
            "best": self.best,
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict() if self.schedule else {},
            "history": {name: np.array(values, np.float64) for name, values in vars(self.history).items()},
            "run": {"random": get_state(), "settings": np.frombuffer(json.dumps(self.settings).encode(), np.uint8)},
        }
        return {f"{part}.{name}": x for part, content in parts.items() for name, x in content.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict()`. Raises ValueError, and loads nothing, if it is that of another run."""
        before = self.state_dict()
        if missing := [name for name in before if name.startswith(("history.", "run.")) and name not in state]:
            raise ValueError(f"fit() did not write it: there is no {', '.join(missing)} in it")
        there = json.loads(np.asarray(state["run.settings"]).tobytes())
        differences = [
            f"{x}: {there.get(x)} there, {here} here" for x, here in self.settings.items() if there.get(x) != here
        ]
        if differences:
            raise ValueError("\n  ".join(["it is that of a run with other settings", *differences]))
        try:
            self.take(state)
            if self.optimizer.lr != (lr := part(state, "optimizer")["lr"].item()):
                raise ValueError(
                    f"the schedule is another: the learning rate is {lr:g} there, {self.optimizer.lr:g} here"
                )
        except BaseException:
            self.take(before)
            raise

    def take(self, state: Mapping[str, Any]) -> None:
        """Load one part after the other; ValueError where one does not fit."""
        last, self.best = part(state, "model"), part(state, "best")
        for weights in (self.best or last, last):  # the best ones only to see whether they fit
            self.model.load_state_dict(weights)
        self.optimizer.load_state_dict(part(state, "optimizer"))
        if self.schedule:
            self.schedule.load_state_dict(part(state, "schedule"))
        set_state(np.asarray(state["run.random"]))
        self.history = History(**{name: np.asarray(x).tolist() for name, x in part(state, "history").items()})


def part(state: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """What is in a state under `prefix.`."""
    return {name.removeprefix(f"{prefix}."): x for name, x in state.items() if name.startswith(f"{prefix}.")}


def described(optimizer: Optimizer) -> str:
    """The optimizer's class, its settings that do not change, and how many parameters it has."""
    given = [
        f"{name}={x}" for name, x in vars(optimizer).items() if isinstance(x, int | float | tuple) and name[0] != "_"
    ]
    return f"{optimizer.name}({', '.join(given)}) of {len(optimizer.params)} parameters"


def resume(run: Run, path: Path, epochs: int) -> None:
    """Load a checkpoint; where there is none, write one, so that a run is the same from its first batch on."""
    if not path.exists():
        return mg.save(path, run)
    state = mg.load(path)
    try:
        done = len(state.get("history.loss", ()))
        if done > epochs:
            raise ValueError(f"it has {done} epochs behind it, and {epochs} were asked for")
        run.load_state_dict(state)
    except ValueError as error:
        raise CheckpointError(
            f"fit: cannot go on from the checkpoint {path}, and nothing was loaded: {error}\nTo start anew, delete "
            "it or name another file"
        ) from None
