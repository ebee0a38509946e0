"""Errors that the user can do something about: each message names its remedy."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class ConfigurationError(Exception):
    """What the user asked for cannot be done. Carries every problem found, so that one attempt shows them all.

    ``str()`` is fit to be printed as is: one message a line, no traceback needed.
    """

    def __init__(self, messages: str | Iterable[str]) -> None:
        self.messages: tuple[str, ...] = (messages,) if isinstance(messages, str) else tuple(messages)
        super().__init__(self.messages)

    def __str__(self) -> str:
        return "\n".join(self.messages)


class UnavailableError(ConfigurationError):
    """Nothing is wrong with what was asked for, but something that it needs is away: a database, a page, a socket."""


def nearest(name: str, known: Iterable[str], likeness: float = 0.6) -> str:
    """The known name that a misspelt one was probably meant to be; empty where none is alike enough (0 to 1)."""
    return next(iter(get_close_matches(name, list(known), 1, likeness)), "")
