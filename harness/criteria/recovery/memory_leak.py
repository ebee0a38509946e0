"""Memory that goes on growing under steady load."""

from __future__ import annotations

from dataclasses import dataclass

from harness.criteria._criterion import Criterion
from harness.criteria._outcome import megabytes, no_phase
from harness.criteria.recovery._leak import LeakTest
from harness.criteria.recovery._memory import Growth, growth
from harness.findings import TARGET, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording_values import Scalar


@dataclass(frozen=True)
class MemoryLeak(Criterion):
    """The target's memory does not go on growing in the recovery phase, when the load is steady.

    See :mod:`harness.criteria.recovery._leak` for what makes a leak suspected. Whether such memory comes back when
    the target is idle, one run cannot show, so a suspicion is INCONCLUSIVE, and a FAIL only beyond
    ``fail_above_bytes``. The figure is the rise, Theil–Sen slope × duration, the limit the least rise that matters.
    It is judged by default in every run that samples the target's processes; there it is left out where nothing was
    read, or where the recovery phase is too short to tell.
    """

    title = "memory leak of the target"
    unit = "bytes"
    evidence = TARGET

    fail_above_bytes: float = parameter(0.0, "a steady rise beyond this is a FAIL, come back or not; 0 for none")
    baseline: str = parameter("baseline", "phase in which the processes have to be there already")
    recovery: str = parameter("recovery", "phase of steady load in which memory should not grow")
    only_where_measured: bool = parameter(False, "left out where nothing was measured that could tell")

    def applies(self, recording: Recording) -> bool:
        measured = self._measure(recording)
        return not self.only_where_measured or (measured.leak is not None and measured.leak.suspected is not None)

    def judge(self, recording: Recording) -> Finding:
        measured = self._measure(recording)
        leak = measured.leak
        if leak is None or leak.suspected is None:
            return self.inconclusive(measured.reason if leak is None else leak.reason)
        outcome, reason = self._judged(leak)
        away = (*measured.went, *measured.interrupted)
        if away:
            reason += f"; {', '.join(away)} went away or could not be read, and may have hidden growth"
            if outcome is Outcome.PASS and not self.only_where_measured:
                outcome = Outcome.INCONCLUSIVE
        stopped = outcome is Outcome.PASS and _high(leak) > leak.needed_bytes
        return self.finding(
            outcome,
            reason,
            # Growth that has stopped is no leak, however large: its figure says nothing about the limit.
            None if stopped else leak.rise_bytes,
            None if stopped else leak.rise_interval_bytes,
            _evidence(measured, leak),
            limit=leak.needed_bytes,
        )

    def _measure(self, recording: Recording) -> Growth:
        baseline, recovery = recording.phase(self.baseline), recording.phase(self.recovery)
        if baseline is None or recovery is None:
            return Growth(None, no_phase(recording, self.recovery if baseline else self.baseline))
        return growth(recording, baseline, recovery)

    def _judged(self, leak: LeakTest) -> tuple[Outcome, str]:
        if leak.suspected and leak.rise_interval_bytes is not None:
            low = leak.rise_interval_bytes[0]
            if 0 < self.fail_above_bytes < low:
                return Outcome.FAIL, f"{leak.reason}, at least {megabytes(low)}: a leak, or memory without a bound"
            settle = "whether it comes back would show in a longer run with a time without load"
            return Outcome.INCONCLUSIVE, f"a leak is suspected: {leak.reason}; {settle}"
        if _high(leak) <= leak.needed_bytes:
            rise, least = megabytes(_high(leak)), megabytes(leak.needed_bytes)
            return Outcome.PASS, f"no steady growth: at most {rise} in {leak.duration_s:.0f} s, {least} would matter"
        if leak.has_stopped:
            return Outcome.PASS, f"no leak: {leak.reason}"
        return Outcome.INCONCLUSIVE, (
            f"memory moves too much to tell: {leak.reason}, but up to {megabytes(_high(leak))} is possible; "
            f"a longer {self.recovery} would tell"
        )


def _high(leak: LeakTest) -> float:
    return leak.rise_interval_bytes[1] if leak.rise_interval_bytes else 0.0


def _evidence(measured: Growth, leak: LeakTest) -> dict[str, Scalar]:
    evidence: dict[str, Scalar] = {
        "duration (s)": leak.duration_s,
        "p of the trend": leak.trend.p if leak.trend else None,
        "segments of three that grow": leak.segments_growing,
        "processes": ", ".join(measured.processes),
    }
    return evidence
