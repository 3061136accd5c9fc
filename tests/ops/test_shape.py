"""Joining and cutting where some part is left out, and what is refused."""

import numpy as np
import pytest

import minigrad as mg
from tests.ops.test_arithmetic import slopes


def test_parts_that_nobody_uses_get_zeros():
    assert slopes(lambda x: mg.split(x, 3)[1] * 2, [1.0, 2.0, 3.0]) == [[0.0, 2.0, 0.0]]
    assert slopes(lambda x: mg.unstack(x)[0] * 5, [[1.0, 2.0], [3.0, 4.0]]) == [[[5.0, 5.0], [0.0, 0.0]]]


def test_a_part_used_twice():
    def f(x):
        a, b, _ = mg.split(x, [1, 2])
        return a * a * b + a

    assert slopes(f, [2.0, 3.0, 4.0]) == [[13.0, 4.0, 0.0]]


def test_parts_of_parts():
    def f(x):
        top, _ = mg.unstack(x)
        left, right = top.split(2)
        return left * right

    assert slopes(f, [[2.0, 3.0], [4.0, 5.0]]) == [[[3.0, 2.0], [0.0, 0.0]]]


def test_iteration_is_one_node():
    x = mg.tensor(np.arange(6.0).reshape(3, 2), requires_grad=True)
    rows = list(x)
    assert [r.numpy().tolist() for r in rows] == [[0, 1], [2, 3], [4, 5]]
    assert len({r.node for r in rows}) == 1
    (rows[0] * rows[2]).sum().backward()
    assert x.grad.numpy().tolist() == [[4, 5], [0, 0], [0, 1]]


@pytest.mark.parametrize("axes", [(1, -1, 0), (-1, 0, 1), (2, -3, -2)])
def test_transpose_counts_axes_from_either_end(axes):
    weights = np.arange(24.0).reshape(2, 3, 4).transpose(axes)
    found = mg.grad(lambda x: (mg.transpose(x, axes) * weights).sum())(np.zeros((2, 3, 4)))
    np.testing.assert_array_equal(found, np.arange(24.0).reshape(2, 3, 4))


def test_concatenate_and_stack_take_any_mixture():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    y = mg.concatenate([x, [3.0], np.array([4.0], np.float32), x * 2])
    np.testing.assert_array_equal(y.numpy(), [1, 2, 3, 4, 2, 4])
    z = mg.stack((x, [5, 6], x), axis=1)
    np.testing.assert_array_equal(z.numpy(), [[1, 5, 1], [2, 6, 2]])
    ((y * np.arange(6)).sum() + z.sum()).backward()
    np.testing.assert_array_equal(x.grad.numpy(), [0 + 2 * 4 + 2, 1 + 2 * 5 + 2])


def test_concatenate_without_axis_flattens():
    x = mg.tensor([[1.0, 2.0]], requires_grad=True)
    y = mg.concatenate([x, x.T], axis=None)
    assert y.shape == (4,)
    (y * np.array([1.0, 2.0, 3.0, 4.0])).sum().backward()
    assert x.grad.numpy().tolist() == [[4.0, 6.0]]


def test_arrays_give_arrays():
    parts = [np.ones(2), np.zeros(2)]
    for y in (mg.concatenate(parts), mg.stack(parts), *mg.split(np.ones(4), 2), *mg.unstack(np.ones((2, 2)))):
        assert type(y) is np.ndarray


# bad input


def test_shapes_that_do_not_join():
    a, b = mg.tensor(np.ones((2, 3)), requires_grad=True), mg.tensor(np.ones((3, 2)))
    with pytest.raises(
        ValueError, match=r"^concatenate: .*along dimension 1.* \(given float64\[2, 3\], float64\[3, 2\]\)"
    ):
        mg.concatenate([a, b])
    with pytest.raises(ValueError, match=r"^stack: .*same shape.* \(given float64\[2, 3\], float64\[3, 2\]\)"):
        mg.stack([a, b])
    with pytest.raises(ValueError, match=r"^concatenate: need at least one array"):
        mg.concatenate([])


def test_shapes_that_do_not_hold_the_entries():
    x = mg.tensor(np.ones((2, 3)))
    with pytest.raises(
        ValueError, match=r"^reshape: cannot reshape array of size 6 into shape \(4,\) \(given float64\[2, 3\]\)"
    ):
        x.reshape(4)
    with pytest.raises(ValueError, match=r"^split: .*equal division.*float64\[2, 3\]"):
        x.split(4)
    with pytest.raises(ValueError, match=r"^squeeze: .*size.*float64\[2, 3\]"):
        x.squeeze(0)
    with pytest.raises(ValueError, match=r"^broadcast_to: .*float64\[2, 3\]"):
        x.broadcast_to((2, 4))
    with pytest.raises(ValueError, match=r"^transpose: .*float64\[2, 3\]"):
        x.transpose(0)


def test_split_refuses_falling_indices():
    with pytest.raises(ValueError, match=r"split: expected rising indices, got \[3, 1\]"):
        mg.split(mg.tensor(np.ones(5)), [3, 1])
