"""The former place of :mod:`harness.load.users.measured`, kept for locustfiles that import from here."""

from harness.load.users.measured import Measured, WrongAnswerError

__all__ = ["Measured", "WrongAnswerError"]
