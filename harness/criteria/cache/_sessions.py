"""The finding about reads that went back, for the two guarantees of a session."""

from __future__ import annotations

from collections.abc import Callable

from harness.criteria._outcome import against, percent
from harness.criteria.cache._coherence import examples, extent, nothing_read, read_in_words
from harness.criteria.cache._operations import History, history_of
from harness.criteria.cache._staleness import SessionReads
from harness.findings import Finding, Outcome
from harness.recording import Recording


def judge(
    recording: Recording,
    via: str,
    limit: float,
    words: tuple[str, str, str, str],
    find: Callable[[History], SessionReads],
) -> Finding:
    """``words``: the finding's name, its title, and what a session knew of when it was answered with something older
    ("that they had read before"), and what sessions have to do for that to be seen.
    """
    name, title, known, remedy = words
    seen = history_of(recording, via)
    reason = nothing_read(recording, seen, via)
    found = find(seen)
    if reason is None and not found.compared:
        reason = f"none of {seen.reads:,} reads could have gone back: {remedy}"
    if reason is not None:
        return Finding(name, title, Outcome.INCONCLUSIVE, reason, unit="ratio", limit=limit)
    figure = len(found.back) / found.compared
    told = [f"{read_in_words(back.read)}, after version {back.known.operation.version}" for back in found.back]
    return Finding(
        name,
        title,
        against(limit, (figure, figure)),
        f"{len(found.back):,} of {found.compared:,} reads that could have gone back did, "
        f"to an older version than one {known}; limit {percent(limit)}",
        figure=figure,
        unit="ratio",
        limit=limit,
        interval=(figure, figure),
        evidence={
            "went back": len(found.back),
            "reads that could have gone back": found.compared,
            **extent(seen),
            **examples(told),
        },
    )
