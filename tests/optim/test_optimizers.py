"""SGD, RMSProp, Adam, AdamW: parity with PyTorch, what a step touches, resuming, refusals."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.optim import SGD, Adam, AdamW, Optimizer, RMSProp
from minigrad.optim.adam import adam
from minigrad.optim.rmsprop import rmsprop
from minigrad.optim.sgd import sgd

SHAPES = [(3, 4), (5,), (), (0, 2), (1, 1)]
STEPS = 50

lr = st.floats(1e-4, 0.1)
decay = st.sampled_from([0.0, 0.01, 0.3])
momentum = st.sampled_from([0.0, 0.5, 0.9])
beta = st.floats(0, 0.999)
betas = st.tuples(st.floats(0, 0.95), st.floats(0.9, 0.9999))  # v remembers for longer than m: m / sqrt(v) is bounded
eps = st.floats(1e-8, 1e-3)
adam_like = st.fixed_dictionaries({"lr": lr, "betas": betas, "eps": eps, "weight_decay": decay})
hyperparameters = {
    SGD: st.one_of(
        st.fixed_dictionaries({"lr": lr, "momentum": momentum, "weight_decay": decay}),
        st.fixed_dictionaries({"lr": lr, "momentum": st.floats(0.1, 0.99), "nesterov": st.just(True)}),
    ),
    RMSProp: st.fixed_dictionaries({"lr": lr, "alpha": beta, "eps": eps, "momentum": momentum, "weight_decay": decay}),
    Adam: adam_like,
    AdamW: adam_like,
}
every = pytest.mark.parametrize("kind", list(hyperparameters))
chosen = pytest.mark.parametrize(
    "make",
    [
        lambda params: SGD(params, 0.1),
        lambda params: SGD(params, 0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
        lambda params: RMSProp(params, momentum=0.9),
        lambda params: Adam(params, weight_decay=0.01),
        lambda params: AdamW(params),
    ],
    ids=["sgd", "nesterov", "rmsprop", "adam", "adamw"],
)


def draw(rng, dtype=np.float64):
    return [np.asarray(rng.normal(size=shape), dtype) for shape in SHAPES]


def leaves(arrays):
    return [mg.tensor(a, requires_grad=True) for a in arrays]


def give(params, gradients):
    for p, g in zip(params, gradients):
        p.grad = None if g is None else mg.tensor(g)


def entries(params):
    return [p.numpy().copy() for p in params]


def run(optimizer, params, rng, steps, dtype=np.float64):
    for _ in range(steps):
        give(params, draw(rng, dtype))
        optimizer.step()


def assert_same_bits(found, wanted):
    assert [(x.dtype, x.shape, x.tobytes()) for x in found] == [(x.dtype, x.shape, x.tobytes()) for x in wanted]


# parity


@every
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_fifty_steps_equal_pytorch(kind, data, seed):
    torch = pytest.importorskip("torch")
    settings = data.draw(hyperparameters[kind])
    rng = np.random.default_rng(seed)
    start = draw(rng)
    ours, theirs = leaves(start), [torch.tensor(a, requires_grad=True) for a in start]
    mine = kind(ours, **settings)
    peer = getattr(torch.optim, {"RMSProp": "RMSprop"}.get(kind.__name__, kind.__name__))(theirs, **settings)
    for step in range(STEPS):
        gradients = [None if (step + i) % 7 == 0 else g for i, g in enumerate(draw(rng))]  # each misses some steps
        give(ours, gradients)
        for t, g in zip(theirs, gradients):
            t.grad = None if g is None else torch.tensor(g)
        mine.step()
        peer.step()
        for p, t in zip(ours, theirs):
            np.testing.assert_allclose(p.numpy(), t.detach().numpy(), rtol=1e-12, atol=1e-12)


@every
def test_float32_equals_pytorch(kind):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    start = draw(rng, np.float32)
    ours, theirs = leaves(start), [torch.tensor(a, requires_grad=True) for a in start]
    mine = kind(ours, lr=0.01)
    peer = getattr(torch.optim, {"RMSProp": "RMSprop"}.get(kind.__name__, kind.__name__))(theirs, lr=0.01)
    for _ in range(STEPS):
        gradients = draw(rng, np.float32)
        give(ours, gradients)
        for t, g in zip(theirs, gradients):
            t.grad = torch.tensor(g)
        mine.step()
        peer.step()
    for p, t in zip(ours, theirs):
        assert p.dtype == np.float32
        np.testing.assert_allclose(p.numpy(), t.detach().numpy(), rtol=1e-5, atol=1e-6)


# the rules, on numbers worked out by hand


def test_sgd_rule():
    one = np.array([1.0])
    np.testing.assert_allclose(sgd(one, np.array([0.5]), lr=0.1), [0.95])
    buffer = np.array([2.0])
    np.testing.assert_allclose(sgd(one, np.array([0.5]), buffer, lr=0.1, momentum=0.9), [1 - 0.1 * 2.3])
    np.testing.assert_allclose(buffer, [2.3])
    buffer = np.array([2.0])
    after = sgd(one, np.array([0.5]), buffer, lr=0.1, momentum=0.9, nesterov=True)
    np.testing.assert_allclose(after, [1 - 0.1 * (0.5 + 0.9 * 2.3)])


def test_rmsprop_rule():
    average, buffer = np.array([4.0]), np.array([1.0])
    settings = {"lr": 0.1, "alpha": 0.75, "eps": 0.5}
    direction = 2 / (4**0.5 + 0.5)  # 0.75 * 4 + 0.25 * 2 ** 2 = 4
    np.testing.assert_allclose(rmsprop(np.array([1.0]), np.array([2.0]), average, **settings), [1 - 0.1 * direction])
    np.testing.assert_allclose(average, [4])
    after = rmsprop(np.array([1.0]), np.array([2.0]), average, buffer, momentum=0.5, **settings)
    np.testing.assert_allclose(after, [1 - 0.1 * (0.5 + direction)])


@given(g=st.floats(1e-3, 1e3), sign=st.sampled_from([-1, 1]), lr=lr)
def test_the_first_step_of_adam_is_lr_whatever_the_gradient(g, sign, lr):
    zero = np.zeros(1)
    after, _, _ = adam(zero, np.array([sign * g]), zero, zero, 1, lr=lr, betas=(0.9, 0.999), eps=0)
    np.testing.assert_allclose(after, [-sign * lr], rtol=1e-12)


def test_adamw_shrinks_what_has_no_slope():
    p = mg.tensor(np.array([2.0]), requires_grad=True)
    p.grad = mg.tensor(np.array([0.0]))
    AdamW([p], lr=0.5, weight_decay=0.1).step()
    np.testing.assert_allclose(p.numpy(), [2 * (1 - 0.05)])


@chosen
def test_it_finds_a_minimum(make):
    p = mg.tensor(np.array([0.5, -0.5]), requires_grad=True)
    optimizer = make([p])
    optimizer.lr = 0.01
    for _ in range(1000):
        optimizer.zero_grad()
        ((p - np.array([0.2, 0.1])) ** 2).sum().backward()
        optimizer.step()
    np.testing.assert_allclose(p.numpy(), [0.2, 0.1], atol=0.02)  # within the pull of the weight decay


# what a step touches


@chosen
def test_arrays_that_somebody_holds_do_not_change(make):
    rng = np.random.default_rng(0)
    params = leaves(draw(rng))
    optimizer = make(params)
    for _ in range(3):
        give(params, draw(rng))
        held = [p.array for p in params] + [p.grad.array for p in params]
        copies = [a.copy() for a in held]
        optimizer.step()
        assert_same_bits(held, copies)


@chosen
def test_a_parameter_without_gradient_is_passed_over(make):
    rng = np.random.default_rng(0)
    params, alone = leaves(draw(rng)), leaves(draw(np.random.default_rng(0)))[:1]
    optimizer, reference = make(params), make(alone)
    before = entries(params)
    for _ in range(3):
        g = draw(rng)[0]
        give(params, [g, None, None, None, None])
        give(alone, [g])
        optimizer.step()
        reference.step()
    assert_same_bits(entries(params)[:1], entries(alone))
    assert_same_bits(entries(params)[1:], before[1:])


@chosen
def test_a_graph_recorded_before_a_step_refuses_to_go_back(make):
    p = mg.tensor(np.array([1.0, 2.0]), requires_grad=True)
    optimizer = make([p])
    early = (p * p).sum()
    give([p], [np.ones(2)])
    optimizer.step()
    with pytest.raises(RuntimeError, match="assign_"):
        early.backward()


@chosen
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes_stay(make, dtype):
    rng = np.random.default_rng(0)
    params = leaves(draw(rng, dtype))
    optimizer = make(params)
    run(optimizer, params, rng, 2, dtype)
    assert {p.dtype for p in params} == {np.dtype(dtype)}
    assert {x.dtype for own in optimizer.state for x in own.values() if isinstance(x, np.ndarray)} <= {np.dtype(dtype)}


def test_zero_grad():
    params = leaves(draw(np.random.default_rng(0)))
    give(params, draw(np.random.default_rng(1)))
    SGD(params, 0.1).zero_grad()
    assert all(p.grad is None for p in params)


@given(rate=st.floats(0, 1), wide=st.booleans())
def test_the_learning_rate_can_be_set(rate, wide):
    p = mg.tensor(np.array([1.0], np.float32), requires_grad=True)
    optimizer = SGD([p], lr=0.5)
    optimizer.lr = np.float64(rate) if wide else rate
    assert type(optimizer.lr) is float
    give([p], [np.array([1.0], np.float32)])
    optimizer.step()
    np.testing.assert_allclose(p.numpy(), [1 - rate], rtol=1e-6, atol=1e-7)


def test_parameters_may_come_from_a_generator():
    assert len(SGD(iter(leaves(draw(np.random.default_rng(0)))), 0.1).params) == len(SHAPES)


def test_an_optimizer_of_ones_own():
    class SignSGD(Optimizer):
        def update(self, param, grad, state):
            return param - self.lr * np.sign(grad)

    p = mg.tensor(np.array([1.0, 1.0]), requires_grad=True)
    give([p], [np.array([-3.0, 0.2])])
    SignSGD([p], lr=0.25).step()
    np.testing.assert_array_equal(p.numpy(), [1.25, 0.75])


# gradients that are not finite


@chosen
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_stays_in_its_own_parameter(make, bad):
    rng = np.random.default_rng(0)
    params, sound = leaves(draw(rng)), leaves(draw(np.random.default_rng(0)))
    gradients = draw(rng)
    give(sound, gradients)
    make(sound).step()
    gradients[1] = np.full(5, bad)
    give(params, gradients)
    make(params).step()
    assert not np.isfinite(params[1].numpy()).any()
    del params[1], sound[1]
    assert_same_bits(entries(params), entries(sound))


@chosen
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_error_if_nonfinite_raises_before_anything_changes(make, bad):
    rng = np.random.default_rng(0)
    params = leaves(draw(rng))
    optimizer = make(params)
    run(optimizer, params, rng, 2)
    before, state = entries(params), optimizer.state_dict()
    gradients = draw(rng)
    gradients[0][1, 2] = gradients[4][0, 0] = bad
    give(params, gradients)
    message = rf"{optimizer.name}\.step: NaN or infinity .* parameter 0 of shape \(3, 4\), 4 of shape \(1, 1\); nothing"
    with pytest.raises(FloatingPointError, match=message):
        optimizer.step(error_if_nonfinite=True)
    assert_same_bits(entries(params), before)
    assert_same_bits(map(np.asarray, optimizer.state_dict().values()), map(np.asarray, state.values()))


@chosen
def test_error_if_nonfinite_changes_nothing_for_finite_gradients(make):
    rng = np.random.default_rng(0)
    params, others = leaves(draw(rng)), leaves(draw(np.random.default_rng(0)))
    gradients = [None, *draw(rng)[1:]]
    give(params, gradients)
    give(others, gradients)
    make(params).step()
    make(others).step(error_if_nonfinite=True)
    assert_same_bits(entries(params), entries(others))


# saving and resuming


@every
@given(data=st.data(), seed=st.integers(0, 1000), before=st.integers(0, 5), dtype=st.sampled_from([np.float32, float]))
def test_a_resumed_run_equals_an_uninterrupted_one(kind, data, seed, before, dtype, tmp_path_factory):
    settings = data.draw(hyperparameters[kind])
    file = tmp_path_factory.mktemp("optim") / "state.safetensors"
    rng = np.random.default_rng(seed)
    params = leaves(draw(rng, dtype))
    optimizer = kind(params, **settings)
    run(optimizer, params, rng, before, dtype)
    optimizer.lr *= 0.7
    mg.save(file, optimizer)
    resumed = leaves(entries(params))
    second = kind(resumed, **settings)
    second.load_state_dict(mg.load(file))
    gradients = rng.bit_generator.state
    run(optimizer, params, rng, 5, dtype)
    rng.bit_generator.state = gradients
    run(second, resumed, rng, 5, dtype)
    assert optimizer.lr == second.lr
    assert_same_bits(entries(resumed), entries(params))


@chosen
def test_a_state_dict_is_a_snapshot(make):
    rng = np.random.default_rng(0)
    params = leaves(draw(rng))
    optimizer = make(params)
    run(optimizer, params, rng, 2)
    snapshot = optimizer.state_dict()
    kept = {name: np.array(x) for name, x in snapshot.items()}
    run(optimizer, params, rng, 2)
    assert_same_bits(map(np.asarray, snapshot.values()), kept.values())
    optimizer.load_state_dict(snapshot)
    run(optimizer, params, rng, 2)
    assert_same_bits(map(np.asarray, snapshot.values()), kept.values())


def test_names_in_a_state_dict():
    p = mg.tensor(np.ones((2, 3)), requires_grad=True)
    names = {
        SGD([p], 0.1): [],
        SGD([p], 0.1, momentum=0.9): ["momentum_buffer"],
        RMSProp([p]): ["square_avg"],
        RMSProp([p], momentum=0.9): ["square_avg", "momentum_buffer"],
        AdamW([p]): ["exp_avg", "exp_avg_sq", "step"],
    }
    for optimizer, own in names.items():
        assert list(optimizer.state_dict()) == ["lr", *(f"0.{name}" for name in own)]


def test_the_state_takes_the_dtype_that_the_parameter_has_at_the_first_step():
    p = mg.tensor(np.ones(3, np.float32), requires_grad=True)
    optimizer = Adam([p])
    p.array = p.array.astype(np.float64)  # what a module's to(dtype) comes to
    give([p], [np.ones(3)])
    optimizer.step()
    assert optimizer.state_dict()["0.exp_avg"].dtype == np.float64


def test_a_state_that_does_not_fit_is_refused_with_every_name_and_nothing_is_loaded():
    rng = np.random.default_rng(0)
    params = leaves(draw(rng))
    optimizer = Adam(params)
    run(optimizer, params, rng, 2)
    before = optimizer.state_dict()
    state = optimizer.state_dict()
    state["lr"] = 0.5
    state["0.exp_avg"] = state["0.exp_avg"] + 1
    del state["1.exp_avg"]
    state["2.exp_avg"] = np.zeros(2)
    state["3.exp_avg_sq"] = state["3.exp_avg_sq"].astype(np.float32)
    state["4.step"] = 2.0
    state["9.step"] = 1
    message = (
        "Adam.load_state_dict: the state does not fit, and nothing was loaded; it must be one of the same class, "
        "settings and parameters:\n"
        "  missing: 1.exp_avg float64[5]\n"
        "  2.exp_avg: expected float64[], got float64[2]\n"
        "  3.exp_avg_sq: expected float64[0, 2], got float32[0, 2]\n"
        "  4.step: expected int64[], got float64[]\n"
        "  surplus: 9.step int64[]"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        optimizer.load_state_dict(state)
    assert_same_bits(map(np.asarray, optimizer.state_dict().values()), map(np.asarray, before.values()))


def test_a_state_with_an_impossible_learning_rate_is_refused_and_nothing_is_loaded():
    rng = np.random.default_rng(0)
    params = leaves(draw(rng))
    optimizer = Adam(params)
    before = optimizer.state_dict()
    run(optimizer, params, rng, 2)
    after = optimizer.state_dict()
    with pytest.raises(ValueError, match=r"Adam: lr must be a number in \[0, inf\), got nan"):
        optimizer.load_state_dict({**before, "lr": np.nan})
    assert_same_bits(map(np.asarray, optimizer.state_dict().values()), map(np.asarray, after.values()))


def test_a_state_is_a_dict():
    optimizer = SGD([mg.tensor([1.0], requires_grad=True)], lr=0.1)
    with pytest.raises(TypeError, match=r"SGD\.load_state_dict: expected a dict, as mg\.load\(path\) returns, got str"):
        optimizer.load_state_dict("file")


# refusals


@every
def test_parameters_are_checked(kind):
    p = mg.tensor(np.ones((2, 3)), requires_grad=True)
    name = kind.__name__
    for params, error, message in [
        ([], ValueError, f"{name}: there are no parameters"),
        (p, TypeError, f"{name}: expected an iterable of Tensors, got a single Tensor; put it in a list"),
        ([p, np.ones(3)], TypeError, f"{name}: expected Tensors, got ndarray as parameter 1"),
        ([p, mg.tensor([1.0], requires_grad=True), p], ValueError, f"{name}: parameters 0 and 2 are the same Tensor"),
        ([p, p * 2], ValueError, rf"{name}: parameter 1 of shape \(2, 3\) was computed and is not a leaf; pass"),
        ([mg.tensor([1.0])], ValueError, rf"{name}: parameter 0 of shape \(1,\) does not require a gradient; set"),
    ]:
        with pytest.raises(error, match=message):
            kind(params, lr=0.1)


@pytest.mark.parametrize("bad", [-0.1, np.nan, np.inf, "0.1", None, 1j])
@pytest.mark.parametrize(
    "kind, setting",
    [
        (SGD, "lr"), (SGD, "momentum"), (SGD, "weight_decay"),
        (RMSProp, "lr"), (RMSProp, "alpha"), (RMSProp, "eps"), (RMSProp, "momentum"), (RMSProp, "weight_decay"),
        (Adam, "lr"), (Adam, "eps"), (Adam, "weight_decay"), (AdamW, "lr"), (AdamW, "eps"), (AdamW, "weight_decay"),
    ],
)  # fmt: skip
def test_hyperparameters_out_of_range_are_refused_by_name(kind, setting, bad):
    p = mg.tensor([1.0], requires_grad=True)
    with pytest.raises(ValueError, match=rf"^{kind.__name__}: {setting} must be a number in \[0, \w+\), got"):
        kind([p], **{"lr": 0.1, setting: bad})


@pytest.mark.parametrize("kind, setting", [(SGD, "momentum"), (RMSProp, "alpha"), (RMSProp, "momentum")])
def test_rates_of_decay_are_below_one(kind, setting):
    with pytest.raises(ValueError, match=rf"{setting} must be a number in \[0, 1\), got 1"):
        kind([mg.tensor([1.0], requires_grad=True)], lr=0.1, **{setting: 1.0})


@pytest.mark.parametrize("kind", [Adam, AdamW])
def test_betas_are_checked(kind):
    p = mg.tensor([1.0], requires_grad=True)
    for betas, message in [
        ((1.0, 0.9), r"betas\[0\] must be a number in \[0, 1\), got 1.0"),
        ((0.9, -0.1), r"betas\[1\] must be a number in \[0, 1\), got -0.1"),
        ((0.9,), r"betas must be two numbers, got \(0.9,\)"),
    ]:
        with pytest.raises(ValueError, match=f"^{kind.__name__}: {message}"):
            kind([p], betas=betas)


def test_nesterov_needs_momentum():
    with pytest.raises(ValueError, match="SGD: nesterov=True needs a momentum above 0"):
        SGD([mg.tensor([1.0], requires_grad=True)], lr=0.1, nesterov=True)


@pytest.mark.parametrize("bad", [-1, np.nan, np.inf, "fast"])
def test_a_bad_learning_rate_is_refused_when_it_is_set(bad):
    optimizer = RMSProp([mg.tensor([1.0], requires_grad=True)], lr=0.5)
    with pytest.raises(ValueError, match=r"RMSProp: lr must be a number in \[0, inf\), got"):
        optimizer.lr = bad
    assert optimizer.lr == 0.5
