"""The demo that completes pictures: halves, baselines, errors, and the picture in letters."""

import numpy as np
import pytest

from demos import complete_image, digits
from demos.command import Settings


@pytest.fixture(scope="module")
def data():
    return complete_image.load(Settings())


def test_halves_are_those_of_the_digits_as_ink(data):
    single = digits.load(Settings())
    assert [len(part.upper) for part in data] == [len(part.y) for part in single[:3]]
    for part, whole in zip(data, single[:3]):
        both = np.concatenate(part, axis=1)
        np.testing.assert_allclose(digits.scaled(16 * both, single.mean, single.deviation), whole.x, atol=1e-5)
        assert part.upper.shape[1:] == part.lower.shape[1:] == (4, 8)
        np.testing.assert_allclose([both.min(), both.max()], [0, 1], atol=1e-6)


def test_errors_by_row():
    true = np.zeros((3, 2, 4))
    made = true.copy()
    made[:, 0], made[:, 1, :2] = 1, 2
    figures = complete_image.figures(made, true)
    assert figures == pytest.approx({"squared error": 1.5, "first row": 1.0, "last row": 2.0})


def test_baselines_know_the_training_part_alone(data):
    guesses = complete_image.guesses(data)
    np.testing.assert_array_equal(guesses["mean lower half"][0], data.train.lower.mean(axis=0))
    np.testing.assert_array_equal(guesses["last row again"][:, 2], data.test.upper[:, -1])
    rows = complete_image.baselines(data)
    variance = np.square(data.test.lower - data.train.lower.mean(axis=0)).mean()
    assert rows["mean lower half"]["squared error"] == pytest.approx(variance, rel=1e-5)
    assert rows["mean lower half"]["squared error"] < rows["last row again"]["squared error"]


def test_what_is_linear_is_completed_exactly():
    rng = np.random.default_rng(0)
    upper = rng.random((60, 2, 3)).astype(np.float32)
    halves = complete_image.Halves(upper, upper[:, ::-1] / 2 + 0.1)
    made = complete_image.linear(complete_image.Data(halves, halves, halves))
    np.testing.assert_allclose(made, halves.lower, atol=1e-5)


def test_ink_in_letters():
    assert complete_image.drawn(np.array([[0.0, 1.0], [0.34, 0.0]])) == "  @@\n--"


def test_completed_pictures_are_ink():
    class Model:
        def predict(self, x, steps):
            return np.linspace(-1, 2, len(x) * steps * 8).reshape(len(x), steps, 8)

    made = complete_image.completed(Model(), np.zeros((3, 4, 8), np.float32))
    assert made.shape == (3, 4, 8) and (made.min(), made.max()) == (0, 1)
