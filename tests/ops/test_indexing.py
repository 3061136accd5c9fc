"""Indexing beside PyTorch and NumPy; repeats add up."""

import numpy as np
import pytest

import minigrad as mg
from tests.ops.test_arithmetic import slopes
from tests.parity import assert_same_as_torch

X = np.random.default_rng(0).normal(size=(3, 4, 5))
MASK = X > 0


@pytest.mark.parametrize(
    "index",
    [
        0,
        (1, -1, 2),
        slice(None),
        (slice(1, None), ..., slice(0, 5, 2)),
        (None, 0, ..., None, 1),
        (slice(0, 0),),
        ...,
        [0, 0, 2, -1],
        (slice(None), [1, 1, 1], slice(1, 3)),
        ([0, 2, 0], [1, 1, 1]),
        ([[0, 1], [1, 0]], slice(None), [[4, 4], [4, 4]]),
    ],
    ids=str,
)
def test_getitem_beside_torch(index):
    assert_same_as_torch(lambda x: x[index], lambda t: t[index], X)


@pytest.mark.parametrize("mask", [MASK, MASK[:, 0, 0], MASK[:, :, 0], np.zeros(3, bool)], ids=lambda m: str(m.shape))
def test_masks_beside_torch(mask):
    def theirs(t):
        import torch

        return t[torch.tensor(mask)]

    assert_same_as_torch(lambda x: x[mask], theirs, X)
    assert_same_as_torch(lambda x: x[mg.tensor(mask)], theirs, X)


@pytest.mark.parametrize(
    "index",
    [slice(None, None, -1), (0, slice(3, None, -2)), (..., slice(None, None, -3)), (slice(None, None, -1), [1, 1])],
    ids=str,
)
def test_negative_steps(index):
    places = np.zeros(X.shape)
    np.add.at(places, index, 2.0)
    assert slopes(lambda x: x[index] * 2, X) == [places.tolist()]
    np.testing.assert_array_equal(mg.tensor(X)[index].numpy(), X[index])


@pytest.mark.parametrize(
    "index",
    [
        [0, 0, 1],
        ((0, 0, 1),),
        (np.array([0, 0, 1]),),
        np.array([0, 0, 1], np.uint8),
        mg.tensor([0, 0, 1]),
        [mg.tensor(0), mg.tensor(0), mg.tensor(1)],
        (mg.tensor([0, 0, 1]),),
        (..., [0, 0, 1]),
        ([0, -3, 1],),
    ],
    ids=repr,
)
def test_repeats_add_up_however_the_index_is_written(index):
    assert slopes(lambda x: x[index], [5.0, 6.0, 7.0]) == [[2.0, 1.0, 0.0]]


def test_an_index_cannot_be_changed_afterwards():
    x, index = mg.tensor([1.0, 2.0, 3.0], requires_grad=True), np.array([0, 0])
    y = x[index] + x[index,]
    index[:] = 2
    y.sum().backward()
    assert x.grad.numpy().tolist() == [4.0, 0.0, 0.0]


def test_0d():
    assert slopes(lambda x: x[...] * x[None] * x[()], 2.0) == [12.0]
    assert slopes(lambda x: x[np.array(True)], 2.0) == [1.0]


@pytest.mark.parametrize("indices", [[0, 2, 2, -1], [[1, 1], [1, 0]], 2, np.zeros((0,), int)], ids=repr)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_take_along_an_axis_with_repeats(indices, axis):
    places = np.zeros(X.shape)
    before = (slice(None),) * (axis % 3)
    np.add.at(places, (*before, np.asarray(indices)), 1.0)
    assert slopes(lambda x: mg.take(x, indices, axis), X) == [places.tolist()]
    np.testing.assert_array_equal(mg.tensor(X).take(indices, axis).numpy(), np.take(X, indices, axis))


def test_embedding_look_up_beside_torch():
    def theirs(t):
        import torch

        return torch.nn.functional.embedding(torch.tensor([[0, 3, 3], [1, 0, 0]]), t)

    assert_same_as_torch(lambda x: mg.take(x, [[0, 3, 3], [1, 0, 0]], axis=0), theirs, X[0])


def test_take_reads_booleans_as_0_and_1():
    assert slopes(lambda x: mg.take(x, np.array([True, False, True])), [1.0, 2.0, 3.0]) == [[1.0, 2.0, 0.0]]


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_take_along_axis_beside_torch(axis):
    indices = np.random.default_rng(1).integers(0, 3, (3, 3, 3))

    def theirs(t):
        import torch

        return torch.take_along_dim(t, torch.tensor(indices), axis)

    assert_same_as_torch(lambda x: mg.take_along_axis(x, indices, axis), theirs, X[:, :3, :3])
    assert_same_as_torch(lambda x: mg.take_along_axis(x, mg.tensor(indices), axis), theirs, X[:, :3, :3])


# bad input


def test_an_index_out_of_range():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(
        IndexError, match=r"^getitem: index 2 is out of bounds for axis 0 with size 2 \(given float32\[2\]\)"
    ):
        x[2]
    with pytest.raises(
        IndexError, match=r"^take: index 5 is out of bounds for axis 0 with size 2 \(given float32\[2\], int64\[1\]\)"
    ):
        mg.take(x, [5], axis=0)
    with pytest.raises(
        IndexError, match=r"^take_along_axis: index -3 is out of bounds .* \(given float32\[2\], int64\[1\]\)"
    ):
        mg.take_along_axis(x, [-3], 0)
    assert x.grad is None


def test_an_index_that_is_no_integer():
    x = mg.tensor([1.0, 2.0])
    with pytest.raises(IndexError, match=r"^getitem: only integers.*float32\[2\]"):
        x[1.0]
    with pytest.raises(TypeError, match=r"^take: .*float64.*float32\[2\]"):
        mg.take(x, np.array([1.0]))


def test_too_many_indices():
    with pytest.raises(IndexError, match=r"^getitem: too many indices .* \(given float32\[2\]\)"):
        mg.tensor([1.0, 2.0])[0, 0]


def test_take_along_axis_of_all_entries_at_once():
    x = mg.tensor(X, requires_grad=True)
    mg.take_along_axis(x, np.array([0, 7, 7]), axis=None).sum().backward()
    assert x.grad.numpy().flatten()[[0, 7]].tolist() == [1, 2]
    assert x.grad.numpy().sum() == 3
