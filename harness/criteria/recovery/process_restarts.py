"""Processes of the target that were started again while it was tested."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.analysis.gone import gone
from harness.analysis.processes import processes
from harness.analysis.restarts import Ended, Restart, ended, oom_kills, restarts
from harness.criteria._criterion import Criterion
from harness.criteria._outcome import against
from harness.findings import TARGET, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.values import Scalar

MOST_LISTED = 5


@dataclass(frozen=True)
class ProcessRestarts(Criterion):
    """No process of the target crashed, was killed, or was started again.

    The probe ``process`` tells by pid and create time, probes of containers by when these were started; where neither
    is told, memory that falls at once to where it began may be a restart. A container that did not run when the run
    ended, as whoever runs it says, counts as well. Left out of the count, and said: restarts after a fault of ours
    that struck it. Not counted: replicas that are added and taken away. What may be a restart is in the interval's
    upper end only: a worker in whose place another came, a process that could not be read any more at the end, one
    that the kernel killed for want of memory in the target's cgroup.
    """

    title = "restarts of the target's processes"
    unit = "restarts"
    evidence = TARGET

    limit: int = parameter(0, "restarts that are accepted", lowest=0)
    only_where_measured: bool = parameter(False, "left out where nothing was measured that could tell")

    def applies(self, recording: Recording) -> bool:
        return not self.only_where_measured or any(one.is_identified for one in processes(recording).values())

    def judge(self, recording: Recording) -> Finding:
        known = processes(recording)
        if not known:
            return self.inconclusive("no process of the target was sampled, so nobody knows whether one was restarted")
        found = restarts(recording)
        expected: list[Restart | Ended] = [each for each in found if each.fault]
        certain = [each for each in found if each.is_certain and not each.fault]
        possible = [each for each in found if not each.is_certain and not each.fault]
        stopped = ended(recording)
        silent = gone(recording)
        unidentified = [one.source for one in known.values() if not one.is_identified]
        kills = max(0, oom_kills(recording) - sum(each.is_oom for each in found))
        least = sum(each.times for each in certain) + sum(not each.fault for each in stopped)
        most = least + len(possible) + len(silent) + kills
        outcome = against(self.limit, (least, most))
        doubts = []
        if possible:
            doubts.append(f"possibly {_listed(possible)}")
        if silent:
            told = ", ".join(f"{source} since {since_s:.0f} s" for source, since_s in silent)
            doubts.append(f"{told} ended or could not be read any more; the log of its supervisor tells")
        if kills:
            doubts.append(f"{kills} killed for want of memory in the target's cgroup, which others may share")
        if unidentified and outcome is Outcome.PASS:
            outcome, most = Outcome.INCONCLUSIVE, max(most, self.limit + 1)
            doubts.append(f"of {', '.join(unidentified)} neither pid nor create time was sampled, so restarts hide")
        crashed = [each for each in stopped if not each.fault]
        said = [
            f"{sum(each.times for each in certain)} restarted: {_listed(certain)}" if certain else "",
            f"{len(crashed)} ended and did not run again: {_listed(crashed)}" if crashed else "",
            *doubts,
        ]
        if expected := [*expected, *(each for each in stopped if each.fault)]:
            said.append(f"as was to be expected, {_listed(expected)}")
        reason = "; ".join(each for each in said if each) or f"none, over {_names(known)}"
        evidence: dict[str, Scalar] = {"processes": ", ".join(known), "oom kills": oom_kills(recording)}
        return self.finding(outcome, reason, least, (least, most), evidence)


def _names(known: Iterable[str]) -> str:
    names = list(known)
    return names[0] if len(names) == 1 else f"{len(names)} processes"


def _listed(found: Iterable[Restart | Ended]) -> str:
    told = [str(each) for each in found]
    more = [f"{len(told) - MOST_LISTED} more"] if len(told) > MOST_LISTED else []
    return ", ".join([*told[:MOST_LISTED], *more])
