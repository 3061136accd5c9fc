"""What recording costs, beside the peers: `python -m benchmarks.recording`.

`s = tanh(s * w + b) + x` on 16 float32 values, 500 times over, then `s.sum().backward()`: time per op, of 2,000.
"""

import argparse
import gc
import os
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec

for setting in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[setting] = "1"

import numpy as np  # noqa: E402

SIZE, STEPS, OPS_A_STEP = 16, 500, 4
Gradients = Callable[[], tuple[np.ndarray, np.ndarray]]


def inputs() -> list[np.ndarray]:
    """w, b, x and the first s."""
    return list(np.random.default_rng(0).standard_normal((4, SIZE)).astype(np.float32))


def of_minigrad() -> Gradients:
    """The gradients for w and b; every peer has such a function."""
    import minigrad as mg

    w, b, x, first = (mg.tensor(a, requires_grad=i < 2) for i, a in enumerate(inputs()))

    def run() -> tuple[np.ndarray, np.ndarray]:
        w.grad = b.grad = None
        s = first
        for _ in range(STEPS):
            s = mg.tanh(s * w + b) + x
        s.sum().backward()
        return w.grad.numpy(), b.grad.numpy()  # type: ignore[attr-defined]

    return run


def of_pytorch() -> Gradients:
    import torch

    torch.set_num_threads(1)
    w, b, x, first = (torch.tensor(a, requires_grad=i < 2) for i, a in enumerate(inputs()))

    def run() -> tuple[np.ndarray, np.ndarray]:
        w.grad = b.grad = None
        s = first
        for _ in range(STEPS):
            s = torch.tanh(s * w + b) + x
        s.sum().backward()
        return w.grad.numpy(), b.grad.numpy()

    return run


def of_autograd() -> Gradients:
    import autograd
    import autograd.numpy as anp

    w, b, x, first = inputs()

    def total(parameters: tuple[np.ndarray, np.ndarray]) -> float:
        w, b = parameters
        s = first
        for _ in range(STEPS):
            s = anp.tanh(s * w + b) + x
        return anp.sum(s)

    gradient = autograd.grad(total)
    return lambda: gradient((w, b))


def of_mygrad() -> Gradients:
    import mygrad

    mygrad.turn_memory_guarding_off()  # the faster of its two modes
    w, b, x, first = (mygrad.tensor(a, constant=i >= 2) for i, a in enumerate(inputs()))

    def run() -> tuple[np.ndarray, np.ndarray]:
        w.null_grad()
        b.null_grad()
        s = first
        for _ in range(STEPS):
            s = mygrad.tanh(s * w + b) + x
        s.sum().backward()
        return w.grad, b.grad

    return run


PEERS = {"minigrad": of_minigrad, "torch": of_pytorch, "autograd": of_autograd, "mygrad": of_mygrad}


def timed(runs: dict[str, Gradients], rounds: int) -> dict[str, list[float]]:
    """Seconds of each run in each round; they take turns, so that noise falls on all of them."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            gc.collect()
            start = time.perf_counter()
            run()
            taken[name].append(time.perf_counter() - start)
    return taken


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=31, help="how often each one runs (default: %(default)s)")
    rounds = parser.parse_args().rounds
    runs = {name: make() for name, make in PEERS.items() if find_spec(name)}
    expected = runs["minigrad"]()
    for run in runs.values():  # the same numbers, and warm
        np.testing.assert_allclose(run(), expected, rtol=1e-4, atol=1e-4)
    seconds = timed(runs, rounds)

    print(f"s = tanh(s * w + b) + x on {SIZE} float32 values, {STEPS} times over, s.sum().backward()")
    print(f"one thread each, medians of {rounds} interleaved rounds, NumPy {np.__version__}\n")
    print(f"{'':24}{'us per op':>10}{'minigrad takes':>20}")
    for name, taken in seconds.items():
        label, ratio = "minigrad", ""
        if name != "minigrad":
            beside = statistics.median(ours / theirs for ours, theirs in zip(seconds["minigrad"], taken))
            label, ratio = f"{name} {version(name)}", f"{beside:.2f} of it"
        print(f"{label:24}{1e6 * statistics.median(taken) / (STEPS * OPS_A_STEP):10.2f}{ratio:>20}")
    missing = [name for name in PEERS if name not in runs]
    if missing:
        print(f"\nnot installed: {', '.join(missing)} (make bench installs them)")


if __name__ == "__main__":
    main()
