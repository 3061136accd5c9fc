"""The forecast demo: its series, its parts, its baselines, and forecasts fed on forecasts."""

import os

import numpy as np
import pytest

from demos import forecast
from demos.command import Refusal, Settings
from minigrad.data import airline

PLAIN = {"logarithm": False, "scale": 2.0}


def data_of(values, unit="value"):
    values = np.asarray(values, np.float64)
    return forecast.Data(values, len(values) * 5 // 8, len(values) * 3 // 4, unit)


def waves(count, period):
    return 3 * np.sin(2 * np.pi * np.arange(count) / period)


@pytest.mark.skipif("MINIGRAD_DATA" not in os.environ, reason="MINIGRAD_DATA names no folder with the real data")
def test_the_passengers_are_those_of_the_data_set():
    np.testing.assert_array_equal(forecast.PASSENGERS, airline()[1])


def test_the_parts_follow_each_other():
    data = forecast.load(Settings())
    assert (data.validation, data.test, len(data.values)) == (90, 108, 144)


def test_nothing_after_the_training_part_is_trained_with():
    data = forecast.load(Settings())
    changed = data._replace(values=np.append(data.values[:90], data.values[90:] * 3))
    assert forecast.facts(changed) == forecast.facts(data)
    for one, other in zip(*(forecast.examples(d, forecast.WINDOW, d.validation) for d in (data, changed))):
        np.testing.assert_array_equal(one, other)
    assert forecast.period(changed.values[:90]) == forecast.period(data.values[:90]) == 12


def test_examples_are_windows_and_their_successors_beside_the_windows_mean():
    data = data_of([*range(-60, 60)])
    scale = forecast.facts(data)["scale"]
    windows, targets = forecast.examples(data, 75, 90)
    assert windows.shape == (15, 24) and targets.shape == (15, 1)
    np.testing.assert_allclose(windows[3] * scale, np.arange(24) - 11.5)
    np.testing.assert_allclose(targets * scale, 12.5)


@pytest.mark.parametrize(("least", "expected"), [(-1.0, False), (0.0, False), (0.1, True)])
def test_only_what_is_above_0_throughout_is_taken_as_its_logarithm(least, expected):
    values = np.full(120, 5.0)
    values[7] = least
    assert forecast.facts(data_of(values))["logarithm"] is expected


def test_a_constant_series_has_a_scale():
    assert forecast.facts(data_of(np.zeros(100)))["scale"] == 1


@pytest.mark.parametrize("steps", [5, 12, 31])
def test_the_season_is_found_in_spite_of_a_trend(steps):
    assert forecast.period(waves(200, steps) + 0.4 * np.arange(200)) == steps


def test_no_season():
    assert forecast.period(np.zeros(100)) == 1


def test_each_forecast_is_made_from_those_before_it():
    def doubled(windows):  # of a window's last value beside the mean
        return 2 * windows[:, -1:]

    known = np.zeros((1, forecast.WINDOW))
    known[0, -1] = 24.0  # mean 1, so 1 + 2 * 23 = 47 follows; then mean 71 / 24
    first, second = forecast.ahead(doubled, known, PLAIN, 2)[0]
    mean = 71 / 24
    assert (first, second) == pytest.approx((47, mean + 2 * (47 - mean)))


def test_of_logarithms_growth_goes_on():
    def linear(windows):
        return windows[:, -1:] + (windows[:, -1:] - windows[:, -2:-1])

    known = 1.1 ** np.arange(forecast.WINDOW)
    given = {"logarithm": True, "scale": 0.5}
    expected = 1.1 ** np.arange(24, 29)
    np.testing.assert_allclose(forecast.ahead(linear, known[np.newaxis], given, 5)[0], expected)


def test_errors_count_as_far_as_the_series_goes():
    data = data_of(np.arange(120.0))
    last = forecast.errors(data.values[forecast.origins(data) - 1], data)
    assert [last[name] for name in forecast.ERRORS] == pytest.approx(range(1, 25))
    assert last[forecast.OVERALL] == pytest.approx(12.5)


def test_a_season_that_repeats_is_foretold_by_the_season_before():
    rows = forecast.baselines(data_of(waves(240, 12)))
    assert list(rows) == ["last value", "seasonal (12)", "linear"]
    assert rows["seasonal (12)"][forecast.OVERALL] == pytest.approx(0, abs=1e-9)
    assert rows["linear"][forecast.OVERALL] == pytest.approx(0, abs=1e-6)
    assert rows["last value"][forecast.OVERALL] > 1


def test_two_seasons_before_where_the_one_before_is_not_known():
    row = forecast.baselines(data_of(waves(240, 12) + 0.01 * np.arange(240)))["seasonal (12)"]
    assert [row["12 ahead"], row["13 ahead"]] == pytest.approx([0.12, 0.24])


def test_files(tmp_path):
    path = tmp_path / "series.csv"
    path.write_text('"Month","Passengers"\n"1949-01",112\n\n"1949-02",118.5\n')
    assert forecast.read(path).tolist() == [112, 118.5]
    path.write_text("1\n-2e1\n")
    assert forecast.read(path).tolist() == [1, -20]


@pytest.mark.parametrize("line", ["x", "1949-03,", "nan", "1,inf"])
def test_a_line_without_a_number_is_refused(line, tmp_path):
    path = tmp_path / "series.csv"
    path.write_text(f"1\n{line}\n")
    with pytest.raises(Refusal, match=r"series.csv, line 2: expected a number, or a date, a comma and a number, got"):
        forecast.read(path)


def test_a_short_series_is_refused(tmp_path):
    path = tmp_path / "series.csv"
    path.write_text("\n".join(map(str, range(99))))
    with pytest.raises(Refusal, match="expected at least 100 numbers, got 99"):
        forecast.load(Settings(data=str(path)))
    path.write_text("1\n2")
    with pytest.raises(Refusal, match="expected at least 24 numbers, got 2"):
        forecast.predict(None, PLAIN, str(path))
    path.write_text("\n".join(map(str, range(30, -1, -1))))
    with pytest.raises(Refusal, match="expected numbers above 0, as the network was trained on, got 0"):
        forecast.predict(None, {"logarithm": True, "scale": 1.0}, str(path))


def test_where_a_baseline_errs_less_it_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "series.csv"
    path.write_text("\n".join(map(str, waves(200, 12))))
    report = forecast.main(["--data", str(path), "--epochs", "1", "--no-plot"])
    assert report.results[0].figures[forecast.OVERALL] > 1e-6
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("errs least, by steps ahead: ")]
    assert len(said) == 1 and "rnn" not in said[0]
