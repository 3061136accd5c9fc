"""The vjp rule of a function of one number as one pass over its arrays, where NumPy takes one for each operation."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..kernels import compile as compiler
from .emit import Source
from .generate import HEADER, module, ready
from .program import trace

LONG = 1 << 12  # entries from which on it is worth compiling: sigmoid and its gradient, 100,000: 56 us, not 80

Rule = Callable[[Any, Any, Any], Any]


def in_one_pass(rule: Rule, name: str) -> Rule:
    """`rule(g, y, x)`, a function from entries to entries; compiled for long arrays of one dtype and shape."""
    compiled = functools.cache(functools.partial(one_pass, rule, name))

    @functools.wraps(rule)
    def chosen(g: Any, y: Any, x: Any) -> Any:
        if isinstance(x, np.ndarray) and x.size >= LONG and isinstance(g, np.ndarray) and fit(g, y, x):
            with np.errstate(all="ignore"):  # the processor calls it invalid to compare a NaN, and NumPy would warn
                return compiled(x.dtype)(*map(np.ascontiguousarray, (g, y, x)))  # a sum's g has a step of 0: no vectors
        return rule(g, y, x)

    return chosen


def fit(g: np.ndarray, y: np.ndarray, x: np.ndarray) -> bool:
    """Whether one loop may take them entry by entry."""
    return g.dtype == y.dtype == x.dtype and g.shape == x.shape and ready(x.dtype)


def one_pass(rule: Rule, name: str, dtype: np.dtype) -> np.ufunc:
    """The rule as a ufunc (g, y, x) -> cotangent, generated from what it does to Tensors."""
    program = trace(rule, [np.full(1, 0.5, dtype)] * 3, wanted_for=())
    source = Source(dtype.name)
    lines = [f"    {step.name} = {source.expression(step)}\n" for step in program.forward]
    lines = ["    scalar.inline_into_loop()\n", *lines, f"    return {program.outputs[0]}\n"]
    text = f"def rule({', '.join(program.inputs)}):\n{''.join(lines)}"
    with compiler.first_use(f"the rule of {name} for {dtype}"):
        made = module(f"rule_of_{name}", f"# rule of {name}\n{HEADER}{source.constants()}\n\n{text}")
        return compiler.ufunc(made.rule, dtype)
