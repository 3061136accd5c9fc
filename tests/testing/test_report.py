"""What a failed check says, tried with planted bugs of different kinds; and that its code fails in the same way."""

import re
from functools import partial

import numpy as np
import pytest

import minigrad as mg
from minigrad import backward
from minigrad.graph import Primitive, registry
from minigrad.testing import GradientError, check_gradients
from models import LSTM


def sine(x, /):
    return np.sin(x)


def centred(x, /, axis=0):
    return x - x.mean(axis=axis, keepdims=True)


def product(a, b, /):
    return a @ b


def cut(x, /, index, dtype):
    return x[index].astype(dtype)


def planted(forward, rule):
    return lambda monkeypatch: monkeypatch.setitem(registry, forward.__name__, Primitive(forward, rule))


def no_unbroadcast(monkeypatch):
    monkeypatch.setattr(
        backward, "unbroadcast", lambda g, shape: mg.reshape(g, -1)[: int(np.prod(shape))].reshape(shape)
    )


def use(name, *inputs, **settings):
    return registry[name].apply(*inputs, **settings)


X = np.random.default_rng(0).standard_normal((3, 3))
around = lambda name: lambda x: mg.exp(0.1 * use(name, mg.tanh(x) * 2))  # noqa: E731
mean_of = lambda x, axis: mg.mean(x, axis=axis, keepdims=True)  # noqa: E731
BUGS = {
    "sign": (planted(sine, lambda g, y, x: -g * mg.cos(x)), around("sine"), 1, "`sine` .* input 0", "%3 = sine(%2)"),
    "factor": (
        planted(sine, lambda g, y, x: 2 * g * mg.cos(x)),
        around("sine"),
        1,
        "`sine` .* input 0",
        "%3 = sine(%2)",
    ),
    "wrong axis": (
        planted(centred, lambda g, y, x, axis: g - mean_of(g, 1 - axis)),
        around("centred"),
        1,
        "`centred` .* input 0",
        "%3 = centred(%2, axis=0)",
    ),
    "transposed": (
        planted(product, lambda g, y, a, b: (g @ mg.swapaxes(b, 0, 1), g @ a)),
        lambda x: mg.tanh(use("product", x, x + 1)),
        1,
        "`product` .* input 1",
        "%2 = product(%0, %1)",
    ),
    "missing unbroadcast": (no_unbroadcast, lambda x: mg.exp(x + x[0]), 1, "`add` .* input 1", "%2 = add(%0, %1)"),
    "recorded cotangent": (
        planted(sine, lambda g, y, x: np.asarray(g) * mg.cos(x)),
        around("sine"),
        1,
        "`sine` .* input 0.*vjp .*jvp 0",
        "%3 = sine(%2)",
    ),
    "only once differentiable": (
        planted(sine, lambda g, y, x: g * np.cos(np.asarray(x))),
        around("sine"),
        2,
        "second derivative of `sine` .* input 0",
        "%3 = sine(%2)",
    ),
}
every_bug = pytest.mark.parametrize(("plant", "f", "order", "first", "second"), BUGS.values(), ids=BUGS)


def report_on(f, *inputs, **settings):
    with pytest.raises(GradientError) as caught:
        check_gradients(f, *inputs, **settings)
    return str(caught.value)


@every_bug
def test_the_first_lines_name_the_culprit(monkeypatch, plant, f, order, first, second):
    plant(monkeypatch)
    one, two, *rest = report_on(f, X, order=order).splitlines()
    assert re.search(first + r".*, at index \[\d(, \d)?\]" if "vjp" not in first else first, one)
    found = re.search(r"(analytic|vjp) (\S+), (numeric|jvp) (\S+)", one)
    assert abs(float(found[2]) - float(found[4])) > 1e-3
    assert second in two and "the oldest recorded op" in two
    assert sum("<-- here" in line and second in line for line in rest) == 1


@every_bug
def test_the_code_fails_in_the_same_way(monkeypatch, plant, f, order, first, second):
    plant(monkeypatch)
    report = report_on(f, X, order=order)
    code = report.split("to reproduce:\n")[1].split("\n\n")[0]
    with pytest.raises(GradientError, match=first):
        exec("\n".join(line.strip() for line in code.splitlines()), {})


def test_without_the_bug_all_is_well():
    for f in (
        lambda x: mg.exp(0.1 * mg.sin(mg.tanh(x) * 2)),
        lambda x: mg.tanh(x @ (x + 1)),
        BUGS["missing unbroadcast"][1],
    ):
        check_gradients(f, X, order=2)


def test_the_table_shows_differences_settling(monkeypatch):
    BUGS["sign"][0](monkeypatch)
    report = report_on(around("sine"), X)
    numeric = float(re.search(r"numeric (\S+) \(complex step\)", report)[1])
    rows = re.findall(r"^ +(\d\.\de-\d\d) +(\S+) +(\d\.\de[+-]\d\d)$", report, re.M)
    assert len(rows) >= 4
    errors = [abs(float(d) - numeric) for _, d, _ in rows]
    assert errors == sorted(errors, reverse=True) and errors[-1] < 1e-6 * abs(numeric)


def test_the_oldest_of_several_is_named(monkeypatch):
    BUGS["sign"][0](monkeypatch)
    report = report_on(lambda x: use("sine", use("sine", x)) + use("sine", x), X)
    assert "it is %1 = sine(%0)  float64[3, 3]" in report


def test_a_long_graph_is_cut_around_the_culprit(monkeypatch):
    BUGS["sign"][0](monkeypatch)

    def f(x):
        for i in range(100):
            x = use("sine", x) if i == 50 else mg.sin(x)
        return x

    graph = report_on(f, X).split("the recorded graph:\n")[1].splitlines()
    assert len(graph) < 30 and sum("more" in line for line in graph) == 2
    assert any("%51 = sine(%50)  float64[3, 3]   <-- here" in line for line in graph)
    assert graph[-1].strip() == "outputs: %100"


def test_several_outputs_constants_and_settings_as_text(monkeypatch):
    BUGS["sign"][0](monkeypatch)
    report = report_on(lambda x: use("sine", mg.unstack(x)[1] * np.ones(3)) + mg.sum(x, axis=0), X)
    assert "%1 = unstack(%0, axis=0)  float64[3], float64[3], float64[3]" in report
    assert "%2 = multiply(%1.1, float64[3])  float64[3]" in report
    assert "sum(%0, axis=0, keepdims=False)" in report


def test_a_large_input_is_drawn_in_the_code_and_its_worst_index_found(monkeypatch):
    mask = np.ones((30, 40))
    mask[17, 23] = 0.5
    planted(sine, lambda g, y, x: g * mg.cos(x) * (mask if x.shape == mask.shape else 1))(monkeypatch)
    report = report_on(lambda x: use("sine", x), np.random.default_rng(0).uniform(-1, 1, mask.shape))
    assert "at index [17, 23]" in report.splitlines()[0]
    assert "np.random.default_rng(0).uniform(-0.99" in report and "others of the same range" in report


def test_cotangents_lost_between_ops(monkeypatch):
    def forgetful(cotangents, x, c):
        cotangents[x.node] = c

    check_gradients(lambda x: x * mg.sin(x), X)
    monkeypatch.setattr(backward, "deliver", forgetful)
    report = report_on(lambda x: x * mg.sin(x), X)
    assert "gradient of f is wrong for input 0, at index" in report.splitlines()[0]
    assert "lost, or added up wrongly" in report.splitlines()[1]
    assert "input 0 = np.array([[" in report


def test_inside_a_checkpoint(monkeypatch):
    BUGS["sign"][0](monkeypatch)
    report = report_on(lambda x: mg.checkpoint(around("sine"), mg.exp(x)), X)
    assert "gradient of f is wrong for input 0" in report and "check f without checkpoint" in report


@pytest.mark.parametrize(
    ("f", "name", "opened"),
    [
        (mg.fuse(lambda x: mg.exp(0.1 * mg.sin(x))), "<lambda>", lambda x: mg.exp(0.1 * mg.sin(x))),
        (LSTM(3, 2), "recurrence", partial(LSTM(3, 2), unroll=True)),
    ],
    ids=["fused", "recurrence"],
)
def test_inside_what_is_compiled(monkeypatch, f, name, opened):
    for op in ("sin", "sigmoid"):
        rule = registry[op].rule
        monkeypatch.setattr(registry[op], "rule", lambda *given, rule=rule: 1.1 * rule(*given))
    report = report_on(f, X[:, None])
    assert report.splitlines()[0].startswith("the gradient of f is wrong for ")
    assert f"no op outside of {name} is off by itself" in report.splitlines()[1]
    assert re.match(r"the gradient of `(sin|sigmoid)` is wrong", report_on(opened, X[:, None]))


def test_a_parameter_is_called_by_its_name():
    class Leaky(mg.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = mg.nn.Parameter(np.ones(3))

        def forward(self, x):
            return x * mg.tensor(np.tanh(self.weight.numpy()))

    assert "for parameter weight, at index [" in report_on(Leaky(), X).splitlines()[0]


def test_code_for_every_kind_of_setting(monkeypatch):
    plant = planted(cut, lambda g, y, x, index, dtype: mg.pad(g, ((1, 1), (0, 0))))
    plant(monkeypatch)
    report = report_on(lambda x: use("cut", x, index=(slice(0, 1), None), dtype=np.dtype(np.float64)), np.ones((3, 3)))
    assert "index=(slice(0, 1, None), None), dtype=np.dtype('float64')" in report
