"""Spans of IOB tags, counted as conlleval counts them, and the baseline of tags by words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.data import Span, most_frequent_tags, span_scores, span_scores_by_kind, spans

TAGS = st.lists(st.sampled_from(["O", "B-a", "I-a", "B-b", "I-b", "B-a.c-d"]), max_size=8)


@pytest.mark.parametrize(
    "tags, expected",
    [
        ("", []),
        ("O O", []),
        ("B-a I-a O B-a", [("a", 0, 2), ("a", 3, 4)]),
        ("B-a B-a I-a", [("a", 0, 1), ("a", 1, 3)]),
        ("B-a I-b I-b", [("a", 0, 1), ("b", 1, 3)]),  # another kind begins
        ("I-a I-a O I-b", [("a", 0, 2), ("b", 3, 4)]),  # an I after nothing of its kind begins
        ("B-from.city-name I-from.city-name", [("from.city-name", 0, 2)]),
    ],
)
def test_spans_by_hand(tags, expected):
    assert spans(tags.split()) == [Span(*span) for span in expected]


@pytest.mark.parametrize("tag", ["", "B", "B-", "X-a", "OO", "b-a", "O-a"])
def test_what_is_no_tag_is_refused(tag):
    with pytest.raises(ValueError, match=f"got '{tag}' for word 1"):
        spans(["O", tag])


def test_a_span_is_right_where_kind_start_and_end_are():
    truth = [["B-a", "I-a", "O", "B-b"], ["B-a", "O"], ["O"]]
    found = [["B-a", "I-a", "O", "B-a"], ["B-a", "I-a"], ["B-b"]]
    # four found, one of three is right: a wrong kind, a wrong end and one too many
    assert span_scores(truth, found) == pytest.approx({"precision": 1 / 4, "recall": 1 / 3, "F1": 2 / 7})
    assert span_scores_by_kind(truth, found) == {
        "a": pytest.approx({"precision": 1 / 3, "recall": 1 / 2, "F1": 2 / 5}),
        "b": {"precision": 0, "recall": 0, "F1": 0},
    }


def test_the_same_span_in_another_sentence_is_not_the_same():
    assert span_scores([["B-a"], ["O"]], [["O"], ["B-a"]]) == {"precision": 0, "recall": 0, "F1": 0}


def test_nothing_to_divide_by_is_nothing():
    assert span_scores([["O"]], [["O"]]) == {"precision": 0, "recall": 0, "F1": 0}


def test_tags_have_to_be_one_for_one():
    with pytest.raises(ValueError, match="span_scores: expected as many sentences twice, got 2 and 1"):
        span_scores([["O"], ["O"]], [["O"]])
    with pytest.raises(ValueError, match="as many predicted tags as true ones, got 2 and 1 in sentence 1"):
        span_scores([["O"], ["O"]], [["O"], ["O", "O"]])


@given(st.lists(TAGS, min_size=1, max_size=4))
def test_the_truth_is_found_whole_and_kinds_come_by_frequency(truth):
    if any(spans(tags) for tags in truth):
        assert span_scores(truth, truth) == {"precision": 1, "recall": 1, "F1": 1}
    counts = [span.kind for tags in truth for span in spans(tags)]
    ranked = [counts.count(kind) for kind in span_scores_by_kind(truth, truth)]
    assert ranked == sorted(ranked, reverse=True) and sum(ranked) == len(counts)


def test_each_word_has_its_most_frequent_tag():
    sentences = [["fly", "to", "york"], ["to", "new", "york"], ["york"]]
    tags = [["O", "O", "B-city"], ["O", "B-city", "I-city"], ["I-city"]]
    assert most_frequent_tags(sentences, tags, [["york", "new", "oslo"], []]) == [["I-city", "B-city", "O"], []]


def test_words_and_tags_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="expected as many tags as words, got 1 and 2 in sentence 0"):
        most_frequent_tags([["a", "b"]], [["O"]], [])
    with pytest.raises(ValueError, match="got none"):
        most_frequent_tags([], [], [["a"]])
