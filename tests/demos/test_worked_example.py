"""The lecture's example: its hidden states, its products, its counts."""

import re

import numpy as np
import pytest

import minigrad as mg
from demos.worked_example import W, X, counts, main, network, run, step

STATES = [[3, 1, 5], [8, 9, 12], [11, 29, 22]]


def test_hidden_states():
    np.testing.assert_array_equal(run(network(W), X), STATES)


def test_hidden_states_by_hand():
    h = np.zeros(3, int)
    for x, expected in zip(X, STATES, strict=True):
        _, h = step(W, x, h)
        assert h.tolist() == expected


def test_same_from_the_cell_step_by_step():
    cell, state = network(W).cell, None
    for x, expected in zip(X, STATES, strict=True):
        output, state = cell(mg.tensor(x[np.newaxis], np.float32), state)
        assert output.numpy().tolist() == [expected]


def test_every_product_is_printed_and_adds_up():
    h = np.zeros(3, int)
    for x in X:
        (joined, *lines), new = step(W, x, h)
        assert joined == f"concat(x, h) = [{' '.join(map(str, x))}] [{' '.join(map(str, h))}]"
        assert len(lines) == 3
        for row, line, value in zip(W, lines, new, strict=True):
            products = re.findall(r"(-?\d+)\*(-?\d+)", line)
            assert [(int(w), int(entry)) for w, entry in products] == list(zip(row, [*x, *h], strict=True))
            assert line.endswith(f" = {value}")
        h = new


def test_by_hand_negative_sums_are_rectified():
    lines, h = step(np.array([[1, 1], [-1, 1]]), np.array([2]), np.array([1]))
    assert h.tolist() == [3, 0]
    assert lines[2] == "h[2] = relu(-1*2 + 1*1) = relu(-1) = 0"


@pytest.mark.parametrize("time, expected", [(3, (27, 54)), (1000, (27, 18_000))])
def test_counts(time, expected):
    assert counts(network(W), time) == expected


def test_bias_is_there_and_zero():
    assert network(W).cell.bias.numpy().tolist() == [0, 0, 0]


def test_what_is_printed(capsys):
    main([])
    text = capsys.readouterr().out
    assert "h[1] = relu(1*0 + 1*1 + 0*0 + 1*1 + 0*0 + 1*1 + 1*0 + 0*0 + 0*0) = relu(3) = 3\n" in text
    assert "h_1 = [3 1 5]\n" in text
    assert "h_2 = [8 9 12]\n" in text
    assert "h_3 = [11 29 22]\n" in text
    assert "models.RNNCell gives [3 1 5], [8 9 12], [11 29 22]\nthe same\n" in text
    assert "no bias (the cell has one: set to 0)" in text
    assert re.search(r"recurrent.* 27 +27\n", text)
    assert re.search(r"dense.* 54 +18,000\n", text)
