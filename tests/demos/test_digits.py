"""The digits demo in its smallest form: it learns, prints its table, draws its picture, and refuses what is wrong."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from demos import __main__ as listing
from demos import digits

TINY = ["--hidden", "8", "--epochs", "2"]


def run(*arguments):
    """Called as from the command line."""
    digits.main([*TINY, *arguments])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_network_learns_and_table_and_picture_show_it(folder, capsys):
    run()
    printed = capsys.readouterr().out
    assert "1212 digits to train on, 135 digits to validate, 450 digits to test on" in printed
    rows = {name: shares for name, *shares in re.findall(r"(majority class|\w+) .* ([\d.]+)% .* ([\d.]+)% ", printed)}
    assert list(rows) == ["majority class", "rnn", "lstm", "gru", "dense"]
    for name in ("rnn", "lstm", "gru", "dense"):
        assert float(rows[name][1]) > 2.5 * float(rows["majority class"][1])
    assert printed.endswith(f"picture: {Path('runs') / 'digits.png'}\n")
    picture = (folder / "runs" / "digits.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 20_000


def test_one_network_without_a_picture(folder, capsys):
    run("--cell", "gru", "--no-plot")
    assert "lstm" not in capsys.readouterr().out
    assert not list(folder.iterdir())


def test_quick_is_a_tenth_of_the_epochs(folder, monkeypatch):
    asked = []
    whole = digits.train
    monkeypatch.setattr(digits, "train", lambda *a: (asked.append(a[3]), whole(*a[:3], 1, *a[4:]))[1])
    digits.main(["--cell", "dense", "--hidden", "8", "--epochs", "30", "--quick", "--no-plot"])
    run("--cell", "dense", "--quick", "--no-plot")
    assert asked == [3, 1]


def test_a_seed_is_a_result():
    data = digits.load(4)
    one, two = (digits.train("rnn", data, 4, 1, 0.01, 4) for _ in range(2))
    assert one.history == two.history
    assert digits.train("rnn", digits.load(5), 4, 1, 0.01, 5).history != one.history


def test_no_picture_is_in_two_parts_and_the_scale_is_that_of_training():
    parts = digits.load(0)
    rows = [{x.tobytes() for x in part.x} for part in parts]
    assert not (rows[0] & rows[1] or rows[0] & rows[2] or rows[1] & rows[2])
    np.testing.assert_allclose([parts.train.x.mean(), parts.train.x.std()], [0, 1], atol=1e-5)


def test_resumed_it_prints_the_same_shares(folder, capsys):
    shares = []
    for options in ([], ["--resume"], ["--resume"]):  # the last has nothing left to do
        run("--cell", "dense", "--no-plot", *options)
        shares.append(re.findall(r"[\d.]+%", capsys.readouterr().out))
    assert shares[0] == shares[1] == shares[2]
    assert [path.name for path in (folder / "runs").iterdir()] == ["digits-dense.safetensors"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--epochs", "0"], "argument --epochs: expected a whole number above 0, got 0"),
        (["--epochs", "two"], "argument --epochs: expected a whole number above 0, got two"),
        (["--hidden", "2.5"], "argument --hidden: expected a whole number above 0, got 2.5"),
        (["--lr", "0"], "argument --lr: expected a number above 0, got 0"),
        (["--lr", "fast"], "argument --lr: expected a number above 0, got fast"),
        (["--lr", "nan"], "argument --lr: expected a number above 0, got nan"),
        (["--lr", "inf"], "argument --lr: expected a number above 0, got inf"),
        (["--seed", "x"], "argument --seed: expected a whole number of at least 0, got x"),
        (["--seed", "-1"], "argument --seed: expected a whole number of at least 0, got -1"),
        (["--cell", "cnn"], "argument --cell: invalid choice: 'cnn'"),
        (["--speed", "2"], "unrecognized arguments: --speed 2"),
    ],
)
def test_options_are_refused_in_a_line(arguments, message, folder, capsys):
    with pytest.raises(SystemExit, match="2"):
        digits.main(arguments)
    assert f"error: {message}" in capsys.readouterr().err.splitlines()[-1]
    assert not list(folder.iterdir())


def test_another_runs_checkpoint_is_refused(folder):
    run("--cell", "dense", "--no-plot", "--resume")
    with pytest.raises(ValueError, match=r"cannot go on from the checkpoint .*digits-dense.safetensors"):
        digits.main(["--cell", "dense", "--hidden", "9", "--epochs", "2", "--no-plot", "--resume"])


def test_ctrl_c_ends_in_a_line(folder):
    code = (
        "import runpy, sys, models.training as t\n"
        "def stop(*_): raise KeyboardInterrupt\n"
        "t.train_step = stop\n"
        "sys.argv[1:] = ['--cell', 'dense', '--no-plot']\n"
        "runpy.run_module('demos.digits', run_name='__main__')\n"
    )
    root = str(Path(digits.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root}
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "fit: interrupted; nothing was saved, as no checkpoint was named"
    assert "Traceback" not in done.stderr


def test_the_demos_are_listed(capsys):
    listing.main()
    lines = capsys.readouterr().out.splitlines()
    files = sorted(path.stem for path in Path(listing.__file__).parent.glob("[!_]*.py"))
    assert [line.split()[2] for line in lines] == [f"demos.{name}" for name in files]
    assert "digits" in files
    assert all(re.fullmatch(r"python -m demos\.\w+ +[A-Z].*\.", line) for line in lines)
