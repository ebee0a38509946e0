"""The former place of :mod:`harness.load.users.postgres`, kept for locustfiles that import from here."""

from harness.load.users.postgres import PostgresUser

__all__ = ["PostgresUser"]
