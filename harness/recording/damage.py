"""What is wrong with the lines of a recording, in words: those with the same damage in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

MOST_NAMED = 5
"""Lines named of each kind of damage; the others are counted."""


@dataclass(frozen=True)
class _Found:
    """Lines with the same damage."""

    what: str
    was_left_out: bool
    numbers: list[int]
    detail: str = ""

    def __str__(self) -> str:
        named = [str(number) for number in self.numbers[:MOST_NAMED]]
        if len(self.numbers) > MOST_NAMED:
            named.append(f"{len(self.numbers) - MOST_NAMED:,} more")
        many = len(self.numbers) > 1
        lines = f"lines {', '.join(named[:-1])} and {named[-1]}" if many else f"line {named[0]}"
        verb = "" if self.what.startswith("cannot") else "are " if many else "is "
        left_out = f" and {'were' if many else 'was'} left out" if self.was_left_out else ""
        return f"{lines} {verb}{self.what}{left_out}{self.detail}"


class Damage:
    """What is wrong with which lines, as they are read."""

    def __init__(self) -> None:
        self._found: dict[str, _Found] = {}

    def left_out(self, number: int, what: str, detail: str = "") -> None:
        self._found.setdefault(what, _Found(what, True, [], detail)).numbers.append(number)

    def kept(self, number: int, what: str) -> None:
        """The line is used all the same."""
        self._found.setdefault(f"{what}, kept", _Found(what, False, [])).numbers.append(number)

    def unreadable(self, number: int, error: Exception) -> None:
        """Of many such lines the first says why."""
        what = "cannot be read"
        self._found.setdefault(what, _Found(what, True, [], f" ({in_short(error)})")).numbers.append(number)

    def in_words(self) -> Iterator[str]:
        return map(str, self._found.values())


def in_short(error: Exception) -> str:
    """In one short line, without the marks of code."""
    text = " ".join(str(error).replace("`", "").split()) or type(error).__name__
    return text if len(text) <= 120 else f"{text[:119]}…"


def missing(first: int, last: int) -> str:
    if first == last:
        return f"line {first} of those that were written is missing"
    return f"lines {first} to {last} of those that were written are missing"
