"""Elementary functions beside NumPy and PyTorch, one thread: `python -m benchmarks.elementwise [float32|float64]`."""

import argparse
import inspect
import statistics
import time
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from minigrad import kernels

try:
    import torch
except ImportError:
    torch = None

SIZES = 16, 128, 1024, 16_384, 131_072, 1_000_000
ROUNDS = 21
ROUND = 1e-3  # seconds a round lasts at least

# the plainest formula that does not overflow into NaN; NumPy has no erf, so its rows are minigrad's own uncompiled ones
NUMPY: dict[str, Callable[[Any], Any]] = {
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softplus": lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "gelu": inspect.unwrap(kernels.gelu),
    "erf": inspect.unwrap(kernels.erf),
    "relu": lambda x: np.maximum(x, 0),
}


def medians(calls: list[Callable[[], Any]]) -> list[float]:
    """The median time of each call in microseconds; the calls take turns, so that noise falls on all of them."""
    repeats = []
    for call in calls:
        call()
        start = time.perf_counter()
        call()
        repeats.append(max(1, int(ROUND / (time.perf_counter() - start))))
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(ROUNDS):
        for call, count, taken in zip(calls, repeats, times):
            start = time.perf_counter()
            for _ in range(count):
                call()
            taken.append((time.perf_counter() - start) / count)
    return [1e6 * statistics.median(taken) for taken in times]


def peers(name: str, x: np.ndarray) -> list[Callable[[], Any]]:
    """Calls of minigrad's, NumPy's and, if installed, PyTorch's function on x."""
    ours, numpys = getattr(kernels, name), NUMPY[name]
    calls = [lambda: ours(x), lambda: numpys(x)]
    if torch is not None:
        torchs = getattr(torch if hasattr(torch, name) else torch.nn.functional, name)
        tensor = torch.from_numpy(x)
        calls.append(lambda: torchs(tensor))
    return calls


def cell(times: list[float]) -> str:
    """Three digits or so of each."""
    return " / ".join(f"{t:.2f}" if t < 10 else f"{t:.0f}" for t in times)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dtype", nargs="?", choices=["float32", "float64"], help="both, if not given")
    chosen = parser.parse_args().dtype
    if torch is not None:
        torch.set_num_threads(1)
    names = ["minigrad", "NumPy"] + (["PyTorch"] if torch is not None else [])
    versions = [f"NumPy {np.__version__}", f"Numba {numba.__version__}"]
    versions += [f"PyTorch {torch.__version__}"] if torch is not None else []
    print(", ".join(versions) + f"; median of {ROUNDS} rounds, microseconds: {' / '.join(names)}")
    rng = np.random.default_rng(0)
    for dtype in [chosen] if chosen else ["float32", "float64"]:
        print(f"\n{dtype:>8}" + "".join(f"{size:>24,}" for size in SIZES))
        for name in NUMPY:
            cells = [cell(medians(peers(name, rng.normal(0, 2, size).astype(dtype)))) for size in SIZES]
            print(f"{name:>8}" + "".join(f"{text:>24}" for text in cells), flush=True)


if __name__ == "__main__":
    main()
