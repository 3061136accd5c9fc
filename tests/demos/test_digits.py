"""The digits demo: its parts, its networks, and the pictures that it reads."""

import numpy as np
import pytest
from matplotlib.image import imsave

from demos import digits
from demos.command import Refusal, Settings


@pytest.fixture
def data():
    return digits.load(Settings())


def test_no_picture_is_in_two_parts_and_the_scale_is_that_of_training(data):
    rows = [{x.tobytes() for x in part.x} for part in data[:3]]
    assert not (rows[0] & rows[1] or rows[0] & rows[2] or rows[1] & rows[2])
    np.testing.assert_allclose([data.train.x.mean(), data.train.x.std()], [0, 1], atol=1e-5)
    assert [len(part.y) for part in data[:3]] == [1212, 135, 450]


def test_the_majority_class_is_that_of_training(data):
    (row,) = digits.baselines(data).values()
    counts = np.bincount(data.test.y)
    assert row["test accuracy"] == counts[np.bincount(data.train.y).argmax()] / 450
    assert 0.05 < row["test accuracy"] < 0.15


@pytest.mark.parametrize("light", [0.0, 1.0])
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_ink_is_what_there_is_less_of(light, suffix, tmp_path):
    paper = np.full((40, 24), light)
    paper[20:, 9:15] = 1 - light
    imsave(tmp_path / f"digit{suffix}", paper, cmap="gray", vmin=0, vmax=1)
    ink = digits.read_picture(str(tmp_path / f"digit{suffix}"), 8)
    expected = np.zeros((8, 8))
    expected[4:, 3:5] = 1
    np.testing.assert_allclose(ink, expected, atol=0.01 if suffix == ".png" else 0.15)


def test_a_picture_that_is_too_small_is_refused(tmp_path):
    imsave(tmp_path / "digit.png", np.eye(5))
    with pytest.raises(Refusal, match="expected at least 8x8 pixels, got 5x5"):
        digits.read_picture(str(tmp_path / "digit.png"), 8)
