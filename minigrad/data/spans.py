"""Tagged words: what spans IOB tags mark, how many of them are found, and the tags that words alone suggest."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Span(NamedTuple):
    """Words start to end - 1, and what they are."""

    kind: str
    start: int
    end: int


def spans(tags: Iterable[str]) -> list[Span]:
    """What one sentence's IOB tags mark: O outside, B-kind where a span begins, I-kind where it goes on.

    An I that goes on from nothing of its kind begins a span, as in conlleval (Tjong Kim Sang and Buchholz 2000).
    Raises ValueError for what is no such tag.
    """
    found: list[Span] = []
    before = ""
    for i, tag in enumerate(tags):
        mark, _, kind = tag.partition("-")
        if tag != "O" and (mark not in ("B", "I") or not kind):
            raise ValueError(f"spans: expected O, B-kind or I-kind, got {tag!r} for word {i}")
        if mark == "B" or (mark == "I" and kind != before):
            found.append(Span(kind, i, i + 1))
        elif mark == "I":
            found[-1] = found[-1]._replace(end=i + 1)
        before = kind
    return found


def span_scores(truth: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> dict[str, float]:
    """Precision, recall and F1 (under these names) of the predicted spans in all sentences, as conlleval counts.

    A span is right where kind, start and end are. What has nothing to divide by is 0. Raises ValueError for tags
    that are not one for one.
    """
    check_one_for_one("span_scores", "predicted tags as true ones", truth, predicted)
    true, found = ({(i, *s) for i, tags in enumerate(part) for s in spans(tags)} for part in (truth, predicted))
    right = len(true & found)
    return {
        "precision": right / len(found) if found else 0.0,
        "recall": right / len(true) if true else 0.0,
        "F1": 2 * right / (len(true) + len(found)) if true or found else 0.0,
    }


def span_scores_by_kind(
    truth: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
) -> dict[str, dict[str, float]]:
    """`span_scores` of each kind of span that there is in truth, the most frequent kind first."""
    kinds = Counter(span.kind for tags in truth for span in spans(tags))
    return {kind: span_scores(only(kind, truth), only(kind, predicted)) for kind, _ in kinds.most_common()}


def only(kind: str, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
    """The tags of one kind, and O for all others."""
    return [[tag if tag.partition("-")[2] == kind else "O" for tag in tags] for tags in sentences]


def most_frequent_tags(
    sentences: Sequence[Sequence[str]], tags: Sequence[Sequence[str]], others: Iterable[Sequence[str]]
) -> list[list[str]]:
    """A baseline: for each word of the other sentences the tag that it has most often in the tagged ones.

    Of equally frequent tags it is the first seen; a new word gets the most frequent tag of all. Raises ValueError
    where words and tags are not one for one, or there are none.
    """
    check_one_for_one("most_frequent_tags", "tags as words", sentences, tags)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for words, marks in zip(sentences, tags):
        for word, tag in zip(words, marks):
            counts[word][tag] += 1
    if not counts:
        raise ValueError("most_frequent_tags: expected tagged words to count, got none")
    default = sum(counts.values(), Counter()).most_common(1)[0][0]
    best = {word: count.most_common(1)[0][0] for word, count in counts.items()}
    return [[best.get(word, default) for word in words] for words in others]


def check_one_for_one(name: str, what: str, one: Sequence[Sequence[str]], other: Sequence[Sequence[str]]) -> None:
    if len(one) != len(other):
        raise ValueError(f"{name}: expected as many sentences twice, got {len(one)} and {len(other)}")
    for i, (items, others) in enumerate(zip(one, other)):
        if len(items) != len(others):
            raise ValueError(f"{name}: expected as many {what}, got {len(others)} and {len(items)} in sentence {i}")
