"""A pointwise function as one node: one loop over the entries forward, and one back."""

from __future__ import annotations

import functools
import inspect
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..checkpoint import rebuilt
from ..kernels import memory
from ..kernels.pool import get_num_threads, share
from ..mode import enable_grad, mode, no_grad
from ..node import Node, Traced
from ..tensor import Tensor
from .emit import Source, Unknown
from .generate import HEADER, module, ready
from .prelude import Prelude
from .program import NotPointwise, Program, Step, has_node, recorded_cotangents, trace, wanted

NUMBERS = (bool, int, float)  # Python's own: they go into a loop as they are
CHUNK = 1 << 13  # entries that a loop takes at once, where no axis says how many
TOGETHER = 1 << 17  # entries from which on a second thread is worth calling


class Fused:
    """The function that `fuse` returns."""

    def __init__(self, body: Callable[..., Any]) -> None:
        functools.update_wrapper(self, body)
        self.body = body
        self.name: str = getattr(body, "__name__", "body")
        self.known: dict[Any, Loops | None] = {}

    def __call__(self, *inputs: Any) -> Any:
        if mode.tracing:  # part of another body
            return self.body(*inputs)
        values = [x.array if isinstance(x, Traced) else np.asarray(x) for x in inputs]
        loops = self.loops(inputs, values)
        shapes = {value.shape for value, x in zip(values, inputs) if type(x) not in NUMBERS}
        if loops is None or not (loops.complete or len(shapes) == 1):
            return self.body(*inputs)
        return loops(inputs, values)

    def loops(self, inputs: Sequence[Any], values: Sequence[np.ndarray]) -> Loops | None:
        """The loops for inputs like these, made now if need be; None where there can be none."""
        dtypes = {value.dtype for value, x in zip(values, inputs) if type(x) not in NUMBERS}
        if len(dtypes) != 1 or not ready(dtype := dtypes.pop()):
            return None
        try:
            shape = common_shape(values)
        except ValueError:
            return None  # the body itself says which op does not fit
        wanted = tuple(i for i, x in enumerate(inputs) if has_node(x))
        numbers = tuple(i for i, x in enumerate(inputs) if type(x) in NUMBERS)
        row = shape[-1:]
        key = dtype, wanted, numbers
        for known in (key, (*key, row)):
            if known in self.known:
                return self.known[known]
        loops = self.made(len(inputs), *key, row)
        narrow = loops is not None and loops.program.externals
        self.known[(*key, row) if narrow else key] = loops
        return loops

    def made(
        self, inputs: int, dtype: np.dtype, wanted: Sequence[int], numbers: Sequence[int], row: tuple[int, ...]
    ) -> Loops | None:
        """The loops, or None for a body that does not work entry by entry."""
        try:
            return Loops(self.name, self.body, inputs, dtype, wanted, numbers, row)
        except (NotPointwise, Unknown):
            return None

    def __reduce__(self) -> str:
        return self.__qualname__  # type: ignore[attr-defined]  # a copy is the same, as of any function

    @property
    def source(self) -> str:
        """The generated source (for float32, where there has been no call)."""
        for loops in self.known.values():
            if loops is not None:
                return loops.source
        count = len(inspect.signature(self.body).parameters)
        return Loops(self.name, self.body, count, np.dtype(np.float32), range(count), (), ()).source


class Loops:
    """A body's two loops, for inputs of one dtype: a primitive."""

    pointwise = False

    def __init__(
        self,
        name: str,
        body: Callable[..., Any],
        inputs: int,
        dtype: np.dtype,
        wanted: Sequence[int],
        numbers: Sequence[int],
        row: tuple[int, ...],
    ) -> None:
        width = max((1, *row))
        samples = [np.full(width, 0.5, dtype)] * inputs
        self.name, self.dtype, self.body = name, dtype, body
        self.program = trace(body, samples, at_hand=range(inputs), wanted_for=wanted)
        with no_grad(), np.errstate(all="ignore"):
            self.tree = body(*map(Tensor, samples))
        self.prelude = Prelude(self.program, (width,) if row else ())
        self.complete = all(depends_on_all(self.program, y) for y in self.program.outputs)
        alone = {self.program.inputs[i] for i in numbers}
        if any(alone.issuperset(a for a in s.arguments if isinstance(a, str)) for s in self.program.forward):
            raise NotPointwise("it computes with numbers alone, which NumPy does in a precision of their own")
        self.source = f"# {name}\n{loops_source(self.program, alone, dtype)}"
        self.code = module(name, self.source)

    def __call__(self, inputs: Sequence[Any], values: Sequence[np.ndarray]) -> Any:
        """The body's outputs for these inputs, in a node if a gradient may be wanted."""
        sources = (*inputs, *self.prelude())
        keep = mode.recording and any(has_node(x) for x in sources)
        shape = common_shape(values)
        values = [self.value(x, keep) for x in sources]
        outputs = tuple(memory.empty(shape, self.dtype) for _ in self.program.outputs)
        saved = tuple(memory.empty(shape, self.dtype) for _ in self.program.saved if keep)
        rows = Rows(shape, values)
        rows.run(self.code.forward if keep else self.code.inference, (*outputs, *saved))
        if not any(isinstance(x, Traced) for x in sources):
            return rebuilt(self.tree, iter(outputs))
        if not keep:
            return rebuilt(self.tree, map(Tensor, outputs))
        single = len(outputs) == 1
        node = Node(self, sources, tuple(values), outputs[0] if single else outputs, {"saved": saved})
        return rebuilt(self.tree, (Tensor(y, node, None if single else i) for i, y in enumerate(outputs)))

    def value(self, x: Any, keep: bool) -> Any:
        """What the loop gets for an input: an array that nobody changes, if it is to `keep` it, or a number."""
        if type(x) in NUMBERS:
            return self.dtype.type(x)
        return np.asarray(x.array) if isinstance(x, Traced) else np.array(x, self.dtype, copy=keep or None)

    def rule(self, g: Any, y: Any, *inputs: Any, saved: Sequence[np.ndarray]) -> tuple[Any, ...]:
        """The cotangents: by the loop, or, where they are to be recorded, op by op through the program."""
        if any(isinstance(x, Traced) for x in inputs):
            return self.replayed(g, inputs)
        g, outputs = (g, y) if isinstance(g, tuple) else ((g,), (y,))
        rows = Rows(outputs[0].shape, [*inputs, *outputs, *saved, *map(np.asarray, g)])
        names = (*self.program.inputs, *self.program.externals)
        sent = {name: memory.empty(outputs[0].shape, self.dtype) for name in names if name in self.program.cotangents}
        if sent:
            rows.run(self.code.backward, tuple(sent.values()))
        return tuple(sent.get(name) for name in names)

    def replayed(self, g: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:
        """The cotangents as Tensors that know where they come from."""
        with enable_grad():
            names = (*self.program.inputs, *self.program.externals)
            again = self.program.run(dict(zip(names, inputs)))
            return recorded_cotangents(again, g if isinstance(g, tuple) else (g,), inputs)


def common_shape(values: Sequence[np.ndarray]) -> tuple[int, ...]:
    """np.broadcast_shapes, which costs 5 us where all are of one shape."""
    shape = values[0].shape
    return shape if all(v.shape == shape for v in values) else np.broadcast_shapes(*(v.shape for v in values))


class Rows:
    """Inputs that broadcast, as rows of `size` entries: each array is read on from row to row, or again and again."""

    def __init__(self, shape: tuple[int, ...], values: Sequence[np.ndarray]) -> None:
        self.total = math.prod(shape)
        self.read: list[Any] = []
        if all(isinstance(v, np.ndarray) and v.shape == shape for v in values):  # what follows would cost 10 us more
            self.size = min(CHUNK, max(self.total, 1))
            for value in values:
                self.read += [memory.constant(value).reshape(-1), 1]
            return
        others = [v for v in values if isinstance(v, np.ndarray) and v.shape != shape]
        trailing = [v.size for v in others if v.size > 1 and v.shape == shape[-v.ndim :]]
        self.size = max(trailing, default=min(CHUNK, max(self.total, 1)))
        for value in values:
            if isinstance(value, np.generic):
                self.read.append(value)
                continue
            again = False
            if value.shape != shape:
                again = value.size == 1 or (value.size == self.size and value.shape == shape[-value.ndim :])
                if value.size == 1:
                    value = np.full(self.size, value)
                elif not again:
                    value = np.broadcast_to(value, shape)
            self.read += [memory.constant(value).reshape(-1), int(not again)]

    def run(self, loop: Any, written: Sequence[np.ndarray]) -> None:
        """The loop over all rows."""
        rows = -(-self.total // self.size)
        work = functools.partial(loop, *self.read, *(array.reshape(-1) for array in written), self.total, self.size)
        share(work, rows, get_num_threads() if self.total >= TOGETHER else 1)


def loops_source(program: Program, numbers: set[str], dtype: np.dtype) -> str:
    """The module with the loops `forward`, `inference` (which saves nothing) and `backward`."""
    source = Source(dtype.name)
    inputs, saved = [*program.inputs, *program.externals], [*program.saved]
    outputs = {f"y{i}": name for i, name in enumerate(program.outputs)}
    keeps = {f"kept{i}": name for i, name in enumerate(saved)}
    found = {name: array for array, name in (outputs | keeps).items() if name not in inputs}
    sent = {f"to_{name}": program.cotangents[name] for name in inputs if name in program.cotangents}
    cotangents = [f"g{i}" for i in range(len(outputs))]
    everything = {array: array for array in (*inputs, *outputs, *keeps, *cotangents)}
    blocks = [
        loop(source, "forward", program.forward, {x: x for x in inputs}, outputs | keeps, numbers),
        loop(
            source, "inference", wanted(program.forward, set(program.outputs)), {x: x for x in inputs}, outputs, numbers
        ),
    ]
    if sent:
        blocks.append(loop(source, "backward", program.backward, everything | found, sent, numbers))
    return "\n\n".join([HEADER + source.constants(), *blocks])


def depends_on_all(program: Program, y: str) -> bool:
    """Whether all inputs lead to the output y, which then has the shape of all."""
    return {y}.union(*(step.arguments for step in wanted(program.forward, {y}))).issuperset(program.inputs)


def loop(source: Source, name: str, steps: Sequence[Step], reads: dict[str, str], writes: dict[str, str],
         numbers: set[str]) -> str:  # fmt: skip
    """A function that runs over rows `first` up to `last`; what it reads has a step of 1, or 0 to be read again."""
    arrays = [*dict.fromkeys(reads.values())]

    def listed(where: str) -> list[str]:
        parts = ([x] if x in numbers else [x, where.format(x)] for x in arrays)
        return [*itertools.chain(*parts), *writes]

    parameters, offsets, call = (listed(where) for where in ("{}_step", "{}_at", "at * {}_step"))
    cuts = {value: f"{x}, {x}_at" for value, x in reads.items()}
    into = {row: f"{row}, at" for row in writes}
    step = source.function(name, steps, cuts, writes, {}, into, ", ".join([*offsets, "at", "n"]), numbers=numbers)
    return (
        f"{step}\n\n@compiled\ndef {name}({', '.join(parameters)}, total, size, first, last):\n"
        f"    for r in range(first, last):\n        at = r * size\n        n = min(size, total - at)\n"
        f"        {name}_step({', '.join([*call, 'at', 'n'])})\n"
    )


def fuse(body: Callable[..., Any]) -> Fused:
    """`body` as one node with one loop forward and one back; a function from entries to entries.

    body(*tensors) -> Tensor, or a tuple of Tensors, all of the inputs' broadcast shape. It may use parameters and
    constants that it finds elsewhere; it is run twice for each dtype, to see what it does, so a choice that it makes
    in Python is made for good. Derivatives of any order; `fused.source` is the generated code. What is no such
    function (or where Numba may not compile) is recorded op by op, with the same numbers.
    """
    return Fused(body)


def of_op(op: Callable[..., Any]) -> Fused:
    """An op's one loop forward and one back: on long arrays the pool's threads share them."""
    apply = op.primitive.apply  # type: ignore[attr-defined]  # not the op itself, which comes here with long arrays

    @functools.wraps(op, updated=())
    def body(x: Tensor) -> Any:
        return apply(x)

    return Fused(body)
