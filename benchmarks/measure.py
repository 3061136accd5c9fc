"""One work in one library in a process of its own: `python -m benchmarks.measure LIBRARY KIND NAME SHAPE SECONDS`.

Prints one line of JSON: seconds to import the library, to its first (tiny) run from there, the median of the runs; how
many they were; bytes at the peak; and the norms of what came out.
"""

import importlib
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

PACKAGES = {"minigrad": ("minigrad", "models"), "jax": ("jax", "jax.numpy"), "onnx": ("onnx", "onnxruntime")}
LEAST, MOST = 3, 10_000  # runs
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def packages(library: str) -> Sequence[str]:
    """What a library's part imports."""
    return PACKAGES.get(library, (library,))


def maker(library: str, kind: str) -> Callable[[Any], Callable[[], Sequence[Any]]]:
    """The function that makes a library's run of a work."""
    if kind == "recording":
        peers = importlib.import_module("benchmarks.recording").PEERS
        return lambda work: peers[library]()
    return importlib.import_module(f"benchmarks.of_{library}").MAKERS[kind]


def timed(run: Callable[[], Any], seconds: float) -> list[float]:
    """Seconds of each run, for about as long as asked."""
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while len(taken) < LEAST or (len(taken) < MOST and time.perf_counter() < end):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return taken


def resident(entry: str) -> int:
    """Bytes of memory that the process has (VmRSS), or had at the peak (VmHWM); 0 where the system does not say."""
    if not CLEAR.exists():
        return 0
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith(entry))
    return 1024 * int(line.split()[1])


def forget_peak() -> None:
    if CLEAR.exists():
        CLEAR.write_text("5")


def measured(library: str, kind: str, name: str, shape: tuple[int, ...], seconds: float) -> dict[str, Any]:
    """What is printed."""
    start = time.perf_counter()
    for package in packages(library):
        importlib.import_module(package)
    imported = time.perf_counter()

    import numpy as np

    from .work import Work

    work, make = Work(kind, name, shape), maker(library, kind)
    make(work.tiny())()
    first = time.perf_counter()

    run = make(work)
    before = resident("VmRSS")
    norms = [float(np.linalg.norm(np.asarray(x, np.float64))) for x in run()]
    timed(run, seconds / 5)
    forget_peak()
    taken = timed(run, seconds)
    return {
        "import": imported - start,
        "first": first - imported,
        "seconds": statistics.median(taken),
        "runs": len(taken),
        "memory": resident("VmHWM") - before,
        "norms": norms,
    }


def main() -> None:
    library, kind, name, shape, seconds = sys.argv[1:]
    print(json.dumps(measured(library, kind, name, tuple(map(int, shape.split("x"))), float(seconds))))


if __name__ == "__main__":
    main()
