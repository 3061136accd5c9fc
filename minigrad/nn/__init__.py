"""Modules: what holds parameters. Layers to build networks from, and initial values for their weights."""

from . import init
from .layers import Conv2d, Dropout, Embedding, Flatten, LayerNorm, Linear, MaxPool2d, Sequential
from .module import Module, Parameter

__all__ = [
    "Module", "Parameter", "Sequential", "Linear", "Embedding", "Dropout", "LayerNorm", "Conv2d", "MaxPool2d",
    "Flatten", "init",
]  # fmt: skip
