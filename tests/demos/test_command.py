"""What all demos share: options and their rules, refusals, the data's three sources, saved networks."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from demos import __main__ as listing
from demos import char_lm, digits, spam, worked_example
from demos.command import Figure, Refusal, Settings, numbered_lines, read_text
from demos.command.options import usual

ROOT = Path(listing.__file__).parents[1]
TINY = ["--cell", "dense", "--hidden", "8", "--epochs", "2", "--no-plot"]
SPAM = "".join(f"spam\twin a prize {i}\nham\tsee you at {i}\n" for i in range(30))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(main, *arguments):
    """The code and the last line that a command line ends with."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return ended.value.code


@pytest.mark.parametrize(
    "main, arguments, message",
    [
        (digits.main, ["--epochs", "0"], "argument --epochs: expected a whole number above 0, got 0"),
        (digits.main, ["--epochs", "two"], "argument --epochs: expected a whole number above 0, got two"),
        (digits.main, ["--hidden", "2.5"], "argument --hidden: expected a whole number above 0, got 2.5"),
        (digits.main, ["--lr", "0"], "argument --lr: expected a number above 0, got 0"),
        (digits.main, ["--lr", "fast"], "argument --lr: expected a number above 0, got fast"),
        (digits.main, ["--lr", "nan"], "argument --lr: expected a number above 0, got nan"),
        (digits.main, ["--lr", "inf"], "argument --lr: expected a number above 0, got inf"),
        (digits.main, ["--seed", "x"], "argument --seed: expected a whole number of at least 0, got x"),
        (digits.main, ["--seed", "-1"], "argument --seed: expected a whole number of at least 0, got -1"),
        (digits.main, ["--cell", "cnn"], "argument --cell: expected one of rnn, lstm, gru, dense, conv, all, got cnn"),
        (digits.main, ["--cell", "conv", "--layers", "2"], "argument --layers: not here: conv is built without it"),
        (digits.main, ["--speed", "2"], "unrecognized arguments: --speed 2"),
        (digits.main, ["--data", "x"], "argument --data: expected default or full, got x (this demo takes no file)"),
        (spam.main, ["--data", "x"], "there is no file x"),
        (spam.main, ["--load", "x", "--hidden", "3"], "argument --hidden: not with --load"),
        (spam.main, ["--load", "x", "--save", "y"], "argument --save: not with --load"),
        (char_lm.main, ["--bidirectional"], "--bidirectional: not here: a language model may not look ahead"),
        (worked_example.main, ["--hidden", "3"], "argument --hidden: not here: nothing is trained"),
        (worked_example.main, ["--plot"], "argument --plot: not here: nothing is trained"),
    ],
)
def test_options_are_refused_in_a_line(main, arguments, message, folder, capsys):
    assert refusal(main, *arguments) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("demos.") and " error: " in line and message in line
    assert not list(folder.iterdir())


def test_what_the_user_gives_goes_before_quick_and_quick_before_full():
    rules = digits.demo.rules
    assert rules.settle({}) == Settings(cell="all", hidden=64, epochs=30, lr=0.01)
    assert rules.settle({"quick": True}).epochs == 3
    assert rules.settle({"data": "full"}).hidden == 128
    assert rules.settle({"data": "full", "quick": True}).epochs == 3
    assert rules.settle({"data": "full", "quick": True, "epochs": 7, "hidden": 9}).hidden == 9
    assert rules.settle({"data": "full", "quick": True, "epochs": 7}).epochs == 7
    assert usual(rules, "epochs") == "30; full: 10; quick: 3"


def test_help_leaves_out_what_is_refused(capsys):
    assert refusal(char_lm.main, "--help") == 0
    text = capsys.readouterr().out
    assert "--bidirectional" not in text
    assert "hidden units (128; full: 256)" in text


def test_a_figure_knows_what_is_better():
    assert Figure("accuracy").beats(0.9, 0.8) and not Figure("accuracy").beats(0.8, 0.8)
    assert Figure("loss", lower_is_better=True).beats(1.0, 2.0)


# data


def test_without_the_real_data_it_goes_on_with_the_default(folder, capsys, monkeypatch):
    monkeypatch.setenv("MINIGRAD_DATA", str(folder))
    report = digits.main([*TINY, "--data", "full"])
    assert report.settings.data == "default"
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("demos.")]
    assert line.startswith(f"demos.digits: mnist/train-images-idx3-ubyte.gz is not in the folder {folder}. Get it from")
    assert line.endswith("Going on with --data default")
    assert report.settings.hidden == 8


def test_a_wrong_file_in_the_data_folder_is_refused(folder, capsys, monkeypatch):
    monkeypatch.setenv("MINIGRAD_DATA", str(folder))
    (folder / "mnist").mkdir()
    (folder / "mnist" / "train-images-idx3-ubyte.gz").write_bytes(b"?")
    assert refusal(digits.main, *TINY, "--data", "full") == 1
    assert "is not mnist/train-images-idx3-ubyte.gz as it should be" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    "content, message",
    [
        (b"spam\twin\nhi there", "messages, line 2: expected ham or spam, a tab, and the message, got 'hi there'"),
        (b"ham\t\n", r"messages, line 1: expected ham or spam, a tab, and the message, got 'ham\t'"),
        (b"\nspam\t\xff", "messages, line 2: expected UTF-8, got the byte 0xff"),
        (b" \n", "messages is empty"),
        (b"spam\twin", "messages: expected at least 20 messages of each kind, got 1 of spam"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(content, message, folder, capsys):
    (folder / "messages").write_bytes(content)
    assert refusal(spam.main, "--data", "messages") == 1
    assert capsys.readouterr().err.splitlines()[-1] == f"demos.spam: error: {message}"
    assert [path.name for path in folder.iterdir()] == ["messages"]


def test_files_are_read_whole(folder):
    (folder / "text").write_bytes("\ufeffone\r\n\r\nthree é".encode())
    assert read_text("text") == "one\n\nthree é"
    assert list(numbered_lines("text")) == [(1, "one"), (3, "three é")]
    with pytest.raises(Refusal, match="nothing cannot be read: No such file"):
        read_text("nothing")


def test_a_file_of_the_users_is_learned_from_and_remembered(folder, capsys):
    Path("messages").write_text(SPAM)
    report = spam.main(["--data", "messages", "--hidden", "8", "--epochs", "4", "--lr", "0.02", "--save", "network"])
    assert report.results[0].figures["accuracy"] > 0.9
    assert spam.main(["--load", "network"]).results[0].figures == report.results[0].figures
    Path("messages").write_text(SPAM.replace("29", "30"))
    assert refusal(spam.main, "--load", "network") == 1
    assert "the data is not what the network was trained with" in capsys.readouterr().err
    Path("messages").unlink()
    assert refusal(spam.main, "--load", "network") == 1
    assert "the data that the network was trained with is gone: messages" in capsys.readouterr().err


# saved networks


def test_a_file_that_is_no_network_of_this_demo_is_refused(folder, capsys):
    def said(path):
        assert refusal(digits.main, "--load", path) == 1
        return capsys.readouterr().err.splitlines()[-1]

    report = digits.main([*TINY, "--save", "network"])
    assert said("nothing") == "demos.digits: error: --load nothing: No such file or directory"
    Path("text").write_text("no network")
    assert "--load text: expected a network that a demo saved" in said("text")
    Path("short").write_bytes(Path("network").read_bytes()[:-10])
    assert "--load short: expected a network that a demo saved" in said("short")
    mg.save("weights", report.results[0].model)
    assert "--load weights: expected a network that a demo saved" in said("weights")
    state = mg.load("network")
    del state["weights.head.bias"]
    mg.save("part", state)
    assert "--load part: its weights do not fit demos.digits as it is now" in said("part")
    assert refusal(spam.main, "--load", "network") == 1
    assert "it is a network of demos.digits, not of demos.spam" in capsys.readouterr().err


def test_nowhere_to_save_is_said_before_training(folder, capsys):
    assert refusal(digits.main, *TINY, "--save", "no/network") == 1
    assert "--save no/network: expected a file in a folder that exists" in capsys.readouterr().err
    assert not list(folder.iterdir())


def test_of_several_networks_the_best_by_validation_is_kept(folder, capsys):
    report = digits.main(["--hidden", "8", "--epochs", "1", "--no-plot", "--save", "network"])
    names = [result.name for result in report.results]
    assert names == ["rnn", "lstm", "gru", "dense", "conv"]
    scores = [min(result.history.validation) for result in report.results]
    best = names[int(np.argmin(scores))]
    assert f"saved: network ({best})" in capsys.readouterr().out
    assert digits.main(["--load", "network", "--no-plot"]).settings.cell == best


def test_a_picture_that_is_none_is_refused(folder, capsys):
    digits.main([*TINY, "--save", "network"])
    Path("text.png").write_text("no picture")
    for path, message in {"no.png": "there is no file no.png", "text.png": "text.png: expected a picture"}.items():
        assert refusal(digits.main, "--load", "network", "--predict", path) == 1
        assert message in capsys.readouterr().err.splitlines()[-1]


# runs


def test_a_learning_rate_that_diverges_ends_in_a_line(folder, capsys):
    assert refusal(digits.main, "--cell", "rnn", "--lr", "1e30", "--no-plot") == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("demos.digits: error: fit: the ") and "Lower the learning rate" in line
    assert not list((folder / "runs").iterdir())


def test_a_bug_is_no_refusal(monkeypatch):
    def broken(settings):
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        replace(digits.demo, load=broken).main(TINY)


def test_a_seed_is_a_result():
    one, two, other = (digits.main([*TINY, "--seed", seed]).results[0] for seed in "445")
    assert one.history == two.history
    assert other.history != one.history


def test_the_module_runs_from_the_command_line(folder):
    command = [sys.executable, "-m", "demos.digits", *TINY]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    assert "majority class" in done.stdout


def test_the_demos_are_listed(capsys):
    listing.main()
    printed = capsys.readouterr().out
    for path in Path(listing.__file__).parent.glob("[!_]*.py"):
        assert re.search(rf"\b{path.stem}\b", printed)
        assert all(listing.about(path).values())


def test_a_demo_that_says_nothing_of_itself_is_not_listed(folder):
    Path("silent.py").write_text('"""Something."""\n')
    with pytest.raises(ValueError, match=r"^silent.py: expected a Demo or About with name, shape, data, time"):
        listing.about(folder / "silent.py")
