"""The former place of :mod:`harness.load.users.valkey`, kept for locustfiles that import from here."""

from harness.load.users.valkey import ValkeyUser

__all__ = ["ValkeyUser"]
