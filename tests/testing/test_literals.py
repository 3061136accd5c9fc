"""Values as code: what is written, and that it makes the value again."""

import numpy as np
import pytest

from minigrad.testing.literals import NUMBERS, abridged, literal


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.array([[1, -2]]), "np.array([[1, -2]], np.int64)"),
        (np.array([True]), "np.array([True], bool)"),
        (np.zeros((2, 0), np.float32), "np.zeros((2, 0), np.float32)"),
        ((slice(None, 2), ..., None, [0, 1]), "(slice(None, 2, None), ..., None, [0, 1])"),
        ((1,), "(1,)"),
        (np.float64, "np.float64"),
        (np.dtype(np.float64), "np.dtype('float64')"),
        (-0.5, "-0.5"),
    ],
)
def test_literals(value, expected):
    assert literal(value) == abridged(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        np.array([[1.5, np.nan], [np.inf, -np.inf]], np.float32),
        np.array([1, 2]),
        np.array(True),
        np.zeros((0, 3), np.float32),
        np.arange(NUMBERS + 1.0),
        np.float64(0.1),
        np.float32(-np.inf),
        np.dtype(np.int32),
        (slice(None), (1, None), np.arange(3)),
        (2,),
        float("-inf"),
        "inf",
    ],
    ids=repr,
)
def test_literals_make_the_value_again(value):
    again = eval(literal(value), {"np": np})
    if isinstance(value, np.ndarray | np.generic):
        np.testing.assert_array_equal(again, value, strict=True)
    else:
        assert repr(again) == repr(value)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_large_array_is_abridged_to_another_of_its_range(dtype):
    x = np.append(np.linspace(-2, 5, NUMBERS), np.nan).astype(dtype)
    again = eval(abridged(x), {"np": np})
    assert again.dtype == dtype and again.shape == x.shape
    assert -2 <= again.min() < again.max() <= 5
    assert len(abridged(np.full(1000, np.nan))) < 100
