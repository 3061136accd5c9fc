"""Weights to and from PyTorch, under its own names: weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0_reverse, ..."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import ArrayLike

from minigrad.errors import misfits
from minigrad.nn import Module

from .bidirectional import Bidirectional
from .cell import Cell
from .deep import Deep
from .gru import GRUCell
from .layer import Layer
from .lstm import LSTMCell
from .vanilla import RNNCell

Weights = dict[str, np.ndarray]


def torch_weights(net: Module) -> Weights:
    """The weights of an RNN, LSTM or GRU, as copies under torch.nn's names, in its order, shapes and blocks of gates.

    Ours is one bias a gate: it goes to `bias_ih`, and `bias_hh` is 0 but for the candidate of a GRU with `reset_after`,
    where the two differ. Peepholes are `weight_peephole` [3, hidden], for i, f, o. What is no weight is not in it:
    the nonlinearity, dropout, merging, residual connections, `reset_after`. Raises TypeError for another network
    or cell.
    """
    return {name + suffix: array for suffix, cell in cells(net) for name, array in exported(cell).items()}


def load_torch_weights(net: Module, weights: Mapping[str, ArrayLike]) -> None:
    """Set the weights of an RNN, LSTM or GRU to what `torch_weights`, or a torch.nn network's state_dict, holds.

    PyTorch's two biases of a gate are added up where only their sum counts: for a GRU with `reset_after`, everywhere
    but in the candidate; without it, everywhere (PyTorch has no such GRU). Arrays take the network's dtype if that
    loses nothing. Raises ValueError, with all the names, for missing and surplus ones, wrong shapes and dtypes;
    nothing is loaded then. Raises TypeError for another network or cell.
    """
    expected = torch_weights(net)
    given = {name: np.asarray(array) for name, array in weights.items()}
    given |= {name: widened(given[name], array) for name, array in expected.items() if name in given}
    if problems := "\n  ".join(misfits(expected, given)):
        raise ValueError(
            "load_torch_weights: the weights do not fit the network; nothing was loaded (build it with the same "
            f"sizes, or change its dtype with to()):\n  {problems}"
        )
    for suffix, cell in cells(net):
        load(cell, {name: given[name + suffix] for name in exported(cell)})


def widened(given: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Floats of the expected shape in the expected dtype, where that loses nothing; anything else as it is."""
    fits = given.shape == expected.shape and given.dtype.kind == "f" and np.can_cast(given.dtype, expected.dtype)
    return given.astype(expected.dtype) if fits else given


def cells(net: Module) -> Iterator[tuple[str, Cell]]:
    """The cells of a network, each with its suffix: _l0, _l0_reverse, _l1, ..."""
    for level, layers in enumerate(levels(net)):
        for layer in layers:
            if type(layer.cell) not in (RNNCell, LSTMCell, GRUCell):
                raise TypeError(f"interop: PyTorch has no {type(layer.cell).__name__}; expected an RNN, LSTM or GRU")
            yield f"_l{level}" + "_reverse" * layer.reverse, layer.cell


def levels(net: Module) -> list[tuple[Layer, ...]]:
    """The layers of a network from the bottom up; both directions of one are side by side."""
    if isinstance(net, Deep):
        return [level for layer in net.layers for level in levels(layer)]
    if isinstance(net, Bidirectional):
        return [(net.forward_layer, net.backward_layer)]
    if isinstance(net, Layer):
        return [(net,)]
    raise TypeError(
        f"interop: expected a Layer, or a Bidirectional or Deep of them, as RNN(), LSTM() and GRU() make, "
        f"got {type(net).__name__}"
    )


def exported(cell: Cell) -> Weights:
    """Copies of a cell's parameters, under torch.nn's names without the suffix."""
    named = {
        "weight_ih": cell.weight_ih.array.copy(),
        "weight_hh": cell.weight_hh.array.copy(),
        "bias_ih": cell.bias.array.copy(),
        "bias_hh": np.zeros_like(cell.bias.array),
    }
    if isinstance(cell, GRUCell) and cell.reset_after:
        candidate(named["bias_hh"])[:] = cell.bias_hn.array
    if isinstance(cell, LSTMCell) and cell.peephole:
        named["weight_peephole"] = cell.weight_peephole.array.copy()
    return named


def load(cell: Cell, named: Weights) -> None:
    """The reverse of `exported`."""
    bias = named["bias_ih"] + named["bias_hh"]
    if isinstance(cell, GRUCell) and cell.reset_after:
        candidate(bias)[:] = candidate(named["bias_ih"])
        cell.bias_hn.assign_(candidate(named["bias_hh"]))
    if isinstance(cell, LSTMCell) and cell.peephole:
        cell.weight_peephole.assign_(named["weight_peephole"])
    cell.weight_ih.assign_(named["weight_ih"])
    cell.weight_hh.assign_(named["weight_hh"])
    cell.bias.assign_(bias)


def candidate(bias: np.ndarray) -> np.ndarray:
    """The candidate's block of a GRU's bias: the last of r, z, n."""
    return np.split(bias, 3)[2]
