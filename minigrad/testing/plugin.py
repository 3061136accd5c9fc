"""A pytest plugin for gradient tests: `pytest_plugins = ["minigrad.testing.plugin"]` in the top conftest.py.

It registers three Hypothesis profiles and loads the one that HYPOTHESIS_PROFILE names: `dev` (50 examples a test, new
ones each time; the default), `ci` (the same 50 in every run) and `thorough` (1,000). None has a deadline; where a test
sets one, minigrad's kernels are compiled before it starts. Each test starts with `minigrad.manual_seed(0)`, and says
how to run it again if it fails.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Generator
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis.errors import InvalidArgument

from .. import kernels
from ..random import manual_seed

EXAMPLES = 50
VARIABLE = "HYPOTHESIS_PROFILE"

# From Hypothesis' own default, whatever is loaded now: on a CI server (CI=true) that is a profile without chance
settings.register_profile("dev", settings.get_profile("default"), deadline=None, print_blob=True, max_examples=EXAMPLES)
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True)
settings.register_profile("thorough", settings.get_profile("dev"), max_examples=20 * EXAMPLES)


@pytest.hookimpl(tryfirst=True)  # before Hypothesis' own, which loads what --hypothesis-profile names
def pytest_configure() -> None:
    """Load the profile: one of the three, or one that the user has registered."""
    name = os.environ.get(VARIABLE, "dev")
    try:
        settings.load_profile(name)
    except InvalidArgument as error:
        raise pytest.UsageError(
            f"{VARIABLE}: expected dev, ci, thorough or a profile registered in conftest.py, got {name!r}"
        ) from error


@pytest.fixture(autouse=True)
def same_random_numbers() -> None:
    """Start every test from the same random state, whatever ran before it."""
    manual_seed(0)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Compile before a test whose deadline a compilation would break."""
    test = getattr(item, "obj", None)
    if getattr(test, "is_hypothesis_test", False) and deadline_of(test) is not None:
        warm()


def deadline_of(test: Any) -> Any:
    """The deadline of a test made with @given; Hypothesis keeps its settings under this name."""
    return (getattr(test, "_hypothesis_internal_use_settings", None) or settings.default).deadline  # type: ignore


def warm() -> None:
    """Compile every kernel, or load it from Numba's cache; the second time, nothing happens."""
    for name in kernels.__all__:
        for dtype in (np.float32, np.float64):
            getattr(kernels, name)(np.ones(1, dtype))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to a failure the command that repeats it."""
    report = yield
    if report.failed:
        report.sections.append(("To reproduce", command_for(item)))
    return report


def command_for(item: pytest.Item) -> str:
    """A line for the shell: the profile, the test, and the seed where Hypothesis took one by chance."""
    profile = item.config.getoption("--hypothesis-profile", None) or os.environ.get(VARIABLE, "dev")
    seed = item.config.getoption("--hypothesis-seed", None)
    if seed is None:
        seed = getattr(getattr(item, "obj", None), "_hypothesis_internal_use_generated_seed", None)
    chance = "" if seed is None else f" --hypothesis-seed={seed}"
    return f"{VARIABLE}={profile} python -m pytest {shlex.quote(item.nodeid)}{chance}"
