"""Runs that a failing test leaves behind are ended; see tests/run/conftest.py."""

from tests.run.conftest import nobody_left  # noqa: F401  # a fixture is found by its name
