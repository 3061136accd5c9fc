"""Hypothesis profiles, chosen with HYPOTHESIS_PROFILE, and one seed for every test; a way to test the plugin itself."""

pytest_plugins = ["minigrad.testing.plugin", "pytester"]
