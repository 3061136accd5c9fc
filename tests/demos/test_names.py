"""The names demo: names and parts, what is made up, what it can be asked."""

import numpy as np
import pytest

import minigrad as mg
from demos import names
from demos.command import Refusal, Settings

DATA = names.load(Settings(cell="gru", hidden=8))
FACTS = names.facts(DATA)


@pytest.fixture
def model():
    mg.manual_seed(0)
    return names.build(FACTS, Settings(cell="gru", hidden=8)).eval()


def test_the_names_are_plain_letters_and_none_is_there_twice_in_a_language():
    listed = {language: text.split() for language, text in names.NAMES.items()}
    assert sum(map(len, listed.values())) == 817  # as the demo says
    assert all(name.isascii() and name.isalpha() and name.istitle() for some in listed.values() for name in some)
    assert all(len(set(some)) == len(some) for some in listed.values())


def test_no_name_is_in_two_parts_in_whatever_language():
    parts = [{names.spelled(DATA.vocabulary, ids) for ids in part.ids} for part in DATA[:3]]
    assert not parts[0] & parts[1] and not parts[0] & parts[2] and not parts[1] & parts[2]
    assert sum(len(part.ids) for part in DATA[:3]) == 817
    assert "<unk>" not in "".join(map("".join, parts)).lower()


def test_letters_are_counted_with_the_end_of_each_name():
    part = names.Part(np.array([1, 0]), [np.array([4, 5]), np.array([6])])
    pairs, languages = names.letters(part)
    assert pairs.contexts.tolist() == [2, 4, 5, 2, 6]
    assert pairs.tokens.tolist() == [4, 5, 3, 6, 3]
    assert languages.tolist() == [1, 1, 1, 0, 0]


def test_a_bigram_that_knows_the_language_is_the_stronger_baseline():
    bits = {name: row["bits per character"] for name, row in names.baselines(DATA).items()}
    assert bits["unigram"] > bits["bigram"] > bits["bigram by language"]


def test_loss_of_a_part_counts_every_letter_as_much(model):
    total = sum(
        names.loss_of(model, names.Part(DATA.test.languages[i : i + 1], DATA.test.ids[i : i + 1]))
        * (len(DATA.test.ids[i]) + 1)
        for i in range(len(DATA.test.ids))
    )
    letters = sum(len(ids) + 1 for ids in DATA.test.ids)
    assert names.loss_of(model, DATA.test) == pytest.approx(total / letters, rel=1e-5)


def test_answers_are_of_the_language_and_begin_as_asked(model):
    (line,) = names.predict(model, FACTS, "Italian Ma").splitlines()
    language, made = line.split(": ")
    assert language == "italian"
    assert len(made.split(", ")) == 5 and all(name.startswith("Ma") for name in made.split(", "))
    assert [line.split(":")[0] for line in names.predict(model, FACTS, "q").splitlines()] == FACTS["languages"]
    assert len(names.predict(model, FACTS, "finnish").splitlines()) == 1


@pytest.mark.parametrize("given", ["", " ", "italian M N", "klingon w0rf", "7"])
def test_what_cannot_be_answered_is_refused(model, given):
    with pytest.raises(Refusal, match=r"expected one of arabic, .*, first letters, or both"):
        names.predict(model, FACTS, given)


def test_a_file_of_the_users(tmp_path):
    path = tmp_path / "names.tsv"
    path.write_text("".join(f"{'ab'[i % 2]}\tname{chr(97 + i // 26)}{chr(97 + i % 26)}\n" for i in range(60)))
    assert names.load(Settings(data=str(path))).languages == ["a", "b"]
    path.write_text("italian\tMario\nMaria\n")
    with pytest.raises(Refusal, match=r"line 2: expected a language .* got 'Maria'"):
        names.read(str(path))
    path.write_text("italian\tMario\n")
    with pytest.raises(Refusal, match="expected at least 50 different names"):
        names.read(str(path))
