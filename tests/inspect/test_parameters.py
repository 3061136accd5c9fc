"""Norms and ratios by hand; a diary of training that does not change the training."""

import math

import numpy as np
import pytest

import minigrad as mg
from minigrad.inspect import Collector, gradient_flow, parameter_stats, saturated, watch
from minigrad.nn import Linear, Module, Parameter
from minigrad.optim import SGD, Adam
from models import GRU, LSTM, Classifier, Deep, Layer, LSTMCell
from models.training import fit
from tests.inspect.test_watch import attributes, batch


class Two(Module):
    def __init__(self):
        self.inner, self.scale = Linear(2, 2, bias=False), Parameter(np.array([3.0, 4.0]))
        self.inner.weight.assign_([[1, 2], [2, 4]])


def test_parameter_stats_by_hand():
    model = Two()
    model.scale.grad = np.array([0.6, 0.8])
    weight, scale = parameter_stats(model)
    assert weight == ("inner.weight", (2, 2), 5.0, None, None)
    assert scale[:3] == ("scale", (2,), 5.0)
    assert scale.gradient == pytest.approx(1)
    before = model.state_dict()
    model.scale.assign_([3.0, 4.5])
    weight, scale = parameter_stats(model, before)
    assert (weight.update_ratio, scale.update_ratio) == (0, 0.1)


def test_the_ratio_for_what_was_zero():
    model = Linear(2, 2)
    before = model.state_dict()
    assert parameter_stats(model, before)[1].update_ratio == 0
    model.bias.assign_([1, 0])
    assert parameter_stats(model, before)[1].update_ratio == math.inf


def test_norms_of_tiny_gradients():
    model = Linear(2, 2)
    model.bias.grad = np.full(2, 1e-30, np.float32)
    assert parameter_stats(model)[1].gradient == pytest.approx(2**0.5 * 1e-30)


def test_a_state_that_does_not_fit_is_refused():
    with pytest.raises(KeyError, match=r"inner\.weight"):
        parameter_stats(Two(), {})


# the diary


def dropping_model():
    mg.manual_seed(0)
    layers = [Layer(LSTMCell(2, 3), recurrent_dropout=0.3), GRU(3, 3)]
    return Classifier(Deep(layers, dropout=0.3), 2).train()


X, TARGETS = batch().astype(np.float32), np.array([0, 1, 1])


def trained(every=None):
    model = dropping_model()
    collector = every and Collector(model, lambda: model.step_losses(X, TARGETS, [4, 1, 3]), every)
    optimizer = Adam(model.parameters(), lr=0.01)
    for _ in range(5):
        optimizer.zero_grad()
        model.loss(X, TARGETS).backward()
        optimizer.step()
        if collector:
            before, grads = attributes(model), [p.grad for p in model.parameters()]
            collector()
            assert attributes(model) == before
            assert all(p.grad is grad for p, grad in zip(model.parameters(), grads))
    return model, collector


@pytest.mark.parametrize("every", [1, 2])
def test_training_goes_on_as_if_nobody_had_looked(every):
    plain, _ = trained()
    model, collector = trained(every)
    for name, parameter in plain.state_dict().items():
        np.testing.assert_array_equal(model.state_dict()[name], parameter)
    assert [snapshot.number for snapshot in collector.snapshots] == list(range(0, 5, every))
    assert all(snapshot.seconds > 0 for snapshot in collector.snapshots)


def test_a_snapshot_is_what_one_would_see():
    model, collector = trained(1)
    last = collector.snapshots[-1]
    model.eval()
    with watch(model) as watched:
        losses = model.step_losses(X, TARGETS, [4, 1, 3])
    assert list(last.flows) == list(last.saturated) == list(watched)
    assert [list(flows) for flows in last.flows.values()] == [["h", "c"], ["h"]]
    for name, run in watched.items():
        for part, flow in last.flows[name].items():
            np.testing.assert_array_equal(flow.norms, gradient_flow(losses, run, part).norms)
            assert (flow.name, flow.part) == (name, part)
        assert last.saturated[name] == saturated(run)
    assert [row[:4] for row in last.parameters] == [row[:4] for row in parameter_stats(model)]
    assert all(row.gradient is not None for row in last.parameters)


def test_update_ratios_are_since_the_call_before():
    model = Classifier(LSTM(2, 3), 2)
    collector = Collector(model, lambda: model.step_losses(X, TARGETS), every=2)
    states = [model.state_dict()]
    optimizer = SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        model.loss(X, TARGETS).backward()
        optimizer.step()
        collector()
        states.append(model.state_dict())
    for snapshot, before, after in zip(collector.snapshots, states[::2], states[1::2], strict=True):
        for row in snapshot.parameters:
            change = np.linalg.norm(np.asarray(after[row.name]) - np.asarray(before[row.name]))
            size = np.linalg.norm(np.asarray(before[row.name]))
            assert row.update_ratio == pytest.approx(change / size if size else math.inf, rel=1e-5)
            assert change


def test_it_looks_from_within_a_validation():
    model = Classifier(LSTM(2, 3), 2)
    collector = Collector(model, lambda: model.step_losses(X, TARGETS))

    def validate():
        collector()
        return model.loss(X, TARGETS).item()

    fit(model, Adam(model.parameters(), lr=0.01), [(X, TARGETS)], 3, validate=validate, progress=None)
    assert len(collector.snapshots) == 3
    assert all(snapshot.flows["network.cell"]["h"].norms.any() for snapshot in collector.snapshots)
    assert all(row.gradient for row in collector.snapshots[-1].parameters)


def test_an_error_while_looking_leaves_everything_as_it_was():
    model = dropping_model()
    before, state = attributes(model), mg.random.get_state()

    def losses():
        mg.random.generator().random()
        raise KeyError("no data")

    with pytest.raises(KeyError, match="no data"):
        Collector(model, losses)()
    assert attributes(model) == before
    np.testing.assert_array_equal(mg.random.get_state(), state)


def test_how_often_is_checked():
    with pytest.raises(ValueError, match="Collector: expected every to be an integer from 1 up, got 0"):
        Collector(Two(), list, every=0)
