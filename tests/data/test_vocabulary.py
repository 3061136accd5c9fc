import json
import os

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from minigrad.data import BOS, EOS, PAD, SPECIALS, UNK, Vocabulary, hide

TOKENS = st.text(st.characters(exclude_categories=()), max_size=3)  # lone surrogates included
CORPORA = st.lists(st.lists(TOKENS, max_size=8), max_size=8)


@given(CORPORA)
def test_known_tokens_come_back_and_others_become_unk(corpus):
    vocabulary = Vocabulary.build(corpus)
    for tokens in corpus:
        ids = vocabulary.encode(tokens)
        assert ids.dtype == np.int64 and vocabulary.decode(ids) == tokens
        assert all(token in vocabulary for token in tokens)
    assert vocabulary.encode(["not there"]).tolist() == [UNK] and "not there" not in vocabulary


@given(CORPORA, st.randoms(use_true_random=False))
def test_the_order_of_the_corpus_changes_nothing(corpus, random):
    shuffled = random.sample(corpus, len(corpus))
    assert Vocabulary.build(shuffled).tokens == Vocabulary.build(corpus).tokens


@given(CORPORA, st.integers(1, 4), st.integers(4, 9))
def test_limits_keep_a_prefix_of_the_full_vocabulary(corpus, min_count, max_size):
    everything = Vocabulary.build(corpus).tokens
    kept = Vocabulary.build(corpus, min_count, max_size)
    flat = [token for tokens in corpus for token in tokens]
    assert kept.tokens == everything[: len(kept)] and len(kept) <= max_size
    assert all(flat.count(token) >= min_count for token in kept.tokens[4:])
    for left_out in everything[len(kept) :]:
        assert flat.count(left_out) < min_count or len(kept) == max_size


@given(CORPORA)
@example([["\ud800"]])
def test_a_saved_vocabulary_loads(tmp_path_factory, corpus):
    path = tmp_path_factory.mktemp("vocabulary") / "words.json"
    vocabulary = Vocabulary.build(corpus)
    vocabulary.save(path)
    assert Vocabulary.load(path).tokens == vocabulary.tokens


def test_order_and_specials():
    vocabulary = Vocabulary.build([["b", "a", "c"], ["c", "<unk>", "<eos>", "<eos>"]])
    assert vocabulary.tokens == (*SPECIALS, "c", "a", "b")
    assert len(vocabulary) == 7 and repr(vocabulary) == "Vocabulary(7 tokens)"
    assert (PAD, UNK, BOS, EOS) == (0, 1, 2, 3)
    assert vocabulary.encode(["a", "<eos>", "<pad>", "z"]).tolist() == [5, EOS, PAD, UNK]
    assert vocabulary.decode([BOS, 4]) == ["<bos>", "c"]


def test_a_string_is_its_characters():
    vocabulary = Vocabulary.build(["hello", "hé"])
    assert vocabulary.tokens[4:] == ("h", "l", "e", "o", "é")
    assert "".join(vocabulary.decode(vocabulary.encode("hello"))) == "hello"


def test_nothing_in_nothing_out():
    assert Vocabulary.build([]).tokens == SPECIALS
    assert Vocabulary([]).encode([]).shape == (0,) and Vocabulary([]).decode([]) == []


def test_the_file_is_legible(tmp_path):
    Vocabulary(["été", "l'"]).save(tmp_path / "v.json")
    assert '\n"été",\n"l\'"\n' in (tmp_path / "v.json").read_text(encoding="utf-8")


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "v.json"
    Vocabulary(["old"]).save(path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        Vocabulary(["new"]).save(path)
    assert Vocabulary.load(path).tokens[4:] == ("old",) and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Vocabulary(["a", "b", "a"]), ValueError, "each token once and none of .*, got 'a' again"),
        (lambda: Vocabulary(["<pad>"]), ValueError, "got '<pad>' again"),
        (lambda: Vocabulary(["a", 3]), TypeError, "Vocabulary: expected a sequence of strings, got 3 in it"),
        (lambda: Vocabulary.build([[["a"]]]), TypeError, r"build: expected a sequence of strings, got \['a'\] in it"),
        (lambda: Vocabulary.build([], min_count=0), ValueError, "expected min_count of at least 1, got 0"),
        (lambda: Vocabulary.build([], max_size=3), ValueError, "expected max_size of at least 4, got 3"),
        (lambda: Vocabulary([]).encode([["a"]]), TypeError, r"encode: expected a sequence of strings, got \['a'\]"),
        (lambda: Vocabulary([]).decode([0, 4]), IndexError, "decode: expected ids from 0 to 3, got 4"),
        (lambda: Vocabulary([]).decode([-1]), IndexError, "decode: expected ids from 0 to 3, got -1"),
        (lambda: Vocabulary([]).decode([0.5]), TypeError, r"decode: expected integers \[count\], got float64\[1\]"),
        (lambda: Vocabulary([]).decode([[1]]), TypeError, r"decode: expected integers \[count\], got int64\[1, 1\]"),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    "content",
    [{"a": 1}, ["a", "b"], list(SPECIALS[::-1]), [*SPECIALS, 3]],
    ids=["dict", "no specials", "order", "number"],
)
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "other.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"other.json: expected a list of strings that starts with \('<pad>'"):
        Vocabulary.load(path)


@pytest.mark.parametrize("data", [b"", b'["<pad>", "<unk', b"\xff\xfe"])
def test_damaged_files_are_refused(tmp_path, data):
    path = tmp_path / "cut.json"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"cut.json is not JSON, or was cut short"):
        Vocabulary.load(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        Vocabulary.load(tmp_path / "none.json")


def test_hide():
    ids = np.arange(10, 20_010).reshape(200, 100)
    seen = hide(ids, 0.3)
    assert seen.dtype == ids.dtype and ids.min() == 10
    assert np.all((seen == ids) | (seen == UNK))
    assert 0.28 < np.mean(seen == UNK) < 0.32
    assert np.array_equal(hide(ids, 0.0), ids) and np.all(hide(ids, 1.0) == UNK)
    assert not np.array_equal(hide(ids, 0.3), seen)  # others each time
