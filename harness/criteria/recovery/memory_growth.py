"""Memory that the target has not given back."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.criteria._criterion import Criterion
from harness.criteria._outcome import against, megabytes, no_phase
from harness.criteria.recovery._memory import MemoryGain, growth
from harness.findings import TARGET, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.values import Scalar


@dataclass(frozen=True)
class MemoryGrowth(Criterion):
    """The target's processes hold little more memory at the end of the recovery than in the baseline.

    The limit is the larger of ``limit_bytes`` and ``limit_ratio`` × the baseline: what is much for a small process is
    little for one of 4 GB. Needs the probe ``process``; when it is silent the finding is INCONCLUSIVE. A process that
    was restarted has gained what all its stretches have gained together. One that went away, or could not be read for a
    while, may have taken its growth with it, so it allows no PASS; a FAIL stands. Children that came later and stay may
    be given back or not, so that they allow none either where they hold more than the limit. Nor is there one where the
    last seconds are beyond the limit, though the last tenth is not.
    """

    title = "memory growth of the target"
    unit = "bytes"
    evidence = TARGET

    limit_bytes: float = parameter(200e6, "largest growth in bytes, over all processes of the target")
    limit_ratio: float = parameter(
        0.25, "growth that is accepted in any case, as a share of the memory in the baseline; 0: none", lowest=0
    )
    baseline: str = parameter("baseline", "phase with which the end is compared")
    recovery: str = parameter("recovery", "phase whose last tenth is compared")

    def judge(self, recording: Recording) -> Finding:
        baseline, recovery = recording.phase(self.baseline), recording.phase(self.recovery)
        if baseline is None or recovery is None:
            missing = self.recovery if baseline else self.baseline
            return self.inconclusive(no_phase(recording, missing))
        measured = growth(recording, baseline, recovery)
        limit_bytes = max(self.limit_bytes, self.limit_ratio * (measured.baseline_bytes or 0.0))
        if measured.growth_bytes is None or measured.interval_bytes is None:
            return self._about(measured, Outcome.INCONCLUSIVE, measured.reason, limit_bytes)
        outcome = against(limit_bytes, measured.interval_bytes)
        hidden = (*measured.went, *measured.interrupted)
        if hidden and outcome is Outcome.PASS:
            reason = f"{', '.join(hidden)} went away or could not be read, and may have hidden growth"
            return self._about(measured, Outcome.INCONCLUSIVE, f"{_told(measured)}; but {reason}", limit_bytes)
        reason = f"{_told(measured)}, limit {megabytes(limit_bytes)}"
        if outcome is Outcome.PASS and measured.lately_bytes > limit_bytes:
            lately = f"its last seconds have {megabytes(measured.lately_bytes)} more than the {self.baseline} ever had"
            reason += f"; but {lately}: a longer {self.recovery} would tell whether that is given back"
            return self._about(measured, Outcome.INCONCLUSIVE, reason, limit_bytes)
        if outcome is Outcome.INCONCLUSIVE:
            low, high = measured.interval_bytes
            settled = "a run without a restart" if measured.restarts or measured.went else f"a longer {self.recovery}"
            if measured.children_bytes:
                held = f"child processes that came later hold {megabytes(measured.children_bytes)}"
                settled = f"as {held}: {settled}, in which they may end,"
            reason += f"; {megabytes(low)} to {megabytes(high)} are possible, {settled} would tell"
            if measured.children_bytes:
                accepted = f"a limit_bytes of {math.ceil(high / 1e6):,} MB accepts them"
                reason += f"; where the service keeps so many by its own setting, {accepted}"
        return self._about(measured, outcome, reason, limit_bytes)

    def _about(self, measured: MemoryGain, outcome: Outcome, reason: str, limit_bytes: float) -> Finding:
        if measured.leak is not None and measured.leak.suspected:
            reason += f"; a leak is suspected: {measured.leak.reason}"
        return self.finding(
            outcome, reason, measured.growth_bytes, measured.interval_bytes, _evidence(measured), limit=limit_bytes
        )


def _told(measured: MemoryGain) -> str:
    assert measured.growth_bytes is not None
    assert measured.baseline_bytes is not None
    names = measured.processes or measured.went
    over = f"{len(names)} processes" if len(names) > 1 else names[0]
    compared = "less" if measured.growth_bytes < 0 else "more"
    text = f"{megabytes(abs(measured.growth_bytes))} {compared} than the {megabytes(measured.baseline_bytes)} before"
    came = f", without {len(measured.came)} that came later" if measured.came else ""
    anew = [str(each) if each.is_certain else f"possibly {each}" for each in measured.restarts]
    more = f" and {len(anew) - 3} times more" if len(anew) > 3 else ""
    restarted = f", growth before and after restarts added up: {', '.join(anew[:3])}{more}" if anew else ""
    return f"{text}, over {over}{came}{restarted}"


def _evidence(measured: MemoryGain) -> dict[str, Scalar]:
    evidence: dict[str, Scalar] = {}
    if measured.baseline_bytes is not None:
        evidence |= {"baseline (bytes)": measured.baseline_bytes, "end (bytes)": measured.end_bytes}
    for label in ("processes", "came", "went", "interrupted"):
        found: tuple[str, ...] = getattr(measured, label)
        if found:
            evidence[label] = ", ".join(found)
    if measured.restarts:
        evidence["restarts"] = len(measured.restarts)
    if measured.leak is not None:
        evidence["leak suspected, from the trend in the recovery"] = (
            f"{measured.leak.growth.value}: {measured.leak.reason}"
        )
    return evidence
