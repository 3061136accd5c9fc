"""Networks with drawn sizes, and the batches that come with them."""

import numpy as np
import pytest
from hypothesis import find, given, settings

import minigrad as mg
from models import GRU, LSTM, RNN
from models.cell import Cell
from models.layer import Layer
from models.strategies import networks, randomised, sequence_sizes
from tests.models.drawn import assert_equal

enough = settings(max_examples=2000, database=None, derandomize=True)


@given(networks(dtype=np.float32))
def test_a_network_takes_its_batch(drawn):
    x = mg.tensor(drawn.x)
    outputs, _ = drawn.network(x, lengths=drawn.lengths)
    assert outputs.shape == (*drawn.x.shape[:2], drawn.network.output_size)
    assert outputs.dtype == drawn.x.dtype == np.float32
    assert np.all(np.isfinite(outputs.numpy()))
    assert all(p.numpy().all() and p.dtype == np.float32 for p in drawn.network.parameters())


@given(networks())
def test_no_lengths_mean_no_padding(drawn):
    assert drawn.x.dtype == np.float64
    if drawn.lengths is None:
        assert np.all(abs(drawn.x) <= 3)
    else:
        assert drawn.lengths.shape == drawn.x.shape[:1]
        assert np.all((drawn.lengths >= 1) & (drawn.lengths <= drawn.x.shape[1]))


@given(networks())
def test_repr_says_how_it_was_made(drawn):
    names = {"np": np, "RNN": RNN, "LSTM": LSTM, "GRU": GRU, "randomised": randomised}
    again = eval(drawn.made, names)
    assert drawn.made in repr(drawn)
    x = mg.tensor(drawn.x)
    assert_equal(again(x, lengths=drawn.lengths), drawn.network(x, lengths=drawn.lengths), 0)


def cells(network):
    return [part for part in network.modules() if isinstance(part, Cell)]


KINDS = {
    "relu": lambda d: getattr(cells(d.network)[0], "nonlinearity", "") == "relu",
    "peephole": lambda d: getattr(cells(d.network)[0], "peephole", False),
    "original GRU": lambda d: getattr(cells(d.network)[0], "reset_after", True) is False,
    "deep in both directions": lambda d: len(cells(d.network)) == 4,
    "one layer": lambda d: isinstance(d.network, Layer),
    "no lengths": lambda d: d.lengths is None,
    "garbage": lambda d: (d.x == 99).any(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_drawn(kind):
    find(networks(), KINDS[kind], settings=enough)


@given(networks(makers=(GRU,), max_layers=1, max_size=2))
def test_networks_within_limits(drawn):
    assert max(drawn.x.shape) <= 2 and drawn.made.startswith("randomised(GRU(") and "num_layers=1" in drawn.made


@given(sequence_sizes(lengths=True, most=2, max_time=3))
def test_sizes(sizes):
    assert min(sizes[:4]) >= 1 and max(sizes.batch, sizes.input, sizes.hidden) <= 2 and sizes.time <= 3
    assert len(sizes.lengths) == sizes.batch and set(sizes.lengths) <= {1, 2, 3}


@pytest.mark.parametrize("padded", [True, False])
def test_lengths_are_drawn_where_none_are_asked_for(padded):
    assert (find(sequence_sizes(), lambda s: bool(s.lengths) is padded, settings=enough).lengths is not None) is padded
