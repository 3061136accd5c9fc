"""How close texts that were written come to texts that were wanted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence

Tokens = Sequence[Hashable]


def bleu(references: Sequence[Sequence[Tokens]], written: Sequence[Tokens], max_order: int = 4) -> float:
    """BLEU of a corpus, 0 to 100 (Papineni et al. 2002, section 2.3): 100 BP exp(mean_n log p_n), n up to `max_order`.

    p_n is the share of the n-grams written that occur in one of their text's references, each as often there at
    most; BP = min(1, exp(1 - r / c)) for c tokens written, and r in the references closest in length (the shorter
    of two). Nothing is smoothed: 0 where some p_n is. references: one or more for each text. Raises ValueError for
    no texts, numbers of texts that differ, a text without a reference, and a max_order below 1.
    """
    check_texts("bleu", references, written)
    if max_order < 1:
        raise ValueError(f"bleu: expected max_order of at least 1, got {max_order}")
    length = sum(map(len, written))
    closest = sum(
        len(min(given, key=lambda r: (abs(len(r) - len(text)), len(r)))) for given, text in zip(references, written)
    )
    logs = 0.0
    for order in range(1, max_order + 1):
        right = sum(matches(given, text, order) for given, text in zip(references, written))
        if not right:
            return 0.0
        logs += math.log(right / sum(max(len(text) - order + 1, 0) for text in written))
    return 100 * min(1.0, math.exp(1 - closest / length)) * math.exp(logs / max_order)


def matches(references: Sequence[Tokens], text: Tokens, order: int) -> int:
    """How many of a text's n-grams occur in one of its references, each as often as it occurs there at most."""
    most: Counter[Tokens] = Counter()
    for reference in references:
        most |= ngrams(reference, order)
    return (ngrams(text, order) & most).total()


def ngrams(text: Tokens, order: int) -> Counter[Tokens]:
    """How often each n-gram occurs."""
    return Counter(tuple(text[i : i + order]) for i in range(len(text) - order + 1))


def token_accuracy(references: Sequence[Sequence[Tokens]], written: Sequence[Tokens]) -> float:
    """Share of places at which the token written is that of the reference, for each text's best reference.

    Places are counted to the end of the longer of the two. Errors as `bleu`.
    """
    check_texts("token_accuracy", references, written)
    right = places = 0
    for given, text in zip(references, written):
        options = [
            (sum(a == b for a, b in zip(reference, text)), max(len(reference), len(text))) for reference in given
        ]
        best = max(options, key=lambda option: option[0] / max(option[1], 1))
        right, places = right + best[0], places + best[1]
    return right / max(places, 1)


def exact_match(references: Sequence[Sequence[Tokens]], written: Sequence[Tokens]) -> float:
    """Share of texts that are one of their references, token for token. Errors as `bleu`."""
    check_texts("exact_match", references, written)
    return sum(any(list(text) == list(r) for r in given) for given, text in zip(references, written)) / len(written)


def check_texts(name: str, references: Sequence[Sequence[Tokens]], written: Sequence[Tokens]) -> None:
    if not written or len(references) != len(written):
        raise ValueError(
            f"{name}: expected as many texts as references, one at least; got {len(written)} texts and "
            f"{len(references)} lists of references"
        )
    for i, given in enumerate(references):
        if not given:
            raise ValueError(f"{name}: expected at least one reference for each text, got none for text {i}")
        if (
            isinstance(given, str)
            or isinstance(written[i], str)
            or any(isinstance(reference, str) for reference in given)
        ):
            raise TypeError(f"{name}: expected lists of tokens, got a string at text {i}; split it first")
