"""Backup cost: how much slower the users' requests are while a backup is taken."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from harness.criteria._criterion import Estimate
from harness.criteria._outcome import against, seconds, with_remedy
from harness.criteria.backup._steps import steps_of
from harness.criteria.requests.latency_quantile import LatencyQuantile
from harness.findings import CLIENTS, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording


@dataclass(frozen=True)
class BackupCost(Estimate):
    """A latency quantile while a backup is taken, less the same in the phase before it, stays within a limit.

    Judged are the requests of the seconds in which one of the ``steps`` went on: between them nothing is taken, and a
    backup that keeps everybody waiting for as long as it lasts would be lost among them. The interval is that of both
    quantiles, each at a confidence that together leaves what is asked for (Bonferroni): lowest − highest to highest −
    lowest.
    """

    unit = "s"
    evidence = CLIENTS

    limit_s: float = parameter(0.5, "by how much longer users may wait")
    quantile: float = parameter(0.95, "quantile that is compared", lowest=0.01, highest=0.9999)
    phase: str = parameter("spike", "phase in which the backup is taken")
    steps: str = parameter("take *", "the steps that take a backup, * for anything")
    before: str = parameter("baseline", "phase with which it is compared")
    requests: str = parameter("", "only requests of this name, * for anything; empty for all")
    remedy: str = parameter("", "what to say when no backup was taken")

    def judge(self, recording: Recording) -> Finding:
        p = f"p{self.quantile * 100:g}"
        title = f"{p} latency while the backup is taken, beyond that before"
        each = 1 - (1 - self.confidence) / 2
        taking = self._while_taken(recording)
        if taking is None:
            reason = f"no step {self.steps} was made, so no backup was taken"
            return self.inconclusive(with_remedy(reason, self.remedy), title=title)
        during, before = (
            LatencyQuantile(phase=phase, quantile=self.quantile, requests=self.requests, confidence=each).judge(of)
            for phase, of in ((self.phase, taking), (self.before, recording))
        )
        for found in (during, before):
            if found.interval is None or found.figure is None:
                return self.inconclusive(found.reason, title=title)
        assert during.interval is not None
        assert before.interval is not None
        figure_s = (during.figure or 0.0) - (before.figure or 0.0)
        low_s, high_s = during.interval[0] - before.interval[1], during.interval[1] - before.interval[0]
        outcome = against(self.limit_s, (low_s, high_s))
        reason = (
            f"{p} is {seconds(during.figure or 0.0)} in the {self.phase} and {seconds(before.figure or 0.0)} in the "
            f"{self.before}, {seconds(low_s)} to {seconds(high_s)} more; limit {seconds(self.limit_s)}"
        )
        if outcome is Outcome.INCONCLUSIVE:
            reason += "; more requests in both phases would settle it"
        return self.finding(outcome, reason, figure_s, (low_s, high_s), title=title)

    def _while_taken(self, recording: Recording) -> Recording | None:
        """Of the slices those of the seconds in which a backup was taken; None where none was."""
        steps = [one for name, one in steps_of(recording).items() if fnmatchcase(name, self.steps)]
        ended = [(one.invoke_s, one.return_s) for one in steps if one.return_s is not None]
        if not ended:
            return None
        seconds_s = {t for begun_s, ended_s in ended for t in range(math.floor(begun_s), math.ceil(ended_s))}
        return replace(recording, slices=tuple(piece for piece in recording.slices if piece.t in seconds_s))
