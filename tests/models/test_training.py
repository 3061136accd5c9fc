"""The training loop: what it does with each part, and that a killed run ends as one that was not."""

import math
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad as mg
from minigrad.mode import mode
from minigrad.nn import Linear, Module, Parameter
from minigrad.optim import SGD, Adam, AdamW, Schedule, step_decay
from minigrad.random import generator, get_state
from models.training import History, fit, mean_loss

KILLED = Path(__file__).with_name("killed.py")
EPOCHS = 24  # killed.py's


class Line(Module):
    """y = w x, with a loss and, in training, noise from the generator."""

    def __init__(self, w=0.0, noise=0.0):
        self.w = Parameter(np.float64([w]))
        self.noise = noise

    def loss(self, x, y):
        noise = generator().normal(size=x.shape) * self.noise if self.training else 0
        return ((self.w * (x + noise) - y) ** 2).mean()


X = np.linspace(-1, 1, 12)


def shuffled():
    order = generator().permutation(12)
    return [(X[chosen], 3 * X[chosen]) for chosen in order.reshape(3, 4)]


def line_run(epochs, w=0.0, noise=0.5, lr=0.1, make=Adam, factor=None, **options):
    """A model, and what comes of fitting it."""
    mg.manual_seed(1)
    model = Line(w, noise)
    optimizer = make(model.parameters(), lr=lr)
    if factor is not None:
        options["schedule"] = Schedule(optimizer, factor)
    return model, fit(model, optimizer, options.pop("batches", shuffled), epochs, progress=None, **options)


def scored(*scores):
    """A model whose validation is what is given, and whose weight counts the steps that were made."""
    model = Line()
    model.loss = lambda: -model.w.sum() / 2  # a gradient of -0.5, which is not clipped
    remaining = iter(scores)
    return model, SGD(model.parameters(), lr=2.0), [()], lambda: next(remaining)


def bits(model):
    return {name: x.numpy().tobytes() for name, x in model.state_dict().items()}


# one epoch, one step


def test_it_is_the_plain_loop():
    model, history = line_run(3, make=SGD)
    mg.manual_seed(1)
    plain = Line(noise=0.5)
    optimizer = SGD(plain.parameters(), lr=0.1)
    losses = []
    for _ in range(3):
        for x, y in shuffled():
            optimizer.zero_grad()
            loss = plain.loss(x, y)
            loss.backward()
            mg.optim.clip_grad_norm(plain.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
    assert bits(model) == bits(plain)
    np.testing.assert_allclose(history.loss, np.mean(np.reshape(losses, (3, 3)), axis=1), rtol=1e-15)


def test_a_list_and_a_function_of_batches_are_the_same():
    batches = [(X, 3 * X), (X[:3], X[:3])]
    (one, _), (two, _) = line_run(4, batches=batches), line_run(4, batches=lambda: iter(batches))
    assert bits(one) == bits(two)


def test_a_batch_that_is_no_tuple_is_given_whole():
    given = []

    def loss(batch):
        given.append(batch)
        return (model.w * batch).sum()

    model = Line()
    fit(model, SGD(model.parameters(), lr=0.1), [2.0, [3.0]], 1, loss=loss, progress=None)
    assert given == [2.0, [3.0]]


def test_modes_are_those_of_training_and_validation():
    seen = []

    def loss():
        seen.append((model.training, mode.recording))
        return model.w.sum()

    def validate():
        seen.append((model.training, mode.recording))
        return 0.0

    model = Line()
    fit(model, SGD(model.parameters(), lr=0.1), [()], 2, loss=loss, validate=validate, progress=None)
    assert seen == [(True, True), (False, False)] * 2
    assert not model.training


@given(clip=st.floats(0.01, 10), slope=st.floats(0.1, 10))
def test_the_gradients_global_norm_is_clipped_and_kept(clip, slope):
    model = Line()
    history = fit(
        model, SGD(model.parameters(), lr=1.0), [()], 2, loss=lambda: slope * model.w.sum(), clip=clip, progress=None
    )
    np.testing.assert_allclose(-model.w.numpy(), [2 * min(slope, clip)], rtol=1e-4)
    np.testing.assert_allclose(history.norm, [slope, slope], rtol=1e-12)


def test_no_clipping_is_an_infinite_norm():
    model, history = line_run(1, w=1e6, make=SGD, noise=0, lr=1e-3, clip=math.inf, batches=[(X, X)])
    assert history.norm[0] > 1e5
    assert abs(model.w.item() - 1e6) > 100


@pytest.mark.parametrize("per, rates", [("epoch", [0.1, 0.05, 0.025]), ("step", [0.1, 0.0125, 0.0015625])])
def test_the_schedule_makes_a_step_after_every(per, rates):
    _, history = line_run(3, factor=step_decay(1, 0.5), schedule_per=per)  # 3 batches
    np.testing.assert_allclose(history.lr, rates, rtol=1e-15)


# validation


@settings(max_examples=30)
@given(scores=st.lists(st.integers(0, 5), min_size=1, max_size=8), keep=st.booleans())
def test_the_weights_of_the_first_best_epoch_come_back(scores, keep):
    model, optimizer, batches, validate = scored(*scores)
    history = fit(model, optimizer, batches, len(scores), validate=validate, keep_best=keep, progress=None)
    assert history.validation == scores
    assert history.best_epoch == scores.index(min(scores))
    assert model.w.item() == (history.best_epoch + 1 if keep else len(scores))


@settings(max_examples=30)
@given(scores=st.lists(st.integers(0, 5), min_size=8, max_size=8), patience=st.integers(1, 8))
def test_it_stops_when_patience_epochs_in_a_row_were_no_better(scores, patience):
    model, optimizer, batches, validate = scored(*scores)
    history = fit(model, optimizer, batches, 8, validate=validate, patience=patience, progress=None)
    done = len(history.loss)
    stale = [n - 1 - scores.index(min(scores[:n])) for n in range(1, 9)]  # after each epoch
    assert done == next((n for n, wait in enumerate(stale, 1) if wait >= patience), 8)


def test_without_validation_the_last_weights_stay():
    model, optimizer, batches, _ = scored()
    history = fit(model, optimizer, batches, 4, progress=None)
    assert model.w.item() == 4
    assert (history.validation, history.best_epoch) == ([], None)


def test_a_validation_may_be_a_tensor():
    _, history = line_run(1, validate=lambda: mg.tensor(0.5))
    assert history.validation == [0.5]


# checkpoints


@pytest.mark.skipif(os.name != "posix", reason="processes are forked and killed")
def test_a_run_killed_at_20_random_points_ends_with_the_same_bits(tmp_path):
    def start(name, *deaths):
        command = [sys.executable, str(KILLED), str(tmp_path / f"{name}.run"), str(tmp_path / name), *deaths]
        root = str(KILLED.parents[2])
        environment = {**os.environ, "PYTHONPATH": root, "OPENBLAS_NUM_THREADS": "1"}  # threads and fork do not mix
        environment["NUMBA_DISABLE_JIT"] = "1"  # a compiler's calls are not to be counted
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return int(done.stdout)

    calls = start("whole") // EPOCHS  # of an epoch
    draw = np.random.default_rng(11)
    deaths = [f"call {draw.integers(1, 3 * calls)}" for _ in range(14)] + ["write 1", "write 2"] * 3
    left = start("killed", "write 1", *draw.permutation(deaths[:-1]).tolist())  # 1: before there is any checkpoint
    assert left < calls * (EPOCHS - 3)  # the lives got somewhere
    assert (tmp_path / "killed").read_bytes() == (tmp_path / "whole").read_bytes()


@settings(max_examples=20)
@given(
    data=st.data(),
    make=st.sampled_from([SGD, Adam]),
    schedule=st.sampled_from(
        [{}, {"factor": step_decay(2, 0.7)}, {"factor": step_decay(2, 0.9), "schedule_per": "step"}]
    ),
    validated=st.booleans(),
)
def test_epochs_in_portions_are_epochs_in_one_go(data, make, schedule, validated, tmp_path_factory):
    def run(epochs, path):
        options = {"validate": lambda: generator().random()} if validated else {}
        return line_run(epochs, make=make, checkpoint=path, **schedule, **options)

    folder = tmp_path_factory.mktemp("training")
    wanted, wanted_history = run(6, folder / "whole")
    for epochs in sorted(data.draw(st.sets(st.integers(1, 5), max_size=3))):
        run(epochs, folder / "portions")
    generator().random(7)
    found, history = run(6, folder / "portions")
    assert bits(found) == bits(wanted)
    assert history == wanted_history
    assert (folder / "portions").read_bytes() == (folder / "whole").read_bytes()


def test_without_a_seed_a_resumed_run_starts_from_the_weights_of_the_first(tmp_path):
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        line_run(2, w=0.25, batches=interrupted, checkpoint=tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        line_run(2, w=-1.0, batches=interrupted, checkpoint=tmp_path / "run")
    assert mg.load(tmp_path / "run")["model.w"].item() == 0.25


def test_a_finished_run_is_not_trained_again(tmp_path):
    def no_more():
        raise AssertionError("trained again")

    options = {"validate": lambda: generator().random(), "checkpoint": tmp_path / "run"}
    wanted, _ = line_run(4, **options)
    found, history = line_run(4, batches=no_more, **options)
    assert bits(found) == bits(wanted)
    assert len(history.loss) == 4


def test_a_run_that_stopped_early_stays_stopped(tmp_path):
    for _ in range(2):
        model, optimizer, batches, validate = scored(1, 0, 2, 3, 4)
        history = fit(
            model, optimizer, batches, 5, validate=validate, patience=2, checkpoint=tmp_path / "run", progress=None
        )
        assert history.validation == [1, 0, 2, 3]
        assert model.w.item() == 2


@pytest.mark.parametrize("extra", [(), (1,), ("text", 2)])  # the repr is shortened: more or less of the address is left
def test_a_function_in_a_model_does_not_make_it_another(extra, tmp_path):
    kept = []  # so that no address is used again
    for _ in range(2):
        model = Line()
        model.activation = partial(lambda x: x, *extra)
        history = fit(model, Adam(model.parameters()), shuffled, 1, checkpoint=tmp_path / "run", progress=None)
        assert len(history.loss) == 1  # the second goes on from the first's file
        kept.append(model)


def test_ctrl_c_says_what_is_left_and_the_same_call_goes_on(tmp_path):
    path = tmp_path / "run"
    wanted, _ = line_run(5)
    model = Line(noise=0.5)
    optimizer = Adam(model.parameters(), lr=0.1)
    calls = iter([False] * 7 + [True] + [False] * 100)

    def loss(*batch):
        if next(calls):
            raise KeyboardInterrupt
        return model.loss(*batch)

    mg.manual_seed(1)
    with pytest.raises(
        KeyboardInterrupt, match=f"^fit: interrupted; the same call goes on from .*, which is in {path}$"
    ):
        fit(model, optimizer, shuffled, 5, loss=loss, checkpoint=path, progress=None)
    assert len(mg.load(path)["history.loss"]) == 2
    fit(model, optimizer, shuffled, 5, loss=loss, checkpoint=path, progress=None)
    assert bits(model) == bits(wanted)


def test_ctrl_c_without_a_checkpoint_says_so():
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"^fit: interrupted; nothing was saved, as no checkpoint was named$"):
        line_run(1, batches=interrupted)


def test_a_checkpoint_that_cannot_be_written_stops_before_any_training(tmp_path):
    def unwanted():
        raise AssertionError("trained")

    with pytest.raises(FileNotFoundError, match="save: could not write"):
        line_run(1, batches=unwanted, checkpoint=tmp_path / "missing" / "run")


# checkpoints of other runs


class Wide(Module):
    def __init__(self):
        self.w = Parameter(np.zeros(2))

    loss = Line.loss


def other_model(optimizer=Adam):
    model = Wide()
    return model, optimizer(model.parameters(), lr=0.1), {}


def same_model(make=Adam, lr=0.1, dtype=np.float64, noise=0.5, factor=None, **options):
    model = Line(1.0, noise).to(dtype)
    optimizer = make(model.parameters(), lr=lr)
    if factor is not None:
        options["schedule"] = Schedule(optimizer, factor)
    return model, optimizer, options


@pytest.mark.parametrize(
    "other, message",
    [
        (other_model, r"model: Line\(w \[1\], noise=0.5\): 1 parameters there, Wide\(w \[2\]\): 2 parameters here"),
        (lambda: same_model(noise=0.1), r"model: .*noise=0.5.* there, .*noise=0.1.* here"),
        (lambda: same_model(dtype=np.float32), r"w: expected float32\[1\], got float64\[1\]"),
        (lambda: same_model(AdamW), r"optimizer: Adam\(.*weight_decay=0.0\) of 1 parameters there, AdamW\(.*"),
        (
            lambda: same_model(lambda p, lr: Adam(p, lr, betas=(0.5, 0.9))),
            r"optimizer: Adam\(betas=\(0.9, 0.999\).* there, Adam\(betas=\(0.5, 0.9\)",
        ),
        (lambda: same_model(lr=0.2), r"learning rate: 0.1 there, 0.2 here"),
        (lambda: same_model(clip=0.5), r"clip: 1.0 there, 0.5 here"),
        (lambda: same_model(validate=lambda: 0.0), r"validate: none there, given here"),
        (lambda: same_model(factor=step_decay(1)), r"schedule: none there, per epoch here"),
    ],
)
def test_the_checkpoint_of_another_run_is_refused_and_nothing_is_loaded(other, message, tmp_path):
    path = tmp_path / "run"
    line_run(2, checkpoint=path)
    model, optimizer, options = other()
    assert_refused(model, optimizer, options, path, message)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda state: {"w": np.zeros(1)}, r"fit\(\) did not write it: there is no history.loss, .*run.settings in it"),
        (lambda state: {**state, "model.w": np.zeros(2)}, r"w: expected float64\[1\], got float64\[2\]"),
        (lambda state: {**state, "best.w": np.zeros(2)}, r"w: expected float64\[1\], got float64\[2\]"),
        (lambda state: {**state, "optimizer.0.step": 1.5}, r"Adam.load_state_dict: .*0.step.* float64\[\]"),
        (lambda state: {**state, "schedule.t": 1.5}, r"Schedule.load_state_dict: .*t.* float64\[\]"),
        (lambda state: {**state, "run.random": np.zeros(2)}, r"set_state: expected uint64\[6\], .* got float64\[2\]"),
        (lambda state: {**state, "optimizer.lr": 0.3}, r"the schedule is another: .* 0.3 there, 0.05 here"),
    ],
)
def test_a_checkpoint_that_was_tampered_with_is_refused_and_nothing_is_loaded(change, message, tmp_path):
    path = tmp_path / "run"
    line_run(1, validate=lambda: 1.0, factor=step_decay(1, 0.5), checkpoint=path)
    mg.save(path, change(mg.load(path)))
    assert_refused(*same_model(validate=lambda: 1.0, factor=step_decay(1, 0.5)), path, message)


def test_another_schedule_is_refused_by_its_rate(tmp_path):
    line_run(2, factor=step_decay(1, 0.5), checkpoint=tmp_path / "run")
    message = "the schedule is another: the learning rate is 0.025 there, 0.081 here"
    assert_refused(*same_model(factor=step_decay(1, 0.9)), tmp_path / "run", message)


def test_fewer_epochs_than_are_done_are_refused(tmp_path):
    line_run(3, checkpoint=tmp_path / "run")
    message = "it has 3 epochs behind it, and 2 were asked for"
    assert_refused(*same_model(), tmp_path / "run", message, epochs=2)


def test_a_file_that_is_no_checkpoint_is_left_alone(tmp_path):
    path = tmp_path / "run"
    path.write_text("my only copy")
    with pytest.raises(ValueError, match=r"^load: .*run is not a safetensors file"):
        line_run(1, checkpoint=path)
    assert path.read_text() == "my only copy"


def assert_refused(model, optimizer, options, path, message, epochs=4):
    def state():
        kept = [model, optimizer, options.get("schedule", optimizer)]
        return [repr(x.state_dict()) for x in kept], get_state().tolist(), path.read_bytes()

    mg.manual_seed(9)
    before = state()
    opening = "fit: cannot go on from the checkpoint .*, and nothing was loaded: "
    with pytest.raises(
        ValueError, match=rf"(?s)^{opening}.*{message}.*\nTo start anew, delete it or name another file"
    ):
        fit(model, optimizer, shuffled, epochs, checkpoint=path, progress=None, **options)
    assert state() == before


# what goes wrong


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_stops_with_the_weights_from_before(bad):
    model, optimizer, _, _ = scored()
    added = iter([0, 0, 0, 0, bad])
    message = f"^fit: the loss is {bad} in epoch 3, step 1; the weights are those from before. Lower the learning rate"
    with pytest.raises(FloatingPointError, match=message):
        fit(model, optimizer, [(), ()], 5, loss=lambda: next(added) - model.w.sum() / 2, progress=None)
    assert model.w.item() == 4


def test_a_gradient_that_is_no_number_stops_with_the_weights_from_before():
    model, optimizer, _, _ = scored()
    powers = iter([1.0, 0.5])
    message = r"^fit: the gradient's norm is inf in epoch 1, step 2; the weights are those from before"
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match=message):
        fit(model, optimizer, [(), ()], 5, loss=lambda: ((1 - model.w) / 2) ** next(powers), progress=None)
    assert model.w.item() == 1


def test_a_validation_that_is_no_number_stops():
    model, optimizer, batches, validate = scored(1.0, math.nan)
    with pytest.raises(FloatingPointError, match=r"^fit: the validation is nan after epoch 2; "):
        fit(model, optimizer, batches, 3, validate=validate, progress=None)
    assert model.w.item() == 2


@pytest.mark.parametrize(
    "options, kind, message",
    [
        ({"batches": iter([()])}, TypeError, "batches is an iterator, used up after one epoch; pass a list, or a func"),
        ({"batches": []}, ValueError, "there were no batches in epoch 1"),
        ({"epochs": 0}, ValueError, "epochs must be a whole number of at least 1, got 0"),
        ({"epochs": 2.5}, ValueError, "epochs must be a whole number of at least 1, got 2.5"),
        ({"clip": 0}, ValueError, "clip must be a number above 0, got 0"),
        ({"clip": None}, ValueError, "clip must be a number above 0, got None"),
        ({"schedule_per": "batch"}, ValueError, "schedule_per must be 'epoch' or 'step', got 'batch'"),
        ({"patience": 0, "validate": float}, ValueError, "patience must be a whole number of at least 1, got 0"),
        ({"patience": 2}, ValueError, "patience needs validate, which says whether an epoch was better"),
    ],
)
def test_refusals(options, kind, message, tmp_path):
    options = {"epochs": 1, "batches": shuffled, **options}
    with pytest.raises(kind, match=f"^fit: {message}"):
        line_run(checkpoint=tmp_path / "run", **options)
    assert options["batches"] == [] or not (tmp_path / "run").exists()


def test_the_schedule_of_another_optimizer_is_refused():
    model, optimizer, batches, _ = scored()
    with pytest.raises(ValueError, match=r"^fit: the schedule is that of another optimizer"):
        fit(model, optimizer, batches, 1, schedule=Schedule(SGD(model.parameters(), 1.0), step_decay(1)), progress=None)


def test_a_model_without_a_loss_is_refused():
    model = Linear(1, 1)
    with pytest.raises(TypeError, match=r"^fit: Linear has no method loss\(\); pass loss=, a function of a batch"):
        fit(model, SGD(model.parameters(), 0.1), [()], 1, progress=None)


# the mean over batches


def test_mean_loss_weighs_batches_by_their_targets():
    pairs = [(1.0, np.zeros(3)), (5.0, np.zeros((1, 1)))]
    assert mean_loss(lambda value, targets: mg.tensor(value), pairs) == 2
    lengths = [(1.0, (np.zeros((2, 9)), np.array([1, 2]))), (5.0, (np.zeros((1, 9)), np.array([1])))]
    assert mean_loss(lambda value, targets: mg.tensor(value), lengths) == 2


def test_mean_loss_records_nothing_and_wants_batches():
    w, recorded = mg.tensor(2.0, requires_grad=True), []
    mean_loss(lambda x: recorded.append(w * 1.0) or recorded[-1], [(np.zeros(2),)])
    assert not recorded[0].requires_grad
    with pytest.raises(ValueError, match=r"^mean_loss: there were no batches"):
        mean_loss(lambda x: w, [])


# the bar


def test_the_bar_shows_epochs_loss_and_validation(capsys):
    pytest.importorskip("tqdm")
    model, optimizer, batches, validate = scored(0.5, 0.25)
    fit(model, optimizer, batches, 2, validate=validate, progress="counting")
    shown = capsys.readouterr().err
    assert "counting: 100%" in shown
    assert "2/2" in shown
    assert "loss=-0.5, validation=0.25" in shown
    fit(model, optimizer, batches, 2, progress=None)
    assert capsys.readouterr().err == ""


def test_without_tqdm_it_trains_all_the_same(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm", None)  # makes its import fail
    model, optimizer, batches, _ = scored()
    fit(model, optimizer, batches, 2)
    assert model.w.item() == 2
    assert capsys.readouterr().err == ""


def test_a_history_can_be_compared_and_read():
    assert History([1.0], [2.0], [0.1], [0.5]) == History([1.0], [2.0], [0.1], [0.5])
    assert History().best_epoch is None


def test_an_optimizer_of_another_model_is_refused():
    with pytest.raises(ValueError, match="fit: the optimizer has none of the model's parameters"):
        fit(Line(), Adam(Line().parameters()), shuffled, 1, progress=None)
