"""The caption demo: what is said of a picture, in letters or words."""

import numpy as np
import pytest
from matplotlib.image import imsave

from demos import caption
from demos.command import Refusal, Settings

FACTS = {"size": 8, "high": 16.0, "mean": 4.0, "deviation": 2.0}


@pytest.fixture(scope="module")
def data():
    return caption.load(Settings())


def test_one_digit_is_spelled_and_several_are_told_in_words(data):
    said = caption.composed(data.train, np.array([[0, 1, 2]] * 3), np.array([1, 2, 3]), data.facts).captions
    names = [caption.NAMES[digit] for digit in data.train.y[:3]]
    assert said == [list(names[0]), names[:2], names]
    assert [caption.in_print(each) for each in said] == [names[0], " ".join(names[:2]), " ".join(names)]
    assert all(len(name) <= caption.LONGEST for name in caption.NAMES)


def test_there_is_paper_at_the_right(data):
    two = caption.composed(data.train, np.array([[3, 5, 7]]), np.array([2]), data.facts).x[0]
    np.testing.assert_array_equal(two[:, :16], np.hstack(data.train.x[[3, 5]]))
    np.testing.assert_allclose(two[:, 16:], data.train.x.min(), rtol=1e-6)
    assert two.shape == (8, 24)


def test_no_digit_is_in_two_parts(data):
    first = [{x[:, :8].tobytes() for x in part.x} for part in (data.validation, data.test)]
    single = {x.tobytes() for x in data.train.x}
    assert not (single & first[0] or single & first[1] or first[0] & first[1])
    assert [len(part.captions) for part in (data.validation, data.test)] == [405, 1350]


def test_figures():
    true = [list("one"), list("two"), ["one", "two"], ["six", "two"], ["six", "two", "two"]]
    said = [list("one"), ["two"], ["one", "two"], ["six", "two", "two"], ["six", "two", "two"]]
    wanted = {"exact": 0.6, "one digit": 0.5, "two": 0.5, "three": 1.0}
    assert caption.figures(true, said) == pytest.approx(wanted)


def test_the_most_frequent_caption_is_that_of_training(data):
    (row,) = caption.baselines(data).values()
    name = list(caption.NAMES[np.bincount(data.train.y).argmax()])
    assert row["exact"] == data.test.captions.count(name) / 1350
    assert 0.02 < row["exact"] < 0.05 and row["two"] == row["three"] == 0


def test_a_wide_picture_has_several_digits(tmp_path):
    seen = []

    class Model:
        def generate(self, x, *others, **named):
            seen.append(x.numpy())
            return [caption.VOCABULARY.encode(["six", "two"])]

    paper = np.ones((32, 64))
    paper[:, 40:48] = 0
    imsave(tmp_path / "wide.png", paper, cmap="gray")
    assert caption.predict(Model(), FACTS, str(tmp_path / "wide.png")).endswith("wide.png: six two")
    expected = np.full((8, 24), -2.0)
    expected[:, 10:12] = 6
    np.testing.assert_allclose(seen[0][0], expected, atol=1e-4)
    for shape in ((32, 128), (64, 16)):
        imsave(tmp_path / "odd.png", np.eye(*shape))
        with pytest.raises(Refusal, match=f"as wide as high, or up to 3 times wider, got {shape[1]}x{shape[0]}"):
            caption.predict(Model(), FACTS, str(tmp_path / "odd.png"))
