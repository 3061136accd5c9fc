"""Text and sequences as data: vocabularies, tokenizers, batches, windows, scaling, and the demos' data sets."""

from .batches import Batches, batches, bucketed_batches, pad_sequences, split, split_groups
from .datasets import airline, atis, eng_fra, mnist, sms_spam, sunspots, temperatures, tiny_shakespeare
from .spans import Span, most_frequent_tags, span_scores, span_scores_by_kind, spans
from .tokenize import characters, join_characters, join_words, words
from .vocabulary import BOS, EOS, PAD, SPECIALS, UNK, Vocabulary, hide
from .windows import MinMax, Standardizer, bptt_windows, sliding_windows

__all__ = [
    "BOS", "EOS", "PAD", "SPECIALS", "UNK", "Vocabulary", "hide",
    "characters", "join_characters", "join_words", "words",
    "Batches", "batches", "bucketed_batches", "pad_sequences", "split", "split_groups",
    "MinMax", "Standardizer", "bptt_windows", "sliding_windows",
    "Span", "most_frequent_tags", "span_scores", "span_scores_by_kind", "spans",
    "airline", "atis", "eng_fra", "mnist", "sms_spam", "sunspots", "temperatures", "tiny_shakespeare",
]  # fmt: skip
