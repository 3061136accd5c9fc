"""Matrix products of every size up to a bound on arrays between forbidden pages. Run by test_gemm.py, as a process
of its own: whatever the processor is told to be, and whatever it does."""

import sys

import numpy as np

from minigrad.kernels import gemm, tile
from tests.kernels.guarded import guarded


def main(largest: int) -> None:
    rng = np.random.default_rng(0)
    sizes = [1, 2, 5, 6, 7, 8, 13, 15, 16, 17, 31, 32, 33, 63, 64, 65, 70]
    sizes = [n for n in sizes if n <= largest]
    for dtype in (np.float32, np.float64):
        for n in sizes:
            for m, k, at_end in ((1, n, True), (5, 3, False), (n, 1, True), (7, 9, False), (13, 2, True)):
                check(rng, m, k, n, dtype, at_end)
    print("bytes", tile.BYTES)


def check(rng: np.random.Generator, m: int, k: int, n: int, dtype: type, at_end: bool) -> None:
    a, b, bias = (rng.normal(size=shape).astype(dtype) for shape in ((m, k), (k, n), (n,)))
    packed = guarded(np.full(k * gemm.whole_vectors(n, a.reshape(-1)[:0]), np.nan, dtype), at_end)
    panels = -(-n // gemm.panel_width(packed))
    gemm.pack(guarded(b.reshape(-1), at_end), 0, n, 1, k, n, packed, 0, panels)
    c = guarded(np.full(m * n, np.nan, dtype), at_end)
    left = guarded(a.reshape(-1), at_end)
    gemm.multiply(left, k, 1, k, packed, n, c, guarded(bias, at_end), 0, m, 0, panels)
    expected = a.astype(np.float64) @ b.astype(np.float64) + bias
    room = (k + 2) * np.finfo(dtype).eps * (np.abs(a).astype(np.float64) @ np.abs(b) + np.abs(bias))
    assert np.all(np.abs(c.reshape(m, n) - expected) <= room), (m, k, n, dtype)
    wide = gemm.whole_vectors(n, packed)
    rows = guarded(np.full(m * wide, np.nan, dtype), at_end)
    gemm.rows_times_packed(left, k, m, packed, k, n, rows, wide)
    found = rows.reshape(m, wide)
    assert np.all(np.abs(found[:, :n] - (expected - bias)) <= room), (m, k, n, dtype)
    assert not found[:, n:].any()


if __name__ == "__main__":
    main(int(sys.argv[1]))
