"""The finding about reads that went back, for the two guarantees of a session."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.analysis import history
from harness.analysis.coherence import WentBack
from harness.analysis.history import History
from harness.criteria._coherence import examples, extent, nothing_read, read_in_words
from harness.criteria._outcome import against, percent
from harness.findings import Finding, Outcome
from harness.recording import Recording


def judge(
    recording: Recording,
    via: str,
    limit: float,
    words: tuple[str, str, str],
    find: Callable[[History], Sequence[WentBack]],
) -> Finding:
    """``words``: the finding's name, its title, and what a session knew of when it was answered with something older
    ("that they had read before").
    """
    name, title, known = words
    seen = history.of(recording, via)
    reason = nothing_read(recording, seen, via)
    if reason is None and not seen.writes:
        reason = "nothing was written, so no read could go back; let some users write"
    if reason is not None:
        return Finding(name, title, Outcome.INCONCLUSIVE, reason, unit="ratio", limit=limit)
    found = find(seen)
    figure = len(found) / seen.reads
    told = [f"{read_in_words(back.read)}, after version {back.known.operation.version}" for back in found]
    return Finding(
        name,
        title,
        against(limit, (figure, figure)),
        f"{len(found):,} of {seen.reads:,} reads returned an older version than one {known}; limit {percent(limit)}",
        figure=figure,
        unit="ratio",
        limit=limit,
        interval=(figure, figure),
        evidence={"went back": len(found), **extent(seen), **examples(told)},
    )
