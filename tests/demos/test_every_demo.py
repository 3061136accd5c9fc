"""Every demo, in a tiny form: it learns, draws, saves, loads, answers, and goes on where it was interrupted."""

import os
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import demos
import minigrad as mg
import models.training
from demos.__main__ import about
from demos.command import Demo
from tests.demos.tiny import TINY

FILES = sorted(Path(demos.__file__).parent.glob("[!_]*.py"))
MODULES = {path.stem: import_module(f"demos.{path.stem}") for path in FILES}
DEMOS = {name: module.demo for name, module in MODULES.items() if hasattr(module, "demo")}
every_demo = pytest.mark.parametrize("name", DEMOS)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(name, *more):
    tiny = TINY[name]
    return MODULES[name].main([*tiny.options.split(), "--epochs", str(tiny.epochs), *more])


def check_learned(demo, report):
    """Every network beats every baseline in the demo's first figure, but those that its tiny form cannot."""
    first, unbeaten = demo.figures[0], TINY[demo.name].unbeaten
    assert set(unbeaten) < report.baselines.keys()
    assert report.results and report.baselines
    for result in report.results:
        for name in report.baselines.keys() - set(unbeaten):
            figures = report.baselines[name]
            assert first.beats(result.figures[first.name], figures[first.name]), f"{result.name} is no better: {name}"


@pytest.mark.parametrize("name", MODULES)
def test_it_is_listed_under_its_name(name):
    assert about(Path(demos.__file__).parent / f"{name}.py")["name"] == name


def test_those_without_training_are_known():
    assert MODULES.keys() - DEMOS.keys() == {"worked_example"}


def test_each_has_a_tiny_form():
    assert TINY.keys() == DEMOS.keys(), "say in tests/demos/tiny.py how to run it in a second"


@every_demo
def test_it_learns_and_what_is_saved_is_what_was_trained(name, folder, capsys):
    demo: Demo = DEMOS[name]
    report = call(name, "--save", "network")
    check_learned(demo, report)
    printed = capsys.readouterr().out
    assert all(row in printed for row in (*(result.name for result in report.results), "parameters"))
    assert all(figure.name in {f for row in report.baselines.values() for f in row} for figure in demo.figures[:1])
    picture = folder / "runs" / f"{name}.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert not list((folder / "runs").glob("*.safetensors"))  # no checkpoint is left
    again = MODULES[name].main(["--load", "network", "--no-plot"])
    assert again.results[0].figures == report.best.figures
    assert again.results[0].history == report.best.history
    capsys.readouterr()
    assert MODULES[name].main(["--load", "network", "--predict", TINY[name].ask(folder)]) is None
    answer = capsys.readouterr().out
    assert answer.strip()
    assert MODULES[name].main(["--load", "network", "--predict", TINY[name].ask(folder)]) is None
    assert capsys.readouterr().out == answer


@every_demo
def test_interrupted_it_goes_on_to_the_same_weights(name, folder, capsys, monkeypatch):
    whole = call(name, "--no-plot", "--save", "whole")
    train_epoch, begun = models.training.train_epoch, []

    def interrupted(*arguments):
        begun.append(1)
        if len(begun) == 2:
            raise KeyboardInterrupt
        return train_epoch(*arguments)

    monkeypatch.setattr(models.training, "train_epoch", interrupted)
    with pytest.raises(SystemExit) as stopped:
        call(name, "--no-plot", "--save", "network")
    assert stopped.value.code == 130
    end = f"demos.{name}: interrupted; the same command goes on from the last whole epoch"
    assert capsys.readouterr().err.splitlines()[-1] == end
    assert len(list((folder / "runs").glob(f"{name}-*.safetensors"))) == 1
    report = call(name, "--no-plot", "--save", "network")
    assert len(begun) == 1 + TINY[name].epochs  # the first epoch was not trained again
    assert "going on from" in capsys.readouterr().out
    assert not list((folder / "runs").iterdir())
    assert report.results[0].figures == whole.results[0].figures
    weights = {file: mg.load(file) for file in ("whole", "network")}
    for key, array in weights["whole"].items():
        assert key == "about" or np.array_equal(array.numpy(), weights["network"][key].numpy()), key


@pytest.mark.skipif("MINIGRAD_DATA" not in os.environ, reason="MINIGRAD_DATA names no folder with the real data")
@pytest.mark.parametrize("name", [name for name, demo in DEMOS.items() if demo.full is not None])
def test_it_learns_on_the_real_data(name):
    report = call(name, "--data", "full", "--quick", "--no-plot", *TINY[name].real)
    assert report.settings.data == "full"
    check_learned(DEMOS[name], report)
