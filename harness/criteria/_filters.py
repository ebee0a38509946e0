"""What a criterion picks by name: a name that nothing in the recording has picks nothing, and so proves nothing."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from harness.analysis import phases
from harness.criteria._criterion import Criterion
from harness.errors import nearest
from harness.plugins import parameters_of
from harness.recording import Recording

MOST_NAMES = 8


def unmatched(criterion: Criterion, recording: Recording) -> str:
    """Why one of its filters picks nothing, with the names that there are; empty where each picks something, is the
    file's own default, or could not pick anything because there is nothing at all.
    """
    there = {
        "requests": ("request", phases.names(recording)),
        "messages": ("message", phases.names(recording)),
        "connections": ("connection", _connections(recording)),
        "via": ("way", tuple(sorted({each.via for batch in recording.operations for each in batch.operations}))),
    }
    for declared in parameters_of(type(criterion)):
        pattern: Any = getattr(criterion, declared.name)
        what, names = there.get(declared.name, ("", ()))
        if not names or not isinstance(pattern, str) or pattern in ("", declared.default):
            continue
        if declared.name in criterion.may_be_absent:
            continue
        user_class, name = phases.split_pattern(pattern) if what == "request" else ("", pattern)
        if user_class:
            if not any(phases.is_of(recording, piece, pattern) for piece in recording.slices):
                return f"no request of {user_class} is called {name!r}" if name else _no_class(recording, user_class)
            continue
        literal = pattern.replace("[", "[[]")
        if not any(fnmatchcase(name, literal) for name in names):
            elsewhere = _outside_of_phases(recording, literal) if what == "request" else ""
            return f"no {what} is called {pattern!r}{elsewhere}: {_those_there(pattern, names)}"
    return ""


def _no_class(recording: Recording, user_class: str) -> str:
    known = [each.user_class for each in recording.header.classes]
    if user_class in known:
        return f"users of the class {user_class} have made no request"
    return f"no class of users is called {user_class!r}: " + (
        f"there are {', '.join(known)}" if known else "the recording tells of none"
    )


def _outside_of_phases(recording: Recording, literal: str) -> str:
    if any(fnmatchcase(piece.name, literal) for piece in recording.warm_up):
        return " (but in the warm-up, where users made it to get ready)"
    if any(fnmatchcase(piece.name, literal) for piece in recording.wind_down):
        return " (but in the wind-down, where users made it as they were stopped)"
    return ""


def _connections(recording: Recording) -> tuple[str, ...]:
    opened = phases.INSTANTS[0]
    return tuple(
        name.removeprefix(phases.OF_CONNECTIONS).removesuffix(opened)
        for name in phases.names(recording)
        if phases.is_of_connection(name) and name.endswith(opened)
    )


def _those_there(pattern: str, names: tuple[str, ...]) -> str:
    """The most alike first."""
    meant = nearest(pattern.replace("*", ""), names)
    ordered = sorted(names, key=lambda name: name != meant)
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f"there are {', '.join(ordered[:MOST_NAMES])}{more}" + (f"; did you mean {meant}?" if meant else "")
