"""Schedules: parity with PyTorch, the shapes of the curves, resuming, refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.optim import SGD, Schedule, cosine, step_decay, warmup

lr = st.floats(1e-4, 1)


def optimizer(lr):
    return SGD([mg.tensor([1.0], requires_grad=True)], lr)


def rates(schedule, steps):
    found = [schedule.optimizer.lr]
    for _ in range(steps):
        schedule.step()
        found.append(schedule.optimizer.lr)
    return found


def torch_rates(make, lr, steps):
    torch = pytest.importorskip("torch")
    peer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr)
    schedule = make(torch.optim.lr_scheduler, peer)
    found = [peer.param_groups[0]["lr"]]
    for _ in range(steps):
        peer.step()
        schedule.step()
        found.append(peer.param_groups[0]["lr"])
    return found


@given(lr=lr, size=st.integers(1, 20), gamma=st.floats(0.01, 1))
def test_step_decay_equals_pytorch(lr, size, gamma):
    wanted = torch_rates(lambda s, o: s.StepLR(o, size, gamma), lr, 60)
    np.testing.assert_allclose(rates(Schedule(optimizer(lr), step_decay(size, gamma)), 60), wanted, rtol=1e-12)


@given(lr=lr, total=st.integers(1, 60), share=st.floats(0, 1))
def test_cosine_equals_pytorch(lr, total, share):
    wanted = torch_rates(lambda s, o: s.CosineAnnealingLR(o, total, eta_min=share * lr), lr, total)
    found = rates(Schedule(optimizer(lr), cosine(total, share)), total)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12 * lr)  # theirs is a recursion, and ends near 0


@given(lr=lr, steps=st.integers(2, 50))
def test_warmup_equals_pytorch(lr, steps):
    wanted = torch_rates(lambda s, o: s.LinearLR(o, 1 / steps, 1, steps - 1), lr, 60)
    np.testing.assert_allclose(rates(Schedule(optimizer(lr), warmup(steps)), 60), wanted, rtol=1e-12)


@given(total=st.integers(1, 100), share=st.floats(0, 1), t=st.integers(0, 300))
def test_cosine_falls_from_one_and_stays_at_its_end(total, share, t):
    factor = cosine(total, share)
    assert factor(0) == 1
    assert factor(t + 1) <= factor(t)
    if t >= total:
        assert factor(t) == share


@given(steps=st.integers(1, 50), t=st.integers(0, 200))
def test_after_the_warmup_comes_what_was_to_come(steps, t):
    then = cosine(100, 0.1)
    factor = warmup(steps, then)
    assert factor(steps - 1) == 1
    assert factor(steps + t) == then(t)
    assert all(factor(i) == (i + 1) / steps for i in range(steps))


def test_any_function_of_time_is_a_schedule():
    schedule = Schedule(optimizer(0.5), lambda t: 1 / (1 + t))
    assert rates(schedule, 3) == [0.5, 0.25, 0.5 * (1 / 3), 0.125]


@given(before=st.integers(0, 30), lr=lr)
def test_a_resumed_schedule_goes_on_as_if_nothing_had_happened(before, lr, tmp_path_factory):
    folder = tmp_path_factory.mktemp("schedule")
    factor = warmup(10, then=cosine(15, 0.1))
    first = Schedule(optimizer(lr), factor)
    rates(first, before)
    mg.save(folder / "optimizer", first.optimizer)
    mg.save(folder / "schedule", first)
    resumed = optimizer(1.0)
    resumed.load_state_dict(mg.load(folder / "optimizer"))
    second = Schedule(resumed, factor)
    second.load_state_dict(mg.load(folder / "schedule"))
    assert rates(second, 10) == rates(first, 10)


def test_a_state_that_does_not_fit_is_refused_and_nothing_is_loaded():
    schedule = Schedule(optimizer(0.5), step_decay(2))
    schedule.step()
    before = schedule.state_dict(), schedule.optimizer.lr
    for state, message in [
        ({"initial_lr": 0.1, "t": 2.5}, r"t: expected int64\[\], got float64\[\]"),
        ({"initial_lr": 0.1, "time": 2}, r"missing: t int64\[\]\n  surplus: time int64\[\]"),
        ({"initial_lr": np.nan, "t": 2}, r"initial_lr must be a number in \[0, inf\), got nan"),
    ]:
        with pytest.raises(ValueError, match=rf"^Schedule[\s\S]*{message}"):
            schedule.load_state_dict(state)
    assert (schedule.state_dict(), schedule.optimizer.lr) == before


def test_a_factor_that_makes_no_learning_rate_is_refused_and_the_time_stays():
    schedule = Schedule(optimizer(0.5), lambda t: 1.0 - t)
    schedule.step()
    with pytest.raises(ValueError, match=r"SGD: lr must be a number in \[0, inf\), got -0.5"):
        schedule.step()
    assert schedule.state_dict()["t"] == 1


@pytest.mark.parametrize("bad", [0, -1, 1.5, None])
@pytest.mark.parametrize("make, name", [(step_decay, "step_size"), (cosine, "total_steps"), (warmup, "steps")])
def test_numbers_of_steps_are_checked(make, name, bad):
    with pytest.raises(ValueError, match=f"^{make.__name__}: {name} must be a whole number of at least 1, got {bad}"):
        make(bad)


@pytest.mark.parametrize("bad", [-0.1, np.nan, np.inf, None])
@pytest.mark.parametrize("make, name", [(step_decay, "gamma"), (cosine, "min_factor")])
def test_factors_are_checked(make, name, bad):
    with pytest.raises(ValueError, match=rf"^{make.__name__}: {name} must be a number in \[0, inf\), got"):
        make(10, bad)
