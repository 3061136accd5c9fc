"""The language model: windows with carried state, generation that reads nothing twice, perplexity."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.data import Vocabulary, bptt_windows, characters, join_characters
from minigrad.nn import Embedding
from models import GRU, LSTM, Bidirectional, Deep, Embedded, LanguageModel, Layer, LSTMCell
from models.language_model import bits_per_character, carrying, perplexity, stream
from models.training import mean_loss
from models.truncation import detach
from tests.models.network_checks import counting, garbage, train

TEXT = "the cat sat on the mat"
SYMBOLS = sorted(set(TEXT))
IDS = np.array([SYMBOLS.index(symbol) for symbol in TEXT])
rng = np.random.default_rng(0)
TOKENS, NEXT, LENGTHS = rng.integers(0, 7, (4, 5)), rng.integers(0, 7, (4, 5)), np.array([5, 2, 1, 4])


def model_of(kind="lstm", tied=False):
    networks = {"lstm": LSTM(3, 3), "deep": GRU(3, 3, num_layers=2)}
    return LanguageModel(Embedded(Embedding(7, 3), networks[kind]), tied).to(np.float64)


@given(st.integers(0, 3), st.integers(-(2**40), 2**40))
def test_padding_has_no_influence(extra, value):
    model = model_of()
    padded = [garbage(tokens, LENGTHS, extra, value) for tokens in (TOKENS, NEXT)]
    (wanted, state), (found, same) = model.loss(TOKENS, NEXT, None, LENGTHS), model.loss(*padded, None, LENGTHS)
    np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-12)
    np.testing.assert_allclose(same.c.numpy(), state.c.numpy(), rtol=1e-12)


def test_a_batch_equals_its_rows():
    model = model_of()
    losses = [model.loss(TOKENS[i : i + 1, :n], NEXT[i : i + 1, :n])[0].item() for i, n in enumerate(LENGTHS)]
    together = model.loss(TOKENS, NEXT, lengths=LENGTHS)[0].item()
    np.testing.assert_allclose(together, np.average(losses, weights=LENGTHS), rtol=1e-12)


@pytest.mark.parametrize("kind", ["lstm", "deep"])
def test_windows_with_carried_state_equal_one_run(kind):
    model = model_of(kind)
    corpus = rng.integers(0, 7, 61)
    ((whole, successors),) = bptt_windows(corpus, batch_size=2, window=30)
    state, losses, steps = None, [], []
    for inputs, targets in bptt_windows(corpus, batch_size=2, window=8):
        loss, state = model.loss(inputs, targets, state)
        loss.backward()  # would raise, had the state not been detached
        state = detach(state)
        losses.append(loss.item())
        steps.append(inputs.shape[1])
    assert len(losses) > 2
    np.testing.assert_allclose(np.average(losses, weights=steps), model.loss(whole, successors)[0].item(), rtol=1e-12)


def test_carrying_a_stream_equals_one_run():
    model = model_of("deep")
    corpus = rng.integers(0, 7, 61)
    ((whole, successors),) = bptt_windows(corpus, batch_size=2, window=30)
    windows = bptt_windows(corpus, batch_size=2, window=8)
    loss = carrying(model)
    for _ in range(2):  # the second epoch starts from no state, too
        found = mean_loss(loss, stream(windows))
        np.testing.assert_allclose(found, model.loss(whole, successors)[0].item(), rtol=1e-12)
    for batch in stream(windows):
        loss(*batch).backward()  # would raise, had the state not been detached


def test_a_stream_says_where_the_state_starts_anew():
    windows = bptt_windows(np.arange(41), batch_size=2, window=4)
    assert [first for first, _, _ in stream(windows)] == [True, False, False, False, False]
    assert [first for first, _, _ in stream(windows, restart=2)] == [True, False, True, False, True]
    loss = carrying(model_of())
    ids = [(inputs % 7, targets % 7) for inputs, targets in windows]
    one, two = (mean_loss(loss, stream(ids, restart)) for restart in (1, None))
    assert one == np.mean([loss(True, *window).item() for window in ids]) != two


def test_forgetting_to_detach_is_said():
    model = model_of()
    loss, state = model.loss(TOKENS, NEXT)
    loss.backward()
    loss, _ = model.loss(TOKENS, NEXT, state)
    with pytest.raises(RuntimeError, match="forgotten to detach"):
        loss.backward()


def test_it_memorises_a_text():
    model = LanguageModel(Embedded(Embedding(len(SYMBOLS), 8), LSTM(8, 24)))
    loss = train(model, lambda: model.loss(IDS[None, :-1], IDS[None, 1:])[0], 120)
    assert loss < 0.1 < np.log(len(SYMBOLS))
    said = model.generate(IDS[:1], len(IDS) - 1, temperature=0)
    assert "".join(SYMBOLS[i] for i in said) == TEXT[1:]
    stop = SYMBOLS.index("o")
    assert "".join(SYMBOLS[i] for i in model.generate(IDS[:4], 100, temperature=0, eos=stop)) == "cat sat "


def test_tied_weights_are_one_parameter():
    tied, free = model_of(tied=True), model_of()
    assert tied.head.weight is tied.network.embedding.weight
    names = [name for name, _ in tied.named_parameters()]
    assert names == [name for name, _ in free.named_parameters() if name != "head.weight"]


# generation


@given(st.integers(1, 5), st.integers(1, 6))
def test_no_step_is_read_twice(seed_length, max_new):
    embedding, layer = counting()
    model = LanguageModel(Embedded(embedding, layer))
    assert len(model.generate(np.arange(seed_length), max_new)) == max_new
    assert layer.steps == seed_length + max_new - 1  # the last token goes nowhere


@given(st.integers(1, 5), st.integers(1, 6), st.sampled_from(["lstm", "deep"]))
def test_greedy_equals_reading_all_anew_each_time(seed_length, max_new, kind):
    model = model_of(kind)
    read = list(range(seed_length))
    for _ in range(max_new):
        logits, _ = model(np.array([read]))
        read.append(int(logits.numpy()[0, -1].argmax()))
    assert model.generate(np.arange(seed_length), max_new, temperature=0).tolist() == read[seed_length:]


def test_manual_seed_repeats_a_sample():
    model = model_of()
    mg.manual_seed(5)
    first = model.generate([1, 2], 30, top_k=5, top_p=0.95)
    assert model.generate([1, 2], 30, top_k=5, top_p=0.95).tolist() != first.tolist()
    mg.manual_seed(5)
    assert model.generate([1, 2], 30, top_k=5, top_p=0.95).tolist() == first.tolist()


def test_settings_reach_the_draw():
    model = model_of()
    greedy = model.generate([1], 20, temperature=0).tolist()
    assert model.generate([1], 20, top_k=1).tolist() == greedy
    assert model.generate([1], 20, top_p=1e-9).tolist() == greedy
    assert model.generate([1], 20, temperature=1e-9).tolist() == greedy
    assert model.generate([1], 20, temperature=50.0).tolist() != greedy


def test_eos_stops_and_is_left_out():
    embedding, layer = counting()
    model = LanguageModel(Embedded(embedding, layer))
    model.head.bias.assign_(100.0 * np.eye(7)[4])
    assert model.generate([0, 1], 50, eos=4).tolist() == []
    assert layer.steps == 2
    assert model.generate([0, 4], 5, eos=3).tolist() == [4] * 5


def test_generating_records_nothing(monkeypatch):
    recorded, step = [], LanguageModel.step

    def watched(model, tokens, state):
        logits, state = step(model, tokens, state)
        recorded.append(logits.requires_grad)
        return logits, state

    monkeypatch.setattr(LanguageModel, "step", watched)
    model_of().generate([1], 3)
    assert recorded == [False, False]


# what is reported


@given(st.integers(2, 1000))
def test_a_uniform_model_is_as_perplexed_as_there_are_tokens(count):
    nats = mg.functional.cross_entropy(np.zeros((3, count)), np.array([0, 1, 1]))
    np.testing.assert_allclose(perplexity(nats), count, rtol=1e-12)
    np.testing.assert_allclose(bits_per_character(nats), np.log2(count), rtol=1e-12)


@given(st.floats(0, 50))
def test_bits_are_the_logarithm_of_perplexity(nats):
    np.testing.assert_allclose(bits_per_character(nats), np.log2(perplexity(nats)), rtol=1e-9, atol=1e-12)
    assert perplexity(mg.tensor(np.float64(nats))) == perplexity(nats)


def test_a_model_that_diverged_has_infinite_perplexity():
    assert perplexity(1000.0) == np.inf


# refusals


def test_networks_that_do_not_generate_are_refused():
    with pytest.raises(TypeError, match=r"LanguageModel: expected Embedded\(embedding, network\), got Layer"):
        LanguageModel(LSTM(3, 4))
    for network in (
        LSTM(3, 4, bidirectional=True),
        Layer(LSTMCell(3, 4), reverse=True),
        Deep([Layer(LSTMCell(3, 4)), Bidirectional(Layer(LSTMCell(4, 4)))]),
    ):
        with pytest.raises(ValueError, match="LanguageModel: a layer that reads backward sees what is"):
            LanguageModel(Embedded(Embedding(7, 3), network))


def test_tied_weights_of_two_sizes_are_refused():
    with pytest.raises(ValueError, match="tied weights need vectors of the network's output size 4, got 3"):
        LanguageModel(Embedded(Embedding(7, 3), LSTM(3, 4)), tied=True)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"seed": []}, ValueError, r"generate: expected a seed \[time\], one token at least, got \(0,\)"),
        ({"seed": [[1]]}, ValueError, r"expected a seed \[time\], one token at least, got \(1, 1\)"),
        ({"seed": [1.5]}, TypeError, "expected integers"),
        ({"seed": [7]}, IndexError, "index 7 .* out of range: expected 0 to 6"),
        ({"seed": [-1]}, IndexError, "index -1 .* out of range"),
        ({"max_new": 0}, ValueError, "LanguageModel.generate: expected max_new to be an integer from 1 up, got 0"),
        ({"eos": 7}, ValueError, "LanguageModel.generate: expected eos to be a token from 0 to 6, got 7"),
        ({"temperature": -1.0}, ValueError, "expected a temperature from 0 up"),
        ({"top_k": 0}, ValueError, "expected top_k"),
        ({"top_p": 0.0}, ValueError, "expected top_p above 0"),
        ({"top_p": 1.5}, ValueError, "expected top_p above 0"),
    ],
)
def test_bad_requests_are_refused_before_anything_is_read(arguments, error, message):
    embedding, layer = counting()
    model = LanguageModel(Embedded(embedding, layer))
    with pytest.raises(error, match=message):
        model.generate(**{"seed": [1], "max_new": 3, **arguments})
    assert layer.steps == 0


def test_bad_batches_are_refused():
    model = model_of()
    with pytest.raises(ValueError, match="LanguageModel: targets: expected integers"):
        model.loss(TOKENS, NEXT[0])
    with pytest.raises(ValueError, match="cross_entropy: expected logits"):
        model.loss(TOKENS, NEXT[:, :3])
    with pytest.raises(IndexError, match="index 7"):
        model.loss(TOKENS, np.full_like(NEXT, 7))
    with pytest.raises(ValueError, match="lengths: every length must be from 1 to 5"):
        model.loss(TOKENS, NEXT, lengths=[0, 1, 1, 1])


def test_a_text_goes_on_from_a_text():
    text = "to be or not to be, "
    vocabulary = Vocabulary.build([text])
    ids = vocabulary.encode(characters(text * 2))
    model = LanguageModel(Embedded(Embedding(len(vocabulary), 8), GRU(8, 24)))
    optimizer = mg.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(120):
        optimizer.zero_grad()
        model.loss(ids[None, :-1], ids[None, 1:])[0].backward()
        optimizer.step()
    new = model.generate(vocabulary.encode(characters("to be or ")), 11, temperature=0)
    assert join_characters(vocabulary.decode(new)) == "not to be, "


def test_dropout_keeps_outputs_from_the_head_in_training_only():
    model = LanguageModel(Embedded(Embedding(7, 3), LSTM(3, 3)), dropout=0.5)
    outputs, _ = model.network(TOKENS)
    mg.manual_seed(0)
    dropped = model.dropout(outputs)
    mg.manual_seed(0)
    np.testing.assert_array_equal(model(TOKENS)[0].numpy(), model.head(dropped).numpy())
    assert 0 < (dropped.numpy() == 0).mean() < 1
    np.testing.assert_array_equal(model.eval()(TOKENS)[0].numpy(), model.head(outputs).numpy())
