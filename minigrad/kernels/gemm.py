"""Matrix products from tiles (`tile.py`). Only importing this needs Numba.

A matrix B [k, n] is packed into panels as wide as a tile, each panel contiguous, row after row; the last one has
fewer vectors, and zeros past n: the layout in which the tiles read it.
"""

from typing import Any

import numpy as np

from .compile import compiled
from .rows import arguments_apart, flat_from, row
from .tile import BYTES, ROWS, VECTORS, tile

K_BLOCK = 256  # rows of a panel used together: 64 kB, which stay in the L2 cache while the rows of A pass by
M_BLOCK = 16 * ROWS  # rows of A that meet every panel before the next ones do


@compiled
def whole_vectors(n: int, like: Any) -> int:
    """n numbers of the array's dtype, rounded up to what fills vector registers."""
    lanes = BYTES // like.itemsize
    return (n + lanes - 1) // lanes * lanes


@compiled
def panel_width(like: Any) -> int:
    """Columns of a panel."""
    return VECTORS * BYTES // like.itemsize


@compiled
def pack(b: Any, b0: int, b_k: int, b_n: int, k: int, n: int, packed: Any, first: int, last: int) -> None:
    """Copy panels `first` up to `last` of B [k, n], whose entries are b[b0 + p * b_k + j * b_n], to their places."""
    width = panel_width(packed)
    for panel in range(first, last):
        left = panel * width
        real = min(width, n - left)
        wide = whole_vectors(real, packed)
        at = k * left
        source = b0 + left * b_n
        for top in range(0, k, 16):  # a cache line of each column at a time, where B is the transpose of what is stored
            if b_n == 1:
                for p in range(top, min(k, top + 16)):
                    copy_row(row(b, source + p * b_k, real), row(packed, at + p * wide, real))
            else:
                for j in range(real):
                    for p in range(top, min(k, top + 16)):  # unsigned: no index from the end
                        packed[np.uintp(at + p * wide + j)] = b[np.uintp(source + p * b_k + j * b_n)]
            if real < wide:
                for p in range(top, min(k, top + 16)):
                    for j in range(real, wide):
                        packed[at + p * wide + j] = 0


@compiled
def copy_row(source: Any, target: Any) -> None:
    """Copy a row: indices that cannot be negative become vector moves."""
    arguments_apart()
    for j in range(target.size):
        target[j] = source[j]


@compiled
def rows_times_packed(a: Any, a_row: int, rows: int, packed: Any, k: int, n: int, c: Any, c_row: int) -> None:
    """C = A B for a few rows of A, with rows of C that have room for whole vectors; all arrays flat."""
    lanes = BYTES // c.itemsize
    columns = whole_vectors(n, c)
    tiles = (rows + ROWS - 1) // ROWS
    for j in range(0, columns, VECTORS * lanes):
        for i in range(tiles):
            top, bottom = i * rows // tiles, (i + 1) * rows // tiles  # 8 rows are 4 and 4: faster than 6 and 2
            tile(bottom - top, min(VECTORS, (columns - j) // lanes), a, top * a_row, a_row, 1, packed, k * j,
                 c, top * c_row + j, c_row, k, False)  # fmt: skip


@compiled
def multiply(a: Any, a_row: int, a_k: int, k: int, packed: Any, n: int, c: Any, bias: Any,
             top: int, bottom: int, first: int, last: int) -> None:  # fmt: skip
    """Rows `top` up to `bottom`, panels `first` up to `last` of C [m, n] = A [m, k] B + bias [n or 0].

    The entries of A are a[i * a_row + p * a_k]; c is flat and C-contiguous.
    """
    width = panel_width(c)
    edge = np.empty(ROWS * width, c.dtype)
    for p0 in range(0, k, K_BLOCK):
        depth = min(K_BLOCK, k - p0)
        for block in range(top, bottom, M_BLOCK):
            for left in range(first * width, min(n, last * width), width):
                real = min(width, n - left)
                wide = whole_vectors(real, c)
                b0 = left * k + p0 * wide
                for i in range(block, min(block + M_BLOCK, bottom), ROWS):
                    height = min(ROWS, bottom - i)
                    c0 = i * n + left
                    a0 = i * a_row + p0 * a_k
                    if real == wide:
                        tile(height, wide * c.itemsize // BYTES, a, a0, a_row, a_k, packed, b0, c, c0, n, depth, p0 > 0)
                    else:
                        if p0:
                            copy(flat_from(c, c0), n, edge, width, height, real)
                        tile(height, wide * c.itemsize // BYTES, a, a0, a_row, a_k, packed, b0, edge, 0, width, depth,
                             p0 > 0)  # fmt: skip
                        copy(edge, width, flat_from(c, c0), n, height, real)
                    if bias.size and p0 + depth == k:
                        for line in range(height):
                            for j in range(real):
                                c[c0 + line * n + j] += bias[left + j]


@compiled
def copy(source: Any, source_row: int, target: Any, target_row: int, rows: int, columns: int) -> None:
    """Copy a small matrix from the start of flat memory to the start of another."""
    for i in range(rows):
        copy_row(row(source, i * source_row, columns), row(target, i * target_row, columns))
