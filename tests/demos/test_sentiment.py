"""The sentiment demo: what is held out, what is counted, files, and the colours of words."""

import re

import numpy as np
import pytest
from matplotlib.colors import to_rgb

import minigrad as mg
from demos import sentiment
from demos.command import Refusal, Settings
from minigrad.data import Vocabulary


def test_no_word_is_tested_in_a_phrase_that_it_was_trained_in():
    texts, _, groups = sentiment.generated(2500)
    group = dict(zip(texts, groups))
    data = sentiment.load(Settings())
    parts = [{group[text] for text in part.texts} for part in data[:3]]
    assert not parts[0] & parts[1] and not parts[0] & parts[2] and not parts[1] & parts[2]


def test_words_praise_as_often_as_they_blame():
    texts, labels, _ = sentiment.generated(2500)
    for word in ("dull", "funny", "the"):
        share = np.mean([label for text, label in zip(texts, labels) if word in sentiment.tokens(text)])
        assert 0.3 < share < 0.7, word


@pytest.mark.parametrize(
    "phrase, turned",
    [
        ("is not (.+)", 1),
        ("If only .+ were (.+)", 1),
        ("anything but (.+)", 1),
        ("What a (.+) .+", 0),
        ("The .+ is (.+)", 0),
    ],
)
def test_labels_are_what_a_reader_would_say(phrase, turned):
    texts, labels, _ = sentiment.generated(2500)
    found = [(match[1], label) for text, label in zip(texts, labels) if (match := re.search(f"{phrase}$", text))]
    said = [(word in sentiment.PRAISE.split(), label) for word, label in found if " " not in word]
    assert len(said) > 20
    assert all(label == praise ^ turned for praise, label in said)


def test_figures_tell_sentences_with_a_negation_apart():
    texts = ["It is not bad", "It isn't bad", "It is a knot", "Never again", "Good"]
    part = sentiment.Part(texts, [], np.array([1, 1, 0, 0, 1]))
    found = sentiment.figures(part, np.array([1, 0, 1, 0, 1]))
    assert found == pytest.approx({"accuracy": 3 / 5, "with a negation": 2 / 3, "without": 1 / 2})
    assert sentiment.figures(part._replace(texts=["Good"], labels=np.array([1])), np.array([1])).keys() == {
        "accuracy",
        "without",
    }


def test_naive_bayes_counts_words_and_so_cannot_tell_what_is_turned():
    rows = sentiment.baselines(sentiment.load(Settings()))
    assert rows["naive Bayes"]["accuracy"] < 0.6
    texts = ["good film", "bad film"] * 20
    part = sentiment.Part(texts, [], np.array([1, 0] * 20))
    rows = sentiment.baselines(sentiment.Data(part, part, part, Vocabulary([])))
    assert rows["naive Bayes"]["accuracy"] == 1 and rows["majority class"]["accuracy"] == 0.5


def test_a_file_of_the_users(tmp_path):
    path = tmp_path / "sentences.tsv"
    path.write_text("".join(f"positive\tgood {i}\nnegative\tbad {i}\nnegative\tBad  {i}\n" for i in range(60)))
    data = sentiment.load(Settings(data=str(path)))
    parts = [{" ".join(sentiment.tokens(text)) for text in part.texts} for part in data[:3]]
    assert not parts[0] & parts[2] and not parts[1] & parts[2]  # however it is written
    path.write_text("positive\tgood\nneutral\tso so\n")
    with pytest.raises(Refusal, match="line 2: expected negative or positive, a tab, and the sentence, got 'neutral"):
        sentiment.read(path)
    path.write_text("positive\tgood\n")
    with pytest.raises(Refusal, match="expected at least 50 negative and positive sentences each, got 0 and 1"):
        sentiment.read(path)


def test_the_two_files_of_pang_and_lee(tmp_path):
    path = tmp_path / "rt-polarity.pos"
    path.write_bytes("".join(f"a clich\xe9 , but \x85 nice {i} \n" for i in range(60)).encode("latin-1"))
    with pytest.raises(Refusal, match=r"rt-polarity\.neg cannot be read"):
        sentiment.read(path)
    path.with_suffix(".neg").write_bytes("".join(f"bad {i} \n" for i in range(50)).encode("latin-1"))
    texts, labels, _ = sentiment.read(path)
    assert len(texts) == 110 and sum(labels) == 60
    assert texts[-1] == "a cliché , but \x85 nice 59" and labels[-1] == 1


def test_a_word_that_speaks_for_a_positive_sentence_is_blue(monkeypatch):
    weights = np.array([[2.0, -1.0, 0.0], [0.5, 0.0, 9.0]])  # the last is past the second sentence's end
    monkeypatch.setattr(sentiment, "contributions", lambda *given: weights * [[1, 1, 1], [1, 1, 0]])
    first, second = sentiment.shades(None, [np.array([4, 5, 6]), np.array([7, 8])])
    assert len(first) == 3 and len(second) == 2
    blue, red, none, pale, _ = (to_rgb(colour) for colour in first + second)
    assert blue[2] > blue[0] and red[0] > red[2]
    assert min(none) > 0.95 > pale[0] > blue[0]


def test_a_trained_network_is_turned_by_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = sentiment.main(["--hidden", "16", "--epochs", "6", "--lr", "0.02", "--no-plot"])
    model = report.best.model
    said = [sentiment.predict(model, report.facts, f"The film is {word}").split()[0] for word in ("dull", "not dull")]
    assert said == ["negative", "positive"]
    assert report.best.figures["with a negation"] > 0.8
    mg.manual_seed(0)
