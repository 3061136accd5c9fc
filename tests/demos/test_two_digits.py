"""The demo of two digits: what a pair is, and what counts as right."""

import numpy as np
import pytest
from matplotlib.image import imsave

from demos import two_digits
from demos.command import Refusal, Settings
from demos.digits import Part

SINGLE = Part(np.arange(5 * 3 * 3, dtype=np.float32).reshape(5, 3, 3), np.array([7, 1, 4, 9, 2]))


def test_every_digit_stands_once_in_each_place():
    pairs = two_digits.pairs(SINGLE)
    assert pairs.x.shape == (5, 6, 3)
    for place in range(2):
        assert sorted(pairs.y[:, place]) == sorted(SINGLE.y)
    for x, y in zip(pairs.x, pairs.y):
        for half, digit in zip((x[:3], x[3:]), y):
            np.testing.assert_array_equal(half.T, SINGLE.x[SINGLE.y == digit][0])


def test_digits_stand_side_by_side_from_left_to_right():
    line = two_digits.lined_up(SINGLE, np.array([[4, 0, 0], [1, 2, 3]]))
    np.testing.assert_array_equal(line.y, [[2, 7, 7], [1, 4, 9]])
    np.testing.assert_array_equal(line.x[1], np.hstack(SINGLE.x[1:4]))


def test_no_digit_of_a_pair_is_in_two_parts():
    data = two_digits.load(Settings())
    halves = [{half.tobytes() for x in part.x for half in (x[:8], x[8:])} for part in (data.validation, data.test)]
    single = {x.T.tobytes() for x in data.train.x}
    assert not (single & halves[0] or single & halves[1] or halves[0] & halves[1])
    assert [len(part.y) for part in data[:3]] == [1212, 135, 450]


def test_a_pair_is_right_where_both_are():
    y, predicted = np.array([[1, 2], [3, 4], [5, 6], [7, 8]]), np.array([[1, 2], [3, 0], [0, 6], [7, 8]])
    assert two_digits.figures(y, predicted) == {"both right": 0.5, "left": 0.75, "right": 0.75}
    predicted[0, 1] = 0
    assert two_digits.figures(y, predicted) == {"both right": 0.25, "left": 0.75, "right": 0.5}


def test_a_picture_is_cut_in_the_middle(tmp_path):
    seen = []

    class Model:
        def predict(self, x):
            seen.append(x.numpy())
            return np.array([[3, 5]])

    paper = np.ones((16, 32))
    paper[4:8, 20:28] = 0
    imsave(tmp_path / "pair.png", paper, cmap="gray")
    facts = {"size": 8, "high": 16.0, "mean": 0.0, "deviation": 1.0}
    assert two_digits.predict(Model(), facts, str(tmp_path / "pair.png")).endswith("pair.png: 3 5")
    expected = np.zeros((16, 8))
    expected[10:14, 2:4] = 16
    np.testing.assert_allclose(seen[0], expected[np.newaxis], atol=1e-4)
    imsave(tmp_path / "small.png", np.eye(12))
    with pytest.raises(Refusal, match="expected at least 16x16 pixels, got 12x12"):
        two_digits.predict(Model(), facts, str(tmp_path / "small.png"))
