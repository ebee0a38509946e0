"""Guard: nobody else took the CPU that the run needed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from harness.analysis import generator, machine
from harness.analysis.lazy import np
from harness.criteria._criterion import Guard
from harness.criteria._outcome import no_phase, percent, phases_under_load
from harness.findings import CLIENTS, TARGET, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.values import Scalar

ONLY_MACHINE = "machine that makes the load"
"""Where no other takes part, nobody speaks of a master."""
WINDOW_S = 5.0
"""Shorter bursts of others happen on every machine, and processes are sampled at instants a second apart."""
HYPERVISOR, OTHERS = "stolen by the hypervisor", "taken by other processes"
TOOK = {HYPERVISOR: "the hypervisor took", OTHERS: "other processes took"}
LEAST_TOLD = 0.001
"""Share of which nothing is said: the parts that are told add up to the figure, as it is shown."""


@dataclass(frozen=True)
class MachinePressure(Guard):
    """Guard: in the spike and after it, no machine of the run was short of CPU because of others.

    A load generator and a target that fill a machine by themselves are no reason. The figure is the largest share of a
    machine's CPUs, mean of any five seconds, that others took: the hypervisor (steal), and, where the machine was full
    (in one of these seconds less than 10 % idle), processes that are not of the run. That, or a quota of CPU time that
    is used up, slows down clients, and the target where it is on the same machine.
    """

    title = "CPU taken by others"
    unit = "ratio"
    guarded: ClassVar[tuple[str, ...]] = (CLIENTS, TARGET)
    of_generator = True

    limit: float = parameter(0.3, "largest share of a full machine's CPUs that others may take", highest=1)
    throttled_limit: float = parameter(0.25, "largest share of the periods with the quota of CPU used up", highest=1)
    phase: str = parameter("spike", "judged from the beginning of this phase")

    def judge(self, recording: Recording) -> Finding:
        stretch = phases_under_load(recording, self.phase)
        if not stretch:
            return self.inconclusive(no_phase(recording, self.phase))
        end_s = min(stretch[-1].end_s, generator.last_trace_s(recording))
        if end_s <= stretch[0].start_s:
            return self.inconclusive(f"the run ended before the {self.phase}")
        reasons: list[str] = []
        unknown: list[str] = []
        shares: list[float] = []
        evidence: dict[str, Scalar] = {}
        about_target = False
        machines = list(machine.machines(recording))
        for whole in machines:
            each = whole.between(stretch[0].start_s, end_s)
            called = machine.source(each.number) if len(machines) > 1 else ONLY_MACHINE
            found = list(self._objections(each, called, shares, evidence))
            reasons += found
            unknown += _unknown(each, called)
            about_target |= bool(found) and each.number == machine.MASTERS
        about_target &= machine.on_masters_machine(recording.header.target)
        if not evidence and not unknown:
            return self.inconclusive("no load process sampled its machine, so nobody knows who else was busy there")
        figure = max(shares, default=None)
        if not reasons:
            told = "; ".join([f"others took no more than {percent(self.limit)} of the CPUs of any machine", *unknown])
            return self.finding(Outcome.PASS, told, figure, evidence=evidence)
        remedy = "stop what else runs there, or use a machine on which nothing else runs"
        finding = self.finding(Outcome.INCONCLUSIVE, f"{'; '.join(reasons)}: {remedy}", figure, evidence=evidence)
        return dataclasses.replace(finding, voids=(CLIENTS, TARGET) if about_target else (CLIENTS,))

    def _objections(
        self, each: machine.Machine, called: str, shares: list[float], evidence: dict[str, Scalar]
    ) -> Iterator[str]:
        """What is wrong with one machine; adds what was found of it to ``shares`` and ``evidence``."""
        name = machine.source(each.number)
        was_full = each.means((each.idle_cores < machine.FULL_RATIO * each.cpus).astype(float), WINDOW_S) > 0
        others = np.maximum(0.0, each.means(each.others_cores / each.cpus, WINDOW_S))
        taken = {
            HYPERVISOR: each.means(each.steal_cores / each.cpus, WINDOW_S),
            OTHERS: np.where(was_full | np.isnan(others), others, 0.0),
        }
        known = np.any([np.isfinite(part) for part in taken.values()], axis=0)
        if known.any():
            total = sum((np.nan_to_num(part) for part in taken.values()), np.zeros(len(each.t)))
            at = int(np.argmax(np.where(known, total, -1.0)))
            shares.append(float(total[at]))
            parts = {cause: float(part[at]) for cause, part in taken.items() if np.isfinite(part[at])}
            evidence |= {f"{name}, {cause}": round(part, 4) for cause, part in parts.items()}
            if total[at] > self.limit:
                told = " and ".join(
                    f"{TOOK[cause]} {percent(part)}" for cause, part in parts.items() if part > LEAST_TOLD
                )
                when = f"{_when(each, at)}, limit {percent(self.limit)}"
                yield f"{told} of the {each.cpus[at]:.0f} CPUs of the {called} {when}"
        throttled = each.means(each.throttled_ratio, WINDOW_S)
        if np.isfinite(throttled).any():
            at = int(np.nanargmax(throttled))
            evidence[f"{name}, throttled"] = round(float(throttled[at]), 4)
            if throttled[at] > self.throttled_limit:
                told = f"was used up in {percent(throttled[at])} of its periods {_when(each, at)}"
                limit = percent(self.throttled_limit)
                yield f"the CPU quota of the load's cgroup on the {called} {told}, limit {limit}"


def _when(each: machine.Machine, at: int) -> str:
    return f"in the {WINDOW_S:.0f} s before {each.t[at]:.0f} s"


def _unknown(each: machine.Machine, called: str) -> Iterator[str]:
    """What could not be read, and was left out."""
    if each.untold:
        yield f"what others took of the {called} is not known ({each.untold})"
    if not np.isfinite(each.busy_cores).any():
        yield f"the CPU of the {called} was not read"
    if not np.isfinite(each.steal_cores).any():
        yield f"the {called} tells of no time stolen by a hypervisor"
    if not np.isfinite(each.throttled_ratio).any():
        yield f"the load's processes have no CPU quota on the {called}, or it cannot be read"
