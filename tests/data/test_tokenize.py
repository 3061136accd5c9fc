import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.data import characters, join_characters, join_words, words

LIVELY = st.text(st.one_of(st.sampled_from("ablqu L'’-.,:!?()«»\"07 \u00a0\u2009\u202f\u0301é"), st.characters()))


@given(st.text())
def test_characters_come_back(text):
    assert join_characters(characters(text)) == text


@given(LIVELY, st.booleans())
def test_joined_words_are_the_same_words(text, lower):
    tokens = words(text, lower)
    assert words(join_words(tokens), lower) == tokens


@given(LIVELY)
def test_only_spaces_are_lost(text):
    composed = unicodedata.normalize("NFC", text.translate({0x2019: "'", 0x92: "'"}))
    assert "".join(words(text)) == "".join(composed.split())
    assert all(words(text))


@given(LIVELY, st.sampled_from("\u00a0\u2009\u202f\t\n"))
def test_all_spaces_are_alike(text, space):
    assert words(text.replace(" ", space)) == words(text)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        ("I don't think it's 5 o'clock.", ["I", "don't", "think", "it's", "5", "o'clock", "."]),
        ("Don’t! We\u0092ll see...", ["Don't", "!", "We'll", "see", ".", ".", "."]),
        ("L'homme qu'il aime s'appelle Jean.", ["L'", "homme", "qu'", "il", "aime", "s'", "appelle", "Jean", "."]),
        ("Aujourd’hui, jusqu'à midi", ["Aujourd'hui", ",", "jusqu'", "à", "midi"]),
        ("Ça\u00a0va\u202f?", ["Ça", "va", "?"]),
        ("C\u0327a va", ["Ça", "va"]),
        ("«\u2009Peut-être\u2009!\u2009»", ["«", "Peut", "-", "être", "!", "»"]),
        ("He said 'yes'", ["He", "said", "'", "yes", "'"]),
        ("£1,000.50 (or 5%)", ["£", "1,000.50", "(", "or", "5", "%", ")"]),
    ],
)
def test_english_and_french(text, tokens):
    assert words(text) == tokens


def test_lower_case():
    assert words("L'Été, TOM!", lower=True) == ["l'", "été", ",", "tom", "!"]


@pytest.mark.parametrize(
    "text", ["Don't worry, it's (almost) over...", "L'homme qu'il aime, peut-être.", "«Aujourd'hui»: 3.5%!", ""]
)
def test_ordinary_text_comes_back(text):
    assert join_words(words(text)) == text


def test_spaces_of_other_kinds_are_not_restored():
    assert join_words(words("Va\u202f! \"Non\" & '2'")) == "Va! \" Non \" & ' 2 '"
