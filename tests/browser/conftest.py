"""Sessions that only have to be looked at afterwards run beside the others; see tests/run/together.py."""

from tests.run.conftest import _futures, nobody_left, outcome  # noqa: F401  # fixtures are found by their names
