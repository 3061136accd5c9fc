"""Derivatives of functions: grad, value_and_grad, vjp, jvp, hvp, jacobian, hessian.

They nest, to any order: a result is recorded again wherever something outside still wants its gradient.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from . import ops
from .backward import deliver, reachable, walk
from .errors import check_shape
from .mode import enable_grad, mode
from .node import Node, Traced
from .tensor import Tensor, tensor

Function = Callable[..., Any]
Argnums = int | tuple[int, ...]


class Evaluation:
    """f at some arguments, recorded; `pull` sends cotangents of its outputs back to the chosen arguments."""

    def __init__(self, f: Function, arguments: Iterable[Any], argnums: Sequence[int], named: dict[str, Any]) -> None:
        self.outer_recording = mode.recording
        arguments = list(arguments)
        if not all(isinstance(i, int) for i in argnums):
            raise TypeError(f"argnums: expected an int (or, for grad, a tuple of them), got {argnums!r}")
        if not all(-len(arguments) <= i < len(arguments) for i in argnums):
            raise ValueError(
                f"{name_of(f)} was given {len(arguments)} arguments; argnums {tuple(argnums)} names others"
            )
        self.nested = any(isinstance(arguments[i], Tensor) and arguments[i].requires_grad for i in argnums)
        with enable_grad():
            for i in argnums:
                arguments[i] = variable(arguments[i])
            self.variables: list[Tensor] = [arguments[i] for i in argnums]
            self.returned = f(*arguments, **named)
        self.outputs = self.returned if isinstance(self.returned, tuple) else (self.returned,)
        if not all(isinstance(y, Tensor) for y in self.outputs):
            found = ", ".join(type(y).__name__ for y in self.outputs)
            raise TypeError(f"{name_of(f)} must return a Tensor or a tuple of them, got {found}")
        self.stop = frozenset(x.node for x in self.variables if x.node is not None)
        self.shared = self.nested or leads_elsewhere(self.outputs, self.stop)

    @property
    def wanted(self) -> bool:
        """Whether somebody outside can want a gradient of the results."""
        return self.shared and self.outer_recording

    def value(self) -> Any:
        """What f returned; cut off from the graph where nobody wants its gradient."""
        if self.wanted:
            return self.returned
        outputs = tuple(y.detach() for y in self.outputs)
        return outputs if isinstance(self.returned, tuple) else outputs[0]

    def pull(self, cotangents: Sequence[Tensor], *, keep: bool = False) -> tuple[Tensor, ...]:
        """The cotangents of the variables. The graph is kept for another call if `keep`."""
        create = self.wanted or any(g.requires_grad for g in cotangents)
        start: dict[Node, Any] = {}
        for y, g in zip(self.outputs, cotangents, strict=True):
            check_shape("cotangent", g, y)
            if y.node is not None:
                g = g.astype(y.dtype)
                deliver(start, y, g if create else g.array)
        with enable_grad():
            arrived = walk(start, retain_graph=keep or create or self.shared, create_graph=create, stop=self.stop)
        found = ((x, arrived.get(x.node)) for x in self.variables)  # type: ignore[arg-type]
        return tuple(as_tensor(np.zeros_like(x.array) if c is None else c) for x, c in found)

    def close(self) -> None:
        """Say that no more cotangents of the variables will be asked for: an outer derivative can pass them by."""
        for x in self.variables:
            if x.is_leaf and x.node is not None:
                x.node.inputs = None


def variable(x: Any) -> Tensor:
    """x as an argument to differentiate for: a leaf, or a new node on top of the graph that x is part of."""
    if isinstance(x, Tensor) and x.requires_grad:
        return ops.reshape(x, x.shape)
    return tensor(x, requires_grad=True)


def leads_elsewhere(outputs: Iterable[Tensor], stop: frozenset[Node]) -> bool:
    """Whether some leaf beside `stop` (a parameter that f closes over, say) wants a gradient of the outputs."""
    wants = lambda leaf: leaf.primitive is None and leaf.inputs is not None and leaf not in stop  # noqa: E731
    nodes = reachable([y.node for y in outputs if y.node is not None], stop)
    inputs = (x.node for node in nodes for x in node.inputs or () if isinstance(x, Traced))
    return any(source is not None and wants(source) for source in inputs)


def as_tensor(x: Any) -> Tensor:
    return x if isinstance(x, Tensor) else Tensor(x)


def name_of(f: Function) -> str:
    return getattr(f, "__name__", "the function")


def check_function(name: str, f: Any) -> None:
    """Refuse what is no function: PyTorch's `grad` takes Tensors there."""
    if not callable(f):
        raise TypeError(
            f"{name}: expected a function, got {type(f).__name__}; write what computes it as a function of what the "
            "derivative is for (or call backward() on a Tensor, and read the grad of its leaves)"
        )


def grad(f: Function, argnums: Argnums = 0) -> Function:
    """The gradient of `f`, which returns a single number, as a function of the same arguments.

    With a tuple of `argnums` it returns a tuple. Arguments: Tensors, arrays or Python floats (float32).
    """
    check_function("grad", f)
    both = value_and_grad(f, argnums)

    @functools.wraps(f, assigned=("__name__",), updated=())
    def gradient(*arguments: Any, **named: Any) -> Any:
        return both(*arguments, **named)[1]

    return gradient


def value_and_grad(f: Function, argnums: Argnums = 0) -> Function:
    """A function that returns what `f` does (a single number) and its gradient, in one run. See `grad`."""
    check_function("value_and_grad", f)

    @functools.wraps(f, assigned=("__name__",), updated=())
    def value_and_gradient(*arguments: Any, **named: Any) -> tuple[Any, Any]:
        run = Evaluation(f, arguments, (argnums,) if isinstance(argnums, int) else argnums, named)
        y = run.returned
        if isinstance(y, tuple) or y.size != 1:
            found = "a tuple" if isinstance(y, tuple) else f"shape {y.shape}"
            raise ValueError(f"grad: {name_of(f)} must return a single number, got {found}; use jacobian() or vjp()")
        value = run.value()
        gradients = run.pull([Tensor(np.ones_like(y.array))])
        run.close()
        return value, gradients[0] if isinstance(argnums, int) else gradients

    return value_and_gradient


def vjp(f: Function, *xs: Any) -> tuple[Any, Callable[..., tuple[Tensor, ...]]]:
    """What `f(*xs)` returns, and its pullback: from cotangents of the outputs to a tuple with one per input.

    The pullback may be called many times. A cotangent has its output's shape.
    """
    check_function("vjp", f)
    run = Evaluation(f, xs, range(len(xs)), {})

    def pullback(*cotangents: Any) -> tuple[Tensor, ...]:
        if len(cotangents) != len(run.outputs):
            raise TypeError(f"pullback: expected {len(run.outputs)} cotangents, one per output, got {len(cotangents)}")
        found = run.pull([g if isinstance(g, Tensor) else tensor(g) for g in cotangents], keep=True)
        run.close()
        return found

    return run.value(), pullback


def jvp(f: Function, xs: Sequence[Any], vs: Sequence[Any]) -> tuple[Any, Any]:
    """What `f(*xs)` returns, and its directional derivative along `vs` (one tangent per input, of its shape).

    A pullback is linear in its cotangent u, so the pullback of that map, at any u, is the jvp (Townsend 2017).
    """
    check_function("jvp", f)
    run = Evaluation(f, xs, range(len(xs)), {})
    if len(vs) != len(run.variables):
        raise TypeError(f"jvp: expected {len(run.variables)} tangents, one per input, got {len(vs)}")
    tangents = [v if isinstance(v, Tensor) else tensor(v, x.dtype) for x, v in zip(run.variables, vs, strict=True)]
    for x, v in zip(run.variables, tangents, strict=True):
        check_shape("tangent", v, x)

    def pulled(*us: Tensor) -> tuple[Tensor, ...]:
        return run.pull(us, keep=True)

    zeros = [np.zeros_like(y.array) for y in run.outputs]
    _, push = vjp(pulled, *zeros)
    pushed = push(*tangents)
    run.close()
    if not (run.wanted or any(v.requires_grad for v in tangents)):
        pushed = tuple(c.detach() for c in pushed)
    return run.value(), pushed if isinstance(run.returned, tuple) else pushed[0]


def hvp(f: Function, x: Any, v: Any) -> Tensor:
    """The Hessian of `f` (which returns a single number) at `x`, times `v`, without forming it."""
    check_function("hvp", f)
    run = Evaluation(grad(f), (x,), (0,), {})
    (product,) = run.pull([v if isinstance(v, Tensor) else tensor(v, run.variables[0].dtype)])
    run.close()
    return product


def jacobian(f: Function, argnums: int = 0) -> Function:
    """The Jacobian of `f` as a function: [*shape of the output, *shape of the argument], one pull per output."""
    check_function("jacobian", f)

    @functools.wraps(f, assigned=("__name__",), updated=())
    def jacobian_of(*arguments: Any, **named: Any) -> Tensor:
        run = Evaluation(f, arguments, (argnums,), named)
        if isinstance(run.returned, tuple):
            raise TypeError(f"jacobian: {name_of(f)} must return one Tensor, got a tuple; use vjp()")
        y, x = run.outputs[0], run.variables[0]
        basis = np.eye(y.size, dtype=y.dtype).reshape(y.size, *y.shape)
        rows = [run.pull([Tensor(row)], keep=True)[0] for row in basis]
        run.close()
        shape = (*y.shape, *x.shape)
        return ops.reshape(ops.stack(rows), shape) if rows else Tensor(np.zeros(shape, x.dtype))

    return jacobian_of


def hessian(f: Function, argnums: int = 0) -> Function:
    """The matrix of second derivatives of `f`, which returns a single number: [*shape, *shape] of the argument."""
    check_function("hessian", f)
    return jacobian(grad(f, argnums), argnums)
