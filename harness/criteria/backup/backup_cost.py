"""Backup cost: how much slower the users' requests are while a backup is taken."""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.criteria._criterion import Estimate
from harness.criteria._outcome import against, seconds, with_remedy
from harness.criteria.backup._steps import seconds_of
from harness.criteria.requests.latency_quantile import LatencyQuantile
from harness.findings import CLIENTS, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.header import Phase
from harness.recording.marks import GateMark

BACKUP = "backup"


@dataclass(frozen=True)
class BackupCost(Estimate):
    """A latency quantile of the seconds in which a backup is being taken, less the same of a phase before, stays within
    a limit.

    Only these seconds count, however long the load goes on: a backup of seconds hardly shows in the p95 of a minute.
    The interval is that of the two quantiles, each at a confidence that together leaves what is asked for
    (Bonferroni): lowest − highest to highest − lowest.
    """

    unit = "s"
    evidence = CLIENTS
    compared_with = ("before",)

    limit_s: float = parameter(0.5, "by how much longer users may wait")
    quantile: float = parameter(0.95, "quantile that is compared", lowest=0.01, highest=0.9999)
    steps: tuple[str, ...] = parameter(("take *",), "steps during which a backup is taken, * for anything")
    before: str = parameter("baseline", "phase with which it is compared")
    requests: str = parameter("", "only requests of this name, * for anything; empty for all")
    remedy: str = parameter("", "what to say when no backup was taken")

    def judge(self, recording: Recording) -> Finding:
        p = f"p{self.quantile * 100:g}"
        title = f"{p} latency while a backup is taken, beyond that before"
        taken = seconds_of(recording, self.steps)
        if not taken:
            reason = with_remedy("no backup was taken: users keep its steps with self.operation(STEP, …)", self.remedy)
            return self.inconclusive(reason, title=title)
        each = 1 - (1 - self.confidence) / 2
        during, before = (
            # How good the answers are, others judge.
            LatencyQuantile(
                phase=phase, quantile=self.quantile, requests=self.requests, confidence=each, shorter_ratio=0
            ).judge(run)
            for phase, run in ((BACKUP, _only(recording, taken)), (self.before, recording))
        )
        for found, of in ((during, f"of the {len(taken)} s in which a backup was taken: "), (before, "")):
            if found.interval is None or found.figure is None:
                return self.inconclusive(of + found.reason, title=title)
        assert during.interval is not None
        assert before.interval is not None
        figure = (during.figure or 0.0) - (before.figure or 0.0)
        low_s, high_s = during.interval[0] - before.interval[1], during.interval[1] - before.interval[0]
        outcome = against(self.limit_s, (low_s, high_s))
        reason = (
            f"{p} is {seconds(during.figure or 0.0)} in the {len(taken)} s in which a backup was taken and "
            f"{seconds(before.figure or 0.0)} in the {self.before}, {seconds(low_s)} to {seconds(high_s)} more; "
            f"limit {seconds(self.limit_s)}"
        )
        if outcome is Outcome.INCONCLUSIVE:
            reason += "; more requests in both would settle it"
        evidence = {"seconds of the backup": len(taken), "requests in them": during.evidence["requests"]}
        return self.finding(outcome, reason, figure, (low_s, high_s), evidence, title=title)


def _only(recording: Recording, taken: list[int]) -> Recording:
    """These seconds in a row, as the one phase of the recording. A herd is none without its own second."""
    place = {t: number for number, t in enumerate(taken)}
    slices = tuple(replace(piece, t=place[piece.t]) for piece in recording.slices if piece.t in place)
    header = replace(recording.header, phases=(Phase(BACKUP, 0, len(taken)),))
    marks = tuple(mark for mark in recording.marks if not isinstance(mark, GateMark))
    return replace(recording, header=header, slices=slices, marks=marks)
