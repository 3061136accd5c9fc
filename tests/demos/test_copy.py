"""The copy demo: its sequences, its baseline, what a user may ask."""

import math

import numpy as np
import pytest

from demos import copy
from demos.command import Refusal, Settings
from models.training import mean_loss


def test_symbols_blanks_bell_and_symbols_again():
    symbols = np.array([[1, 2, 3, 4, 5, 6, 7, 8, 1, 2]])
    x, y = copy.sequences(symbols, 3)
    assert copy.written(x[0]) == "1234567812" + ".." + "!" + ".........."
    assert copy.written(y[0]) == "............." + "1234567812"


def test_all_symbols_occur_and_the_parts_differ():
    data = copy.load(Settings(data="full"))
    assert [*data.test] == [10, 20, 50, 100]
    rows = [{row.tobytes() for row in x[:, :10]} for part in data for x, _ in part.values()]
    assert len(set.union(*rows)) == sum(map(len, rows)) == 8 * copy.HELD_OUT
    assert np.unique(data.test[10].x[:, :10]).tolist() == [1, 2, 3, 4, 5, 6, 7, 8]


def test_the_baseline_is_that_of_one_who_knows_all_but_the_symbols():
    class NoMemory:
        def loss(self, x, y):
            return np.mean(np.where(y > 0, math.log(8), 0))

    data = copy.load(Settings())
    (row,) = copy.baselines(data).values()
    for gap, part in data.test.items():
        assert row[f"nats, T={gap}"] == pytest.approx(mean_loss(NoMemory().loss, [part]))
    assert row["recalled"] == pytest.approx(1 / 8, abs=0.01)


def test_recall_is_measured_on_the_last_ten_steps():
    class Perfect:
        wrong = 0

        def predict(self, x):
            said = np.full_like(x, 5)
            said[:, -10:] = x[:, :10]
            said[:, -1] += self.wrong
            return list(said)

        def loss(self, x, y):
            return np.float64(0)

    data, model = copy.load(Settings()), Perfect()
    assert copy.measure(model, data)["recalled"] == 1
    model.wrong = 1
    assert copy.measure(model, data)["T=20"] == pytest.approx(0.9)
    assert copy.predict(model, {"gaps": [5]}, "1234567812") == "1234567812, after T = 5: 1234567813"


@pytest.mark.parametrize("text", ["", "123456781", "12345678123", "1234567890", "abcdefghij"])
def test_what_is_no_sequence_is_refused(text):
    with pytest.raises(Refusal, match="expected 10 digits from 1 to 8"):
        copy.predict(None, {"gaps": [5]}, text)
