"""The hit ratio of a cache over 60 and 300 s, 20 reads a second by chance (Poisson). It is emptied now and then, and
fills again: a read hits with a share that goes to nothing and comes back within some ten seconds. Beside it a cache
that stays full. The truth is the mean share of 60,000 s. Silent is what does not say that it is of these requests only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from harness import criteria
from harness.findings import Finding, Outcome
from harness.recording import READ, WRITE, CriterionSpec, Operation, Operations
from harness.recording.header import Phase
from tests import recordings
from tests.calibration.__main__ import Each
from tests.calibration.figures import Figure, Share

TITLE = "Hit ratio of a cache that is emptied"
SHORT = 4
FULL, FILLS = 0.95, 0.15
"""Share of reads that hit, and how much of what is missing comes back in a second."""
PER_S, KEYS = 20, 50
APART = 0.03
"""The limit lies so far from the truth, on either side."""


@dataclass(frozen=True)
class Case:
    emptied_every_s: float
    """In the mean, by chance; infinite: never."""
    lasts_s: int

    def __str__(self) -> str:
        emptied = f"emptied every {self.emptied_every_s:g} s" if self.emptied_every_s < np.inf else "never emptied"
        return f"{emptied}, {self.lasts_s} s"

    def shares(self, random: np.random.Generator, lasts_s: int) -> NDArray[np.float64]:
        found, share = np.empty(lasts_s), FULL
        for second in range(lasts_s):
            share = 0.0 if random.random() < 1 / self.emptied_every_s else share + FILLS * (FULL - share)
            found[second] = share
        return found


@cache
def truth(emptied_every_s: float) -> float:
    return float(Case(emptied_every_s, 0).shares(np.random.default_rng(0), 60_000).mean())


def one(case: Case, seed: int) -> tuple[Finding, Finding]:
    """Judged by a limit above the truth, and by one below it."""
    random = np.random.default_rng(seed)
    operations = [Operation(f"k{key}", "w", WRITE, 1, 0.0, 0.001) for key in range(KEYS)]
    begin_s = 1
    shares = case.shares(random, case.lasts_s + 60)[60:]
    for second, share in enumerate(shares, begin_s):
        for at in np.sort(random.random(random.poisson(PER_S))):
            did = "hit" if random.random() < share else "miss"
            key, t = f"k{random.integers(KEYS)}", second + float(at)
            operations.append(Operation(key, "r", READ, 1, t, t + 0.001, cache=did))
    run = recordings.healthy()
    header = dataclasses.replace(run.header, phases=(Phase("baseline", 0, begin_s + case.lasts_s),))
    run = dataclasses.replace(run, header=header, operations=(Operations("w1", 0.0, tuple(operations)),))
    limits = truth(case.emptied_every_s) + APART, truth(case.emptied_every_s) - APART
    above, below = (
        criteria.load(CriterionSpec("hit_ratio", {"lower_limit": min(1, each)})).judge(run) for each in limits
    )
    return above, below


def figures(seeds: range, each: Each) -> Iterator[Figure]:
    for case in (Case(np.inf, 60), Case(np.inf, 300), Case(60, 60), Case(40, 300)):
        found = list(each(partial(one, case), seeds))
        share, n, silent = truth(case.emptied_every_s), len(seeds), [not _says(below) for _, below in found]
        covers = [below.interval is not None and below.interval[0] <= share <= below.interval[1] for _, below in found]
        right = sum(covered or not alone for covered, alone in zip(covers, silent, strict=True))
        yield Share(str(case), "interval covers the truth, or is of these requests only", right, n, (0.93, 1))
        passed = sum(above.outcome is Outcome.PASS and not _says(above) for above, _ in found)
        yield Share(str(case), "silent false PASS", passed, n, (0, 0.05))
        failed = sum(below.outcome is Outcome.FAIL and not _says(below) for _, below in found)
        yield Share(str(case), "silent false FAIL", failed, n, (0, 0.05))


def _says(finding: Finding) -> bool:
    return "of these requests only" in finding.reason
