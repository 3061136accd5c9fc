"""kernels.tile: one tile of a product, for every size, accumulated or not, in any arrangement of A."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad.kernels import compile

if not compile.available():
    pytest.skip("no compiler", allow_module_level=True)

from minigrad.kernels.compile import compiled
from minigrad.kernels.tile import BYTES, ROWS, VECTORS, tile
from tests.kernels.processes import run

DTYPES = [np.float32, np.float64]
NARROW = {"AVX2": ("haswell", "+sse2,+avx,+avx2,+fma", 32), "SSE2": ("generic", "+sse2", 16)}


@compiled
def call(rows, vectors, a, a0, a_row, a_k, b, b0, c, c0, c_row, k, accumulate):
    tile(rows, vectors, a, a0, a_row, a_k, b, b0, c, c0, c_row, k, accumulate)


@settings(max_examples=100)
@given(
    rows=st.integers(1, ROWS),
    vectors=st.integers(1, VECTORS),
    k=st.integers(0, 20),
    accumulate=st.booleans(),
    transposed=st.booleans(),
    offsets=st.tuples(*[st.integers(0, 3)] * 3),
    more=st.integers(0, 3),
    dtype=st.sampled_from(DTYPES),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_tile(rows, vectors, k, accumulate, transposed, offsets, more, dtype, seed):
    rng = np.random.default_rng(seed)
    width = vectors * BYTES // np.dtype(dtype).itemsize
    a0, b0, c0 = offsets
    a_row, a_k = (1, rows + more) if transposed else (k + more, 1)
    a, b = (
        rng.normal(size=size).astype(dtype) for size in (a0 + rows * (k + more) + k * (rows + more), b0 + k * width)
    )
    c = rng.normal(size=c0 + rows * (width + more)).astype(dtype)
    before = c.copy()
    call(rows, vectors, a, a0, a_row, a_k, b, b0, c, c0, width + more, k, accumulate)
    wide_a = np.array([[a[a0 + i * a_row + p * a_k] for p in range(k)] for i in range(rows)], float).reshape(rows, k)
    wide_b = b[b0:].astype(float).reshape(k, width)
    target = lambda c: c[c0:].reshape(rows, width + more)[:, :width]  # noqa: E731
    start = target(before) * accumulate
    room = (k + 1) * np.finfo(dtype).eps * (abs(wide_a) @ abs(wide_b) + abs(start))
    assert np.all(abs(target(c) - (wide_a @ wide_b + start)) <= room)
    target(before)[:] = target(c)
    np.testing.assert_array_equal(c, before)  # nothing beside the tile


@pytest.mark.parametrize("at_end, outside", [(True, "x[4:], (2,), (8,)"), (False, "x, (2,), (-8,)")])
def test_forbidden_pages_are_deadly(at_end, outside):
    """What the next tests rely on."""
    code = f"""
import numpy as np
from tests.kernels.guarded import guarded
x = guarded(np.ones(5), {at_end})
print(np.lib.stride_tricks.as_strided({outside})[1])
"""
    assert run("-c", code, check=False).returncode < 0


def test_between_forbidden_pages():
    assert run("-m", "tests.kernels.narrow", "70").stdout.split() == ["bytes", str(BYTES)]


@pytest.mark.parametrize("kind", NARROW)
def test_narrow_machines(kind, tmp_path):
    """The same numbers, within the same pages, on processors that know less."""
    name, features, width = NARROW[kind]
    done = run(
        "-m", "tests.kernels.narrow", "33",
        NUMBA_CPU_NAME=name, NUMBA_CPU_FEATURES=features, NUMBA_CACHE_DIR=str(tmp_path),
    )  # fmt: skip
    assert done.stdout.split() == ["bytes", str(width)]
