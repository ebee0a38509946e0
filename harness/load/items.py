"""The former place of :mod:`harness.load.users.items`, kept for locustfiles that import from here."""

from harness.load.users.items import ItemUser

__all__ = ["ItemUser"]
