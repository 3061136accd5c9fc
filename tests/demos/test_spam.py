"""The spam demo: what is a token, no message twice, and the words that tell."""

import numpy as np
import pytest

from demos import spam
from demos.command import Settings


def test_numbers_of_one_length_are_one_word():
    assert spam.tokens("Call 09061 &amp; WIN!") == ["call", "00000", "&", "win", "!"]
    assert spam.tokens(" ") == ["<unk>"]


def test_no_message_is_there_twice(tmp_path):
    kinds = ("ham\tmessage", "spam\toffer", "ham\tMessage", "spam\tOFFER")
    path = tmp_path / "messages"
    path.write_text("\n".join(f"{kind} {i}" for kind in kinds for i in range(30)))
    data = spam.load(Settings(data=str(path)))
    texts = [text.lower() for part in data[:3] for text in part.texts]
    assert len(texts) == len(set(texts)) == 60


def test_the_parts_have_as_much_spam_and_the_vocabulary_is_that_of_training():
    data = spam.load(Settings())
    assert [round(part.labels.mean(), 2) for part in data[:3]] == [0.25] * 3
    known = {token for text in data.train.texts for token in spam.tokens(text)}
    assert set(data.vocabulary.tokens[4:]) <= known


def test_figures():
    labels, predicted = np.array([1, 1, 1, 1, 0, 0, 0, 0]), np.array([1, 1, 1, 0, 1, 0, 0, 0])
    assert spam.figures(labels, predicted) == pytest.approx(
        {"accuracy": 0.75, "precision": 0.75, "recall": 0.75, "F1": 0.75}
    )


def test_the_telling_words_of_a_trained_network(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = spam.main(["--hidden", "8", "--epochs", "4", "--lr", "0.02", "--no-plot"])
    ranked = [token for token, _ in spam.telling(report.best.model, report.data)]
    assert ranked.index("00000000000") < len(ranked) / 4  # a telephone number
    assert report.results[0].figures["F1"] > 0.9
