"""The recurrent family, built from minigrad's primitives."""

from .attention import AdditiveAttention, Attention, DotAttention, GeneralAttention
from .bidirectional import Bidirectional
from .bridge import Bridge
from .cell import Cell
from .classifier import Classifier, MultiClassifier, Regressor
from .decoder import BahdanauDecoder, Decoder, LuongDecoder
from .decoding import Hypothesis, beam_search
from .deep import Deep
from .dense import ConvolutionalClassifier, DenseClassifier
from .embedded import Embedded
from .forecaster import Forecaster
from .generator import Captioner, Generator
from .gru import GRU, GRUCell, SimplifiedGRUCell
from .language_model import LanguageModel, bits_per_character, perplexity
from .layer import Layer
from .lstm import LSTM, LayerNormLSTMCell, LSTMCell, LSTMState
from .seq2seq import Seq2Seq
from .tagger import Tagger
from .truncation import detach, truncated
from .vanilla import RNN, RNNCell

__all__ = [
    "GRU", "LSTM", "RNN", "Bidirectional", "Cell", "Deep", "GRUCell", "LSTMCell", "LSTMState", "Layer",
    "LayerNormLSTMCell", "RNNCell", "SimplifiedGRUCell",
    "Captioner", "Classifier", "ConvolutionalClassifier", "DenseClassifier", "Embedded", "Forecaster", "Generator",
    "LanguageModel", "MultiClassifier", "Regressor", "Seq2Seq", "Tagger",
    "AdditiveAttention", "Attention", "BahdanauDecoder", "Bridge", "Decoder", "DotAttention", "GeneralAttention",
    "Hypothesis", "LuongDecoder", "beam_search", "bits_per_character", "detach", "perplexity",
    "truncated",
]  # fmt: skip
