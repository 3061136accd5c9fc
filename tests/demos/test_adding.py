"""The adding demo: its problems, its baseline, what a user may ask."""

import numpy as np
import pytest

from demos import adding
from demos.command import Refusal, Settings


def test_one_value_of_each_half_is_marked_and_the_answer_is_their_sum():
    x, y = adding.problems(1000, 25, np.random.default_rng(0))
    values, marks = x[..., 0], x[..., 1]
    assert (marks[:, :12].sum(axis=1) == 1).all() and (marks[:, 12:].sum(axis=1) == 1).all()
    assert marks.any(axis=0).all()  # every step may be marked
    assert values.min() >= 0 and values.max() <= 1
    np.testing.assert_allclose(y[:, 0], values[marks == 1].reshape(1000, 2).sum(axis=1), rtol=1e-6)


def test_no_value_is_in_two_parts():
    data = adding.load(Settings(data="full"))
    assert [*data.test] == [*data.validation] == [50, 100, 200, 400]
    values = [x[..., 0].ravel() for part in data for x, _ in part.values()]
    assert len(np.unique(np.concatenate(values))) > 0.95 * sum(map(len, values))  # of the 2^24 in float32


def test_always_1_is_as_wrong_as_the_variance_of_a_sum_of_two():
    (row,) = adding.baselines(adding.load(Settings())).values()
    assert row["MSE"] == pytest.approx(1 / 6, rel=0.05)
    assert row["MSE"] == pytest.approx(np.mean([row["T=25"], row["T=50"], row["T=100"]]))


def test_a_problem_of_the_users():
    x, y = adding.read_problem("0.3 *0.75 0.1 *1")
    assert x.shape == (1, 4, 2) and x[0, :, 1].tolist() == [0, 1, 0, 1]
    assert y.tolist() == [[1.75]]


@pytest.mark.parametrize("text", ["", "0.3 *0.7", "*0.3 *0.7 *0.1", "*0.3 *1.7", "*0.3 *nan", "*a *b", "** *0.1"])
def test_what_is_no_problem_is_refused(text):
    with pytest.raises(Refusal, match="two with a star"):
        adding.read_problem(text)
