"""The forecaster: what follows a sequence of vectors, each made from those before it."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.testing import check_gradients
from models import GRU, LSTM, RNN, Deep, Forecaster, GRUCell
from models.bridge import summary
from tests.models.network_checks import CountingLayer, train

SIZE = 3
rng = np.random.default_rng(0)
X, TARGETS = rng.normal(size=(4, 5, SIZE)), rng.normal(size=(4, 6, SIZE))
NETWORKS = {"rnn": lambda: RNN(SIZE, 4), "lstm": lambda: LSTM(SIZE, 4), "deep": lambda: GRU(SIZE, 4, num_layers=2)}
networks = pytest.mark.parametrize("network", NETWORKS)


def model_of(network="lstm"):
    return Forecaster(NETWORKS[network](), SIZE).to(np.float64)


@networks
def test_a_forecast_equals_reading_all_anew_each_time(network):
    model, read = model_of(network), X
    for _ in range(6):
        _, final = model.network(mg.tensor(read))
        following = model.head(summary(model.network, final)).numpy()
        read = np.concatenate([read, following[:, None]], axis=1)
    np.testing.assert_allclose(model.predict(mg.tensor(X), 6), read[:, 5:], rtol=1e-12)


def test_more_steps_begin_with_the_same_ones_and_rows_are_apart():
    model = model_of()
    long = model.predict(mg.tensor(X), 6)
    np.testing.assert_array_equal(model.predict(mg.tensor(X), 2), long[:, :2])
    np.testing.assert_allclose(model.predict(mg.tensor(X[1:2]), 6), long[1:2], rtol=1e-12)


def test_no_step_is_read_twice():
    layer = CountingLayer(GRUCell(SIZE, 4))
    Forecaster(layer, SIZE).predict(mg.tensor(X.astype(np.float32)), 6)
    assert layer.steps == 5 + 6 - 1  # the last one made is not read


@networks
def test_gradients_go_through_what_was_fed_back(network):
    model = model_of(network)
    check_gradients(lambda x: model.loss(x, TARGETS), X, parameters=model)


def test_the_loss_is_the_mean_squared_error_of_the_forecast():
    model = model_of()
    wanted = np.square(model.predict(mg.tensor(X), 6) - TARGETS).mean()
    np.testing.assert_allclose(model.loss(mg.tensor(X), TARGETS).item(), wanted, rtol=1e-12)


def test_it_learns_to_go_on_with_a_wave():
    wave = np.sin(0.5 * np.arange(24) + np.linspace(0, 6, 30)[:, None])[..., None].astype(np.float32)
    seen, following = wave[:, :12], wave[:, 12:]
    model = Forecaster(GRU(1, 12), 1)
    assert train(model, lambda: model.loss(mg.tensor(seen[::2]), following[::2]), 150) < 0.05
    error = np.square(model.predict(mg.tensor(seen[1::2]), 12) - following[1::2]).mean()
    assert error < 0.1 < np.square(seen[1::2, -1:] - following[1::2]).mean()


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="Forecaster: a layer that reads backward sees what is to be predicted"):
        Forecaster(Deep([GRU(3, 3), GRU(3, 4, bidirectional=True)]), SIZE)
    with pytest.raises(TypeError, match="Forecaster: expected a layer or a stack of them"):
        Forecaster(mg.nn.Linear(3, 3), SIZE)
    with pytest.raises(ValueError, match="Forecaster: expected size to be an integer from 1 up, got 0"):
        Forecaster(RNN(3, 3), 0)
    with pytest.raises(ValueError, match="Forecaster: expected steps to be an integer from 1 up, got 0"):
        model_of().predict(mg.tensor(X), 0)
    with pytest.raises(ValueError, match="mse_loss: expected predictions and targets of one shape"):
        model_of().loss(mg.tensor(X), TARGETS[..., :2])
