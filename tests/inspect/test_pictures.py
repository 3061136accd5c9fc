"""What the pictures show: the numbers, the ends, the windows; and that they can be drawn."""

import subprocess
import sys

import numpy as np
import pytest

import minigrad as mg
from minigrad.inspect import gradient_flow, plot_flow, plot_gates, plot_jacobians, state_jacobians, watch
from models import LSTMCell, RNNCell, truncated
from tests.inspect.test_watch import batch, layer_of

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")
plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture
def axes():
    figure, axes = plt.subplots()
    yield axes
    figure.canvas.draw()
    plt.close(figure)


def test_flow_in_colours_with_ends_and_windows(axes):
    layer, lengths = layer_of(LSTMCell), np.array([4, 1, 3])
    with watch(layer) as watched:
        outputs, _ = layer(batch(), lengths=lengths)
        flow = gradient_flow([outputs[:, t].sum() for t in range(4)], watched["cell"], "c")
    image = plot_flow(axes, flow)
    shown = image.get_array()
    np.testing.assert_array_equal(shown.filled(0), flow.mean)
    assert (shown.mask == (flow.mean == 0)).all()
    assert image.get_cmap().name == "cividis"
    assert (image.norm.vmin, image.norm.vmax) == (flow.mean[flow.mean > 0].min(), flow.mean.max())
    (ends,) = axes.lines
    np.testing.assert_array_equal(ends.get_xdata(), lengths)
    assert axes.get_title() == "cell: |dL_t / dc_s|"


def test_flow_in_windows(axes):
    layer = layer_of(RNNCell)
    with watch(layer) as watched:
        losses = [outputs.sum() for _, outputs, _ in truncated(layer, batch(time=5), 2)]
    plot_flow(axes, gradient_flow(losses, watched["cell"]))
    assert [line.get_xdata()[0] for line in axes.lines] == [2, 4]


@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_flow_of_nothing_and_of_one_number(axes, scale):
    layer = layer_of(RNNCell)
    with watch(layer) as watched:
        outputs, _ = layer(batch(time=1))
    flow = gradient_flow([(outputs * scale).sum()], watched["cell"])
    flow.norms[:, 0] = 0
    plot_flow(axes, flow)


def test_what_has_vanished_beyond_the_span_has_the_darkest_colour(axes):
    layer = layer_of(RNNCell)
    with watch(layer) as watched:
        outputs, _ = layer(batch())
    flow = gradient_flow([outputs[:, -1].sum()], watched["cell"])
    flow.norms[:, 0] = 1e-200
    image = plot_flow(axes, flow)
    assert image.norm.vmin == pytest.approx(1e-12 * flow.mean.max())
    assert not np.ma.getmaskarray(image.get_array())[0, 0]


def test_what_has_exploded_has_the_brightest(axes):
    layer = layer_of(RNNCell)
    with watch(layer) as watched:
        outputs, _ = layer(batch())
    flow = gradient_flow([outputs[:, -1].sum()], watched["cell"])
    largest = flow.mean[:, 1:].max()
    flow.norms[:, 0] = np.inf
    image = plot_flow(axes, flow)
    assert image.norm.vmax == max(largest, 10 * image.norm.vmin)
    assert image.to_rgba(np.array([[np.inf]])).tolist() == image.to_rgba(np.array([[image.norm.vmax]])).tolist()


def test_gates_and_state_of_one_sequence(axes):
    layer = layer_of(LSTMCell)
    with watch(layer) as watched:
        layer(batch(), lengths=[4, 1, 3])
    run = watched["cell"]
    shown = plot_gates(axes, run, sequence=2).get_array()
    assert shown.shape == (6 * 3, 3)
    for k, name in enumerate(["i", "f", "g", "o"]):
        np.testing.assert_array_equal(shown[3 * k : 3 * k + 3], run.gates[name][2, :3].T)
    np.testing.assert_array_equal(shown[12:], np.concatenate([run.values("h")[2, :3].T, run.values("c")[2, :3].T]))
    assert [label.get_text() for label in axes.get_yticklabels()] == ["i", "f", "g", "o", "h", "c"]


def test_jacobians_as_lines(axes):
    layer = layer_of(RNNCell)
    with watch(layer) as watched:
        layer(batch(), lengths=[4, 1, 3])
    norms = state_jacobians(watched["cell"])
    plot_jacobians(axes, norms, "rnn")
    mean, *each = axes.lines
    assert mean.get_label() == "rnn"
    np.testing.assert_allclose(mean.get_ydata()[[0, 2, 4]], [3**0.5, norms[2, [0, 2]].mean(), norms[4, 0]])
    assert len(each) == 3
    assert axes.get_yscale() == "log"


def test_the_library_does_without_matplotlib_until_it_is_asked_to_draw():
    check = "import sys, minigrad; print(sorted({'matplotlib', 'rich'} & {*sys.modules}))"
    ran = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
    assert mg.inspect.plot_flow is plot_flow
