"""Errors a person at the terminal can act on: what is wrong, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

EXIT_SERVER_FAILED = 1
"""A server did not start, or a running stack could not be found or reached."""

EXIT_USAGE = 2
"""The command line or a setting is wrong; nothing was started."""


class TargetError(Exception):
    """One line for stderr: the problem, then the remedy."""

    exit_code = EXIT_SERVER_FAILED

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy


class UsageError(TargetError):
    """Wrong input: nothing was started or changed."""

    exit_code = EXIT_USAGE


def all_problems(what: str, problems: Sequence[str], remedy: str) -> UsageError:
    """Every problem of the input in one line, so that nobody has to fix them one run at a time."""
    return UsageError(f"{what}: " + "; ".join(problems), remedy)
