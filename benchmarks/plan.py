"""What is run beside what, and what is to be reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .work import GATES, Work

Shape = tuple[int, ...]

# [batch, time, input, hidden]
SHAPES: tuple[Shape, ...] = (
    (1, 25, 65, 100),
    (16, 50, 64, 128),
    (32, 28, 28, 128),
    (64, 100, 128, 256),
    (64, 50, 512, 512),
    (128, 35, 650, 650),
)
OWN: tuple[Shape, ...] = SHAPES[1], SHAPES[3]
STEP: tuple[Shape, ...] = (32, 64, 64, 256), (50, 50, 64, 128)
SAMPLING = (1, 200, 64, 256)
FUNCTIONS = "tanh", "sigmoid", "softplus", "chain"
BASE: Shape = 32, 64, 64, 128
GROWTH: dict[str, tuple[int, tuple[int, ...]]] = {  # the axis of the shape that grows, and its sizes
    "growth time": (1, (32, 128, 512, 2048)),
    "growth truncated": (1, (32, 128, 512, 2048)),
    "growth batch": (0, (8, 32, 128, 512)),
    "growth hidden": (3, (64, 128, 256, 512)),
}
LIMIT = Work("sgemm", "sgemm", (3072,))
STARTUP = "lstm training", "gru training", "step"


@dataclass(frozen=True)
class Goal:
    """How much faster than the fastest of `peers`: each row, those from a batch on, and their geometric mean."""

    peers: tuple[str, ...]
    each: float
    mean: float | None = None
    from_batch: int = 1


FASTER = "torch", "jax"
GOALS = {
    "lstm training": (Goal(FASTER, 1.0, 1.25),),
    "gru training": (Goal(FASTER, 1.0, 1.5),),
    "rnn training": (Goal(FASTER, 1.0, 1.3),),
    "coupled training": (Goal(("jax",), 1.3), Goal(("torch",), 3.0)),
    "coupled inference": (Goal(FASTER, 1.0),),
    **{f"{name} inference": (Goal(FASTER, 1.0), Goal(("onnx",), 1.0, from_batch=8)) for name in ("lstm", "gru", "rnn")},
    "step": (Goal(("torch",), 1.25),),
    "sampling": (Goal(("torch",), 1.5),),
    **{f"elementwise {name}": (Goal(("torch",), 1.0),) for name in FUNCTIONS},
    "recording": (Goal(("torch",), 1 / 0.75),),
}
LIBRARIES = {
    "training": ("minigrad", *FASTER),
    "inference": ("minigrad", *FASTER, "onnx"),
    "truncation": ("minigrad", "torch"),
    "step": ("minigrad", "torch"),
    "sampling": ("minigrad", "torch"),
    "elementwise": ("minigrad", "torch", "numpy"),
    "recording": ("minigrad", "torch", "autograd", "mygrad"),
    "sgemm": ("numpy", "torch"),
}
WORDS = list(dict.fromkeys(word for title in [*GOALS, *GROWTH, "startup"] for word in title.split()))


def groups(shapes: Sequence[Shape] | None = None, quick: bool = False) -> dict[str, list[Work]]:
    """Every table's title, and its rows; with `shapes`, these in place of the recurrent ones."""
    some = slice(2 if quick else None)
    plan: dict[str, list[Work]] = {}
    for kind in ("training", "inference"):
        for name in GATES:
            usual = OWN if name == "coupled" else SHAPES
            plan[f"{name} {kind}"] = [Work(kind, name, shape) for shape in shapes or usual[some]]
    plan["step"] = [Work("step", "model", shape) for shape in shapes or STEP[some]]
    plan["sampling"] = [Work("sampling", "model", SAMPLING)]
    for name in FUNCTIONS:
        plan[f"elementwise {name}"] = [Work("elementwise", name, (10**power,)) for power in range(3, 8)[some]]
    plan["recording"] = [Work("recording", "chain", (500, 16))]
    for title, (axis, sizes) in GROWTH.items():
        kind = "truncation" if "truncated" in title else "training"
        grown = [(*BASE[:axis], size, *BASE[axis + 1 :]) for size in sizes[some]]
        plan[title] = [Work(kind, "lstm", shape) for shape in grown]
    return plan


def libraries(title: str, work: Work) -> tuple[str, ...]:
    """Who takes part in a row."""
    if title in GROWTH:
        return LIBRARIES["truncation"]
    return tuple(x for x in LIBRARIES[work.kind] if (x, work.name) != ("onnx", "coupled"))
