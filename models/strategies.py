"""Hypothesis strategies of recurrent networks, and of sequences that fit them (`pip install minigrad[testing]`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from numpy.typing import DTypeLike

from minigrad.nn import Module
from minigrad.testing.strategies import padded_batches

from .gru import GRU
from .lstm import LSTM
from .vanilla import RNN

SETTINGS: dict[Callable[..., Module], dict[str, tuple[Any, ...]]] = {
    RNN: {"nonlinearity": ("tanh", "relu")},
    LSTM: {"peephole": (False, True)},
    GRU: {"reset_after": (True, False)},
}
Draw = Callable[[st.SearchStrategy[Any]], Any]


class Sizes(NamedTuple):
    """How large everything is; `lengths` may be None."""

    batch: int
    time: int
    input: int
    hidden: int
    lengths: list[int] | None


class DrawnNetwork(NamedTuple):
    """A network and what to call it on: x [batch, time, features], lengths [batch] or None."""

    network: Module
    x: np.ndarray
    lengths: np.ndarray | None
    made: str

    def __repr__(self) -> str:
        return f"DrawnNetwork({self.made}, x={self.x.tolist()}, lengths={np.asarray(self.lengths).tolist()})"


@st.composite
def sequence_sizes(draw: Draw, lengths: bool | None = None, most: int = 4, max_time: int = 5) -> Sizes:
    """Sizes from 1 up; with or without lengths, or either (None).

    >>> padded = sequence_sizes(lengths=True)  # Sizes(batch=2, time=3, input=1, hidden=4, lengths=[3, 1])
    """
    batch, time = draw(st.integers(1, most)), draw(st.integers(1, max_time))
    within = st.lists(st.integers(1, time), min_size=batch, max_size=batch)
    padded = draw(st.booleans()) if lengths is None else lengths
    return Sizes(batch, time, draw(st.integers(1, most)), draw(st.integers(1, most)), draw(within) if padded else None)


@st.composite
def networks(
    draw: Draw,
    makers: tuple[Callable[..., Module], ...] = (RNN, LSTM, GRU),
    max_layers: int = 2,
    max_size: int = 3,
    dtype: DTypeLike = np.float64,
) -> DrawnNetwork:
    """Recurrent networks without dropout, with a padded batch that fits (its padding zeros or garbage, or no lengths).

    Layers, directions, peepholes, `reset_after` and the nonlinearity are drawn, and sizes from 1 to `max_size`; no
    parameter is left at its initial value. x and the parameters are of `dtype`.

    >>> @given(networks(makers=(LSTM,)))
    ... def test(drawn):
    ...     check_unrolled(drawn.network, drawn.x, lengths=drawn.lengths)
    """
    make = draw(st.sampled_from(makers))
    x, lengths = draw(padded_batches(max_size, max_size, max_size, dtype, padding=(0.0, 99.0)))
    chosen = {name: draw(st.sampled_from(values)) for name, values in SETTINGS.get(make, {}).items()}
    chosen |= {"num_layers": draw(st.integers(1, max_layers)), "bidirectional": draw(st.booleans())}
    hidden, seed = draw(st.integers(1, max_size)), draw(st.integers(0, 2**32 - 1))
    network = randomised(make(x.shape[-1], hidden, **chosen), np.random.default_rng(seed), dtype)
    made = f"{make.__name__}({x.shape[-1]}, {hidden}, {', '.join(f'{k}={v!r}' for k, v in chosen.items())})"
    padded = (lengths < x.shape[1]).any() or draw(st.booleans())
    return DrawnNetwork(network, x, lengths if padded else None, f"randomised({made}, np.random.default_rng({seed}))")


def randomised(module: Any, rng: np.random.Generator, dtype: DTypeLike = np.float64) -> Any:
    """The module in another dtype, with normal parameters of standard deviation 0.7 instead of its initial ones."""
    module.to(dtype)
    for p in module.parameters():
        p.assign_((0.7 * rng.standard_normal(p.shape)).astype(dtype))
    return module
