"""A short training run that is killed (kill -9) again and again, and ends; started by test_training.py.

python killed.py CHECKPOINT RESULT [DEATH ...], where a death is "call N", at the Nth time that a function is called
or returns, or "write N", when half of the Nth file is written. Prints how many calls the last life had.
"""

import builtins
import os
import signal
import sys

import numpy as np

import minigrad as mg
from minigrad.data import batches
from minigrad.nn import Dropout
from minigrad.optim import Adam, Schedule, cosine
from models import LSTM
from models.classifier import Classifier
from models.training import fit

EPOCHS = 24


def train(checkpoint):
    """A run in which everything has a state: shuffled batches, dropout, Adam, a schedule, validation."""
    mg.manual_seed(3)
    draw = np.random.default_rng(5)
    x = draw.normal(size=(30, 4, 2)).astype(np.float32)
    y = (x[:, :, 0].sum(axis=1) > 0).astype(int)
    model = Classifier(LSTM(2, 4, num_layers=2, dropout=0.3), 2)
    model.noise = Dropout(0.2)
    optimizer = Adam(model.parameters(), lr=0.02)
    history = fit(
        model,
        optimizer,
        batches(x[:20], y[:20], batch_size=8),
        EPOCHS,
        loss=lambda x, y: model.loss(model.noise(mg.tensor(x)), y),
        validate=lambda: model.loss(mg.tensor(x[20:]), y[20:]),
        schedule=Schedule(optimizer, cosine(3 * EPOCHS)),
        schedule_per="step",
        checkpoint=checkpoint,
        progress=None,
    )
    optimizer_state = {f"optimizer.{name}": value for name, value in optimizer.state_dict().items()}
    return {**model.state_dict(), **optimizer_state, **{name: np.array(x) for name, x in vars(history).items()}}


def die():
    os.kill(os.getpid(), signal.SIGKILL)


class Countdown:
    """Told of every call and return of a function, C's too; dies at the last."""

    def __init__(self, last=0):
        self.seen, self.last = 0, last

    def __call__(self, *_):
        self.seen += 1
        if self.seen == self.last:
            die()


def die_in_write(last):
    """Let half of the file number `last` be written."""
    opened = 0
    whole = open

    def half(path, mode="r", **named):
        nonlocal opened
        file = whole(path, mode, **named)
        opened += mode == "xb"
        if mode == "xb" and opened == last:
            file.write = lambda data: (whole(path, "wb", buffering=0).write(data[: len(data) // 2]), die())
        return file

    builtins.open = half


def live_and_die(checkpoint, how, last):
    """Train in a process of its own (forked: minigrad is imported already), which is to die; anything else raises."""
    child = os.fork()
    if not child:
        if how == "write":
            die_in_write(int(last))
        else:
            sys.setprofile(Countdown(int(last)))
        train(checkpoint)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
        raise RuntimeError(f"it did not die at {how} {last}: exit code {os.waitstatus_to_exitcode(status)}")
    if os.path.exists(checkpoint):
        mg.load(checkpoint)  # whole, whenever it was


def main(checkpoint, result, *deaths):
    mg.sigmoid(np.float32([0]))  # what is compiled is compiled now
    for death in deaths:
        live_and_die(checkpoint, *death.split())
    countdown = Countdown()
    sys.setprofile(countdown)
    state = train(checkpoint)
    sys.setprofile(None)
    mg.save(result, state)
    print(countdown.seen)


if __name__ == "__main__":
    main(*sys.argv[1:])
