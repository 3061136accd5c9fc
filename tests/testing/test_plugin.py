"""The pytest plugin, as a user's test run meets it."""

import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def suite(pytester, monkeypatch):
    """A project whose conftest.py is the one line; `suite(source, profile, *options)` runs its tests."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makeconftest('pytest_plugins = ["minigrad.testing.plugin"]')

    def run(source, profile=None, *options):
        pytester.makepyfile(test_theirs=source)
        if profile is None:
            monkeypatch.delenv("HYPOTHESIS_PROFILE", raising=False)
        else:
            monkeypatch.setenv("HYPOTHESIS_PROFILE", profile)
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", *options)

    return run


@pytest.mark.parametrize("server", [False, True])  # CI=true, where Hypothesis loads a profile of its own
@pytest.mark.parametrize(
    ("profile", "expected"),
    [(None, (50, False)), ("dev", (50, False)), ("ci", (50, True)), ("thorough", (1000, False))],
)
def test_profiles(suite, monkeypatch, server, profile, expected):
    if server:
        monkeypatch.setenv("CI", "true")
    else:
        monkeypatch.delenv("CI", raising=False)
    suite(
        f"""
        from hypothesis import settings
        def test_it():
            now = settings.default
            assert (now.max_examples, now.derandomize) == {expected}
            assert now.deadline is None and now.print_blob
        """,
        profile,
    ).assert_outcomes(passed=1)


def test_hypothesis_own_option_goes_first(suite):
    source = "from hypothesis import settings\ndef test_it(): assert settings.default.max_examples == 1000"
    suite(source, "ci", "--hypothesis-profile=thorough").assert_outcomes(passed=1)


def test_an_unknown_profile_is_refused(suite):
    result = suite("def test_it(): pass", "fast")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*HYPOTHESIS_PROFILE: expected dev, ci, thorough or a profile*, got 'fast'*"])


def test_every_test_draws_the_same_random_numbers(suite):
    suite(
        """
        from minigrad.random import generator
        import numpy as np
        def test_one(): assert generator().integers(10**9) == np.random.default_rng(0).integers(10**9)
        test_two = test_one
        """
    ).assert_outcomes(passed=2)


FAILS_NOW_AND_THEN = """
from hypothesis import given, settings, strategies as st
@settings(max_examples=3, database=None)
@given(st.integers(0, 2**64))
def test_it(n):
    print("DREW", n)
    assert False
"""


def drawn(result):
    return [line for line in result.outlines if line.startswith("DREW")]


def test_a_failure_says_how_to_repeat_it(suite, monkeypatch):
    first = suite(FAILS_NOW_AND_THEN, "thorough")
    first.assert_outcomes(failed=1)
    (line,) = [line for line in first.outlines if line.startswith("HYPOTHESIS_PROFILE=")]
    profile, *command = shlex.split(line)
    assert profile == "HYPOTHESIS_PROFILE=thorough"
    assert command[:4] == ["python", "-m", "pytest", "test_theirs.py::test_it"]
    again = suite(FAILS_NOW_AND_THEN, "thorough", *command[3:])
    again.assert_outcomes(failed=1)
    assert drawn(again) == drawn(first) != []
    assert line in again.outlines


def test_a_failure_without_a_seed(suite):
    result = suite("def test_it(): assert False", "ci")
    assert "HYPOTHESIS_PROFILE=ci python -m pytest test_theirs.py::test_it" in result.outlines


def test_kernels_are_compiled_where_there_is_a_deadline(suite):
    suite(
        """
        import datetime
        import minigrad.testing.plugin as plugin
        from hypothesis import given, settings, strategies as st

        calls = []
        plugin.warm = lambda: calls.append(1)

        @given(st.none())
        def test_no_deadline(x): assert not calls
        @settings(deadline=10**6)
        @given(st.none())
        def test_with_deadline(x): assert calls == [1]
        def test_plain(): assert calls == [1]
        """
    ).assert_outcomes(passed=3)


def test_warm_leaves_nothing_to_compile(suite):
    suite(
        """
        from minigrad import kernels
        from minigrad.kernels import elementary, compile
        from minigrad.testing.plugin import warm
        def test_it():
            assert elementary._compiled.cache_info().currsize == 0
            warm()
            assert elementary._compiled.cache_info().currsize == 2 * len(kernels.__all__) * compile.available()
        """
    ).assert_outcomes(passed=1)
