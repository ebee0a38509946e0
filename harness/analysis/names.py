"""What a figure over all requests would hide: names that always fail, those that were not kept apart, and requests that
are in no phase.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter

from harness.analysis import phases, tallies
from harness.analysis.once import once
from harness.recording import Recording, Slice
from harness.recording.values import CENSORED, ITERATION, OK, OTHER_NAMES

MOST_NAMED = 5
SERVER_ERROR = 500
"""This status and those above (RFC 9110, 15.6)."""
FEWEST = 3
"""Requests of one name; a single one that failed is no rule."""


def outside_of_phases_in_words(recording: Recording) -> Iterator[str]:
    """A sentence on the requests with which users got ready, and one on those with which they came to their end; none
    where there were none.
    """
    yield from _in_words("Warm-up", "to get ready", recording.warm_up)
    yield from _in_words("Wind-down", "as they were stopped", recording.wind_down)


def _in_words(stretch: str, what_for: str, pieces: Sequence[Slice]) -> Iterator[str]:
    tally = tallies.tally(tuple(pieces))
    if not tally.intended:
        return
    names = Counter[str]()
    for piece in pieces:
        names[piece.name] += piece.count
    told = ", ".join(f"{name} ({count:,})" for name, count in names.most_common(MOST_NAMED))
    more = f" and {len(names) - MOST_NAMED} more names" if len(names) > MOST_NAMED else ""
    causes = ", ".join(f"{cause} ({count:,})" for cause, count in tally.causes.items())
    failed = f"{tally.failed:,} of them failed: {causes}" if tally.failed else "all were answered well"
    made = f"users made {tally.intended:,} requests {what_for}, which are in no phase"
    yield f"{stretch}: {made}: {told}{more}; {failed}."


@once
def shared_names(recording: Recording) -> frozenset[str]:
    """Names that requests of several classes of users have."""
    users_of: dict[str, set[str]] = defaultdict(set)
    for piece in recording.slices:
        users_of[piece.name].add(phases.class_of(recording, piece))
    return frozenset(name for name, users in users_of.items() if len(users) > 1)


def names_with_class(recording: Recording) -> Callable[[Slice], str]:
    """What requests are told apart by: their name, and their class of users where several have the name, as a pattern
    has them: ``@Buyer GET /products``. What one class is refused would else hide behind what others get.
    """
    shared = shared_names(recording)
    if not shared:  # as nearly always; and there may be hundreds of thousands to be named
        return attrgetter("name")

    def name_of(piece: Slice) -> str:
        user_class = phases.class_of(recording, piece) if piece.name in shared else ""
        return f"{phases.OF_CLASS}{user_class} {piece.name}" if user_class else piece.name

    return name_of


def _good_server_errors(recording: Recording) -> Counter[tuple[str, int]]:
    """By name and status: who calls ``success()`` whatever came has no failures, nor who tells of it by himself."""
    name_of, found = names_with_class(recording), Counter[tuple[str, int]]()
    for piece in recording.slices:
        if piece.outcome == OK and piece.status >= SERVER_ERROR:
            found[name_of(piece), piece.status] += piece.count
    return found


def names_in_doubt(recording: Recording) -> Iterator[str]:
    """Sentences for whoever reads the verdict: an endpoint that always fails is a small share of a large run."""
    intended: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    together = 0
    name_of = names_with_class(recording)
    for piece in phases.settled(recording).slices:
        name = name_of(piece) if piece.name != ITERATION else ITERATION
        intended[name] += piece.count
        failed[name] += piece.count if piece.outcome not in (OK, CENSORED) else 0
        together += piece.count if piece.name.endswith(OTHER_NAMES) else 0
    named = {name: count for name, count in intended.items() if count >= FEWEST and name != ITERATION}
    always = sorted((name for name in named if failed[name] == named[name]), key=lambda name: (-named[name], name))
    if always and len(always) < len(named):
        told = ", ".join(f"{name} ({named[name]:,})" for name in always[:MOST_NAMED])
        more = f" and {len(always) - MOST_NAMED} more names" if len(always) > MOST_NAMED else ""
        yield f"All requests failed of {told}{more}."
    if by_word := _good_server_errors(recording):
        told = ", ".join(
            f"{name} with status {status} ({n:,})" for (name, status), n in by_word.most_common(MOST_NAMED)
        )
        yield (
            f"{by_word.total():,} server errors count as good answers, because the scenario says so (expect, success() "
            f"in a block, or a client of its own that tells no exception): {told}."
        )
    if together:
        yield (
            f"{together:,} requests are counted together as {OTHER_NAMES}, because there are too many names to keep "
            "apart: give requests of one kind one name, with name=."
        )
