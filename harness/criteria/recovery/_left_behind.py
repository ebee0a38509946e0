"""Request names that stay worse though all requests together are as good as before: of few requests even a name that is
wholly down changes the sum by little.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

from harness.analysis.intervals import clopper_pearson
from harness.analysis.names import names_with_class
from harness.analysis.quality import ServiceLevel, windows
from harness.recording import Recording, Slice
from harness.recording_values import ITERATION

WORSE_BY = 0.1
"""By so much the share of bad requests may be larger than in the baseline, as that of all together."""
CHANCE = 0.01
"""That any name of a service that is well is found to be worse."""


@dataclass(frozen=True)
class LeftBehind:
    """A name, and how many of its requests failed or were too slow, since the recovery and in the baseline."""

    name: str
    bad: int
    requests: int
    bad_before: int
    requests_before: int


def left_behind(
    recording: Recording, slo: ServiceLevel, baseline_s: tuple[int, int], since_s: tuple[int, int]
) -> LeftBehind | None:
    """The name that is proven to stay worse by most, by Clopper and Pearson's intervals of both shares (Bonferroni over
    the names); None where none is. Both times are from a second to another. One that the baseline has not is none.
    """
    by_name: dict[str, list[Slice]] = defaultdict(list)
    name_of = names_with_class(recording)
    for piece in recording.slices:
        if piece.name != ITERATION:
            by_name[name_of(piece)].append(piece)
    sure = 1 - 2 * CHANCE / max(1, len(by_name))
    found: list[tuple[float, LeftBehind]] = []
    for name, pieces in by_name.items():
        alone = replace(recording, slices=tuple(pieces))
        (bad_before, before), (bad, since) = (_bad(alone, slo, *each) for each in (baseline_s, since_s))
        if not before or not since:
            continue
        allowed = max(bad_before / before + WORSE_BY, clopper_pearson(bad_before, before, sure)[1])
        beyond = clopper_pearson(bad, since, sure)[0] - allowed
        if beyond > 0:
            found.append((beyond, LeftBehind(name, bad, since, bad_before, before)))
    return max(found, key=lambda each: each[0], default=(0.0, None))[1]


def _bad(recording: Recording, slo: ServiceLevel, start_s: int, end_s: int) -> tuple[int, int]:
    of = windows(recording, start_s, end_s, 1, slo)
    return int(of.bad.sum()), int(of.intended.sum())
