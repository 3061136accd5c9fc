"""detect_anomaly names what went wrong first, leaves right numbers alone, and leaves nothing behind."""

import re
import threading

import numpy as np
import pytest

import minigrad as mg
from minigrad.mode import mode
from minigrad.node import Traced
from models import GRU, LSTM, Bidirectional, Cell, Classifier, Deep
from models.layer import Layer

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
RNG = np.random.default_rng(0)
STEPS = mg.tensor(RNG.normal(size=(2, 6, 3)).astype(np.float32))


class Logarithm(Cell):
    """A cell that fails as soon as its sum is not above 0."""

    gates = 1

    def body(self, x, h, state):
        return mg.log(x[0])


def message(f):
    with pytest.raises(FloatingPointError) as caught:
        f()
    return str(caught.value)


def test_an_op_that_is_not_recorded():
    def f():
        with mg.detect_anomaly():
            mg.log(mg.tensor([1.0, 0.0]))

    text = message(f)
    assert text.startswith("detect_anomaly: log returned -inf at (1,) (1 of 2 entries)")
    assert "mg.log(mg.tensor([1.0, 0.0]))" in text and __file__ in text


@pytest.mark.parametrize("call", [mg.exp, lambda x: x / mg.tensor(0.0), lambda x: mg.sum(x * 3e38 * 2.0)])
def test_forward_names_the_op(call):
    x = mg.tensor([100.0, 1.0], requires_grad=True)

    def f():
        with mg.detect_anomaly():
            call(x)

    assert re.match(r"detect_anomaly: (exp|divide|multiply) returned inf", message(f))


def test_backward_of_what_was_recorded_inside_may_be_called_outside():
    x = mg.tensor([4.0, 0.0], requires_grad=True)
    with mg.detect_anomaly():
        y = mg.sqrt(x).sum()
    text = message(y.backward)
    assert text.startswith("detect_anomaly: backward of sqrt sent inf at (1,) (1 of 2 entries) to its input 0")
    assert "y = mg.sqrt(x).sum()" in text
    assert x.grad is None


def test_a_cotangent_that_is_made_only_if_wanted():
    a, b = (mg.tensor(np.full((2, 2), value), requires_grad=True) for value in (1e200, 1e-200))
    with mg.detect_anomaly():
        y = ((a @ b) * 1e200).sum()
    assert "backward of matmul sent inf" in message(lambda: y.backward(1e10))


@pytest.mark.parametrize("reverse", [False, True])
def test_the_time_step(reverse):
    x = np.ones((1, 6, 3), np.float32)
    x[0, 4] = -1
    layer = Layer(Logarithm(3, 2), reverse=reverse)
    layer.cell.weight_ih.assign_(np.ones((2, 3)))

    def f():
        with mg.detect_anomaly():
            layer(mg.tensor(x))

    text = message(f)
    assert "log returned nan" in text and "at time step 4" in text and "return mg.log(x[0])" in text


def test_the_library_s_own_line_and_the_user_s():
    net = LSTM(3, 4)
    net.cell.weight_hh.assign_(np.full((16, 4), np.nan))

    def f():
        with mg.detect_anomaly():
            net(STEPS)  # this line

    text = message(f)
    assert "held a NaN already" in text and "models" in text and "net(STEPS)  # this line" in text
    assert text.count("\n") == 3  # the step, the line in models, the user's


def test_an_infinity_that_was_put_in_may_pass():
    scores = mg.tensor([[1.0, 2.0]], requires_grad=True)
    with mg.detect_anomaly():
        masked = mg.where(np.array([[True, False]]), scores, -np.inf)
        y = mg.functional.softmax(masked)[0, 0]
        y.backward()
    assert y.item() == 1


@pytest.mark.parametrize("net", [LSTM(3, 4), GRU(3, 4, 2), Deep([Bidirectional(Layer(LSTM(3, 4).cell))])], ids=repr)
def test_the_numbers_stay_what_they_are(net):
    model = Classifier(net, 3)
    targets = np.array([0, 2])
    model.loss(STEPS, targets).backward()
    plain = {name: p.grad.numpy() for name, p in model.named_parameters()}
    model.zero_grad()
    with mg.detect_anomaly():
        loss = model.loss(STEPS, targets)
        loss.backward()
    for name, p in model.named_parameters():
        np.testing.assert_allclose(p.grad.numpy(), plain[name], rtol=1e-4, atol=1e-6, err_msg=name)
    assert loss.item() == pytest.approx(model.loss(STEPS, targets).item(), rel=1e-5)


def test_second_derivatives_are_looked_at_too():
    x = mg.tensor(0.0, requires_grad=True)
    with mg.detect_anomaly():
        (first,) = mg.vjp(lambda x: x**1.5, x)[1](1.0)
        assert first.item() == 0
        assert "power" in message(lambda: first.backward())


def test_a_checkpoint_inside():
    x = mg.tensor([1.0, 0.0], requires_grad=True)
    with mg.detect_anomaly():
        y = mg.checkpoint(lambda x: mg.sqrt(x) * 2.0, x).sum()
        assert "backward of sqrt" in message(y.backward)


def test_fused_functions_run_op_by_op():
    body = mg.fuse(lambda x: mg.log(mg.exp(x) - 1.0))
    x = mg.tensor(np.zeros(3, np.float32), requires_grad=True)

    def f():
        with mg.detect_anomaly():
            body(x)

    assert "log returned -inf" in message(f)
    assert np.isneginf(body(x).numpy()).all()  # outside as before


def test_it_leaves_nothing_behind():
    wrap = Traced.wrap

    @mg.detect_anomaly()
    def again(n):
        return mg.log(mg.tensor(1.0)) if n == 0 else again(n - 1)

    again(2)
    with mg.detect_anomaly(), mg.detect_anomaly():
        pass
    message(mg.detect_anomaly()(lambda: mg.log(mg.tensor(0.0))))
    assert Traced.wrap is wrap and not mode.checking and mode.step is None
    assert np.isneginf(mg.log(mg.tensor(0.0)).item())


def test_other_threads_go_on_unchecked():
    found = []
    with mg.detect_anomaly():
        thread = threading.Thread(target=lambda: found.append(mg.log(mg.tensor(0.0)).item()))
        thread.start()
        thread.join()
    assert found == [-np.inf]
