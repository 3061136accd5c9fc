"""Encoder-decoder: teacher forcing, scheduled sampling, attention, greedy and beam decoding."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.nn import Embedding, Linear
from minigrad.optim import Adam, clip_grad_norm
from models import GRU, LSTM, RNN, BahdanauDecoder, Decoder, Embedded, GRUCell, LuongDecoder, Seq2Seq
from tests.models.network_checks import CountingLayer, garbage

BOS, EOS, TOKENS, WIDTH = 0, 1, 7, 4
rng = np.random.default_rng(0)
SOURCE, SOURCE_LENGTHS = rng.integers(0, 6, (4, 5)), np.array([5, 2, 1, 4])
TARGETS, TARGET_LENGTHS = rng.integers(2, TOKENS, (4, 4)), np.array([1, 4, 3, 2])
BATCH = SOURCE, TARGETS, SOURCE_LENGTHS, TARGET_LENGTHS
ENCODERS = {
    "gru": lambda: GRU(3, WIDTH),
    "bidirectional": lambda: LSTM(3, 2, bidirectional=True),
    "deep": lambda: LSTM(3, 2, num_layers=2, bidirectional=True),
}
encoders = pytest.mark.parametrize("encoder", ENCODERS)


def lstm(size):
    return Embedded(Embedding(TOKENS, 3), LSTM(size, WIDTH))


DECODERS = {
    "plain": lambda: Decoder(Embedded(Embedding(TOKENS, 3), GRU(3, WIDTH, num_layers=2)), WIDTH),
    "bahdanau": lambda: BahdanauDecoder(lstm(3 + WIDTH), WIDTH),
    "general": lambda: LuongDecoder(lstm(3), WIDTH),
    "dot": lambda: LuongDecoder(lstm(3), WIDTH, score="dot"),
}
decoders = pytest.mark.parametrize("decoder", DECODERS)


def model_of(decoder, encoder="bidirectional"):
    mg.manual_seed(0)
    return Seq2Seq(Embedded(Embedding(6, 3), ENCODERS[encoder]()), DECODERS[decoder](), BOS, EOS).to(np.float64)


@decoders
@encoders
def test_a_batch_equals_its_rows(decoder, encoder):
    model = model_of(decoder, encoder)
    losses, predicted, beams = [], [], []
    for i, (n, m) in enumerate(zip(SOURCE_LENGTHS, TARGET_LENGTHS)):
        row = SOURCE[i : i + 1, :n]
        losses.append(model.loss(row, TARGETS[i : i + 1, :m]).item())
        predicted += model.predict(row, 6)
        beams += model.beam(row, 6)
    np.testing.assert_allclose(model.loss(*BATCH).item(), np.average(losses, weights=TARGET_LENGTHS + 1), rtol=1e-12)
    for found, wanted in zip(model.predict(SOURCE, 6, SOURCE_LENGTHS), predicted, strict=True):
        np.testing.assert_array_equal(found, wanted)
    for found, wanted in zip(model.beam(SOURCE, 6, SOURCE_LENGTHS), beams, strict=True):
        np.testing.assert_array_equal(found.tokens, wanted.tokens)
        np.testing.assert_allclose(found.score, wanted.score, rtol=1e-10)


@given(
    st.sampled_from(sorted(DECODERS)),
    st.sampled_from(sorted(ENCODERS)),
    st.integers(0, 2),
    st.sampled_from([BOS, EOS, 99, -100, 2**40]),
)
def test_padding_has_no_influence(decoder, encoder, extra, value):
    model = model_of(decoder, encoder)
    source = garbage(SOURCE, SOURCE_LENGTHS, extra, value)
    targets = garbage(TARGETS, TARGET_LENGTHS, 2 - extra, value)
    found = model.loss(source, targets, SOURCE_LENGTHS, TARGET_LENGTHS)
    np.testing.assert_allclose(found.numpy(), model.loss(*BATCH).numpy(), rtol=1e-12)
    predicted = model.predict(source, 3, SOURCE_LENGTHS), model.predict(SOURCE, 3, SOURCE_LENGTHS)
    for one, other in zip(*predicted, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_source_may_be_vectors_with_nan_in_the_padding():
    vectors = np.random.default_rng(0).normal(size=(3, 5, 3))
    model = Seq2Seq(LSTM(3, WIDTH), DECODERS["general"](), BOS, EOS).to(np.float64)
    lengths, broken = np.array([2, 5, 3]), np.where(np.arange(5)[:, None] < [[[2]], [[5]], [[3]]], vectors, np.nan)
    losses = [model.loss(mg.tensor(x), TARGETS[:3], lengths).item() for x in (vectors, broken)]
    assert losses[0] == losses[1]
    assert len(model.predict(mg.tensor(broken), 3, lengths)) == len(model.beam(mg.tensor(broken), 3, lengths)) == 3


@decoders
def test_loss_is_the_log_probability_from_bos_to_eos(decoder):
    model, sequence = model_of(decoder), [3, 5, 2]
    logits, _ = model(SOURCE[:1], [[BOS, *sequence]])
    wanted = -mg.functional.log_softmax(logits).numpy()[0, np.arange(4), [*sequence, EOS]].mean()
    np.testing.assert_allclose(model.loss(SOURCE[:1], [sequence]).item(), wanted, rtol=1e-12)


# attention


@pytest.mark.parametrize("decoder", ["bahdanau", "general", "dot"])
def test_attention_weights_are_for_pictures(decoder):
    model = model_of(decoder)
    tokens = np.array([[BOS, 3, 4]] * 4)
    logits, weights = model(SOURCE, tokens, SOURCE_LENGTHS)
    assert logits.shape == (4, 3, TOKENS) and weights.shape == (4, 3, 5)
    np.testing.assert_allclose(weights.numpy().sum(axis=-1), 1, rtol=1e-12)
    padding = np.arange(5) >= SOURCE_LENGTHS[:, None]
    assert (np.swapaxes(weights.numpy(), 1, 2)[padding] == 0).all()


def test_without_attention_there_are_no_weights():
    assert model_of("plain")(SOURCE, [[BOS]] * 4)[1] is None


def weights_of(module):
    return {name: parameter.numpy() for name, parameter in module.named_parameters()}


def softmax(x):
    return np.exp(x) / np.exp(x).sum()


def test_bahdanau_step_is_its_equations():
    mg.manual_seed(0)
    decoder = BahdanauDecoder(Embedded(Embedding(TOKENS, 3), RNN(3 + 2, WIDTH)), 2).to(np.float64)
    p, values, s = weights_of(decoder), rng.normal(size=(5, 2)), rng.normal(size=WIDTH)
    y = p["network.embedding.weight"][6]
    inner = p["attention.of_query.weight"] @ s + values @ p["attention.of_value.weight"].T
    a = softmax(np.tanh(inner) @ p["attention.score.weight"][0])
    c = a @ values
    s_next = np.tanh(
        p["network.network.cell.weight_ih"] @ np.concatenate([y, c])
        + p["network.network.cell.weight_hh"] @ s
        + p["network.network.cell.bias"]
    )
    wanted = p["head.weight"] @ np.concatenate([s_next, c, y]) + p["head.bias"]
    memory = decoder.memory(mg.tensor(values[None]), None)
    logits, state, weights = decoder.step(np.array([6]), mg.tensor(s[None]), memory)
    for found, expected in (logits, wanted), (state, s_next), (weights, a):
        np.testing.assert_allclose(found.numpy()[0], expected, rtol=1e-10)


def test_luong_step_is_its_equations():
    mg.manual_seed(0)
    decoder = LuongDecoder(Embedded(Embedding(TOKENS, 3), RNN(3, WIDTH)), 2).to(np.float64)
    p, values, s = weights_of(decoder), rng.normal(size=(5, 2)), rng.normal(size=WIDTH)
    s_next = np.tanh(
        p["network.network.cell.weight_ih"] @ p["network.embedding.weight"][6]
        + p["network.network.cell.weight_hh"] @ s
        + p["network.network.cell.bias"]
    )
    a = softmax(values @ p["attention.of_value.weight"].T @ s_next)
    attentional = np.tanh(p["joined.weight"] @ np.concatenate([a @ values, s_next]))
    wanted = p["head.weight"] @ attentional + p["head.bias"]
    memory = decoder.memory(mg.tensor(values[None]), None)
    logits, state, weights = decoder.step(np.array([6]), mg.tensor(s[None]), memory)
    for found, expected in (logits, wanted), (state, s_next), (weights, a):
        np.testing.assert_allclose(found.numpy()[0], expected, rtol=1e-10)


# scheduled sampling


def fed_tokens(model, sampling, monkeypatch):
    """What the decoder is given at each step [batch, time], where its own prediction is always 6."""
    columns, step = [], type(model.decoder).step

    def watched(decoder, tokens, state, memory):
        columns.append(tokens)
        return step(decoder, tokens, state, memory)

    model.decoder.head.bias.assign_(1000.0 * np.eye(TOKENS)[6])
    monkeypatch.setattr(type(model.decoder), "step", watched)
    source, targets = np.repeat(SOURCE, 50, axis=0), np.full((200, 4), 3)
    loss = model.loss(source, targets, sampling=sampling)
    monkeypatch.undo()
    return np.stack(columns, axis=1), loss


@pytest.mark.parametrize("sampling", [0.0, 0.25, 1.0])
def test_the_own_token_is_fed_with_this_probability(sampling, monkeypatch):
    fed, _ = fed_tokens(model_of("general"), sampling, monkeypatch)
    assert (fed[:, 0] == BOS).all()
    assert set(np.unique(fed[:, 1:])) <= {3, 6}
    own = (fed[:, 1:] == 6).mean()
    assert own == sampling if sampling in (0, 1) else abs(own - sampling) < 0.06


def test_manual_seed_repeats_scheduled_sampling():
    model, losses = model_of("plain"), []
    for seed in (1, 1, 2):
        mg.manual_seed(seed)
        losses.append(model.loss(*BATCH, sampling=0.5).item())
    assert losses[0] == losses[1] != losses[2]


def test_no_sampling_is_teacher_forcing_and_draws_nothing():
    model = model_of("bahdanau")
    mg.manual_seed(0)
    before = mg.random.generator().bit_generator.state
    assert model.loss(*BATCH, sampling=0.0).item() == model.loss(*BATCH).item()
    assert mg.random.generator().bit_generator.state == before


def test_scheduled_sampling_passes_gradients():
    model = model_of("bahdanau")
    model.loss(*BATCH, sampling=1.0).backward()
    assert all(np.isfinite(p.grad.numpy()).all() for p in model.parameters())


# decoding


@decoders
@pytest.mark.parametrize("seed", range(3))
def test_a_beam_of_one_is_greedy(decoder, seed):
    model = model_of(decoder)
    model.decoder.head.bias.assign_(np.random.default_rng(seed).normal(size=TOKENS))
    predicted = model.predict(SOURCE, 6, SOURCE_LENGTHS)
    for found, wanted in zip(model.beam(SOURCE, 6, SOURCE_LENGTHS, width=1), predicted, strict=True):
        np.testing.assert_array_equal(found.tokens, wanted)


@decoders
@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
def test_a_hypothesis_has_the_score_that_the_model_gives_it(decoder, length_penalty):
    model = model_of(decoder)
    model.decoder.head.bias.assign_(np.eye(TOKENS)[EOS])
    for i, (tokens, score) in enumerate(model.beam(SOURCE, 5, SOURCE_LENGTHS, 5, length_penalty)):
        row, n = SOURCE[i : i + 1, : SOURCE_LENGTHS[i]], len(tokens)
        whole = [*tokens, EOS][:5]
        logits, _ = model(row, [[BOS, *tokens][:5]])
        chosen = mg.functional.log_softmax(logits).numpy()[0, np.arange(len(whole)), whole]
        np.testing.assert_allclose(score, chosen.sum() / len(whole) ** length_penalty, rtol=1e-10)
        assert n <= 5


@decoders
def test_greedy_equals_reading_all_anew_each_time(decoder):
    model, read = model_of(decoder), [BOS]
    model.decoder.head.bias.assign_(-100 * np.eye(TOKENS)[EOS])
    for _ in range(6):
        logits, _ = model(SOURCE[:1], [read])
        read.append(int(logits.numpy()[0, -1].argmax()))
    assert model.predict(SOURCE[:1], 6)[0].tolist() == read[1:]


def counting_model(eos_bias):
    encoder, decoder = CountingLayer(GRUCell(3, WIDTH)), CountingLayer(GRUCell(3, WIDTH))
    model = Seq2Seq(
        Embedded(Embedding(6, 3), encoder), LuongDecoder(Embedded(Embedding(TOKENS, 3), decoder), WIDTH), BOS, EOS
    )
    model.decoder.head.bias.assign_(eos_bias * np.eye(TOKENS)[EOS])
    return model, encoder, decoder


@pytest.mark.parametrize("search", ["predict", "beam"])
def test_nothing_is_read_twice(search):
    model, encoder, decoder = counting_model(-100.0)
    getattr(model, search)(SOURCE[:1], 7)
    assert encoder.steps == 5 and decoder.steps == 7


@pytest.mark.parametrize("search", ["predict", "beam"])
def test_eos_stops(search):
    model, _, decoder = counting_model(100.0)
    found = getattr(model, search)(SOURCE[:2], 50)
    assert [len(tokens) for tokens in (found if search == "predict" else [h.tokens for h in found])] == [0, 0]
    assert decoder.steps == 1


def test_decoding_records_nothing(monkeypatch):
    model, recorded, step = model_of("general"), [], LuongDecoder.step

    def watched(*arguments):
        result = step(*arguments)
        recorded.append(result[0].requires_grad)
        return result

    monkeypatch.setattr(LuongDecoder, "step", watched)
    model.predict(SOURCE, 2)
    model.beam(SOURCE, 2)
    assert recorded and not any(recorded)


# learning


def reversed_batch(count, draw):
    """Sequences of 1 to 5 symbols, and the same backward."""
    lengths, source = draw.integers(1, 6, count), draw.integers(2, 10, (count, 5))
    mirrored = np.take_along_axis(source, np.maximum(lengths[:, None] - 1 - np.arange(5), 0), axis=1)
    return source, mirrored, lengths, lengths


@pytest.mark.parametrize("attention", ["bahdanau", "luong"])
def test_it_learns_to_reverse(attention):
    draw = np.random.default_rng(0)
    encoder = Embedded(Embedding(10, 8), GRU(8, 32, bidirectional=True))
    if attention == "bahdanau":
        decoder = BahdanauDecoder(Embedded(Embedding(10, 8), GRU(8 + 64, 32)), 64)
    else:
        decoder = LuongDecoder(Embedded(Embedding(10, 8), GRU(8, 32)), 64)
    model = Seq2Seq(encoder, decoder, BOS, EOS)
    optimizer = Adam(list(model.parameters()), lr=0.01)
    for _ in range(180):
        optimizer.zero_grad()
        model.loss(*reversed_batch(32, draw)).backward()
        clip_grad_norm(model.parameters(), 1.0)
        optimizer.step()
    source, mirrored, lengths, _ = reversed_batch(200, draw)
    assert model.loss(source, mirrored, lengths, lengths).item() < 0.2 < np.log(8)
    greedy, beams = model.predict(source, 8, lengths), model.beam(source[:50], 8, lengths[:50])
    right = [row[:n].tolist() == tokens.tolist() for row, n, tokens in zip(mirrored, lengths, greedy)]
    assert np.mean(right) >= 0.95
    ones = model.beam(source[:50], 8, lengths[:50], width=1)
    assert all(wide.score >= one.score - 1e-6 for wide, one in zip(beams, ones))


# refusals


def test_bad_parts_are_refused():
    network, encoder = Embedded(Embedding(TOKENS, 3), GRU(3, WIDTH)), GRU(3, WIDTH)
    with pytest.raises(TypeError, match=r"LuongDecoder: expected Embedded\(embedding, network\), got Layer"):
        LuongDecoder(encoder, WIDTH)
    with pytest.raises(ValueError, match="BahdanauDecoder: a layer that reads backward"):
        BahdanauDecoder(Embedded(Embedding(TOKENS, 3), GRU(5, 2, bidirectional=True)), 2)
    with pytest.raises(ValueError, match="LuongDecoder: score must be 'general' or 'dot', got 'cosine'"):
        LuongDecoder(network, WIDTH, score="cosine")
    with pytest.raises(ValueError, match="score 'dot' needs outputs of the source's size 8, got 4; use 'general'"):
        LuongDecoder(network, 8, score="dot")
    with pytest.raises(TypeError, match="Seq2Seq: expected a Decoder, got Layer"):
        Seq2Seq(encoder, encoder, BOS, EOS)
    decoder = Decoder(network, WIDTH)
    with pytest.raises(TypeError, match=r"Seq2Seq: expected a layer or a stack of them, .* got Linear"):
        Seq2Seq(Linear(3, 4), decoder, BOS, EOS)
    with pytest.raises(ValueError, match=r"Seq2Seq: encoder's outputs are of size 5, .* source_size 4"):
        Seq2Seq(GRU(3, 5), decoder, BOS, EOS)
    with pytest.raises(ValueError, match="Seq2Seq: expected bos to be a token from 0 to 6, got 7"):
        Seq2Seq(encoder, decoder, TOKENS, EOS)
    with pytest.raises(ValueError, match="Seq2Seq: expected eos to be a token from 0 to 6, got -1"):
        Seq2Seq(encoder, decoder, BOS, -1)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"targets": [[2, BOS]]}, ValueError, "Seq2Seq: targets: expected neither bos = 0 nor eos = 1"),
        ({"targets": [2, 3]}, ValueError, r"Seq2Seq: targets: expected integers \[batch, time\]"),
        ({"targets": [[7]]}, IndexError, "index 7 .* out of range"),
        ({"targets": [[2], [3]]}, ValueError, "Seq2Seq: expected as many sequences of tokens as sources, got 2 and 1"),
        ({"source": [[6]]}, IndexError, "index 6 .* out of range"),
        ({"source_lengths": [6]}, ValueError, "lengths: every length must be from 1 to 5"),
        ({"target_lengths": [0]}, ValueError, "lengths: every length must be from 1 to 4"),
        ({"sampling": 1.5}, ValueError, "Seq2Seq: sampling: expected a probability p from 0 to 1, got 1.5"),
        ({"sampling": -0.1}, ValueError, "Seq2Seq: sampling: expected a probability"),
    ],
)
def test_bad_batches_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        model_of("general").loss(**{"source": SOURCE[:1], "targets": TARGETS[:1], **arguments})


@pytest.mark.parametrize(
    ("search", "arguments", "message"),
    [
        ("predict", {"max_new": 0}, "Seq2Seq.predict: expected max_new to be an integer from 1 up, got 0"),
        ("beam", {"max_new": 0}, "Seq2Seq.beam: expected max_new"),
        ("beam", {"width": 0}, "Seq2Seq.beam: expected width to be an integer from 1 up, got 0"),
        ("beam", {"length_penalty": -1.0}, "Seq2Seq.beam: expected a length_penalty from 0 up"),
        ("predict", {"lengths": [9]}, "lengths: every length must be from 1 to 5"),
        ("beam", {"lengths": [1, 2]}, "lengths: expected 1 integers"),
    ],
)
def test_bad_searches_are_refused(search, arguments, message):
    with pytest.raises(ValueError, match=message):
        getattr(model_of("general"), search)(**{"source": SOURCE[:1], "max_new": 3, **arguments})
