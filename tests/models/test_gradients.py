"""Derivatives to second order of every public cell, network and model; compiled networks beside unrolled ones."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import models
from minigrad.nn import Embedding, Module
from minigrad.testing import check_checkpointed, check_gradients, check_same, check_unrolled
from models import (
    GRU,
    LSTM,
    RNN,
    AdditiveAttention,
    Attention,
    BahdanauDecoder,
    Bidirectional,
    Bridge,
    Captioner,
    Cell,
    Classifier,
    ConvolutionalClassifier,
    Decoder,
    Deep,
    DenseClassifier,
    DotAttention,
    Embedded,
    Forecaster,
    GeneralAttention,
    Generator,
    GRUCell,
    LanguageModel,
    Layer,
    LayerNormLSTMCell,
    LSTMCell,
    LuongDecoder,
    MultiClassifier,
    Regressor,
    RNNCell,
    Seq2Seq,
    SimplifiedGRUCell,
    Tagger,
)  # fmt: skip
from models.deep import recurrent
from models.strategies import networks, randomised, sequence_sizes
from tests.fusion.cells import CoupledLSTMCell
from tests.models.drawn import random_state, seeds, small
from tests.models.equations import KINDS

every_kind = pytest.mark.parametrize("kind", KINDS)
few = settings(max_examples=settings.default.max_examples // 5)


def embedded(network, tokens=7):
    return Embedded(Embedding(tokens, 3), network)


def attentive(attention):
    """Two queries, and a memory of five and two values, the rest of it padding."""
    values = normal(2, 5, 4)
    values[1, 2:] = np.nan
    return attention, lambda query, values: attention(query, attention.memory(values, [5, 2])), normal(2, 4), values


def translated(encoder, decoder):
    """An encoder-decoder and its loss."""
    model = Seq2Seq(embedded(encoder, 6), decoder, 0, 1)
    return model, lambda: model.loss(SOURCE, TARGETS, LENGTHS, [1, 4, 3, 2])


def generated(model, *condition):
    return model, lambda *c: model.loss(*(c or condition), TARGETS, LENGTHS)


def judged(model, targets):
    return model, lambda x: model.loss(x, targets, LENGTHS), X


def normal(*shape):
    return np.random.default_rng(0).normal(size=shape)


chance = np.random.default_rng(0)
X, LENGTHS = normal(4, 5, 3), np.array([5, 2, 1, 4])
SOURCE, TARGETS, LABELS = chance.integers(0, 6, (4, 5)), chance.integers(2, 7, (4, 5)), chance.integers(0, 4, 4)

# a module, and what is checked of it: a function (the module itself, if None) and its inputs
CASES = {
    "RNN": lambda: (RNN(3, 4), None, X),
    "LSTM": lambda: (LSTM(3, 2, num_layers=2, bidirectional=True), None, X),
    "GRU": lambda: (GRU(3, 4, num_layers=2), None, X),
    "Bidirectional": lambda: (Bidirectional(Layer(LSTMCell(3, 2)), "mean"), None, X),
    "Deep": lambda: (Deep([Layer(GRUCell(3, 3)), Layer(RNNCell(3, 3))], residual=True), None, X),
    "Embedded": lambda: (net := embedded(GRU(3, 2)), lambda: net(SOURCE, lengths=LENGTHS)),
    "Bridge": lambda: (Bridge(3, LSTM(2, 2, bidirectional=True)), None, normal(4, 3)),
    "AdditiveAttention": lambda: attentive(AdditiveAttention(4, 4, 3)),
    "DotAttention": lambda: attentive(DotAttention()),
    "GeneralAttention": lambda: attentive(GeneralAttention(4, 4)),
    "Classifier": lambda: judged(Classifier(GRU(3, 3, num_layers=2), 4), LABELS),
    "Classifier, both directions": lambda: judged(Classifier(LSTM(3, 2, bidirectional=True), 4), LABELS),
    "MultiClassifier": lambda: judged(MultiClassifier(GRU(3, 2), 2, 5), TARGETS[:, :2] - 2),
    "Forecaster": lambda: (net := Forecaster(LSTM(3, 2), 3), lambda x: net.loss(x, normal(4, 2, 3)), X),
    "Regressor": lambda: judged(Regressor(LSTM(3, 3), 2), normal(4, 2)),
    "Tagger": lambda: judged(Tagger(GRU(3, 2, bidirectional=True), 7), TARGETS),
    "DenseClassifier": lambda: (net := DenseClassifier(15, 5, 4), lambda x: net.loss(x, LABELS), X),
    "ConvolutionalClassifier": lambda: (
        net := ConvolutionalClassifier(5, 4, 2, 4),
        lambda x: net.loss(x, LABELS),
        normal(4, 5, 4),
    ),
    "LanguageModel": lambda: (net := LanguageModel(embedded(GRU(3, 3))), lambda: net.loss(SOURCE, TARGETS)),
    "LanguageModel, tied": lambda: (
        net := LanguageModel(embedded(LSTM(3, 3, num_layers=2)), tied=True),
        lambda: net.loss(SOURCE, TARGETS, lengths=LENGTHS)[0],
    ),
    "Generator": lambda: (*generated(Generator(3, embedded(LSTM(3, 4)), 0, 1)), normal(4, 3)),
    "Generator, of classes": lambda: generated(Generator(4, embedded(GRU(3, 3, num_layers=2)), 0, 1), LABELS),
    "Captioner": lambda: (*generated(Captioner(DenseClassifier(6, 4, 3), 3, embedded(LSTM(3, 4)), 0, 1)), normal(4, 6)),
    "Seq2Seq": lambda: translated(LSTM(3, 2, 2, True), Decoder(embedded(GRU(3, 4, num_layers=2)), 4)),
    "Decoder": lambda: translated(GRU(3, 4), Decoder(embedded(RNN(3, 4)), 4)),
    "BahdanauDecoder": lambda: translated(GRU(3, 4), BahdanauDecoder(embedded(LSTM(3 + 4, 4)), 4)),
    "LuongDecoder": lambda: translated(LSTM(3, 2, bidirectional=True), LuongDecoder(embedded(LSTM(3, 4)), 4)),
    "LuongDecoder, dot": lambda: translated(GRU(3, 4), LuongDecoder(embedded(LSTM(3, 4)), 4, score="dot")),
}


@pytest.mark.parametrize("make", CASES.values(), ids=CASES)
def test_derivatives_to_second_order(make):
    module, f, *inputs = make()
    randomised(module, np.random.default_rng(1))
    check_gradients(f or module, *inputs, parameters=module, order=2)


def test_every_public_module_has_a_case():
    public = {name for name in models.__all__ if isinstance(getattr(models, name), type)}
    modules = {name for name in public if issubclass(getattr(models, name), Module)} | {"RNN", "LSTM", "GRU"}
    cells = {type(kind.make(1, 1)).__name__ for kind in KINDS.values()}
    tested = {name.split(",")[0] for name in CASES} | cells | {Layer.__name__}
    untested = modules - tested - {Cell.__name__, Attention.__name__}
    assert not untested, f"{untested}: a cell goes into KINDS of tests/models/equations.py, the others into CASES"
    assert not tested - modules, f"models/__init__.py does not export {tested - modules}"


# of drawn sizes


@given(networks())
def test_derivatives_of_networks(drawn):
    check_gradients(partial(drawn.network, lengths=drawn.lengths), drawn.x, parameters=drawn.network, order=2)


@every_kind
@few
@given(batch=small, input_size=small, hidden_size=small, seed=seeds)
def test_derivatives_of_a_step(kind, batch, input_size, hidden_size, seed):
    rng = np.random.default_rng(seed)
    cell = randomised(KINDS[kind].make(input_size, hidden_size), rng)
    state = random_state(cell, rng, batch)
    check_gradients(cell, rng.normal(size=(batch, input_size)), state, order=2)


def drawn(kind, sizes, seed, reverse):
    """A layer and what to call it on."""
    rng = np.random.default_rng(seed)
    layer = Layer(randomised(KINDS[kind].make(sizes.input, sizes.hidden), rng), reverse)
    x = rng.normal(size=(sizes.batch, sizes.time, sizes.input))
    return layer, x, random_state(layer.cell, rng, sizes.batch), sizes.lengths


@every_kind
@given(sizes=sequence_sizes(), seed=seeds, reverse=st.booleans())
def test_derivatives_over_time(kind, sizes, seed, reverse):
    layer, *inputs = drawn(kind, sizes, seed, reverse)
    check_gradients(layer, *inputs, order=2)


@every_kind
@few
@given(sizes=sequence_sizes(), seed=seeds, reverse=st.booleans())
def test_checkpointed(kind, sizes, seed, reverse):
    layer, x, state, _ = drawn(kind, sizes, seed, reverse)
    check_checkpointed(layer, x, state)


# compiled, and unrolled


@every_kind
@few
@given(sizes=sequence_sizes(), seed=seeds, reverse=st.booleans())
def test_a_layer_unrolled(kind, sizes, seed, reverse):
    layer, *inputs = drawn(kind, sizes, seed, reverse)
    check_same(layer, partial(layer, unroll=True), *inputs, parameters=layer)


def coupled(*sizes, **settings):
    return recurrent(CoupledLSTMCell, *sizes, dropout=0.0, **settings)


def simplified(*sizes, **settings):
    return recurrent(SimplifiedGRUCell, *sizes, dropout=0.0, **settings)


def layer_norm(*sizes, **settings):
    return recurrent(LayerNormLSTMCell, *sizes, dropout=0.0, **settings)


@given(networks(makers=(RNN, LSTM, GRU, coupled, simplified, layer_norm)))
def test_a_network_unrolled(drawn):
    check_unrolled(drawn.network, drawn.x, lengths=drawn.lengths)
