"""Faults as they are written on the command line: ``name key=value … at=spike+5 for=10; name …``. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from harness.errors import ConfigurationError
from harness.faults import PlannedFault, class_of, load
from harness.parameters import from_text

EXAMPLE = '--fault "stop_process port=8000 at=spike+5 for=10"'


def parse(text: str) -> tuple[list[PlannedFault], list[str]]:
    """The planned faults, and what is wrong with the others: one line each, with its remedy."""
    planned: list[PlannedFault] = []
    faults: list[str] = []
    try:
        entries = list(_entries(text))
    except ValueError as error:
        return [], [f"--fault: {str(error).lower()}: close every quotation, e.g. {EXAMPLE}"]
    for words in entries:
        try:
            planned.append(_planned(words))
        except ConfigurationError as error:
            faults += [message if "--fault" in message else f"--fault: {message}" for message in error.messages]
    return planned, faults


def _entries(text: str) -> Iterator[list[str]]:
    """The words of each fault. Raises ValueError for a quotation without its end."""
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


def _planned(words: list[str]) -> PlannedFault:
    name, *pairs = words
    if "=" in name:
        raise ConfigurationError(f"--fault: a fault has no name: write a name, and then key=value, e.g. {EXAMPLE}")
    for place, pair in enumerate(pairs, start=2):
        if "=" not in pair:  # not shown: it may be half of a token
            raise ConfigurationError(
                f"--fault: {name}: word {place} is no key=value: close the gap, or quote the value that has it, "
                f"e.g. {EXAMPLE}"
            )
    given = dict(pair.split("=", 1) for pair in pairs)
    faults: list[str] = []
    if "at" not in given:
        faults.append(f"--fault: {name} has no at=: say when, e.g. {EXAMPLE}")
    at, for_text = given.pop("at", "0"), given.pop("for", "0")
    try:
        for_s = float(for_text)
    except ValueError:
        for_s = 0.0
        faults.append(f"--fault: {name} for={for_text}: give seconds, e.g. for=10")
    try:
        fault = load(name, **from_text(class_of(name), given))
    except ConfigurationError as error:
        raise ConfigurationError([*faults, *error.messages]) from None
    if faults:
        raise ConfigurationError(faults)
    return PlannedFault(fault, at, for_s)
