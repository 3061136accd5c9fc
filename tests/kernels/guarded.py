"""Arrays whose memory ends where a forbidden page begins: one step outside, and the process is killed."""

import ctypes
import mmap

import numpy as np

PAGE = mmap.PAGESIZE


def guarded(values: np.ndarray, at_end: bool = True) -> np.ndarray:
    """A copy of `values` that ends right before a forbidden page, or (not `at_end`) begins right after one."""
    size = -(-max(values.nbytes, 1) // PAGE) * PAGE
    region = mmap.mmap(-1, size + 2 * PAGE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(region))
    libc = ctypes.CDLL(None, use_errno=True)
    for page in (start, start + PAGE + size):
        if libc.mprotect(ctypes.c_void_p(page), PAGE, 0):
            raise OSError(ctypes.get_errno(), "mprotect")
    offset = PAGE + (size - values.nbytes if at_end else 0)
    copy = np.frombuffer(region, values.dtype, values.size, offset).reshape(values.shape)
    copy[...] = values
    return copy
