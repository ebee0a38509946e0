"""Failed requests while replicas come and go."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from harness.analysis import phases
from harness.criteria._answer_size import SHORTER_HELP, SHORTER_RATIO
from harness.criteria._outcome import no_phase
from harness.criteria._seen import Seen, after
from harness.criteria.requests.error_ratio import ErrorRatio
from harness.criteria.scaling._criterion import ReplicasCriterion
from harness.criteria.scaling._replicas import measure_supply
from harness.findings import Finding
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.header import Phase
from harness.recording.values import CENSORED, OK, Scalar

NEAR_S = 2
STRETCH = "scaling"


@dataclass(frozen=True)
class ScalingErrors(ReplicasCriterion):
    """Failed ÷ intended requests from the end of the baseline to the end of the run stay within a limit.

    That is the criterion ``error_ratio`` over all phases in which replicas come and go. The evidence says how many of
    the failed requests were due near a change of the ready replicas.
    """

    title = "error ratio while scaling"
    unit = "ratio"

    limit: float = parameter(0.05, "largest share of failed requests that is accepted", highest=1)
    requests: str = parameter("", "only requests of this name, * for anything; empty for all")
    shorter_ratio: float = parameter(SHORTER_RATIO, SHORTER_HELP, lowest=0)

    def failures_seen(self, recording: Recording) -> Iterator[Seen]:
        """A limit of 100 % shows none: it is kept by a service that answers nobody."""
        if self.limit < 1 and (before := recording.phase(self.baseline)):
            yield from after(recording, before.end_s, self.requests)

    def judge(self, recording: Recording) -> Finding:
        before = recording.phase(self.baseline)
        if before is None:
            return self.inconclusive(no_phase(recording, self.baseline))
        stretch = Phase(STRETCH, before.end_s, recording.header.planned_end_s)
        header = dataclasses.replace(recording.header, phases=(before, stretch))
        asked = ErrorRatio(
            self.limit, STRETCH, self.requests, shorter_ratio=self.shorter_ratio, shorter_than=self.baseline
        )
        found = asked.judge(dataclasses.replace(recording, header=header))
        evidence = {**found.evidence, **self._count_near_changes(recording)}
        return self.finding(found.outcome, found.reason, found.figure, found.interval, evidence)

    def _count_near_changes(self, recording: Recording) -> dict[str, Scalar]:
        supply = measure_supply(recording, self)
        if isinstance(supply, str):
            return {}
        changes = [t for t, _, _ in supply.ready.middle.changes()]
        failed = sum(
            piece.count
            for piece in phases.judged(recording, self.requests).slices
            if piece.outcome not in (OK, CENSORED) and any(abs(piece.t + 0.5 - t) <= NEAR_S + 0.5 for t in changes)
        )
        return {f"failed within {NEAR_S} s of a change of the ready replicas": failed}
