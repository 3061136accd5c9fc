"""kernels.products: matrix products of arrays as they come, small and large, on any number of threads."""

import functools
import gc
import threading
from unittest import mock

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minigrad.kernels import pool, products
from minigrad.testing.strategies import arrays
from tests.kernels.processes import run

LAYOUTS = ["C", "F", "strided", "reversed", "read-only"]
sides = st.sampled_from([1, 2, 3, 5, 6, 7, 16, 17, 31, 33, 64, 65, 70])
layouts = st.sampled_from(LAYOUTS)


@pytest.fixture(autouse=True)
def threads_as_before():
    before = pool.get_num_threads()
    yield
    pool.set_num_threads(before)


# no product is small
by_tiles = functools.partial(mock.patch.multiple, products, BLAS=0, BLAS_VECTOR=0, TOGETHER=1000)


def laid_out(values, layout):
    if layout == "strided":
        whole = np.full([2 * n for n in values.shape], np.nan, values.dtype)
        whole[::2, ::2] = values
        return whole[::2, ::2]
    if layout == "reversed":
        return np.flip(np.flip(values).copy())
    values = np.array(values, order="F" if layout == "F" else "C")
    values.flags.writeable = layout != "read-only"
    return values


def assert_product(found, a, b, bias=0.0):
    x, y = a.astype(float), b.astype(float)
    room = (a.shape[1] + 2) * np.finfo(found.dtype).eps * (abs(x) @ abs(y) + abs(bias))
    assert found.shape == (len(a), b.shape[1]) and found.flags.c_contiguous
    assert np.all(abs(found - (x @ y + bias)) <= room)


@settings(max_examples=60)
@given(m=sides, k=sides, n=sides, one=layouts, other=layouts, dtype=st.sampled_from([np.float32, np.float64]),
       seed=st.integers(0, 2**32 - 1))  # fmt: skip
@example(1, 70, 64, "C", "C", np.float32, 0)
def test_product_and_affine(m, k, n, one, other, dtype, seed):
    rng = np.random.default_rng(seed)
    a = laid_out(rng.normal(size=(m, k)).astype(dtype), one)
    b = laid_out(rng.normal(size=(k, n)).astype(dtype), other)
    bias = rng.normal(size=n).astype(dtype)
    results = []
    for threads in (1, 2, 3):
        pool.set_num_threads(threads)
        with by_tiles():
            results.append((products.product(a, b), products.affine(a, b.T, bias)))
    assert_product(results[0][0], a, b)
    assert_product(results[0][1], a, b, bias)
    for other_result in results[1:]:
        for found, first in zip(other_result, results[0]):
            np.testing.assert_array_equal(found, first)  # to the bit


@given(st.data())
def test_small_ones_and_other_dtypes(data):
    m, k, n = (data.draw(st.integers(0, 4)) for _ in range(3))
    dtype = data.draw(st.sampled_from([np.float32, np.float64, np.int64, np.bool_]))
    a, b = data.draw(arrays((m, k), dtype)), data.draw(arrays((k, n), dtype))
    found = products.product(a, b)
    assert found.dtype == np.matmul(a, b).dtype
    np.testing.assert_allclose(found, np.matmul(a, b), rtol=1e-6)


@pytest.mark.parametrize("dtypes", [(np.float32, np.float64), (np.float16, np.float16), (np.int64, np.float64)])
def test_large_ones_of_other_dtypes_are_NumPys(dtypes):
    a, b = np.ones((65, 70), dtypes[0]), np.ones((70, 65), dtypes[1])
    found = products.product(a, b)
    assert found.dtype == np.result_type(*dtypes) and np.all(found == 70)


@by_tiles()
def test_packed_weights_last_as_long_as_the_weight():
    x, bias = np.ones((3, 5)), np.zeros(4)
    before = len(products._kept)
    for i in range(20):
        weight = np.full((4, 5), float(i))
        weight.flags.writeable = False
        assert np.all(products.affine(x, weight, bias) == 5 * i)
        assert np.all(products.affine(x, weight, bias) == 5 * i)
        assert len(products._kept) == before + 1
        del weight
        gc.collect()
        assert len(products._kept) == before


@by_tiles()
def test_weights_that_anybody_may_change_are_read_anew():
    x, weight, bias = np.ones((3, 5)), np.ones((4, 5)), np.zeros(4)
    assert np.all(products.affine(x, weight, bias) == 5)
    weight[:] = 2
    assert np.all(products.affine(x, weight, bias) == 10)


@by_tiles()
def test_many_callers_at_once():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(65, 33)), rng.normal(size=(33, 70))
    expected, wrong = products.product(a, b), []

    def work():
        for _ in range(50):
            wrong.append(not np.array_equal(products.product(a, b), expected))

    callers = [threading.Thread(target=work) for _ in range(6)]
    [caller.start() for caller in callers]
    [caller.join() for caller in callers]
    assert len(wrong) == 300 and not any(wrong)


def test_without_compiler():
    code = """
import numpy as np
from minigrad.kernels import products
a, b = np.random.default_rng(0).normal(size=(2, 80, 80))
np.testing.assert_array_equal(products.product(a, b), a @ b)
np.testing.assert_array_equal(products.affine(a, b, b[0]), a @ b.T + b[0])
assert products.gemm() is None
"""
    run("-c", code, NUMBA_DISABLE_JIT="1")
