"""Break the derivatives in every way, one at a time, and see that the tests notice: `make mutants`.

python -m tests.mutants                    all mutants (26 minutes on two cores)
python -m tests.mutants tanh 'lstm.*sign'  those whose name or kind matches a regular expression
python -m tests.mutants GRUCell.backward   each step of a generated loop
python -m tests.mutants --sample 20        twenty of them, evenly spread
python -m tests.mutants --list             their names
"""

import argparse
import os
import re
import sys
import time
from collections import Counter
from itertools import groupby

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy comes in: a process with threads must not fork

from .edits import edits, path_of
from .equivalent import EQUIVALENT
from .rules import rules
from .run import Child, Outcome, backend, examine, outcomes
from .steps import steps
from .targets import CHECKS, TARGETS, selections

SLOW = 20  # seconds for one mutant: worth a line, and a nearer test


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__.split("\n")[0])
    parser.add_argument("patterns", nargs="*", help="regular expressions: mutants that match one (default: all)")
    parser.add_argument("--sample", type=int, help="so many of them, evenly spread")
    parser.add_argument("--tests", nargs="+", help="what to run instead of the tests that belong to a mutant")
    parser.add_argument("--list", action="store_true", help="name them, and run nothing")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at a time")
    options = parser.parse_args()
    began = time.monotonic()

    written = (edit for module in TARGETS for edit in edits(module, path_of(module).read_bytes(), CHECKS))
    every = [*Child(rules).result(), *Child(steps).result(), *written]
    reasons = {name: reason for reason, names in EQUIVALENT.items() for name in names}
    if stale := reasons.keys() - {mutant.name for mutant in every}:
        return fail("tests/mutants/equivalent.py lists what is no mutant (any more)", stale)
    chosen = [m for m in every if m.name not in reasons and matches(f"{m.kind}, {m.name}", options.patterns)]
    if options.sample:
        chosen = chosen[:: max(1, len(chosen) // options.sample)][: options.sample]
    if options.list:
        print(*(f"{m.kind}: {m.name}" for m in chosen), sep="\n")
        return 0
    if not chosen:
        return fail("no mutant matches", options.patterns)

    jobs = [(m, [tuple(options.tests)] if options.tests else selections(m)) for m in chosen]
    files = sorted({part for _, (tests, *_) in jobs for part in tests if part.startswith("tests/")})
    if failing := Child(examine, None, (*files, "--collect-only")).result():
        return fail("without any mutant there fails", [failing])
    found = []
    for outcome in outcomes(jobs, options.jobs):
        found.append(outcome)
        if not outcome.killer or options.patterns or outcome.seconds > SLOW:
            show(outcome)
        elif len(found) % 100 == 0:
            print(f"{len(found)} of {len(jobs)}, {(time.monotonic() - began) / 60:.0f} min", flush=True)
    killers = sorted({outcome.killer for outcome in found if "::" in outcome.killer}, key=backend)
    for _, tests in groupby(killers, backend):
        if failing := Child(examine, None, tuple(tests)).result():
            return fail("it proves nothing, since it fails without any mutant too", [failing])
    report(found, len(reasons), (time.monotonic() - began) / 60)
    return 0 if all(outcome.killer for outcome in found) else 1


def matches(text: str, patterns: list[str]) -> bool:
    return not patterns or any(re.search(pattern, text) for pattern in patterns)


def show(outcome: Outcome) -> None:
    verdict = f"killed by {outcome.killer}" if outcome.killer else "SURVIVED"
    print(f"{verdict}\n    {outcome.mutant.kind}: {outcome.mutant.name}  ({outcome.seconds:.1f} s)", flush=True)


def report(found: list[Outcome], equivalent: int, minutes: float) -> None:
    """A table by kind, and the sum."""
    kinds = Counter(outcome.mutant.kind for outcome in found)
    survived = Counter(outcome.mutant.kind for outcome in found if not outcome.killer)
    print(f"{'':24}killed  survived")
    for kind, count in kinds.most_common():
        print(f"{kind:24}{count - survived[kind]:6}{survived[kind]:10}")
    killed = len(found) - survived.total()
    print(f"{len(found)} mutants: {killed} killed, {survived.total()} survived; {minutes:.1f} minutes")
    print(f"{equivalent} more are listed as equivalent in tests/mutants/equivalent.py")


def fail(what: str, names: object) -> int:
    print(f"{what}:", *sorted(names), sep="\n    ", file=sys.stderr)  # type: ignore[call-overload]
    return 1


if __name__ == "__main__":
    sys.exit(main())
