"""kernels.gemm: panels, and products of any size, strides and division of the work."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minigrad.kernels import compile

if not compile.available():
    pytest.skip("no compiler", allow_module_level=True)

from minigrad.kernels import gemm

sizes = st.integers(1, 70)
dtypes = st.sampled_from([np.float32, np.float64])
seeds = st.integers(0, 2**32 - 1)


def packed(b):
    """b in panels; what is there to be overwritten is NaN."""
    k, n = b.shape
    flat = np.ascontiguousarray(b).reshape(-1)
    target = np.full(k * gemm.whole_vectors(n, flat), np.nan, b.dtype)
    gemm.pack(flat, 0, n, 1, k, n, target, 0, panels(b))
    return target


def panels(b):
    return -(-b.shape[1] // gemm.panel_width(b.reshape(-1)))


@settings(max_examples=30)
@given(k=sizes, n=sizes, dtype=dtypes, transposed=st.booleans(), offset=st.integers(0, 3))
def test_panels_hold_every_entry_once_and_zeros(k, n, dtype, transposed, offset):
    numbers = np.arange(1, k * n + 1, dtype=dtype)
    source = np.concatenate([np.full(offset, np.nan, dtype), numbers])
    b = numbers.reshape(n, k).T if transposed else numbers.reshape(k, n)
    steps = (1, k) if transposed else (n, 1)
    width = gemm.panel_width(source)
    target = np.full(k * gemm.whole_vectors(n, source), np.nan, dtype)
    count = -(-n // width)
    for panel in reversed(range(count)):  # in any order
        gemm.pack(source, offset, *steps, k, n, target, panel, panel + 1)
    for panel in range(count):
        block = b[:, panel * width : (panel + 1) * width]
        wide = gemm.whole_vectors(block.shape[1], source)
        found = target[panel * width * k :][: k * wide].reshape(k, wide)
        np.testing.assert_array_equal(found[:, : block.shape[1]], block)
        assert not found[:, block.shape[1] :].any()


def test_panels_of_a_matrix_with_gaps():
    whole = np.arange(60.0 * 140).reshape(60, 140)
    b = whole[::2, ::2]
    k, n = b.shape
    target = np.full_like(packed(b), np.nan)
    gemm.pack(whole.reshape(-1), 0, 280, 2, k, n, target, 0, panels(b))
    np.testing.assert_array_equal(target, packed(b))


@settings(max_examples=50)
@given(
    m=sizes, k=sizes, n=sizes, dtype=dtypes, transposed=st.booleans(), biased=st.booleans(), cut=st.integers(0, 70),
    panel=st.integers(0, 4), seed=seeds,
)  # fmt: skip
@example(100, gemm.K_BLOCK + 5, 9, np.float32, False, True, 7, 0, 0)  # k in two blocks, m too, and an edge
@example(7, gemm.K_BLOCK + 5, 9, np.float32, True, False, 0, 0, 0)
@example(1, 2 * gemm.K_BLOCK, 64, np.float64, True, True, 0, 1, 1)
def test_product(m, k, n, dtype, transposed, biased, cut, panel, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(m, k)).astype(dtype), rng.normal(size=(k, n)).astype(dtype)
    bias = rng.normal(size=n if biased else 0).astype(dtype)
    source, steps = (a.T.copy().reshape(-1), (1, m)) if transposed else (a.reshape(-1), (k, 1))

    def product(cut, panel):
        c = np.full(m * n, np.nan, dtype)
        for rows in ((0, cut), (cut, m)):
            for columns in ((0, panel), (panel, panels(b))):
                gemm.multiply(source, *steps, k, packed(b), n, c, bias, *rows, *columns)
        return c.reshape(m, n)

    whole = product(0, 0)
    wide = a.astype(float), b.astype(float)
    expected = wide[0] @ wide[1] + (bias if biased else 0)
    room = (k + 2) * np.finfo(dtype).eps * (abs(wide[0]) @ abs(wide[1]) + (abs(bias) if biased else 0))
    assert np.all(abs(whole - expected) <= room)
    np.testing.assert_array_equal(
        product(min(cut, m), min(panel, panels(b))), whole
    )  # however it is shared, to the bit


def test_panels_that_were_not_asked_for_are_left_alone():
    b = np.ones((5, 70))
    width, c = gemm.panel_width(b.reshape(-1)), np.full((2, 70), 7.0)
    gemm.multiply(np.ones(10), 5, 1, 5, packed(b), 70, c.reshape(-1), np.empty(0), 0, 2, 1, 2)
    assert np.all(c[:, width : 2 * width] == 5)
    assert np.all(c[:, :width] == 7) and np.all(c[:, 2 * width :] == 7)


@settings(max_examples=30)
@given(rows=st.integers(1, 20), k=sizes, n=sizes, dtype=dtypes, more=st.integers(0, 5), seed=seeds)
def test_few_rows(rows, k, n, dtype, more, seed):
    """Rows of A and C with room between them; what is between is left alone."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(rows, k + more)).astype(dtype), rng.normal(size=(k, n)).astype(dtype)
    wide = gemm.whole_vectors(n, b.reshape(-1))
    c = np.full((rows, wide + more), 7, dtype)
    gemm.rows_times_packed(a.reshape(-1), k + more, rows, packed(b), k, n, c.reshape(-1), wide + more)
    x, y = a[:, :k].astype(float), b.astype(float)
    assert np.all(abs(c[:, :n] - x @ y) <= (k + 1) * np.finfo(dtype).eps * (abs(x) @ abs(y)))
    assert not c[:, n:wide].any() and np.all(c[:, wide:] == 7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_not_finite_stays_where_it_belongs(dtype):
    a, b = np.ones((7, 5), dtype), np.ones((5, 37), dtype)
    a[2, 1], b[3, 36] = np.nan, np.inf
    c = np.empty(7 * 37, dtype)
    gemm.multiply(a.reshape(-1), 5, 1, 5, packed(b), 37, c, c[:0], 0, 7, 0, panels(b))
    np.testing.assert_array_equal(c.reshape(7, 37), a @ b)
