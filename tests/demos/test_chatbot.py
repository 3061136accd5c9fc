"""The chatbot demo: its dialogues, what is held out, a user's file, and the chat."""

import io
from collections import Counter

import numpy as np
import pytest

from demos import chatbot
from demos.command import Refusal, Settings


def answers(part):
    return set(map(tuple, part.answers))


def test_the_dialogues_are_read_whole():
    pairs = chatbot.written_here()
    assert len(pairs) == len({question for question, _ in pairs}) == 144
    assert set(Counter(answer for _, answer in pairs).values()) == {6}
    assert not [text for pair in pairs for text in pair if text != text.strip() or set("=;\n") & set(text)]


def test_other_words_for_what_was_trained_are_held_out():
    data = chatbot.load(Settings())
    assert [len(part.questions) for part in data] == [72, 24, 48]
    assert answers(data.train) == answers(data.validation) == answers(data.test)
    asked = [set(map(tuple, part.questions)) for part in data]
    assert not asked[0] & asked[1] | asked[0] & asked[2] | asked[1] & asked[2]


@pytest.mark.parametrize(
    "counts, sizes",
    [([6] * 5, (15, 5, 10)), ([3] * 8, (8, 8, 8)), ([1] * 30, (24, 3, 3)), ([1] * 18 + [3], (15, 3, 3))],
)
def test_parts(counts, sizes):
    given = [(str(i),) for i, count in enumerate(counts) for _ in range(count)]
    parts = chatbot.parted(given, np.random.default_rng(0))
    assert tuple(map(len, parts)) == sizes
    assert sorted(row for part in parts for row in part) == list(range(len(given)))


def test_a_file_of_the_users(tmp_path):
    path = tmp_path / "pairs"
    path.write_text("".join(f"Question {i}?\tAnswer {i}.\n" for i in range(20)))
    assert chatbot.read(path)[3] == ("Question 3?", "Answer 3.")
    path.write_text("Question?\tAnswer.\nno tab here\n")
    with pytest.raises(Refusal, match="line 2: expected a question, a tab, and the answer"):
        chatbot.read(path)
    path.write_text("Question?\tAnswer.\n")
    with pytest.raises(Refusal, match="at least 20 questions with answers, got 1"):
        chatbot.read(path)


def test_the_most_similar_question():
    pairs = chatbot.Pairs([["how", "are", "you"], ["who", "are", "you"]], [["well"], ["me"]])
    assert chatbot.nearest(pairs, ["who", "is", "it"]) == ["me"]


def test_a_chat_goes_on_to_an_empty_line(monkeypatch, capsys):
    monkeypatch.setattr(chatbot, "answered", lambda model, facts, questions: [["so", *questions[0]]])
    for rest in ("", "\nnot reached\n"):
        monkeypatch.setattr("sys.stdin", io.StringIO(f"Hello\nWho are you?\n{rest}"))
        assert chatbot.predict(None, {}, "-") == "(the chat is over)"
        assert capsys.readouterr().out == "so hello\nso who are you?\n"
    with pytest.raises(Refusal, match="expected a question, got none"):
        chatbot.predict(None, {}, " ")
