"""The burn rate of an error budget of 1 % in a minute and a half, 10 to 100 requests a second by chance (Poisson), each
bad by chance: a steady share, a share that is another one in every second, or an outage of five seconds, also one that
is over before the first long window is; a share that ends ten seconds before the run; or one of a run whose first
request comes after nine seconds. The truth is the burn rate of the probabilities themselves, over the same windows and
at the same instants, with none bad before the run; limits are those of the workbook, 14.4 and 6 times. A verdict is
wrong where it is FAIL and neither rule is broken, or PASS and one is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from harness import criteria
from harness.analysis.error_budget import Objective, Rule, rules
from harness.analysis.histogram import bucket_index
from harness.findings import Finding, Outcome
from harness.recording import CriterionSpec, Slice
from harness.recording.values import OK
from tests import recordings
from tests.calibration.__main__ import Each
from tests.calibration.figures import Figure, Share

TITLE = "Error budgets"
SHORT = 4
AIM = Objective(0.99)
OUTAGE_S = 5
"""Its burn rate over the long window of the first rule is what is given; that over its short one is far above."""
FIRST = {"outage": (30, 60), "early outage": (0, 9)}
"""Seconds in which it may begin: one that is early ends before the first long window does, of 15 s."""
LATE_S = 9
"""Without a request, as of users that log in first."""
OVER_S = 10
"""Before the end, more than the short window of the second rule."""


@dataclass(frozen=True)
class Case:
    kind: str
    of_limit: float
    """The true burn rate ÷ the limit of the rule that comes nearest to being broken."""
    per_s: float = 100

    def __str__(self) -> str:
        return f"{self.kind}, {self.of_limit:g} of the limit, {self.per_s:g} requests/s"

    def probabilities(self, random: np.random.Generator, run_s: int) -> NDArray[np.float64]:
        """Of being bad, by second; shape (run_s,)."""
        found = np.zeros(run_s)
        if self.kind in FIRST:
            begin = int(random.integers(*FIRST[self.kind]))
            found[begin : begin + OUTAGE_S] = 1.0
        elif self.kind == "over":
            found[:-OVER_S] = 1.0
        elif self.kind == "late":
            found[LATE_S:] = 1.0
        elif self.kind == "drifting":
            found += np.exp(0.5 * random.standard_normal(run_s))
        else:
            found += 1.0
        scaled = found * self.of_limit / max(true_rate(rule, found) / rule.burn_rate for rule in rules(AIM, run_s))
        assert scaled.max() <= 1
        return scaled


CASES = (
    *(Case("steady", of_limit) for of_limit in (0.1, 0.8, 0.99, 1.01, 1.25)),
    *(Case("steady", of_limit, per_s=10) for of_limit in (0.8, 1.25, 3)),
    *(Case("late", of_limit, per_s=30) for of_limit in (0.1, 0.8, 1.25, 3)),
    *(Case("drifting", of_limit) for of_limit in (0.8, 0.99, 1.01, 1.25)),
    *(Case(kind, of_limit) for kind in ("outage", "early outage", "over") for of_limit in (0.8, 0.99, 1.01, 1.25)),
)


def true_rate(rule: Rule, bad: NDArray[np.float64]) -> float:
    """The highest at which both windows are, at the ends of short windows back from the end of the run."""
    ends = range(len(bad), rule.short_s - 1, -rule.short_s)
    lengths_s = rule.long_s, rule.short_s
    return max(min(bad[max(0, end - each) : end].sum() / each for each in lengths_s) for end in ends) / AIM.budget


def one(case: Case, seed: int) -> tuple[Finding, dict[float, float]]:
    """What is found, and the true burn rate by limit."""
    random = np.random.default_rng(seed)
    run = recordings.healthy()
    start_s, end_s = run.header.phases[0].start_s, run.header.phases[-1].end_s
    bad = case.probabilities(random, end_s - start_s)
    counts = random.poisson(case.per_s, len(bad))
    if case.kind == "late":
        counts[:LATE_S] = 0
    pieces = []
    for second, (count, probability) in enumerate(zip(counts, bad, strict=True)):
        failed = int(random.binomial(count, probability))
        for outcome, number in ((OK, int(count) - failed), ("http 503", failed)):
            if number:
                latency = {bucket_index(100_000): number}
                pieces.append(Slice(start_s + second, "local", "GET /", outcome, number, 0, latency))
    recording = recordings.ended(dataclasses.replace(run, slices=tuple(pieces)))
    finding = criteria.load(CriterionSpec("error_budget", {"objective": AIM.ratio})).judge(recording)
    return finding, {rule.burn_rate: true_rate(rule, bad) for rule in rules(AIM, len(bad))}


def figures(seeds: range, each: Each) -> Iterator[Figure]:
    for case in CASES:
        found = list(each(partial(one, case), seeds))
        wrong, word = (Outcome.FAIL, "false FAIL") if case.of_limit < 1 else (Outcome.PASS, "false PASS")
        yield Share(str(case), word, sum(one.outcome is wrong for one, _ in found), len(seeds), (0, 0.05))
        right = Outcome.PASS if case.of_limit < 1 else Outcome.FAIL
        yield Share(str(case), f"{right.value}", sum(one.outcome is right for one, _ in found), len(seeds))
        covers = sum(
            one.interval is not None
            and one.limit is not None
            and one.interval[0] <= truth[one.limit] <= one.interval[1]
            for one, truth in found
        )
        yield Share(str(case), "interval covers the truth", covers, len(seeds), (0.93, 1))
