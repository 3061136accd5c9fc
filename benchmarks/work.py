"""What is timed: its sizes, how many floating-point operations it takes, and the numbers that all libraries get."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

GATES = {"lstm": 4, "gru": 3, "rnn": 1, "coupled": 3}
TOKENS = 65
WINDOW = 32  # steps between two truncations

Weights = dict[str, np.ndarray]


@dataclass(frozen=True)
class Work:
    """One thing to do. `kind` is a key of every library's MAKERS, `name` a cell or a function.

    shape: [batch, time, input, hidden]; for elementwise work [values], for sgemm [rows] of a square matrix.
    """

    kind: str
    name: str
    shape: tuple[int, ...]

    def tiny(self) -> Work:
        """The same in small, to have everything loaded, compiled and started."""
        return Work(self.kind, self.name, tuple(min(size, 16) for size in self.shape))


def threads() -> int:
    """The processors that this process may use: as many threads for every library."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux alone has it
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def operations(work: Work) -> int:
    """Floating-point operations of the matrix products alone; 0 where there are none worth counting.

    A product [m, k] x [k, n] is 2mkn; backward needs two for each, but none to an input that is no weight's.
    """
    if work.kind == "sgemm":
        return 2 * work.shape[0] ** 3
    if len(work.shape) != 4 or work.kind == "recording":
        return 0
    batch, time, features, hidden = work.shape
    if work.kind in ("step", "sampling"):
        forward = 4 * hidden * (features + 3 * hidden) + hidden * TOKENS
        return 2 * batch * time * forward * (3 if work.kind == "step" else 1)
    rows = 2 * batch * time * GATES[work.name] * hidden
    return rows * (features + hidden if work.kind == "inference" else 2 * features + 3 * hidden)


def normal(seed: int, *shape: int) -> np.ndarray:
    """Standard normal float32, the same in every library."""
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def sequence(work: Work) -> np.ndarray:
    """Input [batch, time, input]."""
    return normal(0, *work.shape[:3])


def cotangent(work: Work) -> np.ndarray:
    """What flows back into the outputs [batch, time, hidden]: the loss is the sum of outputs * cotangent."""
    batch, time, _, hidden = work.shape
    return normal(1, batch, time, hidden)


def texts(work: Work) -> tuple[np.ndarray, np.ndarray]:
    """Tokens [batch, time], and each one's successor."""
    drawn = np.random.default_rng(2).integers(TOKENS, size=(work.shape[0], work.shape[1] + 1))
    return drawn[:, :-1], drawn[:, 1:]


def cell_weights(name: str, features: int, hidden: int, seed: int = 3) -> Weights:
    """A cell's weights: PyTorch's blocks and scale, one bias a gate, and a GRU's second one for its candidate."""
    rows, scale = GATES[name] * hidden, np.float32(hidden**-0.5)
    weights = {
        "weight_ih": normal(seed, rows, features) * scale,
        "weight_hh": normal(seed + 1, rows, hidden) * scale,
        "bias": normal(seed + 2, rows) * scale,
    }
    if name == "gru":
        weights["bias_hn"] = normal(seed + 3, hidden) * scale
    return weights


def model_weights(work: Work) -> dict[str, Weights]:
    """Weights of a language model: an embedding, two LSTM layers, a linear one."""
    _, _, features, hidden = work.shape
    return {
        "embedding": {"weight": normal(10, TOKENS, features)},
        "layer0": cell_weights("lstm", features, hidden, 11),
        "layer1": cell_weights("lstm", hidden, hidden, 21),
        "head": {"weight": normal(31, TOKENS, hidden) * np.float32(hidden**-0.5), "bias": np.zeros(TOKENS, np.float32)},
    }
