"""Text to tokens and back: characters, or words and punctuation."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

NUMBER = r"\d+(?:[.,]\d+)+"
ELISION = r"(?:[cdjlmnst]|(?:jus|lors|puis|quoi)?qu)'(?=\w)"
WORD = r"\w+(?:'\w+)*"
TOKEN = re.compile(rf"{NUMBER}|{ELISION}|{WORD}|[^\w\s]", re.IGNORECASE)
APOSTROPHES = str.maketrans("’\u0092", "''")  # U+0092: Windows' apostrophe, read as Latin-1
CLOSING = frozenset(".,;:!?…)]}»%-")
OPENING = frozenset("([{«-")


def characters(text: str) -> list[str]:
    """The text's code points."""
    return list(text)


def join_characters(tokens: Iterable[str]) -> str:
    """The inverse of `characters`."""
    return "".join(tokens)


def words(text: str, lower: bool = False) -> list[str]:
    """Words, and each punctuation mark by itself; every kind of space separates, and none is kept.

    English contractions stay whole (don't, it's, o'clock); French elisions are words of their own (l' homme,
    qu' il, but aujourd'hui); hyphens separate (peut - être); 1,000.5 is one token. Typographic apostrophes become
    plain ones, and letters are composed (Unicode NFC), so that one word has one spelling.
    """
    text = text.lower() if lower else text
    return TOKEN.findall(unicodedata.normalize("NFC", text.translate(APOSTROPHES)))


def join_words(tokens: Iterable[str]) -> str:
    """Text of which `words` makes these tokens again, spaced as in English ("Va !" comes back as "Va!").

    Quotation marks, whose sides are not known, get a space on both.
    """
    text, glued = "", True
    for token in tokens:
        text += token if glued or token in CLOSING else f" {token}"
        glued = token in OPENING or (len(token) > 1 and token.endswith("'"))
    return text
