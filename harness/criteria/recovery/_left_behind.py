"""Request names that stay worse though all requests together are as good as before: of few requests even a name that is
wholly down changes the sum by little.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from harness.analysis import phases
from harness.analysis.intervals import clopper_pearson
from harness.analysis.names import names_with_class
from harness.analysis.quality import ServiceLevel, Windows, service_level, windows
from harness.recording import Recording, Slice
from harness.recording_header import Phase
from harness.recording_values import ITERATION

WORSE_BY = 0.1
"""By so much the share of bad requests may be larger than in the baseline, as that of all together."""
FEWEST = 10
"""Requests in the baseline with which a name is held against its own latency."""
FAILED = "failed"
CHANCE = 0.01
"""That any name of a service that is well is found to be worse."""


@dataclass(frozen=True)
class LeftBehind:
    """A name, and how many of its requests were bad, since the recovery and in the baseline."""

    name: str
    bad: int
    requests: int
    bad_before: int
    requests_before: int
    how: str
    """In which way they were bad."""


def left_behind(
    recording: Recording, slo: ServiceLevel, floor_s: float, baseline_s: tuple[int, int], since_s: tuple[int, int]
) -> LeftBehind | None:
    """The name that is proven to stay worse by most, by Clopper and Pearson's intervals of both shares (Bonferroni over
    the names, and the two shares); None where none is. Both times are from a second to another.

    A name that is slow by nature misses the SLO of all together before and after, so it has its own, the p95 of its
    baseline and ``floor_s``; 0 holds it against ``slo``. And what failed is looked at by itself: it may all have been
    too slow before. One that the baseline has not may be slow by nature, too, but what failed has failed: it is held
    against the failures of all together.
    """
    by_name: dict[str, list[Slice]] = defaultdict(list)
    name_of = names_with_class(recording)
    for piece in recording.slices:
        if piece.name != ITERATION:
            by_name[name_of(piece)].append(piece)
    sure = 1 - CHANCE / max(1, len(by_name))
    every = windows(recording, *baseline_s, 1, slo)
    failed_before = _of(every, every.failed.sum())
    found: list[tuple[float, LeftBehind]] = []
    for name, pieces in by_name.items():
        if phases.is_of_connection(pieces[0].name) or phases.is_of(recording, pieces[0], phases.FAILED_ATTEMPTS):
            continue  # what comes of these has another name, so that here there are failures alone
        alone = replace(recording, slices=tuple(pieces))
        for how, before, since in _shares(alone, slo, floor_s, baseline_s, since_s):
            is_new = not before[1]
            usual = failed_before if is_new else before
            if not usual[1] or not since[1] or (is_new and how != FAILED):
                continue
            allowed = max(usual[0] / usual[1] + WORSE_BY, clopper_pearson(*usual, sure)[1])
            beyond = clopper_pearson(*since, sure)[0] - allowed
            if beyond > 0:
                found.append((beyond, LeftBehind(name, *since, *before, how)))
    return max(found, key=lambda each: each[0], default=(0.0, None))[1]


def _shares(
    alone: Recording, slo: ServiceLevel, floor_s: float, baseline_s: tuple[int, int], since_s: tuple[int, int]
) -> Iterator[tuple[str, tuple[int, int], tuple[int, int]]]:
    """(bad, requests) in the baseline and since, by the SLO of the name, and (failed, requests) of both."""
    if floor_s and windows(alone, *baseline_s, 1, slo).intended.sum() >= FEWEST:
        slo = service_level(alone, Phase("baseline", *baseline_s), floor_s) or slo
    both = [windows(alone, *between, 1, slo) for between in (baseline_s, since_s)]
    yield "failed or were too slow", _of(both[0], both[0].bad.sum()), _of(both[1], both[1].bad.sum())
    yield FAILED, _of(both[0], both[0].failed.sum()), _of(both[1], both[1].failed.sum())


def _of(seen: Windows, hits: float) -> tuple[int, int]:
    return int(hits), int(seen.intended.sum())
