"""Runs tests against mutants, each in a fork of a process that has imported what takes long and no minigrad yet."""

import gc
import importlib.util
import linecache
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from importlib.abc import MetaPathFinder
from importlib.machinery import SourceFileLoader
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

import hypothesis.extra.numpy  # noqa: F401 (as the other imports here: once, not for each mutant)
import numba
import numpy as np  # noqa: F401
import pytest
import safetensors.numpy  # noqa: F401
from hypothesis import Phase, settings

from . import plain
from .edits import Edit, path_of

LIMIT, LONGEST = 90, 900  # seconds of the processor, and by the clock, for a test; one that hangs is found out
MEMORY = 16 * 2**30  # bytes of addresses, for one that would take all
PASSED, NOTHING_RAN = 0, 5  # pytest's exit codes
JIT = ("tests/kernels/test_elementary.py", "tests/kernels/test_scalar.py")  # tests of machine code
GENERATED = (  # tests of what only a compiled network runs: as plain Python, since Numba takes 5 s for each mutant
    "tests/models/test_compiled.py", "tests/fusion", "tests/kernels/test_gemm.py", "tests/kernels/test_products.py",
)  # fmt: skip
COMPILED = {"minigrad.kernels.scalar"}  # the targets whose functions Numba compiles
OPTIONS = (
    "-x", "-q", "--tb=no", "--assert=plain", "-W", "ignore::pytest.PytestAssertRewriteWarning",
    "-p", "no:cacheprovider", "-p", "no:faulthandler",
)  # fmt: skip
Selection = tuple[str, ...]  # arguments for pytest

fork = multiprocessing.get_context("fork")
gc.freeze()  # a child does not search what it shares with its parent: a fifth of the time of a quick test


class Outcome(NamedTuple):
    """How the tests took a mutant: `killer` is the first test that failed, "" where none did."""

    mutant: Any
    killer: str
    seconds: float


class MutatedLoader(SourceFileLoader):
    """Loads a module from its mutated source."""

    edit: Edit

    def get_code(self, fullname: str) -> Any:
        text = self.edit.mutated()
        lines = text.decode().splitlines(keepends=True)
        linecache.cache[self.path] = len(text), None, lines, self.path  # for inspect.getsource, which copies loops
        return compile(text, self.path, "exec", dont_inherit=True)


class Finder(MetaPathFinder):
    """Finds the mutated module before Python finds the one on disk."""

    def __init__(self, edit: Edit) -> None:
        self.edit = edit

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        if fullname != self.edit.module:
            return None
        loader = MutatedLoader(fullname, str(path_of(fullname)))
        loader.edit = self.edit
        return importlib.util.spec_from_file_location(fullname, loader.path, loader=loader)


def install(mutant: Any) -> None:
    """Let this process have the mutant for the original."""
    if isinstance(mutant, Edit):
        sys.meta_path.insert(0, Finder(mutant))
    elif mutant is not None:
        mutant.install()


class FirstFailure:
    """A pytest plugin that remembers what failed, and ends the process where a test takes too long."""

    name = ""

    def pytest_runtest_logstart(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, LIMIT)  # not by the clock, where a busy machine would count as a kill
        signal.alarm(LONGEST)

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self.name = self.name or report.nodeid

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.name = self.name or f"import of {report.nodeid}"


def backend(test: str) -> str:
    """How a test is run: with what Numba compiles, with that as plain Python, or with neither."""
    return "compiled" if test.startswith(JIT) else "plain" if test.startswith(GENERATED) else "NumPy"


def examine(mutant: Any, selection: Selection) -> str:
    """The first test of a selection that fails, "" if all pass (or none was selected)."""
    os.environ["HYPOTHESIS_PROFILE"] = "mutants"
    settings.register_profile(
        "mutants",
        deadline=None,
        derandomize=True,
        max_examples=50,
        report_multiple_bugs=False,
        phases=[Phase.explicit, Phase.generate],
    )  # no time is spent on shrinking
    sys.modules["torch"] = None  # type: ignore[assignment]  # the suite has to do without a peer's word
    folder = tempfile.mkdtemp()
    backends = {backend(part) for part in selection if part.startswith("tests/")}
    if isinstance(mutant, Edit) and mutant.module in COMPILED:
        os.environ["NUMBA_CACHE_DIR"] = folder  # Numba's cache knows the file on disk only
    elif backends != {"compiled"}:
        os.environ["NUMBA_DISABLE_JIT"] = "1"  # networks are unrolled, and no mutant has to be compiled first
    numba.config.reload_config()
    try:
        install(mutant)
        if backends == {"plain"}:
            plain.install(folder)
        failure = FirstFailure()
        code = pytest.main([*OPTIONS, f"--basetemp={folder}/tests", *selection], plugins=[failure])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return "" if code in (PASSED, NOTHING_RAN) else failure.name or f"pytest's exit code {int(code)}"


def in_fork(connection: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        connection.send(function(*arguments))
    except BaseException as error:
        connection.send(f"{type(error).__name__}: {error}")


class Child:
    """A call in a fork."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.connection, theirs = fork.Pipe(duplex=False)
        self.process = fork.Process(target=in_fork, args=(theirs, function, arguments))
        self.began = time.monotonic()
        self.process.start()
        theirs.close()

    def result(self) -> Any:
        """What the call returned; a word on how it ended, if it did not return."""
        try:
            return self.connection.recv()
        except EOFError:
            self.process.join()
            hung = self.process.exitcode in (-signal.SIGPROF, -signal.SIGALRM)
            return f"a test that took over {LIMIT} s" if hung else f"the process ended with {self.process.exitcode}"
        finally:
            self.process.join()
            self.connection.close()


def outcomes(jobs: Iterable[tuple[Any, list[Selection]]], workers: int) -> Iterator[Outcome]:
    """Each mutant before its selections of tests, one after the other until one fails; as they finish."""
    waiting = deque(jobs)
    running: dict[Any, tuple[Child, Any, list[Selection]]] = {}
    spent: defaultdict[Any, float] = defaultdict(float)
    while waiting or running:
        while waiting and len(running) < workers:
            mutant, selections = waiting.popleft()
            child = Child(examine, mutant, selections[0])
            running[child.connection] = child, mutant, selections
        for connection in wait(list(running)):
            child, mutant, selections = running.pop(connection)
            killer = child.result()
            spent[mutant] += time.monotonic() - child.began
            if killer or len(selections) == 1:
                yield Outcome(mutant, killer, spent[mutant])
            else:
                waiting.append((mutant, selections[1:]))  # after the mutants that are found out at once
