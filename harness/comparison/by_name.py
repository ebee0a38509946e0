"""What figures over all requests hide: one request among many that became worse, another mix of them, and a phase that
no criterion looks at.

Criteria are about all requests of a phase, unless they name some. A request that is two of a hundred does not move the
p95 of all, however slow it has become; and where fewer slow ones are made than before, each can be slower although the
p95 of all is lower. A service that is slower at its usual load recovers to that load as soon as before, and a herd may
hide it. None of this is a FAIL, which takes a criterion of that request or phase; but where any of it is found, it has
not been shown that nothing is worse.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from harness import criteria as criteria_folder
from harness.analysis import histogram, phases, tallies
from harness.analysis.intervals import chance_of_more
from harness.analysis.two_samples import FEWEST
from harness.comparison.metric import KIND
from harness.criteria._criterion import Criterion
from harness.criteria._outcome import percent, seconds
from harness.criteria.recovery._recovery import SLOWER_RATIO
from harness.criteria.recovery.recovery_time import RESOLUTION_S
from harness.errors import ConfigurationError
from harness.findings import ERROR_RATIO, LATENCY_QUANTILE, Finding, Outcome, Verdict
from harness.recording import Recording
from harness.recording.header import CriterionSpec, Phase
from harness.recording.values import ITERATION

Judged = tuple[Recording, Verdict]
"""A run, and what was judged of it."""
Compare = Callable[[Sequence[Judged], Sequence[Judged], int], list[Finding]]
"""Of two groups, each figure by itself, beside so many others."""
KINDS = (LATENCY_QUANTILE, ERROR_RATIO)
MOST_NAMES = 50
"""That are looked at, those with the most requests."""
FEWEST_REQUESTS = 59
"""Of a name, or of a phase, in all runs of a group: a p95 takes them."""
MIX = 0.05
"""The share of the requests that may be others, beyond what chance makes."""
FAIL_MORE, CHANCE = 0.01, 0.01
"""More requests of such a phase fail when each run has so much more, and chance would make it so rarely."""
QUANTILE = 0.95
"""Of a phase that no criterion looks at, and which may be as many times as long as a recovery may stay."""


def compared(first: Sequence[Judged], second: Sequence[Judged], compare: Compare) -> list[Finding]:
    """INCONCLUSIVE findings alone: each request that is worse by itself, each phase with another mix, and each that no
    criterion looks at and that is slower, or fails more.
    """
    groups = ([run for run, _ in first], [run for run, _ in second])
    found = []
    for phase in groups[0][0].header.phases:
        requests = tuple(_requests(recordings, phase.name) for recordings in groups)
        found += _slower(phase, first, second, compare)
        found += _fails_more(phase, *groups)
        if min(counts.total() for counts in requests) < FEWEST_REQUESTS:
            continue
        found += _mix(phase.name, *requests)
        both = Counter({name: min(counts[name] for counts in requests) for name in requests[0]})
        names = [name for name, count in both.most_common(MOST_NAMES) if count >= FEWEST_REQUESTS]
        if len(requests[0] | requests[1]) > 1:
            found += _worse(phase.name, names, first, second, compare)
    return found


def _requests(recordings: Sequence[Recording], phase: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for recording in recordings:
        for name, tally in phases.tallies_by_phase_and_name(recording).get(phase, {}).items():
            if name != ITERATION and tally.intended:
                counts[name] += tally.intended
    return counts


def _mix(phase: str, first: Counter[str], second: Counter[str]) -> list[Finding]:
    """By the total variation distance, half of the sum of all differences between shares. Chance makes each of them
    about √(2/π) of its standard deviation large; twice that is allowed.
    """
    sizes = first.total(), second.total()
    names = [*(first | second)]
    shares = {name: (first[name] / sizes[0], second[name] / sizes[1]) for name in names}
    distance = sum(abs(after - before) for before, after in shares.values()) / 2
    pooled = [(first[name] + second[name]) / sum(sizes) for name in names]
    by_chance = sum(math.sqrt(share * (1 - share) * (1 / sizes[0] + 1 / sizes[1])) for share in pooled)
    if distance <= MIX + math.sqrt(2 / math.pi) * by_chance:
        return []
    most = max(names, key=lambda name: abs(shares[name][1] - shares[name][0]))
    before, after = shares[most]
    reason = (
        f"other requests were made: {most} is {before * 100:.3g} % of them in the first and {after * 100:.3g} % in the "
        "second, so a figure of all of them may be better though each request is worse; runs of one mix would tell"
    )
    return [Finding(f"mix_in_{phase}", f"mix of requests in the {phase}", Outcome.INCONCLUSIVE, reason, kind=KIND)]


def _slower(phase: Phase, first: Sequence[Judged], second: Sequence[Judged], compare: Compare) -> list[Finding]:
    """Where no criterion is about the latency of all requests of the phase, and each run of the second group is much
    slower in it than any of the first. Of one run each that may be chance, which the interval of the shift tells.
    """
    specs = first[0][0].header.criteria
    if any(spec.criterion == LATENCY_QUANTILE and _is_of_all(spec, phase.name) for spec in specs):
        return []
    groups = [[_p95_s(run, phase) for run, _ in group] for group in (first, second)]
    if any(map(math.isnan, (*groups[0], *groups[1]))):
        return []
    slowest, quickest = max(groups[0]), min(groups[1])
    if quickest <= max(SLOWER_RATIO * slowest, slowest + RESOLUTION_S):
        return []
    name, interval = f"p95_in_{phase.name}", None
    remedy = "no criterion is about the latency in this phase; one (its parameter is phase) would tell whether it FAILs"
    if len(first) == len(second) == 1:
        spec = CriterionSpec(LATENCY_QUANTILE, {"phase": phase.name, "quantile": QUANTILE, "name": name})
        judged = [[_judged(run, [(spec, spec)]) for run in group] for group in (first, second)]
        interval = next((each.interval for each in compare(judged[0], judged[1], 1)), None)
        if interval is None or interval[0] <= 0:
            remedy = f"of one run each it may be chance, and {FEWEST} against {FEWEST} would tell; {remedy}"
    reason = f"at most {seconds(slowest)} in the first, at least {seconds(quickest)} in the second; {remedy}"
    title = f"p95 latency in the {phase.name}"
    return [Finding(name, title, Outcome.INCONCLUSIVE, reason, interval=interval, unit="s", kind=KIND)]


def _fails_more(phase: Phase, first: Sequence[Recording], second: Sequence[Recording]) -> list[Finding]:
    """Where no criterion is about the failures of all requests of the phase, and more fail in each run of the second
    group than in any of the first, beyond what chance makes of the requests.
    """
    specs = first[0].header.criteria
    if any(spec.criterion == ERROR_RATIO and _is_of_all(spec, phase.name) for spec in specs):
        return []
    groups = [[_of_phase(run, phase) for run in group] for group in (first, second)]
    if any(tally.intended < FEWEST_REQUESTS for group in groups for tally in group):
        return []
    ratios = [[tally.failed / tally.intended for tally in group] for group in groups]
    most, least = max(ratios[0]), min(ratios[1])
    if least <= most + FAIL_MORE:
        return []
    counts = [(sum(tally.failed for tally in group), sum(tally.intended for tally in group)) for group in groups]
    if chance_of_more(*counts[1], *counts[0]) > CHANCE:
        return []
    reason = (
        f"at most {percent(most)} in the first, at least {percent(least)} in the second; no criterion is about the "
        "failures in this phase; one (its parameter is phase) would tell whether it FAILs"
    )
    name, title = f"failures_in_{phase.name}", f"error ratio in the {phase.name}"
    return [Finding(name, title, Outcome.INCONCLUSIVE, reason, unit="ratio", kind=KIND)]


def _of_phase(recording: Recording, phase: Phase) -> tallies.Tally:
    own = recording.phase(phase.name)
    return phases.of_phase(phases.judged(recording, ""), own) if own is not None else tallies.tally(())


def _p95_s(recording: Recording, phase: Phase) -> float:
    """NaN where the phase of that name had too few requests, infinite where too many of them failed."""
    tally = _of_phase(recording, phase)
    if tally.intended < FEWEST_REQUESTS:
        return math.nan
    value_us = histogram.quantile_us(tally.latency, QUANTILE, tally.failed)
    return math.inf if value_us is None else value_us / 1e6


def _worse(
    phase: str, names: Sequence[str], first: Sequence[Judged], second: Sequence[Judged], compare: Compare
) -> list[Finding]:
    of_all = [spec for spec in first[0][0].header.criteria if spec.criterion in KINDS and _is_of_all(spec, phase)]
    specs = [(spec, _of_name(spec, name)) for spec in of_all for name in names]
    if not specs:
        return []
    groups = [[_judged(run, specs) for run in group] for group in (first, second)]
    worse = [each for each in compare(groups[0], groups[1], len(specs)) if each.outcome is Outcome.FAIL]
    remedy = "no criterion is about this request alone; one (its parameter is requests) would tell whether it FAILs"
    return [replace(each, outcome=Outcome.INCONCLUSIVE, reason=f"{each.reason}; {remedy}") for each in worse]


def _of_name(spec: CriterionSpec, name: str) -> CriterionSpec:
    called = f"{criteria_folder.name_of(spec)} of {name}"
    return CriterionSpec(spec.criterion, {**spec.parameters, "requests": name, "name": called})


def _is_of_all(spec: CriterionSpec, phase: str) -> bool:
    try:
        criterion: Criterion = criteria_folder.load(spec)
    except ConfigurationError:  # of a version that had other criteria
        return False
    return getattr(criterion, "requests", None) == "" and getattr(criterion, "phase", "") == phase


def _judged(run: Judged, specs: Sequence[tuple[CriterionSpec, CriterionSpec]]) -> Judged:
    """By the criteria of single names; what a guard voids of all requests it voids of each."""
    recording, verdict = run
    void = {each.criterion for each in verdict.findings if each.voided_by is not None}
    used = [of_name for spec, of_name in specs if criteria_folder.name_of(spec) not in void]
    findings = tuple(replace(criteria_folder.load(spec).judge(recording), kind=spec.criterion) for spec in used)
    of_names = replace(recording, header=replace(recording.header, criteria=tuple(used)))
    return of_names, replace(verdict, findings=findings)
