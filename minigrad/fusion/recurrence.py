"""A cell over a whole sequence as one node."""

from __future__ import annotations

import functools
import inspect
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from ..kernels import memory, products
from ..kernels.pool import share
from ..mode import enable_grad, mode
from ..node import Node, Traced
from ..tensor import Tensor
from .emit import Source, Unknown
from .generate import HEADER, module, ready
from .prelude import Prelude
from .program import NotPointwise, Program, recorded_cotangents, trace

VALUES = (bool, int, float, str, type(None))
Replay = Callable[[Tensor, Sequence[Tensor]], Sequence[Tensor]]  # x, state -> outputs, *final state


class Run(NamedTuple):
    """One use of a recurrence: what the way back needs."""

    lengths: np.ndarray
    backwards: bool
    mask: np.ndarray
    replay: Replay
    externals: Sequence[Tensor]
    constants: np.ndarray
    initial: np.ndarray
    outputs: np.ndarray
    saved: np.ndarray


class Recurrence:
    """A cell's loop over time: a primitive with the cell's parameters among its inputs.

    `body(*mapped, *products, *state)` is the cell's, on blocks [hidden].
    """

    name, pointwise = "recurrence", False

    def __init__(self, title: str, body: Callable[..., Any], gates: int, parts: int, hidden: int, dtype: Any) -> None:
        sample = np.full(hidden, 0.5, dtype)
        size = 2 * gates + parts
        self.gates, self.parts, self.hidden, self.dtype = gates, parts, hidden, np.dtype(dtype)
        self.program = trace(body, [sample] * size, range(2 * gates, size))
        if len(self.program.outputs) != parts:
            raise NotPointwise(f"it returned {len(self.program.outputs)} values for a state of {parts}")
        self.alike = alike(self.program, gates)
        self.prelude = Prelude(self.program, sample.shape)
        self.source = recurrence_source(self.program, gates, parts, self.dtype.name)
        self.code = module(title, self.source)

    def __call__(
        self, weights: tuple[Tensor, Tensor, Tensor], x: Tensor, state: Sequence[Tensor], lengths: np.ndarray,
        backwards: bool, mask: np.ndarray | None, replay: Replay,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        """x [batch, time, input], parts of the state [batch, hidden] -> outputs, *final state.

        weights: those of x [gates * hidden, input], bias [gates * hidden], those of h. lengths [batch]; mask [batch,
        hidden] multiplies h on its way into the product. `replay` does the same op by op, for derivatives of higher
        order.
        """
        weight_ih, bias, weight_hh = weights
        lengths = np.array(lengths, np.int64)  # a copy: the caller may change the array before the way back
        externals = self.prelude()
        inputs = (x, weight_ih, bias, weight_hh, *state, *self.prelude.parameters)
        keep = mode.recording and any(x.node is not None for x in inputs)
        batch, time = x.shape[:2]
        hidden, dtype = self.hidden, self.dtype
        slots = len(self.program.saved) + self.parts - 1
        initial = stacked([x.array for x in state], (self.parts, batch, hidden), dtype)
        final = np.empty_like(initial)
        outputs = memory.empty((batch, time, hidden), dtype)
        saved = memory.empty((batch * time, slots, hidden) if keep else (0, 0, 0), dtype)
        rows = bias.array.reshape(self.gates, hidden)
        constants = memory.constant(np.vstack([rows, *(p.array for p in externals)]) if externals else rows)
        mask = memory.constant(np.empty((0, 0), dtype) if mask is None else mask)
        packed = [products.packed_weight(w.array, True) for w in (weight_ih, weight_hh)]
        work = functools.partial(
            self.code.forward, memory.constant(x.array), *packed, len(bias), mask, lengths, backwards, constants,
            initial, final, outputs, saved,
        )  # fmt: skip
        share(work, batch, products.threads_for(batch * time * len(bias) * (hidden + x.shape[2])))
        results = (outputs, *final)
        if not keep:
            return tuple(map(Tensor, results))
        run = Run(lengths, backwards, mask, replay, externals, constants, initial, outputs, saved)
        node = Node(self, inputs, tuple(x.array for x in inputs), results, {"run": run})
        return tuple(Tensor(y, node, i) for i, y in enumerate(results))

    def rule(
        self, g: Any, y: Any, x: Any, weight_ih: Any, bias: Any, weight_hh: Any, *others: Any, run: Run
    ) -> tuple[Any, ...]:
        """The cotangents: by the generated loop, or through the graph of the replay where these are to be recorded."""
        if any(isinstance(value, Traced) for value in (x, weight_ih, bias, weight_hh, *others)):
            return self.replayed(g, (x, weight_ih, bias, weight_hh, *others), run)
        batch, time = x.shape[:2]
        width = len(bias)
        g_outputs = memory.constant(g[0])
        g_final = stacked(g[1:], run.initial.shape, self.dtype)
        g_mapped = memory.empty((batch, time, width), self.dtype)
        g_product = g_mapped if self.alike else memory.empty(g_mapped.shape, self.dtype)
        g_initial = np.empty_like(run.initial)
        sums: dict[int, np.ndarray] = {}
        packed = products.packed_weight(weight_hh, False)

        def work(first: int, last: int) -> None:
            sums[first] = np.zeros_like(run.constants)
            self.code.backward(
                g_outputs, g_final, packed, run.mask, run.lengths, run.backwards, run.constants, run.initial,
                run.outputs, run.saved, g_mapped, g_product, g_initial, sums[first], first, last,
            )  # fmt: skip

        share(work, batch, products.threads_for(batch * time * width * self.hidden))
        g_constants = np.sum([sums[first] for first in sorted(sums)], axis=0)
        flat = g_mapped.reshape(-1, width)
        return (
            lambda: products.product(flat, weight_ih).reshape(x.shape),
            lambda: products.product(flat.T, x.reshape(-1, x.shape[2])),
            g_constants[: self.gates].reshape(bias.shape),
            lambda: products.product(g_product.reshape(-1, width).T, self.entered(run).reshape(-1, self.hidden)),
            *g_initial,
            *self.prelude.cotangents(run.externals, g_constants[self.gates :]),
        )

    def entered(self, run: Run) -> np.ndarray:
        """The h that entered the product at every step [batch, time, hidden]."""
        h = memory.empty(run.outputs.shape, self.dtype)
        if run.backwards:
            h[:, :-1] = run.outputs[:, 1:]
            h[:, -1] = 0
            h[np.arange(len(h)), run.lengths - 1] = run.initial[0]
        else:
            h[:, 1:] = run.outputs[:, :-1]
            h[:, 0] = run.initial[0]
        if run.mask.size:
            h *= run.mask[:, None]
        return h

    def replayed(self, g: Any, inputs: Sequence[Any], run: Run) -> tuple[Any, ...]:
        """The cotangents as Tensors that know where they come from."""
        with enable_grad():
            return recorded_cotangents(run.replay(inputs[0], inputs[4 : 4 + self.parts]), g, inputs)


def stacked(arrays: Sequence[Any], shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """The arrays one after another."""
    together = np.empty(shape, dtype)
    for i, array in enumerate(arrays):
        together[i] = array
    return together


_known: WeakKeyDictionary[Any, dict[Any, Recurrence | None]] = WeakKeyDictionary()


def recurrence(
    owner: Any, body: Callable[[], Any], gates: int, parts: int, hidden: int, dtype: np.dtype
) -> Recurrence | None:
    """The compiled loop for a cell, or None where there can be none. Traced anew when an attribute of it changes.

    body() gives the cell's, or None if it may not be compiled; asked for only where the loop is not known.
    """
    if not ready(dtype):
        return None
    key = dtype, identity(vars(owner))
    known = _known.setdefault(owner, {})
    if key not in known:
        made = None  # not in `known` yet: another thread would take it for the answer
        with suppress(NotPointwise, Unknown):
            if (found := body()) is not None:
                made = Recurrence(type(owner).__name__, found, gates, parts, hidden, dtype)
        known[key] = made
    return known[key]


def identity(x: Any) -> Any:
    """What a body may choose by: a value, or which object it is, for as long as that lives."""
    if isinstance(x, Traced):
        return id(x), x.node is None  # one that the body uses lives on in the loop that was made
    if type(x) in VALUES:  # most attributes are; the rest of this function would take three times as long
        return x
    if isinstance(x, dict):
        return tuple([(key, identity(value)) for key, value in x.items()])
    if isinstance(x, list | tuple):
        return tuple(map(identity, x))
    try:
        hash(x)
        return weakref.ref(x)  # not its id, which another object may have later
    except TypeError:
        return x if x.__hash__ else id(x)


def recurrence_source(program: Program, gates: int, parts: int, dtype: str) -> str:
    """The module that runs this body over a sequence, forward and back."""
    from ..kernels import sequence  # and Numba with it

    source = Source(dtype)
    x = [f"x{i}" for i in range(2 * gates + parts)]
    mapped, product, state = x[:gates], x[gates : 2 * gates], x[2 * gates :]
    biases = [f"b{k}" for k in range(gates)]
    externals, saved = [*biases, *program.externals], [*program.saved]
    add = [f"x{k} = x{k} + b{k}" for k in range(gates)]
    kept = len(saved) + parts - 1
    cuts = {
        **{name: f"mapped, m + {k} * n" for k, name in enumerate(mapped)},
        **{name: f"z, z_at + {k} * n" for k, name in enumerate(product)},
        **{name: f"now, i + {k} * step" for k, name in enumerate(state)},
        **{name: f"externals, {k} * n" for k, name in enumerate(externals)},
    }
    writes = {f"then{k}": y for k, y in enumerate(program.outputs)} | {"shown": program.outputs[0]}
    into = {f"then{k}": f"then, i + {k} * step" for k in range(parts)} | {"shown": "outputs, o"}
    keeps = {f"kept{k}": y for k, y in enumerate([*saved, *program.outputs[1:]])}
    into |= {f"kept{k}": f"saved, s + {k} * n" for k in range(kept)}
    blocks = [
        source.function("forward", program.forward, cuts, writes | keeps, {}, into,
                        "mapped, m, z, z_at, now, then, i, step, externals, outputs, o, saved, s, n", first=add),
        source.function("inference", program.forward, cuts, writes, {}, into,
                        "mapped, m, z, z_at, now, then, i, step, externals, outputs, o, n", first=add),
    ]  # fmt: skip
    cuts = {
        **{f"g{k}": f"now, i + {k} * step" for k in range(parts)},
        "g_shown": "g_outputs, o",
        **{name: f"saved, s + {k} * n" for k, name in enumerate(saved)},
        state[0]: "h, h_at",
        **{name: f"state, state_at + {k + 1} * state_step" for k, name in enumerate(state[1:])},
        program.outputs[0]: "outputs, o",
        **{name: f"saved, s + {len(saved) + k} * n" for k, name in enumerate(program.outputs[1:])},
        **{name: f"externals, {k} * n" for k, name in enumerate(externals)},
    }
    ends = {name: program.cotangents.get(name, 0.0) for name in x}
    sent = {f"to_{name}": ends[name] for name in (*mapped, *state)}
    into = {f"to_{name}": f"g_mapped, m + {k} * n" for k, name in enumerate(mapped)}
    into |= {f"to_{name}": f"then, i + {k} * step" for k, name in enumerate(state)}
    if not alike(program, gates):
        sent |= {f"to_{name}": ends[name] for name in product}
        into |= {f"to_{name}": f"g_product, m + {k} * n" for k, name in enumerate(product)}
    sums = {f"to_b{k}": program.cotangents[name] for k, name in enumerate(mapped) if name in program.cotangents}
    sums |= {f"to_{name}": program.cotangents[name] for name in program.externals if name in program.cotangents}
    into |= {f"to_{name}": f"g_externals, {k} * n" for k, name in enumerate(externals)}
    blocks.append(
        source.function("backward", program.backward, cuts, sent, sums, into,
                        "g_outputs, o, now, then, i, step, saved, s, h, h_at, state, state_at, state_step, "
                        "outputs, externals, g_mapped, g_product, m, g_externals, n",
                        first=["g0 = g0 + g_shown"])
    )  # fmt: skip
    loops = [f"@compiled\n{inspect.getsource(loop)}" for loop in (sequence.forward, sequence.backward)]
    return "\n\n".join([HEADER + source.constants(), *blocks, *loops])


def alike(program: Program, gates: int) -> bool:
    """Whether the mapped input and the product with h get one and the same cotangent, as where they are only added."""
    ends = [program.cotangents.get(f"x{i}") for i in range(2 * gates)]
    return ends[:gates] == ends[gates:]
