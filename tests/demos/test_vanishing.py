"""The vanishing demo: its norms are the gradient's, and what it says of RNN, LSTM, clipping and truncation holds."""

import math

import numpy as np
import pytest

import minigrad as mg
from demos import adding, vanishing
from demos.command import Settings
from minigrad.optim import clip_grad_norm
from models import GRU, LSTM, RNN, Regressor
from models.cell import hidden, like, parts


@pytest.fixture(autouse=True)
def seed():
    mg.manual_seed(0)


def problems(count=8, length=30):
    return adding.problems(count, length, np.random.default_rng(1))


def error_with(model, x, y, t, nudge):
    """Squared error of one sequence, h_t changed by `nudge`."""
    state, cell = None, model.network.cell
    for i in range(x.shape[1]):
        _, state = cell(mg.tensor(x[:, i]), state)
        if i == t:
            state = like(state, (hidden(state) + nudge, *parts(state)[1:]))
    return float(((model.head(hidden(state)).numpy() - y) ** 2).sum())


@pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
def test_norms_are_those_of_differences(kind):
    model = Regressor(kind(2, 3), 1).to(np.float64)
    x, y = (array.astype(np.float64) for array in problems(1, 6))
    norms = vanishing.gradient_norms(model, x, y)
    for t, norm in enumerate(norms):
        nudges = 1e-6 * np.eye(3)[:, np.newaxis]
        slopes = [(error_with(model, x, y, t, d) - error_with(model, x, y, t, -d)) / 2e-6 for d in nudges]
        assert norm == pytest.approx(np.linalg.norm(slopes), rel=1e-6)


def test_norms_of_several_sequences_are_their_mean():
    model, (x, y) = Regressor(GRU(2, 4), 1), problems(3)
    each = [vanishing.gradient_norms(model, x[i : i + 1], y[i : i + 1]) for i in range(3)]
    np.testing.assert_allclose(vanishing.gradient_norms(model, x, y), np.mean(each, axis=0), rtol=1e-4)


def test_of_an_rnn_the_gradient_vanishes_geometrically():
    """With weights of 0.5 times an orthogonal matrix every step back leaves at most half (tanh' is at most 1)."""
    norms = vanishing.gradient_norms(vanishing.large(0.5, Settings()), *problems())
    assert (norms[:-1] <= 0.5 * norms[1:] * (1 + 1e-5)).all()
    assert 0 < norms[0] < 0.5**29 * norms[-1]


def test_of_an_rnn_with_large_weights_it_explodes():
    norms = vanishing.gradient_norms(vanishing.large(2.0, Settings()), *problems())
    assert norms[0] > 10 * norms[-1]


@pytest.mark.parametrize("kind, kept", [(RNN, False), (LSTM, True)])
def test_an_lstm_that_forgets_nothing_keeps_the_gradient_where_an_rnn_loses_it(kind, kept):
    """h_1 reaches c at the gates, and c is then added to."""
    model = Regressor(kind(2, 16), 1)
    cell, (x, y) = model.network.cell, problems(length=60)
    cell.weight_hh.assign_(0.5 * cell.weight_hh.numpy())
    if kind is LSTM:
        i, _, g, o = np.split(cell.bias.numpy(), 4)
        cell.bias.assign_(np.concatenate([i, np.full_like(i, 10), g, o]))
    norms = vanishing.gradient_norms(model, x, y)
    middle, end = norms[:30].mean(), norms[30:59].mean()  # the last step's h is what is read: c does not stand between
    assert (middle > 0.3 * end) == kept
    assert (middle < 1e-6 * end) == (not kept)


@pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
@pytest.mark.parametrize("window", [7, 10])
def test_windows_cut_to_exact_zero(kind, window):
    model, (x, y) = Regressor(kind(2, 4), 1), problems()
    whole, cut = vanishing.gradient_norms(model, x, y), vanishing.gradient_norms(model, x, y, window)
    reached = 30 % window or window  # the last window may be shorter
    assert (cut[:-reached] == 0).all() and (whole > 0).all()
    np.testing.assert_allclose(cut[-reached:], whole[-reached:], rtol=1e-5)


def test_clipping_bounds_the_norm():
    model, (x, y) = vanishing.large(2.0, Settings()), problems()
    model.loss(mg.tensor(x), 100 * y).backward()
    assert clip_grad_norm(model.parameters(), 1.0) > 10
    assert clip_grad_norm(model.parameters(), math.inf) == pytest.approx(1, rel=1e-4)


def test_clipped_it_trains_to_the_end_and_without_it_leaves():
    settings = Settings(hidden=32)
    free, clipped = (vanishing.course(clip, settings) for clip in (math.inf, 1.0))
    assert vanishing.largest(free) > 1e6 > 1e2 > vanishing.largest(clipped)
    assert len(clipped.losses) == 2 * adding.STEPS
    assert free.error > 1e3 * clipped.error


def test_before_training_is_the_network_that_was_trained(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = vanishing.main(["--cell", "gru", "--hidden", "4", "--epochs", "1", "--lr", "1e-9", "--no-plot"])
    before, after = vanishing.untrained(report, "gru"), report.results[0].model
    for a, b in zip(before.parameters(), after.parameters(), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-6)
