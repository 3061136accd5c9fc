"""Classifier, regressor, tagger, dense: one to one, many to one, many to many in step."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.nn import Embedding, Linear
from models import (
    GRU,
    LSTM,
    RNN,
    Classifier,
    ConvolutionalClassifier,
    Deep,
    DenseClassifier,
    Embedded,
    Layer,
    LSTMCell,
    MultiClassifier,
    Regressor,
    Tagger,
)
from models.bridge import summary
from models.classifier import predict_all
from models.tagger import tag_all
from tests.models.network_checks import garbage, train

SIZE, CLASSES = 3, 4
NETWORKS = {
    "rnn": lambda: RNN(SIZE, 5),
    "lstm": lambda: LSTM(SIZE, 4),
    "deep": lambda: GRU(SIZE, 4, num_layers=2),
    "bidirectional": lambda: LSTM(SIZE, 3, bidirectional=True),
    "deep bidirectional": lambda: GRU(SIZE, 3, num_layers=2, bidirectional=True),
    "residual": lambda: Deep([Layer(LSTMCell(SIZE, SIZE)), Layer(LSTMCell(SIZE, SIZE))], residual=True),
}
MODELS = {"classifier": Classifier, "regressor": Regressor, "tagger": Tagger}
networks = pytest.mark.parametrize("network", NETWORKS)
models = pytest.mark.parametrize("kind", MODELS)


def make(kind, network):
    """A model in float64, and a batch for it: x, targets, lengths."""
    rng = np.random.default_rng(0)
    model = MODELS[kind](NETWORKS[network](), CLASSES).to(np.float64)
    x, lengths = rng.normal(size=(5, 6, SIZE)), np.array([6, 1, 3, 5, 2])
    targets = {
        "classifier": rng.integers(0, CLASSES, 5),
        "regressor": rng.normal(size=(5, CLASSES)),
        "tagger": rng.integers(0, CLASSES, (5, 6)),
    }[kind]
    return model, mg.tensor(x), targets, lengths


@networks
@models
@pytest.mark.parametrize(("extra", "value"), [(0, np.nan), (3, np.inf), (2, 1.0)])
def test_padding_has_no_influence(kind, network, extra, value):
    model, x, targets, lengths = make(kind, network)
    padded = np.full((5, 6 + extra, SIZE), value)
    for row, sequence, length in zip(padded, x.numpy(), lengths):
        row[:length] = sequence[:length]
    labels = garbage(targets, lengths, extra, 99) if kind == "tagger" else targets
    wanted, found = model.loss(x, targets, lengths), model.loss(mg.tensor(padded), labels, lengths)
    np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-12)
    for one, other in zip(model.predict(x, lengths), model.predict(mg.tensor(padded), lengths), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


@networks
@models
def test_a_batch_equals_its_rows(kind, network):
    model, x, targets, lengths = make(kind, network)
    losses, alone = [], []
    for i, length in enumerate(lengths):
        row, target = x[i : i + 1, :length], targets[i : i + 1]
        losses.append(model.loss(row, target[:, :length] if kind == "tagger" else target).item())
        alone += list(model.predict(row))
    weights = lengths if kind == "tagger" else None
    np.testing.assert_allclose(model.loss(x, targets, lengths).item(), np.average(losses, weights=weights), rtol=1e-12)
    for found, wanted in zip(model.predict(x, lengths), alone, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-10)


@pytest.mark.parametrize("network", [DenseClassifier(30, 5, 3), ConvolutionalClassifier(5, 6, 2, 3)])
def test_feed_forward_rows(network):
    model = network.to(np.float64)
    x, targets = mg.tensor(np.random.default_rng(0).normal(size=(4, 5, 6))), np.array([0, 2, 1, 1])
    losses = [model.loss(x[i : i + 1], targets[i : i + 1]).item() for i in range(4)]
    np.testing.assert_allclose(model.loss(x, targets).item(), np.mean(losses), rtol=1e-12)
    assert model.predict(x).shape == (4,)
    np.testing.assert_array_equal(predict_all(model, x.numpy(), batch_size=3), model.predict(x))


def test_predictions_in_batches_are_those_of_the_whole():
    rng = np.random.default_rng(0)
    sequences = [rng.integers(0, 9, length) for length in (5, 2, 7, 1, 3)]
    mg.manual_seed(1)
    model = Classifier(Embedded(Embedding(9, 4), LSTM(4, 6)), 9).to(np.float64)
    alone = [model.predict(sequence[None])[0] for sequence in sequences]
    assert predict_all(model, sequences, batch_size=2).tolist() == alone
    assert len(set(alone)) > 1


def test_predictions_of_vectors_in_batches_are_those_of_each_alone():
    rng = np.random.default_rng(0)
    sequences = [rng.normal(size=(length, SIZE)) for length in (5, 2, 7, 1, 3)]
    model = Regressor(GRU(SIZE, 4), 2).to(np.float64)
    alone = np.concatenate([model.predict(mg.tensor(sequence[None])) for sequence in sequences])
    np.testing.assert_allclose(predict_all(model, sequences, batch_size=2), alone, rtol=1e-12)


def test_both_directions_are_summed_up_as_the_outputs_have_them():
    network = Deep([GRU(SIZE, 4), LSTM(4, 3, bidirectional=True)])
    outputs, final = network(mg.tensor(np.random.default_rng(0).normal(size=(2, 6, SIZE))))
    ends = np.concatenate([outputs.numpy()[:, -1, :3], outputs.numpy()[:, 0, 3:]], axis=-1)
    np.testing.assert_array_equal(summary(network, final).numpy(), ends)


# the tagger


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.data())
def test_tags_go_up_to_each_length(lengths, data):
    model = Tagger(RNN(SIZE, 2), CLASSES)
    x = mg.tensor(np.random.default_rng(0).normal(size=(len(lengths), 6, SIZE)))
    tags = model.predict(x, lengths)
    assert [len(row) for row in tags] == lengths
    logits = model(x, lengths).numpy()
    for row, length, scores in zip(tags, lengths, logits):
        np.testing.assert_array_equal(row, scores[:length].argmax(axis=-1))


def test_many_sequences_are_tagged_a_batch_at_a_time():
    model = Tagger(Embedded(Embedding(5, 3), GRU(3, 4)), CLASSES)
    sequences = [np.random.default_rng(i).integers(0, 5, 1 + i % 4) for i in range(7)]
    for found, sequence in zip(tag_all(model, sequences, batch_size=3), sequences, strict=True):
        np.testing.assert_array_equal(found, model.predict(sequence[None])[0])


def test_a_tagger_drops_outputs_while_training_alone():
    model = Tagger(RNN(SIZE, 200), CLASSES, dropout=0.5)
    x = mg.tensor(np.random.default_rng(0).normal(size=(2, 6, SIZE)))
    outputs, _ = model.network(x)
    assert not np.array_equal(model(x).numpy(), model.head(outputs).numpy())
    np.testing.assert_array_equal(model.eval()(x).numpy(), model.head(outputs).numpy())


def test_ignored_targets_do_not_count():
    model, x, targets, lengths = make("tagger", "lstm")
    ignored = np.where(np.arange(6) % 2, targets, -100)
    everywhere = mg.functional.cross_entropy(model(x), targets, reduction="none").numpy()
    np.testing.assert_allclose(model.loss(x, ignored).item(), everywhere[:, 1::2].mean(), rtol=1e-12)
    np.testing.assert_allclose(
        model.loss(x, np.where(ignored == -100, 2, ignored), ignore_index=2).item(),
        everywhere[:, 1::2][targets[:, 1::2] != 2].mean(),
        rtol=1e-12,
    )
    within = (np.arange(6) < lengths[:, None]) & (ignored != -100)
    logits = model(x, lengths)
    wanted = mg.functional.cross_entropy(logits, np.where(within, targets, 0), reduction="none").numpy()[within].mean()
    np.testing.assert_allclose(model.loss(x, ignored, lengths).item(), wanted, rtol=1e-12)


def test_a_tagger_learns_the_parity_of_the_last_two_tokens():
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 2, (40, 10))
    parity = (tokens + np.pad(tokens, ((0, 0), (1, 0)))[:, :-1]) % 2
    model = Tagger(Embedded(Embedding(2, 3), RNN(3, 8)), 2)
    assert train(model, lambda: model.loss(tokens[:20], parity[:20]), 120) < 0.1 < np.log(2)
    np.testing.assert_array_equal(model.predict(tokens[20:]), parity[20:])


def test_only_a_bidirectional_tagger_learns_what_comes_next():
    rng = np.random.default_rng(0)
    tokens, lengths = rng.integers(0, 2, (60, 8)), rng.integers(2, 9, 60)
    following = np.pad(tokens, ((0, 0), (0, 1)))[:, 1:] * (np.arange(8) < lengths[:, None] - 1)
    losses = []
    for bidirectional in (True, False):
        model = Tagger(Embedded(Embedding(2, 3), GRU(3, 6, bidirectional=bidirectional)), 2)
        losses.append(train(model, lambda model=model: model.loss(tokens, following, lengths), 60, lr=0.03))
    assert losses[0] < 0.1
    assert losses[1] > 0.4


# many to one


def test_a_classifier_learns_which_token_came_first():
    tokens = np.random.default_rng(0).integers(0, 3, (80, 7))
    lengths = np.random.default_rng(1).integers(2, 8, 80)
    model = Classifier(Embedded(Embedding(3, 3), GRU(3, 8)), 3)
    loss = train(model, lambda: model.loss(tokens[:50], tokens[:50, 0], lengths[:50]), 100, lr=0.03)
    assert loss < 0.1 < np.log(3)
    assert (model.predict(tokens[50:], lengths[50:]) == tokens[50:, 0]).mean() > 0.9


def test_a_regressor_learns_the_mean():
    x = np.random.default_rng(0).normal(size=(60, 6, 1)).astype(np.float32)
    mean = x.mean(axis=1)
    model = Regressor(LSTM(1, 8), 1)
    assert train(model, lambda: model.loss(mg.tensor(x[:40]), mean[:40]), 150) < 0.1 * mean.var()
    assert np.square(model.predict(mg.tensor(x[40:])) - mean[40:]).mean() < 0.4 * mean.var()


# several answers


@networks
def test_heads_answer_as_classifiers_of_their_own_would(network):
    model = MultiClassifier(NETWORKS[network](), 2, CLASSES).to(np.float64)
    _, x, _, lengths = make("classifier", network)
    targets = np.random.default_rng(1).integers(0, CLASSES, (5, 2))
    losses = []
    for head in range(2):
        alone = Classifier(model.network, CLASSES).to(np.float64)
        rows = slice(CLASSES * head, CLASSES * (head + 1))
        alone.head.weight.assign_(model.head.weight.numpy()[rows])
        np.testing.assert_array_equal(model.predict(x, lengths)[:, head], alone.predict(x, lengths))
        losses.append(alone.loss(x, targets[:, head], lengths).item())
    np.testing.assert_allclose(model.loss(x, targets, lengths).item(), np.mean(losses), rtol=1e-12)


def test_heads_learn_the_first_token_and_the_last():
    tokens = np.random.default_rng(0).integers(0, 3, (80, 5))
    model = MultiClassifier(Embedded(Embedding(3, 3), GRU(3, 10)), 2, 3)
    ends = tokens[:, [0, -1]]
    assert train(model, lambda: model.loss(tokens[:50], ends[:50]), 100, lr=0.03) < 0.1 < np.log(3)
    right = predict_all(model, tokens[50:], batch_size=7) == ends[50:]
    assert right.shape == (30, 2) and right.all(axis=1).mean() > 0.9


def test_answers_without_a_head_are_refused():
    with pytest.raises(ValueError, match="MultiClassifier: expected heads to be an integer from 1 up, got 0"):
        MultiClassifier(RNN(SIZE, 2), 0, CLASSES)
    model = MultiClassifier(RNN(SIZE, 2), 2, CLASSES)
    with pytest.raises(ValueError, match="cross_entropy: expected logits"):
        model.loss(mg.tensor(np.zeros((3, 4, SIZE), np.float32)), np.zeros((3, 1), int))


# tokens


@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(0, 3), st.integers(-(2**40), 2**40), st.booleans()
)
def test_any_integer_may_stand_in_the_padding(lengths, extra, value, bidirectional):
    model = Classifier(Embedded(Embedding(6, 3), GRU(3, 4, bidirectional=bidirectional)), 2).to(np.float64)
    tokens = np.random.default_rng(0).integers(0, 6, (len(lengths), 5))
    wanted = model(tokens, lengths).numpy()
    found = model(garbage(tokens, np.array(lengths), extra, value), lengths).numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_embedded_is_the_embedding_and_the_network():
    embedding, network = Embedding(6, 3), LSTM(3, 4)
    tokens = np.array([[1, 2, 5], [0, 3, 3]], np.uint8)
    outputs, state = Embedded(embedding, network)(tokens)
    wanted, last = network(embedding(tokens))
    np.testing.assert_array_equal(outputs.numpy(), wanted.numpy())
    np.testing.assert_array_equal(state.c.numpy(), last.c.numpy())
    np.testing.assert_array_equal(Embedded(embedding, network)(mg.tensor(tokens))[0].numpy(), wanted.numpy())
    assert Embedded(embedding, network).output_size == 4


def test_embedded_stands_under_other_layers():
    model = Classifier(Deep([Embedded(Embedding(6, 3), GRU(3, 4)), Layer(LSTMCell(4, 5))]), 2)
    assert model(np.array([[1, 2, 5]])).shape == (1, 2)


# refusals


@pytest.mark.parametrize("model", [Classifier, Regressor, Tagger])
def test_what_is_no_network_is_refused(model):
    with pytest.raises(TypeError, match=f"{model.__name__}: expected a layer or a stack of them, .* got Linear"):
        model(Linear(3, 4), 2)


def test_bad_embedded_is_refused():
    with pytest.raises(TypeError, match="Embedded: expected an Embedding first, got Linear"):
        Embedded(Linear(3, 4), GRU(4, 4))
    with pytest.raises(TypeError, match=r"Embedded: expected a layer or a stack of them, .* got Linear"):
        Embedded(Embedding(3, 4), Linear(3, 4))


@pytest.mark.parametrize(
    ("tokens", "error", "message"),
    [
        ([1, 2], ValueError, r"Embedded: expected integers \[batch, time\], .* got shape \(2,\)"),
        ([[]], ValueError, r"got shape \(1, 0\)"),
        ([[1.0, 2.0]], TypeError, r"Embedded: expected integers \[batch, time\], got float64; encode the symbols"),
        ([[1, 6]], IndexError, r"index 6 at position \(0, 1\) is out of range: expected 0 to 5"),
        ([[-1, 1]], IndexError, "index -1 at position"),
    ],
)
def test_bad_tokens_are_refused(tokens, error, message):
    with pytest.raises(error, match=message):
        Embedded(Embedding(6, 3), GRU(3, 4))(tokens)


def test_bad_targets_and_lengths_are_refused():
    model, x, targets, lengths = make("tagger", "rnn")
    with pytest.raises(ValueError, match=r"Tagger: targets: expected integers \[batch, time\], .* got shape \(5,\)"):
        model.loss(x, targets[:, 0])
    with pytest.raises(ValueError, match="cross_entropy: expected logits"):
        model.loss(x, targets[:, :4])
    with pytest.raises(IndexError, match="cross_entropy: index 4"):
        model.loss(x, np.full_like(targets, CLASSES))
    with pytest.raises(ValueError, match="lengths: every length must be from 1 to 6"):
        model.loss(x, targets, lengths + 1)
    with pytest.raises(ValueError, match="lengths: expected 5 integers"):
        model.predict(x, lengths[:3])
    regressor, x, targets, lengths = make("regressor", "rnn")
    with pytest.raises(ValueError, match="mse_loss: expected predictions and targets of one shape"):
        regressor.loss(x, targets[:, 0])
