"""Hypothesis profiles, chosen with HYPOTHESIS_PROFILE, and one seed for every test."""

import os

import pytest
from hypothesis import settings

EXAMPLES = 50

settings.register_profile("dev", deadline=None, print_blob=True, max_examples=EXAMPLES)
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True)
settings.register_profile("thorough", settings.get_profile("dev"), max_examples=20 * EXAMPLES)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.fixture(autouse=True)
def seed():
    """Start every test from the same random state, whatever ran before it."""
    import minigrad  # here, so that a broken import fails the tests and not the collection

    minigrad.manual_seed(0)
