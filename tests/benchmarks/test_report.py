"""The tables say what the figures say."""

import json
import sys

import pytest

from benchmarks import plot, report
from benchmarks.plan import GOALS, Goal


def row(shape=(16, 50, 64, 128), operations=10**9, memory=2**20, **seconds):
    return {
        "shape": list(shape),
        "operations": operations,
        "seconds": {library: [t, 1.1 * t, 0.9 * t] for library, t in seconds.items()},
        "memory": {library: [memory] for library in seconds},
    }


@pytest.fixture
def results():
    grown = [row((8, t, 4, 4), memory=t * 2**20, minigrad=t * 1e-3, torch=t * t * 1e-6) for t in (10, 100)]
    return {
        "machine": {"processor": "one"},
        "limit": 1e12,
        "groups": {
            "lstm training": [row(minigrad=2e-3, torch=3e-3, jax=5e-3), row(minigrad=2e-3, torch=4e-3, jax=3e-3)],
            "gru training": [row(minigrad=2e-3, torch=1e-3, jax=5e-3)],
            "lstm inference": [
                row((1, 2, 3, 4), minigrad=2e-3, torch=3e-3, jax=5e-3, onnx=1e-3),
                row((8, 2, 3, 4), minigrad=2e-3, torch=3e-3, jax=5e-3, onnx=3e-3),
            ],
            "elementwise tanh": [row((1000,), 0, minigrad=1e-6, torch=2e-6, numpy=1e-7)],
            "growth time": grown,
        },
        "startup": [{"title": "step", "library": "minigrad", "import": [0.3], "cold": [9.0], "warm": [1.2]}],
    }


def test_a_ratio_is_against_the_fastest_peer_that_is_there():
    measured = row(minigrad=2.0, torch=3.0, jax=5.0)
    assert report.ratio(measured, ["torch", "jax"]) == 1.5
    assert report.ratio(measured, ["jax"]) == 2.5
    assert report.ratio(measured, ["jax", "onnx"]) == 2.5
    assert report.ratio(measured, ["onnx"]) is None
    assert report.ratio(row(torch=3.0), ["torch"]) is None


def test_what_is_printed_as_the_goal_meets_it():
    assert report.met(0.996, 1.0)
    assert not report.met(0.994, 1.0)


def test_goals_are_judged_row_by_row_and_in_the_mean(results):
    (goal,) = GOALS["lstm training"]
    said = report.judged(goal, results["groups"]["lstm training"])
    assert said == (
        "against the faster of torch and jax: lowest 1.50 of 1.00 wanted, met; geometric mean 1.50 of 1.25 wanted, met"
    )
    assert report.judged(goal, results["groups"]["gru training"]).count("MISSED") == 2
    assert report.judged(Goal(("onnx",), 1.0), [row(minigrad=1.0)]) == "against onnx: not measured"


def test_small_batches_are_not_asked(results):
    _, goal = GOALS["lstm inference"]
    said = report.judged(goal, results["groups"]["lstm inference"])
    assert said == "against onnx from batch 8 up: lowest 1.50 of 1.00 wanted, met; geometric mean 1.50"


def test_the_columns(results):
    by_title = {table.title: table for table in report.tables(results)}
    table = by_title["gru training"]
    assert dict(zip(table.heads, table.rows[0])) == {
        "shape": "16 x 50 x 64 x 128", "minigrad ms": "2.00", "torch ms": "1.00", "jax ms": "5.00",
        "faster than torch/jax": "0.50 !", "of sgemm": "50%", "minigrad MB": "1.0", "torch MB": "1.0",
    }  # fmt: skip
    table = by_title["elementwise tanh"]
    assert dict(zip(table.heads, table.rows[0])) == {
        "shape": "1,000", "minigrad ms": "0.00100", "torch ms": "0.00200", "copying ms": "0.000100",
        "faster than torch": "2.00", "minigrad MB": "1.0", "torch MB": "1.0",
    }  # fmt: skip
    table = by_title["growth time"]
    assert table.rows[1] == ["8 x 100 x 4 x 4", "100", "1.00", "100", "1.00", "10.0", "2.00", "100", "1.00"]
    assert by_title["startup"].notes == ["step: import within 0.5 s met, warm first run within 1 s MISSED"]


@pytest.mark.parametrize("value, text", [(None, "-"), (0, "0"), (0.01234, "0.0123"), (1.234, "1.23"), (1234.5, "1234")])
def test_numbers(value, text):
    assert report.number(value) == text


def test_a_report_from_a_file(results, tmp_path, monkeypatch, capsys):
    path = tmp_path / "bench.json"
    path.write_text(json.dumps(results))
    monkeypatch.setattr(sys, "argv", ["report", str(path)])
    report.main()
    assert capsys.readouterr().out == report.text(results, report.plain) + "\n"
    monkeypatch.setattr(sys, "argv", ["report", str(path), "--markdown"])
    report.main()
    shown = capsys.readouterr().out
    assert "sgemm limit: 1000 GFLOP/s" in shown
    assert "| 16 x 50 x 64 x 128 | 2.00 | 1.00 | 5.00 | 0.50 ! | 50% | 1.0 | 1.0 |" in shown


def test_a_picture(results, tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    path = tmp_path / "bench.json"
    path.write_text(json.dumps(results))
    monkeypatch.setattr(sys, "argv", ["plot", str(path)])
    plot.main()
    assert (tmp_path / "bench.png").stat().st_size > 1000
    assert "bench.png" in capsys.readouterr().out
    with pytest.raises(ValueError, match="nothing to draw"):
        plot.picture({"groups": {}})
