"""The whole run, in small; without the peers."""

import argparse
import json

import numpy as np
import pytest

from benchmarks import __main__ as bench
from benchmarks import measure
from benchmarks.work import Work


def test_a_run(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(bench, "machine", lambda: {"processor": "one"})
    monkeypatch.setattr(bench.plan, "LIMIT", Work("sgemm", "sgemm", (256,)))
    path = tmp_path / "runs" / "bench.json"
    quickly = ["--quick", "--rounds", "2", "--seconds", "0.01", "--libraries", "minigrad", "--output", str(path)]
    bench.main([*quickly, "--only", "rnn", "--shapes", "2x3x4x5"])
    results = json.loads(path.read_text())
    assert [*results["groups"]] == ["rnn training", "rnn inference"]
    (row,) = results["groups"]["rnn training"]
    assert row["shape"] == [2, 3, 4, 5]
    assert len(row["seconds"]["minigrad"]) == 2
    assert results["limit"] > 0
    shown = capsys.readouterr()
    assert "processor: one" in shown.out
    assert "against torch and jax: not measured" in shown.out
    assert "rnn training 2 x 3 x 4 x 5, ms: minigrad" in shown.err


def test_the_machine_is_named():
    pytest.importorskip("threadpoolctl")
    described = bench.machine()
    assert described["processor"].endswith(" threads")
    assert f"numpy {np.__version__}" in described["versions"]
    assert all(described.values())


def test_peers_that_are_not_there_are_named(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(bench, "machine", dict)
    monkeypatch.setattr(bench, "limit", lambda *_: 1.0)
    monkeypatch.setattr(bench, "installed", lambda library: library == "minigrad")
    monkeypatch.setattr(bench, "measure", lambda work, libraries, *_: pytest.fail() if libraries != ["minigrad"] else {
        "shape": work.shape, "operations": 1, "seconds": {"minigrad": [1.0]}, "memory": {"minigrad": [0]}
    })  # fmt: skip
    bench.main(["--only", "sampling", "--libraries", "minigrad,torch", "--output", str(tmp_path / "x.json")])
    assert "not installed, and left out: torch\n" in capsys.readouterr().err


def test_startup(monkeypatch):
    monkeypatch.setattr(bench.plan, "STARTUP", ("rnn training",))
    monkeypatch.setattr(bench, "child", lambda *_, **settings: {"import": 1.0, "first": len(settings)})
    (row,) = bench.startup(["minigrad"], rounds=2)
    assert row == {"title": "rnn training", "library": "minigrad", "import": [1, 1], "cold": [2, 2], "warm": [2, 2]}


def test_recording_is_measured_like_the_rest():
    found = bench.child("minigrad", Work("recording", "chain", (500, 16)), 0.0)
    assert found["runs"] == measure.LEAST
    assert len(found["norms"]) == 2
    assert found["import"] > 0
    assert found["seconds"] > 0


def test_a_child_that_fails_is_quoted():
    with pytest.raises(RuntimeError, match=r"minigrad failed at Work\(kind='nothing'(?s:.*)KeyError: 'nothing'"):
        bench.child("minigrad", Work("nothing", "x", (1,)), 0.0)


def test_libraries_that_disagree_are_refused():
    work = Work("training", "lstm", (1, 2, 3, 4))
    bench.check_agreement(work, {"minigrad": [1.0, 2.0], "torch": [1.001, 2.0], "numpy": []})
    with pytest.raises(RuntimeError, match=r"norms are \[1.0, 2.0\] in minigrad, \[1.0, 2.1\] in torch"):
        bench.check_agreement(work, {"minigrad": [1.0, 2.0], "torch": [1.0, 2.1]})


@pytest.mark.parametrize("given", ["", "3x7", "3x7x5xa", "3x7x5x0", "3x7x5x96,4"])
def test_shapes_that_are_none(given):
    with pytest.raises(argparse.ArgumentTypeError, match="expected BATCHxTIMExINPUTxHIDDEN"):
        bench.shapes(given)


def test_shapes():
    assert bench.shapes("3x7x5x96,1x2x3x4") == [(3, 7, 5, 96), (1, 2, 3, 4)]


@pytest.mark.parametrize("given", ["0", "-1", "x"])
def test_rounds_that_are_none(given):
    with pytest.raises(argparse.ArgumentTypeError, match="expected a number of rounds, 1 or more"):
        bench.rounds(given)


def test_names():
    assert bench.names(["a", "b", "c"], "c,a") == ["c", "a"]
    with pytest.raises(argparse.ArgumentTypeError, match="there is no d; choose from a, b"):
        bench.names(["a", "b"], "a,d")


def test_every_run_is_timed_and_there_are_some_at_least():
    calls = []
    taken = measure.timed(lambda: calls.append(0), 0.0)
    assert len(calls) == len(taken) == measure.LEAST
    assert min(taken) > 0


def test_memory_at_the_peak():
    before, mapped = measure.resident("VmRSS"), 64 << 20
    if not before:
        pytest.skip("the system does not say")
    measure.forget_peak()
    np.ones(mapped, np.uint8)
    assert measure.resident("VmHWM") - before > mapped // 2
