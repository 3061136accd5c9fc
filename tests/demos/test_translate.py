"""The translation demo: its dates, its parts, its dictionary, and where it looks."""

from datetime import date, timedelta

import numpy as np
import pytest

import minigrad as mg
from demos import translate
from demos.command import Refusal, Settings

DAYS = [translate.FIRST + timedelta(days=17 * i) for i in range(2000)]


@pytest.mark.parametrize(
    ("spelling", "text"),
    [
        ("{d}.{m}.{yy}", "3.5.07"),
        ("{m:02}/{d:02}/{yy}", "05/03/07"),
        ("{wday}, {mon} {d} {y}", "Thu, May 3 2007"),
        ("{weekday} the {nth} of {month}, {y}", "Thursday the 3rd of May, 2007"),
        ("the {ordinal} of {month} {y}", "the third of May 2007"),
    ],
)
def test_spellings(spelling, text):
    assert translate.spelled(date(2007, 5, 3), spelling) == text


@pytest.mark.parametrize(
    ("day", "nth", "ordinal"),
    [(1, "1st", "first"), (2, "2nd", "second"), (12, "12th", "twelfth"), (13, "13th", "thirteenth"),
     (20, "20th", "twentieth"), (22, "22nd", "twenty-second"), (30, "30th", "thirtieth"), (31, "31st", "thirty-first")],
)  # fmt: skip
def test_ordinals(day, nth, ordinal):
    assert translate.spelled(date(2007, 5, day), "{nth} {ordinal}") == f"{nth} {ordinal}"


def test_no_text_means_two_days():
    meant = {}
    for day in DAYS:
        for spelling in translate.SPELLINGS:
            assert meant.setdefault(translate.spelled(day, spelling).lower(), day) == day
    assert len(meant) > 10 * len(DAYS)


def test_no_day_is_in_two_parts():
    data = translate.load(Settings(quick=True))
    days = [{"".join(target) for target in part.targets} for part in data[:3]]
    assert [len(part) for part in days] == [3200, 400, 400]
    assert len(set.union(*days)) == 4000
    assert all(date.fromisoformat(day) for day in days[0])


def test_a_file_of_pairs_is_parted_by_source(tmp_path):
    lines = [f"Word {i}\tMot {i}\tnotes\nword {i}\tParole {i}" for i in range(120)]
    (tmp_path / "pairs").write_text("\n".join(lines))
    data = translate.load(Settings(data=str(tmp_path / "pairs")))
    sources = [set(map(tuple, part.sources)) for part in data[:3]]
    assert sum(map(len, sources)) == len(set.union(*sources)) == 120
    assert all(
        sorted(map(len, translate.references(part).values())) == [2] * len(s) for part, s in zip(data[:3], sources)
    )
    assert data.by_words and data.train.targets[0][0] in ("mot", "parole")


@pytest.mark.parametrize(
    ("text", "refusal"), [("a\tb\nc", "line 2: expected a sentence, a tab"), ("a\tb", "200 pairs, got 1")]
)
def test_files_that_are_refused(tmp_path, text, refusal):
    (tmp_path / "pairs").write_text(text)
    with pytest.raises(Refusal, match=refusal):
        translate.load(Settings(data=str(tmp_path / "pairs")))


def test_the_dictionary_prefers_what_goes_together_to_what_is_everywhere():
    sources = [["the", "cat"], ["the", "dog"], ["a", "cat"], ["the", "bird"]]
    targets = [["le", "chat", "."], ["le", "chien", "."], ["un", "chat", "."], ["le", "oiseau", "."]]
    table = translate.dictionary(translate.Pairs(sources, targets))
    assert table == {"the": "le", "cat": "chat", "dog": "chien", "a": "un", "bird": "oiseau"}


def test_the_baselines_are_measured_against_all_translations():
    train = translate.Pairs([["a"], ["b"]], [["x"], ["y"]])
    test = translate.Pairs([["a", "b"], ["a", "b"], ["c"]], [["y", "x"], ["x", "y"], ["c"]])
    rows = translate.baselines(translate.Data(train, train, test, True))
    assert rows["copy"] == pytest.approx({"exact match": 1 / 2, "token accuracy": 1 / 3, "BLEU": 0})
    assert rows["word by word"] == pytest.approx({"exact match": 1, "token accuracy": 1, "BLEU": 0})


def test_attention_has_a_row_for_each_token_written():
    mg.manual_seed(0)
    facts = {"source": list("abc"), "target": list("xy"), "longest": 4, "by_words": False}
    model = translate.build(facts, Settings(hidden=3, bidirectional=True))
    target, weights = translate.attended(model, facts, list("abcab"))
    assert target[:-1] == translate.written(model, facts, [list("abcab")])[0]
    assert target[-1] == "end"
    assert weights.shape == (len(target), 5)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-6)


def test_an_empty_text_is_refused():
    with pytest.raises(Refusal, match="got an empty one"):
        translate.predict(None, {"by_words": False}, " ")
