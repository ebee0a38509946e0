"""Single operations, in the order in which they began, and who answered them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fnmatch import fnmatchcase

from harness.criteria._outcome import with_remedy
from harness.recording import Operation, Recording

ANY = "*"
MOST_UNNAMED = 0.01
"""Share of the answers."""


def tries(recording: Recording, kind: str, via: str) -> list[Operation]:
    """Operations of this kind and way, ``*`` for anything, good ones and others."""
    found = [
        operation
        for batch in recording.operations
        for operation in batch.operations
        if fnmatchcase(operation.kind, kind) and fnmatchcase(operation.via, via)
    ]
    return sorted(found, key=lambda operation: operation.invoke_s)


def by_source(operations: Sequence[Operation]) -> Counter[str]:
    """Good answers that say who gave them."""
    return Counter(one.source for one in operations if one.return_s is not None and one.source)


def unnamed(operations: Sequence[Operation]) -> str:
    """Why a PASS would rest on too few of the answers: those that do not say who gave them may be anybody's; or
    nothing.
    """
    good = [one for one in operations if one.return_s is not None]
    mute = sum(not one.source for one in good)
    if mute <= MOST_UNNAMED * len(good):
        return ""
    return f"{mute:,} of {len(good):,} answers do not say who gave them, and may be anybody's"


def nobody_named(via: str, remedy: str) -> str:
    """The reason where no answer says who gave it."""
    reason = f"no answer that came by way of {via} says who gave it: its operation needs a source"
    return with_remedy(reason, remedy)
