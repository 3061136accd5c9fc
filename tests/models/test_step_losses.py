"""Losses step by step: they add up to `loss`, or are what it would be if the sequences ended there."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.nn import Embedding, Linear
from models import (
    GRU,
    LSTM,
    RNN,
    BahdanauDecoder,
    Captioner,
    Classifier,
    Decoder,
    Deep,
    Embedded,
    Forecaster,
    Generator,
    LanguageModel,
    Layer,
    LSTMCell,
    MultiClassifier,
    Regressor,
    Seq2Seq,
    Tagger,
)

rng = np.random.default_rng(0)
LENGTHS = np.array([4, 1, 3])
X = mg.tensor(rng.normal(size=(3, 4, 2)))
TOKENS, LABELS = rng.integers(2, 7, (3, 4)), rng.integers(0, 5, (3, 4))


def embedded(network):
    return Embedded(Embedding(7, 2), network)


def encoder_decoder(decoder, size):
    return Seq2Seq(embedded(GRU(2, 3)), decoder(embedded(GRU(size, 3)), 3), bos=0, eos=1)


SHARES = {
    "tagger": (Tagger(LSTM(2, 3), 5), (X, LABELS)),
    "tagger, lengths": (Tagger(LSTM(2, 3, bidirectional=True), 5), (X, LABELS, LENGTHS)),
    "tagger, ignored": (Tagger(LSTM(2, 3), 5), (X, np.where(LABELS == 1, -1, LABELS), LENGTHS, -1)),
    "language model": (LanguageModel(embedded(GRU(2, 3))), (TOKENS, TOKENS[::-1])),
    "language model, lengths": (LanguageModel(embedded(GRU(2, 3))), (TOKENS, TOKENS[::-1], None, LENGTHS)),
    "generator": (Generator(4, embedded(LSTM(2, 3)), 0, 1), (np.array([0, 3, 1]), TOKENS)),
    "generator, lengths": (Generator(4, embedded(LSTM(2, 3)), 0, 1), (np.array([0, 3, 1]), TOKENS, LENGTHS)),
    "captioner": (Captioner(Linear(2, 4), 4, embedded(LSTM(2, 3)), 0, 1), (X[:, 0], TOKENS, LENGTHS)),
    "encoder-decoder": (encoder_decoder(Decoder, 2), (TOKENS, TOKENS[::-1], LENGTHS, LENGTHS[::-1])),
    "attention": (encoder_decoder(BahdanauDecoder, 5), (TOKENS, TOKENS[::-1], None, LENGTHS)),
    "forecaster": (Forecaster(GRU(2, 3), 2), (X, rng.normal(size=(3, 5, 2)))),
}


@pytest.mark.parametrize("name", SHARES)
def test_shares_add_up_to_the_loss(name):
    model, arguments = SHARES[name]
    model.to(np.float64)
    loss = model.loss(*arguments)
    loss = loss[0] if isinstance(loss, tuple) else loss
    losses = model.step_losses(*arguments)
    assert len(losses) == {"g": 5, "c": 5, "e": 5, "a": 5, "f": 5}.get(name[0], 4)
    assert all(share.shape == () and share.requires_grad for share in losses)
    np.testing.assert_allclose(sum(share.item() for share in losses), loss.item(), rtol=1e-13)
    loss.backward()
    expected = [p.grad.numpy() for p in model.parameters()]
    model.zero_grad()
    mg.stack(losses).sum().backward()
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        np.testing.assert_allclose(parameter.grad, gradient, rtol=0, atol=1e-14)
    model.zero_grad()


def test_each_share_is_its_own_steps():
    model = Tagger(RNN(2, 3), 5).to(np.float64)
    losses = model.step_losses(X, LABELS, LENGTHS)
    logits = model(X, LENGTHS)
    for t in range(4):
        there = t < LENGTHS
        own = mg.functional.cross_entropy(logits[:, t][there], LABELS[there, t], reduction="sum").item()
        np.testing.assert_allclose(losses[t].item(), own / LENGTHS.sum(), rtol=1e-13)


def test_a_language_models_share_goes_on_from_a_state():
    model = LanguageModel(embedded(LSTM(2, 3))).to(np.float64)
    _, state = model(TOKENS)
    loss, _ = model.loss(TOKENS, TOKENS[::-1], state)
    np.testing.assert_allclose(sum(x.item() for x in model.step_losses(TOKENS, TOKENS[::-1], state)), loss.item())


ENDS = {
    "classifier": (lambda: Classifier(LSTM(2, 3, num_layers=2), 5), X, np.array([0, 4, 2])),
    "several heads": (lambda: MultiClassifier(GRU(2, 3), 2, 3), X, np.array([[0, 2], [1, 1], [2, 0]])),
    "tokens": (lambda: Classifier(embedded(GRU(2, 3)), 5), TOKENS, np.array([0, 4, 2])),
    "regressor": (lambda: Regressor(RNN(2, 3), 2), X, rng.normal(size=(3, 2))),
}


@pytest.mark.parametrize("name", ENDS)
@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_each_is_the_loss_if_the_sequences_ended_there(name, lengths):
    make, x, targets = ENDS[name]
    model = make().to(np.float64)
    losses = model.step_losses(x, targets, lengths)
    assert len(losses) == 4
    for t, loss in enumerate(losses):
        ended = model.loss(x[:, : t + 1], targets, None if lengths is None else np.minimum(lengths, t + 1))
        np.testing.assert_allclose(loss.item(), ended.item(), rtol=1e-13)
    np.testing.assert_allclose(losses[-1].item(), model.loss(x, targets, lengths).item(), rtol=1e-13)
    assert all(loss.shape == () and loss.requires_grad for loss in losses)


@pytest.mark.parametrize(
    ("network", "part"),
    [
        (LSTM(2, 3, bidirectional=True), "Layer"),
        (Layer(LSTMCell(2, 3), reverse=True), "Layer"),
        (Deep([RNN(2, 2), RNN(2, 2)], residual=True), "Deep"),
    ],
)
def test_networks_whose_outputs_are_not_what_is_classified_are_refused(network, part):
    message = f"Classifier.step_losses: expected a network that reads forward, .* got a {part} of another kind"
    with pytest.raises(ValueError, match=message):
        Classifier(network, 5).step_losses(X.astype(np.float32), np.array([0, 4, 2]))


def test_refusals():
    classifier, tagger = Classifier(LSTM(2, 3), 5).to(np.float64), Tagger(LSTM(2, 3), 5).to(np.float64)
    with pytest.raises(ValueError, match="every length must be from 1 to 4"):
        classifier.step_losses(X, np.array([0, 4, 2]), [4, 5, 1])
    with pytest.raises(ValueError, match=r"Tagger: expected targets \[batch, 4\], one for each step, got \(3, 3\)"):
        tagger.step_losses(X, LABELS[:, :3])
    with pytest.raises(IndexError, match="out of range"):
        tagger.step_losses(X, LABELS + 3)
