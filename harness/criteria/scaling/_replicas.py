"""Supply: how many replicas were ready, and how many were wanted, as probes saw them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.analysis import generator
from harness.criteria._outcome import no_phase, with_remedy
from harness.criteria.scaling import _step_function as step_function
from harness.criteria.scaling._criterion import ReplicasCriterion
from harness.criteria.scaling._step_function import Sampled
from harness.recording import Recording

LARGEST_GAP_S = 5.0


@dataclass(frozen=True)
class Supply:
    """The step functions go from the beginning of the baseline to the end of the run."""

    source: str
    ready: Sampled
    wanted: Sampled | None
    """None where no probe knows it."""


@dataclass(frozen=True)
class Series:
    """The figures of one source of a probe, by the instants of its samples."""

    probe: str
    source: str
    ready: list[tuple[float, float]]
    wanted: list[tuple[float, float]]
    """Empty where the probe knows none."""


def measure_supply(recording: Recording, criterion: ReplicasCriterion) -> Supply | str:
    """Ready and wanted replicas, or in words why they are not known, with the remedy."""
    before = recording.phase(criterion.baseline)
    if before is None:
        return no_phase(recording, criterion.baseline)
    usable = list(_usable(recording, criterion))
    if not usable:
        return with_remedy(f"no ready replicas were sampled{_errors(recording, criterion)}", criterion.remedy)
    counted = usable[0]
    rivals = [other.source for other in usable if other.probe == counted.probe and other is not counted]
    if rivals:
        return (
            f"ready replicas of {counted.source} and of {', '.join(rivals)} were sampled: "
            f"let the probe {counted.probe} count one of them"
        )
    end_s = min(float(recording.header.planned_end_s), generator.last_trace_s(recording))
    if end_s <= before.end_s:
        return f"the run ended before the load rose, in the {criterion.baseline}"
    ready = step_function.sampled(counted.ready, float(before.start_s), end_s)
    if ready.longest_gap_s > LARGEST_GAP_S:
        unknown = f"the ready replicas of {counted.probe} {counted.source} were not known"
        return with_remedy(f"{unknown} for {ready.longest_gap_s:.0f} s of the run", criterion.remedy)
    wanted = next((each.wanted for each in usable if each.wanted), None)
    return Supply(
        f"{counted.probe} {counted.source}",
        ready,
        step_function.sampled(wanted, float(before.start_s), end_s) if wanted else None,
    )


def _counting(criterion: ReplicasCriterion) -> tuple[tuple[str, str, str], ...]:
    """Probes that can count, each with its figure for ready replicas and for the number wanted ("" where it knows
    none). Whoever spreads the requests is asked first: a replica that gets none is not ready, whatever its controller
    thinks. What a JSON page calls its numbers is for the scenario to say.
    """
    return (
        ("haproxy", "servers_up", ""),
        ("kubernetes", "ready", "desired"),
        *((("http_json", criterion.ready, criterion.wanted),) if criterion.ready else ()),
    )


def _usable(recording: Recording, criterion: ReplicasCriterion) -> Iterator[Series]:
    """Sources that have all the figures that are asked of their probe."""
    for probe, ready, wanted in _counting(criterion):
        for source in dict.fromkeys(sample.source for sample in recording.probes if sample.probe == probe):
            counted, asked_for = (_figures(recording, probe, source, key) for key in (ready, wanted))
            if counted and (asked_for or not wanted):
                yield Series(probe, source, counted, asked_for)


def _figures(recording: Recording, probe: str, source: str, key: str) -> list[tuple[float, float]]:
    return sorted(
        (sample.t, sample.values[key])
        for sample in recording.probes
        if (sample.probe, sample.source) == (probe, source) and key in sample.values
    )


def _errors(recording: Recording, criterion: ReplicasCriterion) -> str:
    """Why the probes that can count could not be read, in brackets; empty when they say nothing."""
    counting = {probe for probe, *_ in _counting(criterion)}
    failed = [sample for sample in recording.probes if sample.error is not None and sample.probe in counting]
    errors = {(one.probe, one.source): f"{one.source}: {one.error}" for one in failed}
    return f" ({'; '.join(errors.values())})" if errors else ""
