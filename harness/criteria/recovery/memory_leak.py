"""Memory that goes on growing under steady load."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.criteria._criterion import Criterion
from harness.criteria._outcome import megabytes, no_phase
from harness.criteria.recovery._leak import Growth, LeakTest
from harness.criteria.recovery._memory import MemoryGain, growth
from harness.findings import TARGET, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.values import Scalar


@dataclass(frozen=True)
class MemoryLeak(Criterion):
    """The target's memory does not go on growing in the recovery phase, when the load is steady.

    See :mod:`harness.criteria.recovery._leak` for what proves a rise, and what makes it a leak. Under one load a rise
    is INCONCLUSIVE: a collector or a cache would rise just so. Another load or a time without tells them apart, where
    the run has one: given back is a PASS, the same bytes per request at both loads and not given back without load a
    FAIL. Beyond ``fail_above_bytes`` every rise is one. The figure is the rise, Theil–Sen slope × duration, the limit
    the least rise that matters. Of a process that was restarted each stretch is judged by itself.
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
        if measured.restarts:
            reason += f"; each time between restarts by itself (restarts: {len(measured.restarts)})"
        stopped = leak.growth is Growth.STOPPED
        return self.finding(
            outcome,
            reason,
            # Growth that has stopped is no leak, however large: its figure says nothing about the limit.
            None if stopped else leak.rise_bytes,
            None if stopped else leak.rise_interval_bytes,
            _evidence(measured, leak),
            limit=leak.needed_bytes,
        )

    def _measure(self, recording: Recording) -> MemoryGain:
        baseline, recovery = recording.phase(self.baseline), recording.phase(self.recovery)
        if baseline is None or recovery is None:
            return MemoryGain(None, no_phase(recording, self.recovery if baseline else self.baseline))
        return growth(recording, baseline, recovery)

    def _judged(self, leak: LeakTest) -> tuple[Outcome, str]:
        low = leak.rise_interval_bytes[0]
        if leak.growth.goes_on and 0 < self.fail_above_bytes < low:
            return Outcome.FAIL, f"{leak.reason}, at least {megabytes(low)}: a leak, or memory without a bound"
        match leak.growth:
            case Growth.NONE:
                return Outcome.PASS, f"no steady growth: {leak.reason}"
            case Growth.STOPPED:
                return Outcome.PASS, f"no leak: {leak.reason}"
            case Growth.PROVEN:
                return Outcome.FAIL, f"a leak: {leak.reason}"
            case Growth.SUSPECTED:
                settle = "whether it comes back would show in a longer run with a time without load"
                return Outcome.INCONCLUSIVE, f"a leak is suspected: {leak.reason}; {settle}"
            case Growth.RISING:
                settle = (
                    "a leak, a cache that fills and a collector that waits look the same here; what would tell: a phase"
                    f" of another load and one without any, or a {self.recovery} of {_rounded_s(leak.settled_by_s):,} s"
                )
                return Outcome.INCONCLUSIVE, f"memory goes on growing: {leak.reason}; {settle}"
        settle = f"a {self.recovery} of {_rounded_s(leak.settled_by_s):,} s would tell"
        return Outcome.INCONCLUSIVE, f"memory moves too much to tell: {leak.reason}; {settle}"


def _rounded_s(duration_s: float) -> int:
    """To whole tens of seconds, upwards."""
    return math.ceil(duration_s / 10) * 10


def _evidence(measured: MemoryGain, leak: LeakTest) -> dict[str, Scalar]:
    evidence: dict[str, Scalar] = {
        "duration (s)": leak.duration_s,
        "p of the trend": leak.trend.p if leak.trend else None,
        "segments of three that grow": leak.segments_growing,
        "processes": ", ".join(measured.processes),
    }
    if leak.duration_s:
        evidence["least rate that is seen (bytes per minute)"] = round(leak.needed_bytes / leak.duration_s * 60)
    return evidence
