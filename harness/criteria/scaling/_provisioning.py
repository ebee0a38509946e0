"""The judgement that under- and over-provisioning share."""

from __future__ import annotations

from collections.abc import Callable

from harness.criteria._outcome import against, percent
from harness.criteria.scaling import _elasticity as elasticity
from harness.criteria.scaling._elastic import about, bracket
from harness.criteria.scaling._step_function import Provisioning, instability, provisioning
from harness.findings import Finding, Outcome
from harness.recording import Recording


def judged(
    recording: Recording,
    baseline: str,
    capacity_per_s: float,
    limit: float,
    figure: Callable[[Provisioning], float],
    time_share: Callable[[Provisioning], float],
    words: str,
) -> Finding:
    """A finding without its name and title; ``words`` says what the figure counts."""
    measured = elasticity.measure(recording, baseline, capacity_per_s)
    if isinstance(measured, str):
        return Finding("", "", Outcome.INCONCLUSIVE, measured, unit="ratio", limit=limit)
    ready = measured.ready
    point = provisioning(measured.demand, ready.middle)
    # Small demand with many ready, and large demand with few: one end has the least missing, the other the least idle.
    ends = provisioning(measured.least_demand, ready.high), provisioning(measured.demand, ready.low)
    low, high = sorted(figure(end) for end in ends)
    outcome = against(limit, (low, high))
    stretch_s = ready.middle.end_s - ready.middle.start_s
    told = f"{percent(figure(point))} {words} on average over {stretch_s:.0f} s ({percent(low)} to {percent(high)})"
    told += f", limit {percent(limit)}; {bracket(measured)}"
    if outcome is Outcome.INCONCLUSIVE:
        told += "; a longer run would settle it" if measured.capacity.given else "; --capacity-per-replica settles it"
    return Finding(
        criterion="",
        title="",
        outcome=outcome,
        reason=told,
        figure=figure(point),
        unit="ratio",
        limit=limit,
        interval=(low, high),
        evidence={
            "share of the time": percent(time_share(point)),
            "seconds in which demand and supply moved apart": percent(instability(measured.demand, ready.middle)),
            **about(measured),
        },
    )
