"""The generator: one vector, or one class, and what follows from it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.nn import Embedding
from models import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    Bridge,
    Captioner,
    Deep,
    DenseClassifier,
    Embedded,
    Generator,
    GRUCell,
    Layer,
    LSTMCell,
    LSTMState,
)
from models.bridge import batch_size, zero_state
from tests.models.network_checks import counting, garbage, train

BOS, EOS, CONDITION = 0, 1, 3
rng = np.random.default_rng(0)
VECTORS, CLASSES = rng.normal(size=(4, CONDITION)), np.array([2, 0, 1, 2])
TARGETS, LENGTHS = rng.integers(2, 7, (4, 5)), np.array([5, 2, 1, 4])


def model_of(kind="lstm"):
    networks = {"lstm": LSTM(3, 4), "deep": GRU(3, 4, num_layers=2), "rnn": RNN(3, 4)}
    return Generator(CONDITION, Embedded(Embedding(7, 3), networks[kind]), BOS, EOS).to(np.float64)


@given(st.integers(0, 3), st.integers(-(2**40), 2**40) | st.sampled_from([BOS, EOS, -100]))
def test_padding_has_no_influence(extra, value):
    model = model_of()
    wanted = model.loss(VECTORS, TARGETS, LENGTHS)
    found = model.loss(VECTORS, garbage(TARGETS, LENGTHS, extra, value), LENGTHS)
    np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-12)


def test_a_batch_equals_its_rows():
    model = model_of()
    losses = [model.loss(VECTORS[i : i + 1], TARGETS[i : i + 1, :n]).item() for i, n in enumerate(LENGTHS)]
    together = model.loss(VECTORS, TARGETS, LENGTHS).item()
    np.testing.assert_allclose(together, np.average(losses, weights=LENGTHS + 1), rtol=1e-12)
    rows = [model.generate(VECTORS[i : i + 1], 6, temperature=0)[0].tolist() for i in range(4)]
    assert [row.tolist() for row in model.generate(VECTORS, 6, temperature=0)] == rows


def test_loss_is_the_log_probability_from_bos_to_eos():
    model = model_of()
    sequence = [3, 5, 2]
    logits = model(VECTORS[:1], np.array([[BOS, *sequence]])).numpy()[0]
    wanted = -mg.functional.log_softmax(logits)[np.arange(4), [*sequence, EOS]].mean()
    np.testing.assert_allclose(model.loss(VECTORS[:1], [sequence]).item(), wanted, rtol=1e-12)


def test_classes_are_one_hot_vectors():
    model = model_of()
    np.testing.assert_array_equal(model.loss(CLASSES, TARGETS).numpy(), model.loss(np.eye(3)[CLASSES], TARGETS).numpy())


def test_it_learns_a_word_for_each_class():
    words = ["zero", "one", "two", "three"]
    letters = sorted(set("".join(words)))
    lengths = np.array([len(word) for word in words])
    targets = np.array([[2 + letters.index(c) for c in word.ljust(5, word[0])] for word in words])
    model = Generator(4, Embedded(Embedding(2 + len(letters), 6), GRU(6, 16)), BOS, EOS)
    loss = train(model, lambda: model.loss(np.arange(4), targets, lengths), 120)
    assert loss < 0.1 < np.log(len(letters))
    said = model.generate([3, 0, 1, 2], 20, temperature=0)
    assert ["".join(letters[i - 2] for i in word) for word in said] == ["three", "zero", "one", "two"]


# generation


@given(st.integers(1, 6))
def test_no_step_is_read_twice(max_new):
    embedding, layer = counting()
    model = Generator(CONDITION, Embedded(embedding, layer), BOS, EOS)
    model.head.bias.assign_(-100.0 * np.eye(7)[EOS])
    assert [len(tokens) for tokens in model.generate(VECTORS, max_new)] == [max_new] * 4
    assert layer.steps == max_new


@pytest.mark.parametrize("kind", ["lstm", "deep"])
def test_greedy_equals_reading_all_anew_each_time(kind):
    model, read = model_of(kind), [BOS]
    model.head.bias.assign_(-100.0 * np.eye(7)[EOS])
    for _ in range(6):
        read.append(int(model(VECTORS[:1], [read]).numpy()[0, -1].argmax()))
    assert model.generate(VECTORS[:1], 6, temperature=0)[0].tolist() == read[1:]


def test_eos_stops():
    embedding, layer = counting()
    model = Generator(CONDITION, Embedded(embedding, layer), BOS, EOS)
    model.head.bias.assign_(100.0 * np.eye(7)[EOS])
    assert [tokens.tolist() for tokens in model.generate(CLASSES, 50)] == [[]] * 4
    assert layer.steps == 1


def test_manual_seed_repeats_a_sample():
    model = model_of()
    samples = []
    for seed in (1, 1, 2):
        mg.manual_seed(seed)
        samples.append([tokens.tolist() for tokens in model.generate(CLASSES, 20, temperature=2.0)])
    assert samples[0] == samples[1] != samples[2]


# what is not a vector yet


def test_a_captioner_is_a_generator_behind_an_encoder():
    encoder = DenseClassifier(6, 5, CONDITION).to(np.float64)
    generator = model_of()
    model = Captioner(encoder, CONDITION, generator.network, BOS, EOS).to(np.float64)
    model.load_state_dict({**model.state_dict(), **generator.state_dict()})
    pictures = mg.tensor(rng.normal(size=(4, 2, 3)))
    encoded = encoder(pictures)
    wanted = generator.loss(encoded, TARGETS, LENGTHS)
    np.testing.assert_array_equal(model.loss(pictures, TARGETS, LENGTHS).numpy(), wanted.numpy())
    for found, tokens in zip(model.generate(pictures, 6, 0), generator.generate(encoded, 6, 0), strict=True):
        np.testing.assert_array_equal(found, tokens)


def test_encoder_and_generator_learn_together():
    pictures = np.eye(4, dtype=np.float32)[[0, 1, 2, 3]]
    pictures[:2] += pictures[2]  # no single entry tells the words apart
    words = np.array([[2, 3, 4], [4, 3, 2], [3, 3, 2], [2, 4, 4]])
    model = Captioner(DenseClassifier(4, 8, 2), 2, Embedded(Embedding(5, 4), GRU(4, 12)), BOS, EOS)
    before = model.encoder.hidden.weight.numpy().copy()
    assert train(model, lambda: model.loss(mg.tensor(pictures), words), 150) < 0.1
    assert [word.tolist() for word in model.generate(mg.tensor(pictures), 9, 0)] == words.tolist()
    assert not np.allclose(model.encoder.hidden.weight.numpy(), before)


# the bridge


@pytest.mark.parametrize(
    "network",
    [
        RNN(3, 4),
        LSTM(3, 4),
        GRU(3, 4, num_layers=3),
        LSTM(3, 4, bidirectional=True),
        LSTM(3, 4, num_layers=2, bidirectional=True),
        Deep([Layer(GRUCell(3, 4)), Bidirectional(Layer(LSTMCell(4, 2)), merge="sum"), Layer(LSTMCell(2, 5))]),
    ],
    ids=lambda network: repr(network).split("(")[0],
)
def test_a_bridge_leads_to_any_network(network):
    x = mg.tensor(rng.normal(size=(2, 4, 3)).astype(np.float32))
    state = Bridge(CONDITION, network)(mg.tensor(VECTORS[:2].astype(np.float32)))
    outputs, _ = network(x, state)
    assert batch_size(state) == 2
    assert not np.allclose(outputs.numpy(), network(x)[0].numpy()), "the state has an influence"
    zero, _ = network(x, zero_state(network, 2))
    np.testing.assert_array_equal(zero.numpy(), network(x)[0].numpy())


def test_a_bridge_is_the_tanh_of_a_linear_for_each_part():
    bridge = Bridge(2, LSTM(3, 4))
    state = bridge(mg.tensor([[1.0, -2.0]]))
    assert isinstance(state, LSTMState)
    for part, linear in zip(state, bridge.maps, strict=True):
        np.testing.assert_allclose(part.numpy(), np.tanh([[1.0, -2.0]] @ linear.weight.numpy().T), rtol=1e-6)


def test_what_has_no_state_is_refused():
    with pytest.raises(TypeError, match="zero_state: expected a layer or a stack of them, got Embedding"):
        Bridge(3, Embedding(3, 4))


# refusals


@pytest.mark.parametrize(
    ("condition", "error", "message"),
    [
        (
            VECTORS[:, :2],
            ValueError,
            r"expected vectors \[batch, 3\] or integers \[batch\], got float64 of shape \(4, 2",
        ),
        (VECTORS[0], ValueError, r"got float64 of shape \(3,\)"),
        (VECTORS[:0], ValueError, r"of shape \(0, 3\)"),
        (np.eye(3, dtype=int), ValueError, r"of shape \(3, 3, 3\)"),
        ([3, 1], IndexError, "index 3 .* out of range: expected 0 to 2"),
        ([True], TypeError, "one_hot: expected integer"),
    ],
)
def test_bad_conditions_are_refused(condition, error, message):
    with pytest.raises(error, match=message):
        model_of().generate(condition, 3)
    with pytest.raises(error, match=message):
        model_of().loss(condition, TARGETS)


@pytest.mark.parametrize(
    ("targets", "error", "message"),
    [
        ([[2, BOS, 3]], ValueError, "Generator: targets: expected neither bos = 0 nor eos = 1 in a sequence"),
        ([[2, 3, EOS]], ValueError, "expected neither bos = 0 nor eos = 1"),
        ([2, 3], ValueError, r"Generator: targets: expected integers \[batch, time\]"),
        ([[2.5]], TypeError, "Generator: targets: expected integers"),
        ([[7]], IndexError, "index 7 .* out of range"),
        ([[-100]], IndexError, "index -100 .* out of range"),
        ([[2], [3]], ValueError, "expected a state of shape"),
    ],
)
def test_bad_targets_are_refused(targets, error, message):
    with pytest.raises(error, match=message):
        model_of().loss(VECTORS[:1], targets)


def test_bad_settings_are_refused():
    network = Embedded(Embedding(7, 3), GRU(3, 4))
    with pytest.raises(TypeError, match=r"Generator: expected Embedded\(embedding, network\), got Layer"):
        Generator(3, GRU(3, 4), BOS, EOS)
    with pytest.raises(ValueError, match="Generator: a layer that reads backward"):
        Generator(3, Embedded(Embedding(7, 3), GRU(3, 4, bidirectional=True)), BOS, EOS)
    with pytest.raises(ValueError, match="Generator: expected bos to be a token from 0 to 6, got 7"):
        Generator(3, network, 7, EOS)
    with pytest.raises(ValueError, match="Generator: expected eos to be a token from 0 to 6, got -1"):
        Generator(3, network, BOS, -1)
    with pytest.raises(ValueError, match=r"Generator\.generate: expected max_new to be an integer from 1 up, got 0"):
        model_of().generate(CLASSES, 0)
    with pytest.raises(ValueError, match="expected a temperature"):
        model_of().generate(CLASSES, 3, temperature=-1)


def test_a_start_is_read_before_the_rest_is_drawn():
    model = model_of("deep")
    state = model.initial_state(VECTORS)
    for token in (BOS, 3, 5):
        logits, state = model.step(np.full(4, token), state)
    drawn = model.generate(VECTORS, 3, temperature=0, start=[3, 5])
    assert [row[0] if len(row) else EOS for row in drawn] == logits.numpy().argmax(axis=-1).tolist()


@pytest.mark.parametrize("start", [[BOS], [3, EOS]])
def test_a_start_has_neither_bos_nor_eos(start):
    with pytest.raises(ValueError, match="expected a start without bos and eos"):
        model_of().generate(VECTORS, 3, start=start)
