"""einsum beside PyTorch's, and what it refuses."""

import numpy as np
import pytest

import minigrad as mg
from tests.parity import assert_same_as_torch

SIZES = {"b": 2, "t": 3, "i": 4, "j": 5, "k": 3}


@pytest.mark.parametrize(
    "subscripts",
    [
        "bti,ij->btj",
        "ij,jk->ik",
        "ij,jk",
        "ba",
        "i,i->",
        "i,j->ij",
        "ij->",
        "ij->j",
        "ij->ji",
        "bij,bjk->bik",
        "ij,ij->ij",
        "ij,jk,kt->it",
        "i,j,k->kji",
        "ij,k->i",
        "ij , jk -> ki",
    ],
)
def test_beside_torch(subscripts):
    rng = np.random.default_rng(0)
    terms = subscripts.replace(" ", "").partition("->")[0].split(",")
    arrays = [rng.normal(size=[SIZES.get(k, 2) for k in term]) for term in terms]
    assert_same_as_torch(lambda *xs: mg.einsum(subscripts, *xs), lambda *ts: einsum_of_torch(subscripts, ts), *arrays)


def einsum_of_torch(subscripts, tensors):
    import torch

    return torch.einsum(subscripts, *tensors)


@pytest.mark.parametrize("subscripts", ["ij,jk", "ba", "kbj,jti", "i,i", "tkb,bj,k", "i", "zyxw"])
def test_without_an_arrow_what_stands_once_stays_in_alphabetical_order(subscripts):
    arrays = [np.random.default_rng(0).normal(size=[SIZES.get(k, 2) for k in term]) for term in subscripts.split(",")]
    np.testing.assert_allclose(mg.einsum(subscripts, *arrays), np.einsum(subscripts, *arrays), rtol=1e-12)


@pytest.mark.parametrize("stretched", [0, 1])
def test_a_stretched_axis_gets_the_sum_of_its_copies(stretched):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(2, 4)), rng.normal(size=(4, 3))]
    arrays[stretched] = arrays[stretched].take([0], axis=1 - stretched)  # the axis that is summed over
    full = [np.broadcast_to(x, shape) for x, shape in zip(arrays, [(2, 4), (4, 3)])]
    found = mg.grad(lambda *xs: (mg.einsum("ij,jk->ik", *xs) ** 2).sum(), argnums=stretched)(*arrays)
    copies = mg.grad(lambda *xs: (mg.einsum("ij,jk->ik", *xs) ** 2).sum(), argnums=stretched)(*full)
    np.testing.assert_allclose(found, copies.numpy().sum(1 - stretched, keepdims=True), rtol=1e-12)


def test_axes_of_size_1_are_stretched_and_summed_back():
    a, b = np.ones((2, 1)), np.arange(15.0).reshape(5, 3)
    assert_same_as_torch(lambda *xs: mg.einsum("ij,jk->ik", *xs), lambda *ts: einsum_of_torch("ij,jk->ik", ts), a, b)


def test_one_tensor_used_twice():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert mg.grad(lambda x: mg.einsum("ij,ij->", x, x))(x).numpy().tolist() == (2 * x).tolist()


def test_arrays_give_an_array():
    assert type(mg.einsum("ij,jk->ik", np.ones((2, 3)), np.ones((3, 2)))) is np.ndarray


# bad input


@pytest.mark.parametrize(
    ("subscripts", "count"), [("ii->i", 1), ("...i->i", 1), ("ij,jk->ik", 1), ("ij->ij", 2), ("ij->ii", 1)]
)
def test_terms_that_are_not_plain(subscripts, count):
    x = mg.tensor(np.ones((2, 2)), requires_grad=True)
    with pytest.raises(ValueError) as error:
        mg.einsum(subscripts, *[x] * count)
    message = str(error.value)
    assert message.startswith(f"einsum: expected one plain term for each of {count} operands")
    assert repr(subscripts) in message and "use swapaxes, sum or getitem" in message


@pytest.mark.parametrize("subscripts", ["ij,jk->ik", "ijk,jk->i", "ij,jk->ix"])
def test_shapes_that_do_not_fit(subscripts):
    a, b = mg.tensor(np.ones((2, 3)), requires_grad=True), mg.tensor(np.ones((2, 4)))
    with pytest.raises(ValueError, match=r"^einsum: .* \(given float64\[2, 3\], float64\[2, 4\]\)"):
        mg.einsum(subscripts, a, b)
