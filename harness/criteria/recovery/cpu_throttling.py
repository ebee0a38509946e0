"""Containers of the target that had used up their CPU quota: why they were slow while the machine was not busy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.analysis import histogram, tallies
from harness.analysis.quota import Quota, quotas
from harness.criteria._criterion import Criterion
from harness.criteria._outcome import against, no_phase, percent, phases_from, seconds
from harness.findings import TARGET, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording, Slice
from harness.recording.header import Phase
from harness.recording.values import Scalar

WINDOW_S = 5.0
"""A share of fewer periods than these fifty would be that of a moment."""
EXPLAINS = 0.25
"""From this share on latency is told apart, as it was then and otherwise: the share at which Kubernetes' own alert
CPUThrottlingHigh is raised (kubernetes-mixin).
"""
LATEST_S = 15.0
"""A kubelet reads its containers every 10 s or so."""


@dataclass(frozen=True)
class CpuThrottling(Criterion):
    """From the spike on, no container of the target has to wait for CPU because its own quota is used up.

    The figure is the largest share, over all containers and any five seconds, of the quota's periods (0.1 s as a rule)
    in which it was used up. Where that was more than a quarter, the reason says how slow the requests were that began
    then, and all others: so it explains a latency that the machine's own CPU does not. A container without a quota is
    not throttled; one with a quota whose periods nobody counted leaves the finding INCONCLUSIVE, as does one of which
    nobody told whether it has a quota.
    Judged by default wherever periods were counted, and then with the limit 1: it explains, and fails no run. In a
    scenario that names it there is a limit to be met.
    https://docs.kernel.org/scheduler/sched-bwc.html
    """

    title = "CPU quota of the target's containers"
    unit = "ratio"
    evidence = TARGET

    limit: float = parameter(0.25, "largest share of the quota's periods with it used up", highest=1)
    phase: str = parameter("spike", "judged from the beginning of this phase")
    only_where_measured: bool = parameter(False, "left out where nothing was measured that could tell")

    def applies(self, recording: Recording) -> bool:
        return not self.only_where_measured or any(one.is_counted for one in quotas(recording))

    def judge(self, recording: Recording) -> Finding:
        stretch = phases_from(recording, self.phase)
        if not stretch:
            return self.inconclusive(no_phase(recording, self.phase))
        tell = [one for one in quotas(recording) if one.limit_cores is not None or one.is_counted]
        known = tell if self.only_where_measured else quotas(recording)
        if not known:
            return self.inconclusive(
                "no container was sampled; if the target runs in one, name it with --probe, and its CPU quota is "
                "judged, too"
            )
        start_s, end_s = stretch[0].start_s, stretch[-1].end_s
        worst = max(
            ((share, at_s, one) for one in known for at_s, share in one.shares(start_s, end_s, WINDOW_S)),
            key=lambda each: each[0],
            default=None,
        )
        doubts = list(_doubts(known, start_s, end_s))
        figure = None if worst is None else worst[0]
        if figure is None and (doubts or any(one.is_counted for one in known)):
            return self.inconclusive("; ".join(doubts) or f"the periods were not counted from the {self.phase} on")
        outcome = against(self.limit, (figure or 0.0,) * 2)
        if doubts and outcome is Outcome.PASS:
            outcome = Outcome.INCONCLUSIVE
        evidence: dict[str, Scalar] = {}
        if worst is None:
            told = f"none of {', '.join(one.source for one in known)} has a CPU quota"
        else:
            told = _worst(*worst) + _latencies(recording, known, stretch, evidence) + f", limit {percent(self.limit)}"
            evidence |= {f"{one.source}, throttled (s of CPU)": one.throttled_s(start_s, end_s) for one in known}
        return self.finding(outcome, "; ".join([told, *doubts]), figure or 0.0, (figure or 0.0,) * 2, evidence)


def _worst(share: float, at_s: float, one: Quota) -> str:
    if not share:
        return "no quota was used up in any period"
    cores = f" of {one.limit_cores:g} cores" if one.limit_cores else ""
    return (
        f"{one.source} had used up its quota{cores} in {percent(share)} of the periods in the {WINDOW_S:.0f} s before "
        f"{at_s:.0f} s"
    )


def _latencies(
    recording: Recording, known: Iterable[Quota], stretch: tuple[Phase, ...], evidence: dict[str, Scalar]
) -> str:
    """How slow requests were that began while a quota was used up, and the others of the run; empty without any."""
    throttled = {t for one in known for t in one.throttled_seconds(stretch[0].start_s, stretch[-1].end_s, EXPLAINS)}
    if not throttled:
        return ""
    groups: Mapping[bool, list[Slice]] = {True: [], False: []}
    for piece in recording.slices:
        groups[piece.t in throttled].append(piece)
    then, otherwise = (_p95_s(groups[is_then]) for is_then in (True, False))
    evidence |= {
        "seconds with a quarter of the periods throttled": len(throttled),
        "p95 of what began then (s)": then,
        "p95 of the rest (s)": otherwise,
    }
    if then is None:
        return ""
    rest = "" if otherwise is None else f", of the rest {seconds(otherwise)}"
    slower = otherwise is not None and then > otherwise
    remedy = ": more CPU for it, or fewer threads in it, would tell whether that is why" if slower else ""
    return f"; p95 of what began in the {len(throttled)} s in which that was so is {seconds(then)}{rest}{remedy}"


def _p95_s(pieces: list[Slice]) -> float | None:
    tally = tallies.tally(tuple(pieces))
    found = histogram.quantile_us(tally.latency, 0.95)
    return None if found is None else found / 1e6


def _doubts(known: Iterable[Quota], start_s: float, end_s: float) -> Iterable[str]:
    for one in known:
        if one.limit_cores is None and not one.is_counted:
            yield f"whether {one.source} has a CPU quota was not told: its probe gives no cpu_limit_cores"
        elif one.limit_cores and not one.is_counted:
            yield f"{one.source} has a quota of {one.limit_cores:g} cores, and its periods were not counted"
        elif one.is_counted and one.last_s < end_s - LATEST_S:
            yield f"{one.source} was not read after {max(one.last_s, start_s):.0f} s"
