"""Plug-ins as an option has them: ``name key=value …``, several with semicolons."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Written:
    """One of them, as far as it can be read."""

    name: str = ""
    given: dict[str, str] = field(default_factory=dict)
    """Its parameters, as text."""
    problems: tuple[str, ...] = ()


def entries(text: str, flag: str, kind: str, example: str) -> Iterator[Written]:
    """``kind`` is what one is called, ``example`` the option as it may be given. A problem repeats no value: it may be
    half of a token.
    """
    try:
        written = list(_split(text))
    except ValueError as error:
        yield Written(problems=(f"{flag}: {str(error).lower()}: close every quotation, e.g. {example}",))
        return
    for name, *pairs in written:
        problems: list[str] = []
        if "=" in name:
            problems.append(f"{flag}: a {kind} has no name: write a name, and then key=value, e.g. {example}")
            name, pairs = "", [name, *pairs]
        remedy = f"close the gap, or quote the value that has it, e.g. {example}"
        problems += [
            f"{flag}: {name}: word {place} is no key=value: {remedy}"
            for place, pair in enumerate(pairs, start=2)
            if "=" not in pair
        ]
        yield Written(name, dict(pair.split("=", 1) for pair in pairs if "=" in pair), tuple(problems))


def _split(text: str) -> Iterator[list[str]]:
    """The words of each. Raises ValueError for a quotation without its end."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=";")
    lexer.whitespace_split, lexer.commenters = True, ""
    words: list[str] = []
    for word in lexer:
        if set(word) == {";"}:
            if words:
                yield words
            words = []
        else:
            words.append(word)
    if words:
        yield words
