"""Scores of written texts, against values worked out by hand."""

import math

import pytest

from models.scores import bleu, exact_match, token_accuracy

CAT = ["the", "cat", "is", "on", "the", "mat"]
THERE = ["there", "is", "a", "cat", "on", "the", "mat"]


def test_a_copy_scores_100_and_what_shares_nothing_0():
    assert bleu([[CAT], [THERE]], [CAT, THERE]) == pytest.approx(100)
    assert bleu([[CAT]], [["a", "b", "c", "d", "e", "f"]]) == 0


def test_counts_are_clipped_as_in_the_paper():
    text = ["the"] * 7
    assert bleu([[CAT, THERE]], [text], max_order=1) == pytest.approx(100 * 2 / 7)  # section 2.1, example 2
    assert bleu([[CAT, THERE]], [text]) == 0


def test_precisions_by_hand():
    text = ["the", "cat", "on", "the", "mat"]  # 5 of 5, 3 of 4 (the cat, on the, the mat), 1 of 3, 0 of 2
    penalty = math.exp(1 - 6 / 5)
    assert bleu([[CAT]], [text], max_order=1) == pytest.approx(100 * penalty)
    assert bleu([[CAT]], [text], max_order=3) == pytest.approx(100 * penalty * (1 * 3 / 4 * 1 / 3) ** (1 / 3))
    assert bleu([[CAT]], [text]) == 0


def test_counts_are_summed_over_the_corpus_before_they_are_divided():
    # unigrams: 6 of 6 and 1 of 2; bigrams: 5 of 5 and 0 of 1; lengths 8 and 8
    score = bleu([[CAT], [["a", "dog"]]], [CAT, ["a", "cat"]], max_order=2)
    assert score == pytest.approx(100 * math.sqrt(7 / 8 * 5 / 6))


@pytest.mark.parametrize(("lengths", "closest"), [((4, 7), 4), ((3, 7), 3), ((7, 3), 3), ((6, 9), 6)])
def test_the_closest_reference_counts_the_shorter_of_two(lengths, closest):
    score = bleu([[["a"] * n for n in lengths]], [["a"] * 5], max_order=1)
    right = min(5, max(lengths))
    assert score == pytest.approx(100 * right / 5 * min(1, math.exp(1 - closest / 5)))


def test_a_text_longer_than_the_reference_is_not_rewarded():
    assert bleu([[CAT]], [[*CAT, "today"]], max_order=1) == pytest.approx(100 * 6 / 7)


def test_an_empty_text_scores_nothing():
    assert bleu([[CAT]], [[]]) == 0
    assert token_accuracy([[CAT]], [[]]) == 0
    assert exact_match([[CAT]], [[]]) == 0


def test_token_accuracy_takes_the_best_reference_and_counts_to_the_longer_end():
    text = ["there", "is", "a", "dog"]
    assert token_accuracy([[CAT, THERE]], [text]) == pytest.approx(3 / 7)
    assert token_accuracy([[CAT], [["a"]]], [CAT, ["a", "b", "c"]]) == pytest.approx(7 / 9)


def test_exact_match_with_any_reference():
    assert exact_match([[CAT, THERE], [CAT], [CAT]], [tuple(THERE), THERE, CAT]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("score", [bleu, token_accuracy, exact_match])
def test_what_cannot_be_scored_is_refused(score):
    with pytest.raises(ValueError, match="as many texts as references, one at least; got 1 texts and 2"):
        score([[CAT], [CAT]], [CAT])
    with pytest.raises(ValueError, match="one at least; got 0 texts"):
        score([], [])
    with pytest.raises(ValueError, match="none for text 1"):
        score([[CAT], []], [CAT, CAT])
    with pytest.raises(TypeError, match="expected lists of tokens, got a string at text 0"):
        score([["the cat"]], ["the cat"])


def test_an_order_below_one_is_refused():
    with pytest.raises(ValueError, match="max_order of at least 1, got 0"):
        bleu([[CAT]], [CAT], max_order=0)
