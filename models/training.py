"""The training loop: validation, best weights, early stopping, and checkpoints that survive being killed."""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

import minigrad as mg
from minigrad import Tensor
from minigrad.nn import Module
from minigrad.optim import Optimizer, Schedule, checks, clip_grad_norm
from minigrad.random import get_state, set_state

Batches = Iterable[Any] | Callable[[], Iterable[Any]]
ADDRESS = re.compile(r"(0x|\.\.\.x?)[0-9a-f]+(?=>)")  # in a repr, perhaps shortened: another one in every process


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


def fit(
    model: Module,
    optimizer: Optimizer,
    batches: Batches,
    epochs: int,
    *,
    loss: Callable[..., Tensor] | None = None,
    validate: Callable[[], float] | None = None,
    schedule: Schedule | None = None,
    schedule_per: str = "epoch",
    clip: float = 1.0,
    patience: int | None = None,
    keep_best: bool = True,
    checkpoint: str | PathLike[str] | None = None,
    progress: str | None = "training",
) -> History:
    """Train for a number of epochs, or go on with a run that was interrupted. The model comes back in eval mode.

    batches: a list, or a function that returns the batches of one epoch. loss: `loss(*batch)` is the number to lower
    (`loss(batch)` if a batch is no tuple); `model.loss` unless given. The gradient's global norm is clipped to `clip`
    (math.inf: not at all). `schedule` makes a step after every "epoch" or "step", as `schedule_per` says.

    validate: returns a number, less is better; called after each epoch, in eval mode and without recording. After
    `patience` epochs in a row that were no better than the best, training stops. At the end the best epoch's weights
    are put back; with `keep_best=False` the last are left. progress: what to write beside the bar (drawn where tqdm
    is installed), or None.

    checkpoint: a file, replaced after every epoch. If it exists, training goes on from it, and ends with the weights
    of a run that was never killed, to the bit, where all that is random comes from `minigrad.random.generator()`.
    The settings must be the same, but for `epochs` (there may be more), `patience` and `keep_best`.

    Raises TypeError or ValueError for what is not as described, and where the checkpoint is that of another run
    (nothing is loaded then); FloatingPointError where the loss, the gradient or the validation is NaN or infinite,
    and the weights are those before that step.
    """
    check(model, optimizer, batches, loss, validate, schedule, schedule_per, patience)
    epochs, clip = checks.count("fit", "epochs", epochs), checks.limit("fit", "clip", clip)
    run = Run(model, optimizer, loss or model.loss, validate, schedule, schedule_per, clip)  # type: ignore[attr-defined]
    if checkpoint is not None:
        resume(run, Path(checkpoint), epochs)
    with interruptible(checkpoint), progress_bar(progress, run.epochs, epochs) as show:
        while run.epochs < epochs and (patience is None or run.epochs_since_best < patience):
            run.train_epoch(batches, show)
            if checkpoint is not None:
                mg.save(checkpoint, run)
    if keep_best and run.best:
        model.load_state_dict(run.best)
    model.eval()
    return run.history


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

    def train_epoch(self, batches: Batches, show: Callable[..., None]) -> None:
        """Every batch once, and validation; the history learns of the epoch when all is done."""
        epoch, lr = self.epochs + 1, self.optimizer.lr
        step, total, largest = 0, 0.0, 0.0
        self.model.train()
        for step, batch in enumerate(batches() if callable(batches) else batches, 1):
            loss, norm = self.train_step(batch, f"in epoch {epoch}, step {step}")
            total, largest = total + loss, max(largest, norm)
            show(0, loss=total / step)
        if not step:
            raise ValueError(f"fit: there were no batches in epoch {epoch} (an iterator that was used up is empty too)")
        if self.schedule and self.schedule_per == "epoch":
            self.schedule.step()
        score = self.validation(epoch)
        self.history.loss.append(total / step)
        self.history.norm.append(largest)
        self.history.lr.append(lr)
        if score is not None:
            self.history.validation.append(score)
        if self.history.best_epoch == epoch - 1:
            self.best = self.model.state_dict()
        show(1, loss=self.history.loss[-1], validation=score)

    def train_step(self, batch: Any, where: str) -> tuple[float, float]:
        """Lower the loss of one batch; returns it, and the norm of its gradient."""
        self.optimizer.zero_grad()
        loss = self.loss(*batch) if isinstance(batch, tuple) else self.loss(batch)
        check_finite("loss", loss.item(), where)
        loss.backward()
        norm = clip_grad_norm(self.optimizer.params, self.clip)
        check_finite("gradient's norm", norm, where)
        self.optimizer.step()
        if self.schedule and self.schedule_per == "step":
            self.schedule.step()
        return loss.item(), norm

    def validation(self, epoch: int) -> float | None:
        """What `validate` says of the model as it is."""
        if self.validate is None:
            return None
        self.model.eval()
        with mg.no_grad():
            score = float(self.validate())
        check_finite("validation", score, f"after epoch {epoch}")
        return score

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
        raise ValueError(
            f"fit: cannot go on from the checkpoint {path}, and nothing was loaded: {error}\nTo start anew, delete "
            "it or name another file"
        ) from None


def check(
    model: Module,
    optimizer: Optimizer,
    batches: Batches,
    loss: Any,
    validate: Any,
    schedule: Schedule | None,
    schedule_per: str,
    patience: Any,
) -> None:
    """Refuse settings that cannot be meant."""
    if loss is None and not hasattr(model, "loss"):
        raise TypeError(f"fit: {type(model).__name__} has no method loss(); pass loss=, a function of a batch")
    if isinstance(batches, Iterator):
        raise TypeError(
            "fit: batches is an iterator, used up after one epoch; pass a list, or a function that makes it"
        )
    if schedule_per not in ("epoch", "step"):
        raise ValueError(f"fit: schedule_per must be 'epoch' or 'step', got {schedule_per!r}")
    if schedule and schedule.optimizer is not optimizer:
        raise ValueError("fit: the schedule is that of another optimizer")
    if patience is not None:
        checks.count("fit", "patience", patience)
        if validate is None:
            raise ValueError("fit: patience needs validate, which says whether an epoch was better")


def check_finite(name: str, value: float, where: str) -> None:
    if not math.isfinite(value):
        raise FloatingPointError(
            f"fit: the {name} is {value} {where}; the weights are those from before. Lower the learning rate or clip, "
            "or look for a log, sqrt or division at 0"
        )


@contextlib.contextmanager
def interruptible(checkpoint: str | PathLike[str] | None) -> Iterator[None]:
    """Say what is left after Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt:
        saved = "nothing was saved, as no checkpoint was named"
        if checkpoint is not None:
            saved = f"the same call goes on from the last whole epoch, which is in {checkpoint}"
        raise KeyboardInterrupt(f"fit: interrupted; {saved}") from None


@contextlib.contextmanager
def progress_bar(title: str | None, done: int, total: int) -> Iterator[Callable[..., None]]:
    """A bar of epochs: a function that is told how many more are done, and numbers to write beside it."""
    try:
        from tqdm import tqdm  # an extra
    except ImportError:
        title = None
    if title is None:
        yield lambda more, **numbers: None
        return
    # miniters: so that it is drawn anew between epochs as well
    with tqdm(desc=title, initial=done, total=total, unit="epoch", miniters=0) as bar:

        def show(more: int, **numbers: float | None) -> None:
            bar.set_postfix({name: f"{x:.4g}" for name, x in numbers.items() if x is not None}, refresh=False)
            bar.update(more)

        yield show
