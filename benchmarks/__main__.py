"""minigrad beside its peers, in one run: `python -m benchmarks`, or `make bench ARGS="..."`.

Every (library, work) is measured in a process of its own, the libraries in turns, round after round; all processors for
everyone. A row's times are shown as soon as they are there; the tables, and whether goals are met, at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from . import plan, report
from .measure import packages
from .work import Work, operations, threads

ROOT = Path(__file__).parent.parent
PEERS = "minigrad", "torch", "jax", "onnx", "autograd", "mygrad", "numpy"
DISTRIBUTIONS = "numpy", "numba", "torch", "jax", "jaxlib", "onnxruntime", "autograd", "mygrad"
AGREEMENT = 2e-3  # relative, of the norms of results that went through hundreds of float32 steps
SETTINGS = "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"


def installed(library: str) -> bool:
    return all(find_spec(package.split(".")[0]) for package in packages(library))


def child(library: str, work: Work, seconds: float, **settings: str) -> dict[str, Any]:
    """What `benchmarks.measure` says, in a fresh process. Raises RuntimeError with what it wrote if it fails."""
    shape = "x".join(map(str, work.shape))
    command = [sys.executable, "-m", "benchmarks.measure", library, work.kind, work.name, shape, str(seconds)]
    environment = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    environment |= {"JAX_PLATFORMS": "cpu", **settings}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if ran.returncode:
        raise RuntimeError(f"{library} failed at {work}:\n{ran.stderr}")
    return json.loads(ran.stdout.splitlines()[-1])


def measure(work: Work, libraries: Sequence[str], rounds: int, seconds: float) -> report.Result:
    """One row: the libraries in turns."""
    runs: dict[str, list[dict[str, Any]]] = {library: [] for library in libraries}
    for _ in range(rounds):
        for library, found in runs.items():
            found.append(child(library, work, seconds))
    check_agreement(work, {library: found[0]["norms"] for library, found in runs.items()})
    return {
        "shape": work.shape,
        "operations": operations(work),
        "seconds": {library: [run["seconds"] for run in found] for library, found in runs.items()},
        "memory": {library: [run["memory"] for run in found] for library, found in runs.items()},
    }


def check_agreement(work: Work, norms: dict[str, list[float]]) -> None:
    """Raise RuntimeError if the libraries did not compute the same."""
    compared = {library: found for library, found in norms.items() if found}
    for library, found in compared.items():
        first, expected = next(iter(compared.items()))
        if not np.allclose(found, expected, rtol=AGREEMENT, atol=AGREEMENT * max(expected)):
            raise RuntimeError(f"{work}: the norms are {expected} in {first}, {found} in {library}")


def limit(libraries: Sequence[str], rounds: int, seconds: float) -> float:
    """The most operations a second that a large matrix product reached."""
    row = measure(plan.LIMIT, [x for x in plan.LIBRARIES["sgemm"] if x in libraries], rounds, seconds)
    return row["operations"] / min(t for times in row["seconds"].values() for t in times)


def startup(libraries: Sequence[str], rounds: int) -> Iterable[report.Result]:
    """Import and first run, with a cache folder that is empty, and again."""
    for title in plan.STARTUP:
        work = plan.groups()[title][0].tiny()
        for library in [x for x in plan.libraries(title, work) if x in libraries]:
            row: dict[str, Any] = {"title": title, "library": library, "import": [], "cold": [], "warm": []}
            for _ in range(rounds):
                with tempfile.TemporaryDirectory() as folder:
                    fresh = {"MINIGRAD_CACHE": folder, "NUMBA_CACHE_DIR": folder}
                    cold, warm = (child(library, work, 0.0, **fresh) for _ in range(2))
                row["import"].append(warm["import"])
                row["cold"].append(cold["first"])
                row["warm"].append(warm["first"])
            yield row


def machine() -> dict[str, str]:
    """What the figures depend on."""
    import threadpoolctl

    blas = [f"{x['internal_api']} {x['version']} {x.get('architecture', '')}" for x in threadpoolctl.threadpool_info()]
    return {
        "processor": f"{processor()}, {threads()} threads",
        "system": f"{platform.system()}, Python {platform.python_version()}",
        "BLAS of NumPy": ", ".join(blas),
        "versions": ", ".join(f"{name} {found}" for name in DISTRIBUTIONS if (found := version_of(name))),
    }


def processor() -> str:
    """The processor's name."""
    described = Path("/proc/cpuinfo")
    lines = described.read_text().splitlines() if described.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def version_of(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def shapes(given: str) -> list[plan.Shape]:
    """Shapes as in "3x7x5x96,7x20x64x100"."""
    try:
        found = [tuple(int(size) for size in shape.split("x")) for shape in given.split(",")]
    except ValueError:
        found = []
    if not found or any(len(shape) != 4 or min(shape) < 1 for shape in found):
        raise argparse.ArgumentTypeError(f"expected BATCHxTIMExINPUTxHIDDEN[,...], as in 3x7x5x96, got {given!r}")
    return found


def rounds(given: str) -> int:
    """How many, at least one."""
    if not given.isdecimal() or int(given) < 1:
        raise argparse.ArgumentTypeError(f"expected a number of rounds, 1 or more, got {given!r}")
    return int(given)


def names(known: Sequence[str], given: str) -> list[str]:
    """Some of the known names, with commas between."""
    chosen = given.split(",")
    if unknown := [name for name in chosen if name not in known]:
        raise argparse.ArgumentTypeError(f"there is no {', '.join(unknown)}; choose from {', '.join(known)}")
    return chosen


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", type=lambda x: names(plan.WORDS, x), help=f"some of: {', '.join(plan.WORDS)}")
    parser.add_argument("--shapes", type=shapes, help="other recurrent shapes: BATCHxTIMExINPUTxHIDDEN,...")
    parser.add_argument("--libraries", type=lambda x: names(PEERS, x), default=PEERS, help=f"of {', '.join(PEERS)}")
    parser.add_argument("--rounds", type=rounds, help="processes for each library and row (default: 3)")
    parser.add_argument("--seconds", type=float, help="for each of them, without warm-up (default: 1)")
    parser.add_argument("--quick", action="store_true", help="one short round, and few sizes: does it run?")
    parser.add_argument("--markdown", action="store_true", help="tables for a document")
    parser.add_argument("--output", type=Path, default=ROOT / "runs" / "bench.json", help="where the figures go")
    chosen = parser.parse_args(given)
    chosen.rounds = chosen.rounds or (1 if chosen.quick else 3)
    chosen.seconds = chosen.seconds or (0.1 if chosen.quick else 1.0)
    return chosen


def main(given: Sequence[str] | None = None) -> None:
    chosen = arguments(given)
    libraries = [x for x in chosen.libraries if installed(x)]
    if missing := [x for x in chosen.libraries if x not in libraries]:
        print(f"not installed, and left out: {', '.join(missing)}", file=sys.stderr)
    results: dict[str, Any] = {"machine": machine(), "groups": {}, "startup": []}
    results["limit"] = limit([*libraries, "numpy"], chosen.rounds, chosen.seconds)

    def wanted(title: str) -> bool:
        return not chosen.only or not {*title.split()}.isdisjoint(chosen.only)

    for title, works in plan.groups(chosen.shapes, chosen.quick).items():
        if wanted(title):
            rows = results["groups"].setdefault(title, [])
            for work in works:
                taking_part = [x for x in plan.libraries(title, work) if x in libraries]
                rows.append(measure(work, taking_part, chosen.rounds, chosen.seconds))
                times = ", ".join(f"{x} {report.milliseconds(rows[-1], x)}" for x in taking_part)
                print(f"{title} {report.dimensions(rows[-1])}, ms: {times}", file=sys.stderr, flush=True)
                save(results, chosen.output)
    if wanted("startup"):
        results["startup"] = list(startup(libraries, chosen.rounds))
    save(results, chosen.output)
    print(report.text(results, report.markdown if chosen.markdown else report.plain))
    print(f"\nfigures: {chosen.output}", file=sys.stderr)


def save(results: dict[str, Any], path: Path) -> None:
    """After every row: a run that is stopped leaves what it has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
