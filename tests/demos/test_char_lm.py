"""The character demo: its parts, its baselines, its texts."""

import numpy as np
import pytest

from demos import char_lm
from demos.command import Refusal, Settings
from minigrad.data import Vocabulary


def test_the_parts_follow_each_other_and_are_the_whole_text(tmp_path):
    text = "abcdefghij" * 300
    (tmp_path / "text").write_text(text)
    data = char_lm.load(Settings(data=str(tmp_path / "text")))
    assert [len(part) for part in data[:3]] == [2700, 150, 150]
    assert "".join(data.vocabulary.decode(np.concatenate(data[:3]))) == text


def test_a_short_text_is_refused(tmp_path):
    (tmp_path / "text").write_text("abc")
    with pytest.raises(Refusal, match="expected at least 2000 characters, got 3"):
        char_lm.load(Settings(data=str(tmp_path / "text")))


def test_source_is_read_and_not_imported():
    assert "class ArgumentParser" in char_lm.source("argparse")
    with pytest.raises(Refusal, match="comes without the source of no_such_module"):
        char_lm.source("no_such_module")


def test_baselines_of_a_coin_and_of_alternation():
    vocabulary = Vocabulary("ab")
    size = 20_000
    coin = np.random.default_rng(0).integers(4, 6, size)
    turns = np.arange(size) % 2 + 4
    of_coin = char_lm.baselines(char_lm.Data(coin, coin, coin, vocabulary))
    of_turns = char_lm.baselines(char_lm.Data(turns, turns, turns, vocabulary))
    for row in (of_coin["unigram"], of_coin["bigram"], of_turns["unigram"]):
        assert row["bits per character"] == pytest.approx(1, abs=0.01)
    assert of_turns["bigram"]["bits per character"] == pytest.approx(0, abs=0.01)
    assert of_coin["unigram"]["nats per character"] == pytest.approx(np.log(2), abs=0.01)
