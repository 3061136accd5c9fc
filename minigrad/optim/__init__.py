"""Optimizers, clipping of gradients and learning-rate schedules, with PyTorch's semantics."""

from .adam import Adam, AdamW
from .clipping import clip_grad_norm, clip_grad_value
from .optimizer import Optimizer
from .rmsprop import RMSProp
from .schedules import Schedule, cosine, step_decay, warmup
from .sgd import SGD

__all__ = [
    "Optimizer", "SGD", "RMSProp", "Adam", "AdamW", "clip_grad_norm", "clip_grad_value",
    "Schedule", "step_decay", "cosine", "warmup",
]  # fmt: skip
