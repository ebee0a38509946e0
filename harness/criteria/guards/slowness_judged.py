"""Guard: what was slow after the baseline is in some criterion's figure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from harness.analysis import histogram, phases, tallies
from harness.analysis.intervals import clopper_pearson
from harness.analysis.quality import ServiceLevel, service_level
from harness.analysis.time_series import level_at
from harness.criteria._criterion import Criterion, Guard
from harness.criteria._injections import injections
from harness.criteria._outcome import percent, seconds
from harness.criteria._seen import Seen
from harness.criteria.recovery._baseline_band import SHARE_FLOOR
from harness.criteria.recovery.recovery_time import RecoveryTime
from harness.criteria.requests.latency_quantile import LatencyQuantile
from harness.errors import ConfigurationError
from harness.findings import BASELINE, LATENCY_QUANTILE, RECOVERY_TIME, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording, Slice
from harness.recording.header import Phase
from harness.recording.values import OK

CHANCE = 0.025
"""That any phase of a service that is just as slow as the run accepts is found to be slower (Bonferroni)."""
BACK_WITHIN_S = 1
"""After a fault: what was asked for in the second in which it was undone is still its doing."""


@dataclass(frozen=True)
class _Limit:
    """At most ``share`` of the requests may be slower than ``limit_s``, or than the SLO of their name."""

    limit_s: float
    share: float
    slo: ServiceLevel | None = None

    def of(self, name: str) -> float:
        return self.limit_s if self.slo is None else self.slo.of(name)


@dataclass(frozen=True)
class SlownessJudged(Guard):
    """Guard: no phase after the baseline was slower than the run accepts without a criterion that would show it.

    A run whose criteria look at the first of two spikes says nothing of the second. Held against what the run's own
    criteria accept of all requests are those that were answered well in a phase that no criterion of latency looks at:
    no more may be slower than the largest limit of a ``latency_quantile`` allows; and where the run judges a
    ``recovery_time``, the latter half of the last phase, at no more load than the baseline's, may have no more that are
    slower than its SLO than the baseline had, and a tenth. It needs proof, by the interval of Clopper and Pearson.
    Left out is the time in which a planned fault was there. It voids nothing: what was measured stays measured.
    """

    title = "slowness that no criterion looks at"
    may_guard_nothing = True
    unit = "ratio"
    guarded: ClassVar[tuple[str, ...]] = ()

    baseline: str = parameter(BASELINE, "phase that shows what is normal")

    def judge(self, recording: Recording) -> Finding:
        criteria = list(_criteria(recording))
        seen = [each for criterion in criteria for each in criterion.slowness_seen(recording)]
        seen += [Seen(each.at_s, each.undone_s + BACK_WITHIN_S) for each in injections(recording)]
        recording = phases.judged(recording, "")
        looked_for = [
            (phase, unseen, limit)
            for phase, limit in self._limits(recording, criteria)
            if (unseen := tuple(_unseen(recording, phase, seen)))
        ]
        sure = 1 - 2 * CHANCE / max(1, len(looked_for))
        told = []
        for phase, pieces, limit in looked_for:
            slow, requests = _slow(pieces, limit)
            if clopper_pearson(slow, requests, sure)[0] > limit.share:
                told.append((slow / requests, _in_words(phase, slow, requests, limit)))
        if not told:
            return self.finding(Outcome.PASS, "wherever it was slower than the run accepts, a criterion shows it")
        words = "; ".join(each for _, each in told)
        reason = f"{words}: no criterion of this run looks at it. A {LATENCY_QUANTILE} or {RECOVERY_TIME} of it would"
        return self.finding(Outcome.INCONCLUSIVE, reason, max(ratio for ratio, _ in told))

    def _limits(self, recording: Recording, criteria: list[Criterion]) -> Iterator[tuple[Phase, _Limit]]:
        """What a phase, or the last part of one, is held against."""
        later = [phase for phase in recording.header.phases if phase.name != self.baseline]
        limits = [
            (each.limit_s, 1 - each.quantile)
            for each in criteria
            if isinstance(each, LatencyQuantile) and not each.requests
        ]
        if limits:
            limit_s, share = max(limits)
            yield from ((phase, _Limit(limit_s, share)) for phase in later)
        baseline = recording.phase(self.baseline)
        recovery = next((each for each in criteria if isinstance(each, RecoveryTime) and not each.requests), None)
        if not later or baseline is None or recovery is None:
            return
        last = max(later, key=lambda phase: phase.end_s)
        level = recording.header.level
        if level_at(level, last.end_s - 0.5) > level_at(level, baseline.end_s - 0.5):
            return
        slo = service_level(recording, baseline, recovery.floor_s)
        if slo is not None:
            slow, requests = _slow(phases.slices_of(recording, baseline), _Limit(0.0, 0.0, slo))
            half = Phase(f"latter half of the {last.name}", (last.start_s + last.end_s + 1) // 2, last.end_s)
            yield half, _Limit(slo.overall_s, slow / max(1, requests) + SHARE_FLOOR, slo)


def _criteria(recording: Recording) -> Iterator[Criterion]:
    from harness import criteria  # which lists this guard among them

    for spec in recording.header.criteria:
        try:
            yield criteria.load(spec)
        except ConfigurationError:
            continue


def _unseen(recording: Recording, phase: Phase, seen: list[Seen]) -> Iterator[Slice]:
    for piece in phases.slices_of(recording, phase):
        if not any(each.is_at(piece.t) and phases.is_of(recording, piece, each.requests) for each in seen):
            yield piece


def _slow(pieces: tuple[Slice, ...], limit: _Limit) -> tuple[int, int]:
    """Answered well and too late, of all; failures are the matter of ``failures_judged``."""
    good = [piece for piece in pieces if piece.outcome == OK]
    soon = sum(histogram.count_at_most(piece.latency, limit.of(piece.name) * 1e6) for piece in good)
    answered = sum(histogram.total(piece.latency) for piece in good)
    return answered - soon, max(answered, tallies.tally(pieces).intended)


def _in_words(phase: Phase, slow: int, requests: int, limit: _Limit) -> str:
    return (
        f"{slow:,} of {requests:,} requests of the {phase.name} took longer than {seconds(limit.limit_s)}, which "
        f"{percent(limit.share)} may"
    )
