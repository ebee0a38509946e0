"""Request names that stay worse though all requests together are as good as before: of few requests even a name that is
wholly down changes the sum by little.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from harness.analysis import phases
from harness.analysis.intervals import chance_of_more, clopper_pearson
from harness.analysis.names import names_with_class
from harness.analysis.quality import SLO_QUANTILE, Held, ServiceLevel, held_against, limit_s
from harness.analysis.tallies import tally
from harness.recording import Recording, Slice
from harness.recording.values import ITERATION

Placed: TypeAlias = tuple[int, Slice]
"""The place of a name, and a slice of it."""
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
    against the failures of all together. These have to be more than before as well, beyond chance: some users give each
    request that fails a name of its own, and then there are failures alone under it, however few.
    """
    name_of = names_with_class(recording)
    first: dict[str, Slice] = {}
    named: list[tuple[str, Slice]] = []
    for piece in recording.slices:
        if piece.name != ITERATION:
            name = name_of(piece)
            first.setdefault(name, piece)
            named.append((name, piece))
    place = {name: at for at, name in enumerate(first)}
    before, since = (
        [(place[name], piece) for name, piece in named if start_s <= piece.t < end_s]
        for start_s, end_s in (baseline_s, since_s)
    )
    limits_s = _own_limits_s(recording, before, len(place), slo, floor_s)

    def held(placed: Sequence[Placed]) -> Held:
        limits = [limits_s[at] if at in limits_s else slo.of(piece.name) for at, piece in placed]
        return held_against(recording, placed, len(place), [(limit_s, limit_s) for limit_s in limits])

    both = held(before), held(since)
    bad = [each.intended - each.good for each in both]
    failed = [each.failed for each in both]
    sure = 1 - CHANCE / max(1, len(place))
    # What comes of connections and attempts has another name, so that under theirs there are failures alone.
    asked = {
        name: at
        for name, at in place.items()
        if not phases.is_of_connection(first[name].name)
        and not phases.is_of(recording, first[name], phases.FAILED_ATTEMPTS)
    }
    places = [*asked.values()]
    failed_before, failed_since = ((int(n.failed[places].sum()), int(n.intended[places].sum())) for n in both)
    all_fail_more = chance_of_more(*failed_since, *failed_before) <= 1 - sure
    found: list[tuple[float, LeftBehind]] = []
    for name, at in asked.items():
        for how, hits in (("failed or were too slow", bad), (FAILED, failed)):
            of_before, of_since = ((int(n[at]), int(each.intended[at])) for n, each in zip(hits, both, strict=True))
            is_new = not of_before[1]
            usual = failed_before if is_new else of_before
            if not usual[1] or not of_since[1] or (is_new and not (how == FAILED and all_fail_more)):
                continue
            if (beyond := worse_by(usual, of_since, sure)) > 0:
                found.append((beyond, LeftBehind(name, *of_since, *of_before, how)))
    return max(found, key=lambda each: each[0], default=(0.0, None))[1]


def worse_by(before: tuple[int, int], since: tuple[int, int], sure: float) -> float:
    """By how much the share of bad ones, as bad and all, is proven to be beyond that of before and :data:`WORSE_BY`; 0
    or less where it is not. Clopper and Pearson's intervals of both, each with the probability ``sure``.
    """
    allowed = max(before[0] / before[1] + WORSE_BY, clopper_pearson(*before, sure)[1])
    return clopper_pearson(*since, sure)[0] - allowed


def _own_limits_s(
    recording: Recording, before: Sequence[Placed], count: int, slo: ServiceLevel, floor_s: float
) -> dict[int, float]:
    """By the place of a name the SLO that its own baseline sets, where it has enough requests in it."""
    if not floor_s:
        return {}
    intended = held_against(recording, before, count, [(slo.of(piece.name),) * 2 for _, piece in before]).intended
    pieces: dict[int, list[Slice]] = defaultdict(list)
    for at, piece in before:
        pieces[at].append(piece)
    enough = [at for at in pieces if intended[at] >= FEWEST]
    own = {at: limit_s(tally(tuple(pieces[at])), SLO_QUANTILE, floor_s) for at in enough}
    return {at: value_s for at, value_s in own.items() if value_s is not None}
