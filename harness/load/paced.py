"""The former place of :mod:`harness.load.users.paced`, kept for locustfiles that import from here."""

from harness.load.users.paced import Paced

__all__ = ["Paced"]
