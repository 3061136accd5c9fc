"""`--report`: every demo writes its page, training is not disturbed by being looked at, and the page says what was."""

import base64
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from demos import char_lm, digits, spam, worked_example
from demos.command.demo import RUNS, Report, Result, load, table
from demos.command.looking import collector, in_windows, looked_at, step_losses, whole_loss
from demos.command.options import read_options
from demos.command.report import attention, first_loss, save_pictures, walk_section, write_report
from demos.command.sample import Sample
from minigrad.nn import Embedding
from models import GRU, LSTM, Classifier, Embedded, LanguageModel, Regressor
from models.run import History
from tests.demos.test_every_demo import DEMOS
from tests.demos.tiny import TINY


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def data_of(path):
    """What the page's script is given, by the section's title."""
    text = Path(path).read_text("utf-8")
    titles = re.findall(r'<h2 id="heading-\d+">(.*?)</h2>', text)
    return dict(zip(titles, json.loads(re.search(r'id="data">(.*?)</script>', text)[1]), strict=True))


def labels(data):
    return [stop["label"] for stop in data["Gradients through time"]["flows"][0]["stops"]]


@pytest.mark.parametrize("name", DEMOS)
def test_every_demo_has_a_page(name, folder, capsys):
    """Of an untrained network, with the user's own input beside the test part's."""
    demo = DEMOS[name]
    asked = read_options(demo, demo.rules, TINY[name].options.split())
    settings = demo.rules.settle(asked.given)
    settings = replace(settings, cell="lstm" if settings.cell == "all" else settings.cell, hidden=8, quick=True)
    data = load(demo, settings)
    facts = json.loads(json.dumps(demo.facts(data)))
    model = demo.build(facts, settings)
    history = History([1.0], [1.0], [0.01], [1.0])
    pages = looked_at(demo, model, data, history)
    report = Report(settings, data, facts, {}, [Result(settings.cell, model, settings, history, 1.0, {}, pages)])
    sample = demo.watched(model.eval(), data, [TINY[name].ask(folder)])
    path = write_report(demo, report, table(demo, report), sample, folder / "page.html")
    assert path.stat().st_size < 2_000_000
    found = data_of(path)
    assert {"Training", "Gradients through time", "Units and gates", "The graph", "The way back, step by step"} <= {
        *found
    }
    assert ("Attention" in found) == (name == "translate")
    views = found["Units and gates"]["views"]
    runs = pages[-1].snapshot.flows
    assert len(views) == len(sample.names) * len(runs)
    for view in views:
        assert view["steps"] and {"h", "saliency"} <= {channel["name"] for channel in view["channels"]}
    for flow in found["Gradients through time"]["flows"]:
        assert flow["stops"][0]["norms"]["high"] > -20  # some gradient arrives


def test_looking_does_not_disturb_training(capsys):
    tiny = ["--hidden", "8", "--epochs", "2", "--no-plot"]
    spam.main([*tiny, "--save", "plain"])
    spam.main([*tiny, "--save", "looked", "--report"])
    plain, looked = mg.load("plain"), mg.load("looked")
    for name in plain.keys() - {"about"}:
        np.testing.assert_array_equal(plain[name].numpy(), looked[name].numpy(), err_msg=name)


def test_the_whole_way_for_several_networks_and_with_pictures(folder, capsys):
    digits.main(["--quick", "--epochs", "1", "--hidden", "8", "--report"])
    printed = capsys.readouterr().out
    pictures = [f"runs/digits-{kind}.png" for kind in ("flow", "jacobians", "gates")]
    for line in ("page: runs/digits.html", *(f"picture: {path}" for path in pictures)):
        assert line in printed
    data = data_of("runs/digits.html")
    assert [flow["name"] for flow in data["Gradients through time"]["flows"]] == [
        "rnn, h",
        "lstm, h",
        "lstm, c",
        "gru, h",
    ]
    assert labels(data) == ["before training", "after epoch 1", "the weights kept, of epoch 1"]
    names = [line["name"] for line in data["Training"]["panels"][0]["series"]]
    assert names == ["rnn", "lstm", "gru", "dense", "conv"]
    text = Path("runs/digits.html").read_text()
    assert re.search(r"Looking at the networks in training took \d+\.\d s\.", text)
    assert all((folder / path).read_bytes().startswith(b"\x89PNG") for path in pictures)


def test_a_network_that_is_not_recurrent_has_a_page_too(capsys):
    digits.main(["--cell", "dense", "--epochs", "1", "--hidden", "4", "--report", "--no-plot"])
    assert data_of("runs/digits.html").keys() == {"Figures", "Training", "The graph", "The way back, step by step"}


def test_a_saved_network_is_looked_at_once_and_over_the_users_text(capsys):
    spam.main(["--hidden", "8", "--epochs", "2", "--no-plot", "--save", "network"])
    assert spam.main(["--load", "network", "--predict", "win <b>now</b>", "--report", "--no-plot"]) is not None
    assert "win <b>now</b>" in capsys.readouterr().out
    data = data_of("runs/spam.html")
    assert len(labels(data)) == 1 and labels(data)[0].startswith("the weights kept")
    first = data["Units and gates"]["views"][0]
    assert first["name"].startswith("1: your text, read as ") and first["steps"][:2] == ["win", "<"]
    assert "<b>now" not in Path("runs/spam.html").read_text()


def test_a_run_that_was_interrupted_goes_on_with_the_right_epochs(capsys, monkeypatch):
    from models import training

    train_epoch, begun = training.train_epoch, []

    def interrupted(*arguments):
        begun.append(1)
        if len(begun) == 2:
            raise KeyboardInterrupt
        return train_epoch(*arguments)

    options = ["--hidden", "4", "--epochs", "3", "--no-plot", "--report"]
    monkeypatch.setattr(training, "train_epoch", interrupted)
    with pytest.raises(SystemExit):
        spam.main(options)
    assert not list(RUNS.glob("*.html"))
    spam.main(options)
    assert labels(data_of("runs/spam.html"))[:-1] == ["after epoch 2", "after epoch 3"]


def test_a_long_training_is_looked_at_about_ten_times(capsys):
    report = spam.main(["--hidden", "2", "--epochs", "23", "--cell", "rnn", "--no-plot", "--report"])
    assert [look.epoch for look in report.best.diary[:-1]] == [0, 3, 6, 9, 12, 15, 18, 21]
    (panel,) = data_of("runs/spam.html")["Gates that are shut or open"]["panels"]
    assert (panel["first"], panel["step"]) == (0, 3)


def test_the_worked_example_takes_report_and_nothing_else(capsys):
    worked_example.main(["--report"])
    assert "page: runs/worked_example.html" in capsys.readouterr().out
    data = data_of("runs/worked_example.html")
    (flow,) = data["Gradients through time"]["flows"]
    assert flow["stops"][0]["norms"]["shape"] == [3, 4]
    (view,) = data["The three units"]["views"]
    codes = np.frombuffer(base64.b64decode(view["channels"][0]["values"]["codes"]), "<u2").reshape(3, 3)
    packed = view["channels"][0]["values"]
    states = packed["low"] + (packed["high"] - packed["low"]) * codes / 65534
    np.testing.assert_allclose(states, worked_example.run(worked_example.network(worked_example.W), worked_example.X),
                               atol=1e-3)  # fmt: skip
    with pytest.raises(SystemExit):
        worked_example.main(["--report", "--epochs", "3"])


# its parts


def test_making_a_sample_draws_no_number_that_training_would_have_drawn():
    demo = DEMOS["spam"]
    drawing = replace(demo, watched=lambda *given: (mg.random.generator().random(), demo.watched(*given))[1])
    data = load(demo, demo.rules.settle({}))
    model = demo.build(demo.facts(data), replace(demo.rules.settle({}), hidden=4))
    before = mg.random.get_state()
    collect = collector(drawing, model, data, 1)
    collect()
    np.testing.assert_array_equal(mg.random.get_state(), before)
    assert len(collect.snapshots) == 1


def test_windows_are_cut_where_training_cuts_them():
    mg.manual_seed(0)
    model = LanguageModel(Embedded(Embedding(5, 3), GRU(3, 4)))
    ids = np.random.default_rng(0).integers(0, 5, (2, 8))
    sample = Sample((ids[:, :-1], ids[:, 1:]), ["a", "b"], window=4)
    whole = model.loss(ids[:, :-1], ids[:, 1:])[0]
    np.testing.assert_allclose(whole_loss(model, sample.inputs, 4).item(), whole.item(), rtol=1e-6)  # the state goes on
    with mg.inspect.watch(model) as runs:
        losses = step_losses(model, sample)
    (run,) = runs.values()
    assert run.cuts == [0, 4] and len(losses) == 7
    norms = mg.inspect.gradient_flow(losses, run).mean
    assert (norms[4:, :4] == 0).all() and (norms[4:, 4] > 0).all() and (norms[3, :4] > 0).all()
    assert len(in_windows(model, sample.inputs, 100)) == 7


def test_what_reads_backward_has_one_loss_that_of_the_last_step():
    model = Classifier(LSTM(3, 4, bidirectional=True), 2)
    sample = Sample((np.ones((2, 6, 3), np.float32), np.array([0, 1])), ["a", "b"])
    with mg.inspect.watch(model) as runs:
        losses = step_losses(model, sample)
    assert len(losses) == 1
    flows = {name: mg.inspect.gradient_flow(losses, run) for name, run in runs.items()}
    assert {first_loss(model, name, flow) for name, flow in flows.items()} == {6}


def test_the_walk_is_over_a_small_network_of_the_same_kind():
    dense = digits.build({"size": 8}, digits.demo.rules.settle({"cell": "dense"}))
    for model, kind in ((Regressor(LSTM(5, 7), 1), "LSTMCell"), (dense, "dense")):
        section = walk_section(model)
        assert kind in section.note and 8 < len(section.steps) < 30
        assert section.steps[0].cotangent == "1.0"
        leaves = {box.title for box in section.boxes if box.kind == "leaf"}
        arrived = {name for step in section.steps for name, _ in step.arrived}
        assert leaves and leaves <= arrived


def test_a_decoder_without_attention_has_none():
    demo = DEMOS["chatbot"]
    data = load(demo, demo.rules.settle({}))
    model = demo.build(demo.facts(data), replace(demo.rules.settle({}), hidden=8)).eval()
    assert attention(model, demo.watched(model, data, ())) == []


def test_stretches_of_a_text_follow_on_each_other():
    text = "".join(chr(97 + i % 26) for i in range(3000))
    Path("text").write_text(text)
    data = load(char_lm.demo, char_lm.demo.rules.settle({"data": "text"}))
    sample = char_lm.watched(None, data, ())
    inputs, targets = sample.inputs
    np.testing.assert_array_equal(inputs[:, 1:], targets[:, :-1])
    assert all(len(steps) == inputs.shape[1] for steps in sample.steps[""]) and sample.window == char_lm.WINDOW
    own = char_lm.watched(None, data, ["abc", "x", "zy"])
    assert own.steps[""] == [["a", "b"], ["z"]] and own.names == ["abc", "zy"] and own.window is None
    assert not list(save_pictures(Report(None, None, {}, {}, []), own, Path("x")))
