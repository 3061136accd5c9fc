"""The training loop: validation, best weights, early stopping, and checkpoints that survive being killed."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

import minigrad as mg
from minigrad import Tensor
from minigrad.nn import Module
from minigrad.optim import Optimizer, Schedule, checks, clip_grad_norm

from .run import History, Run, resume

Batches = Iterable[Any] | Callable[[], Iterable[Any]]


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

    Raises TypeError or ValueError for what is not as described; CheckpointError, a ValueError, where the checkpoint
    is that of another run (nothing is loaded then); FloatingPointError where the loss, the gradient or the validation
    is NaN or infinite, and the weights are those before that step.
    """
    check(model, optimizer, batches, loss, validate, schedule, schedule_per, patience)
    epochs, clip = checks.count("fit", "epochs", epochs), checks.limit("fit", "clip", clip)
    run = Run(model, optimizer, loss or model.loss, validate, schedule, schedule_per, clip)  # type: ignore[attr-defined]
    if checkpoint is not None:
        resume(run, Path(checkpoint), epochs)
    with interruptible(checkpoint), progress_bar(progress, run.epochs, epochs) as show:
        while run.epochs < epochs and (patience is None or run.epochs_since_best < patience):
            train_epoch(run, batches, show)
            if checkpoint is not None:
                mg.save(checkpoint, run)
    if keep_best and run.best:
        model.load_state_dict(run.best)
    model.eval()
    return run.history


def train_epoch(run: Run, batches: Batches, show: Callable[..., None]) -> None:
    """Every batch once, and validation; the history learns of the epoch when all is done."""
    epoch, lr = run.epochs + 1, run.optimizer.lr
    step, total, largest = 0, 0.0, 0.0
    run.model.train()
    for step, batch in enumerate(batches() if callable(batches) else batches, 1):
        loss, norm = train_step(run, batch, f"in epoch {epoch}, step {step}")
        total, largest = total + loss, max(largest, norm)
        show(0, loss=total / step)
    if not step:
        raise ValueError(f"fit: there were no batches in epoch {epoch} (an iterator that was used up is empty too)")
    if run.schedule and run.schedule_per == "epoch":
        run.schedule.step()
    score = validation(run, epoch)
    run.history.loss.append(total / step)
    run.history.norm.append(largest)
    run.history.lr.append(lr)
    if score is not None:
        run.history.validation.append(score)
    if run.history.best_epoch == epoch - 1:
        run.best = run.model.state_dict()
    show(1, loss=run.history.loss[-1], validation=score)


def train_step(run: Run, batch: Any, where: str) -> tuple[float, float]:
    """Lower the loss of one batch; returns it, and the norm of its gradient."""
    run.optimizer.zero_grad()
    loss = run.loss(*batch) if isinstance(batch, tuple) else run.loss(batch)
    check_finite("loss", loss.item(), where)
    loss.backward()
    norm = clip_grad_norm(run.optimizer.params, run.clip)
    check_finite("gradient's norm", norm, where)
    run.optimizer.step()
    if run.schedule and run.schedule_per == "step":
        run.schedule.step()
    return loss.item(), norm


def mean_loss(loss: Callable[..., Tensor], batches: Iterable[tuple[Any, ...]]) -> float:
    """The mean of `loss(*batch)` over batches, each counting as much as it has targets; for `fit`'s `validate`.

    The targets are a batch's last item: an array, or an array of sequences and their lengths. Nothing is recorded.
    Raises ValueError for no batches.
    """
    total, count = 0.0, 0
    with mg.no_grad():
        for batch in batches:
            targets = batch[-1]
            size = int(np.sum(targets[1])) if isinstance(targets, tuple) else np.size(targets)
            total, count = total + loss(*batch).item() * size, count + size
    if not count:
        raise ValueError("mean_loss: there were no batches (an iterator that was used up is empty too)")
    return total / count


def validation(run: Run, epoch: int) -> float | None:
    """What `validate` says of the model as it is."""
    if run.validate is None:
        return None
    run.model.eval()
    with mg.no_grad():
        score = float(run.validate())
    check_finite("validation", score, f"after epoch {epoch}")
    return score


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
    if not {id(p) for p in model.parameters()} & {id(p) for p in optimizer.params}:
        raise ValueError("fit: the optimizer has none of the model's parameters")
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
