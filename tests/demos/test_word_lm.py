"""The word demo: sentences, parts, the source of its text."""

import numpy as np
import pytest

from demos import word_lm
from demos.command import Refusal, Settings
from minigrad.data import EOS, UNK


def test_sentences_end_with_a_mark_or_a_blank_line():
    found = list(word_lm.sentences("Return it. Is\nit?\n\nTitle\n\n   \n\nVersion 3.5 of it!"))
    assert found == [["return", "it", "."], ["is", "it", "?"], ["title"], ["version", "3.5", "of", "it", "!"]]


def test_a_file_is_cut_in_order_and_each_sentence_ends(tmp_path):
    path = tmp_path / "text"
    path.write_text("".join(f"word{i % 7} and so on, number {i}.\n" for i in range(1000)))
    data = word_lm.load(Settings(data=str(path)))
    sizes = [(part == EOS).sum() for part in data[:3]]
    assert sizes == [900, 50, 50]
    assert data.test[-1] == EOS
    assert data.vocabulary.decode(data.test[:3]) == [f"word{950 % 7}", "and", "so"]
    assert (data.test == UNK).sum() == 50  # a number is seen once


def test_a_short_text_is_refused(tmp_path):
    (tmp_path / "text").write_text("One. Two.")
    with pytest.raises(Refusal, match="expected at least 2000 words to train on, got "):
        word_lm.load(Settings(data=str(tmp_path / "text")))


def test_docstrings_are_prose_and_none_is_there_twice():
    texts = word_lm.docstrings(every=20)
    assert len(texts) > 50 and len(set(texts)) == len(texts)
    assert not any(">>>" in text for text in texts)


def test_no_text_is_in_two_parts():
    parts = word_lm.shuffled([f"text {i}." for i in range(100)], seed=0)
    assert [len(part) for part in parts] == [90, 5, 5]
    assert len({tuple(sentence) for part in parts for sentence in part}) == 100


def test_figures():
    found = word_lm.figures(np.log(8))
    assert found == pytest.approx({"perplexity": 8, "bits per word": 3})
