"""Requests of each phase in figures: how many, how many ok, and how slow."""

from __future__ import annotations

from dataclasses import dataclass

from harness.analysis import histogram, phases
from harness.recording import Phase, Recording
from reports import _quantity

HEADS = ("phase", "requests of", "requests", "ok", "errors", "p50", "p95", "p99", "max", "n")
MOST_NAMES = 12
_QUANTILES = (0.5, 0.95, 0.99, 1.0)


@dataclass(frozen=True)
class PhaseRow:
    phase: str
    name: str
    """Empty for the row of all requests together."""
    cells: tuple[str, ...]
    """In the order of ``HEADS`` after the first two."""


def rows(recording: Recording) -> list[PhaseRow]:
    """For each phase one row of all requests, then one for each name when there are several."""
    made = []
    for phase in recording.header.phases:
        label = f"{phase.name}, {phase.start_s} to {phase.end_s} s"
        named = _names(recording, phase)
        made.append(PhaseRow(label, "", _cells(phases.of_phase(recording, phase))))
        if len(named) > 1:
            made += [
                PhaseRow(label, name, _cells(phases.of_phase(recording, phase, name))) for name in named[:MOST_NAMES]
            ]
    return made


def left_out(recording: Recording) -> int:
    """How many request names have no row of their own in some phase, because there are too many."""
    return max((len(_names(recording, phase)) - MOST_NAMES for phase in recording.header.phases), default=0)


def _names(recording: Recording, phase: Phase) -> list[str]:
    counts: dict[str, int] = {}
    for piece in phases.slices_of(recording, phase):
        counts[piece.name] = counts.get(piece.name, 0) + piece.count
    return sorted(counts, key=lambda name: (-counts[name], name))


def _cells(tally: phases.Tally) -> tuple[str, ...]:
    ratio = _quantity.quantity(tally.error_ratio, "ratio")
    latencies = [
        _quantity.quantity(value_us / 1e6 if value_us is not None else None, "s")
        for value_us in histogram.quantiles_us(tally.latency, _QUANTILES)
    ]
    n = _quantity.count(histogram.total(tally.latency))
    return (_quantity.count(tally.intended), _quantity.count(tally.ok), ratio, *latencies, n)
