"""Requests in figures, by phase and by name: how many, how many ok, and how slow. What fails comes first."""

from __future__ import annotations

from dataclasses import dataclass

from harness.analysis import histogram, phases
from harness.recording import Recording, Slice
from reports import _quantity

HEADS = ("phase", "requests of", "requests", "ok", "errors", "p50", "p95", "p99", "max", "n")
NAME_HEADS = ("requests of", "phase", *HEADS[2:], "most failed with")
MOST_NAMES = 12
"""Names in the table of the phases. Where there are more, all are in a table of their own …"""
WARM_UP = "warm-up, in no phase"
"""Stretch of the requests with which users got ready, and of whatever else was sent before the first phase."""
AFTERWARDS = "after the phases"
FIRST_NAMES = 5
"""… and only so many in that of the phases, those that failed first."""
_QUANTILES = (0.5, 0.95, 0.99, 1.0)


@dataclass(frozen=True)
class PhaseRow:
    phase: str
    name: str
    """Empty for the row of all requests together."""
    cells: tuple[str, ...]
    """In the order of ``HEADS`` after the first two."""
    has_failed: bool = False
    cause: str = ""
    """What most of those that failed have failed with."""


@dataclass(frozen=True)
class Table:
    """Rows of the phases, and one row for every name and phase."""

    phases: tuple[PhaseRow, ...]
    names: tuple[PhaseRow, ...]
    """Empty where the first table has them all already."""


def table(recording: Recording) -> Table:
    """For each phase one row of all requests, then, when there are several names, one for each of the first few; and
    where there are more names than that, one row for each name and phase, those that failed first.
    """
    of_phases: list[PhaseRow] = []
    of_names: list[tuple[tuple[float, str, int], PhaseRow]] = []
    grouped = _grouped(recording)
    phases_of = recording.header.phases
    stretches = [(each.name, f"{each.name}, {each.start_s} to {each.end_s} s") for each in phases_of]
    if WARM_UP in grouped:
        stretches.insert(0, (WARM_UP, WARM_UP))
    worst = _worst_ratio(grouped)
    most = MOST_NAMES if len(worst) <= MOST_NAMES else FIRST_NAMES
    for number, (short, label) in enumerate([*stretches, (AFTERWARDS, AFTERWARDS)]):
        named = grouped.get(short, {})
        if short == AFTERWARDS and not named:
            continue
        tallies = {name: phases.tally(tuple(pieces)) for name, pieces in named.items()}
        order = sorted(tallies, key=lambda name: (-tallies[name].failed, -tallies[name].intended, name))
        of_names += [((-worst[name], name, number), _row(short, name, tallies[name])) for name in order]
        if short == AFTERWARDS:
            continue
        every = phases.tally(tuple(piece for pieces in named.values() for piece in pieces))
        of_phases.append(_row(label, "", every))
        if len(order) > 1:
            of_phases += [_row(label, name, tallies[name]) for name in order[:most]]
    ordered = tuple(row for _, row in sorted(of_names, key=lambda each: each[0]))
    return Table(tuple(of_phases), ordered if len(worst) > MOST_NAMES else ())


def _grouped(recording: Recording) -> dict[str, dict[str, list[Slice]]]:
    """Slices by stretch and name, from one pass: there may be hundreds of names."""
    stretch_of = {t: phase.name for phase in recording.header.phases for t in range(phase.start_s, phase.end_s)}
    grouped: dict[str, dict[str, list[Slice]]] = {}
    for piece in (*recording.warm_up, *recording.slices):
        early = piece.warm_up or piece.t < 0
        stretch = WARM_UP if early else stretch_of.get(piece.t, AFTERWARDS)
        grouped.setdefault(stretch, {}).setdefault(piece.name, []).append(piece)
    return grouped


def _worst_ratio(grouped: dict[str, dict[str, list[Slice]]]) -> dict[str, float]:
    """Name → its largest error ratio in any phase."""
    worst: dict[str, float] = {}
    for named in grouped.values():
        for name, pieces in named.items():
            worst[name] = max(worst.get(name, 0.0), phases.tally(tuple(pieces)).error_ratio or 0.0)
    return worst


def _row(label: str, name: str, tally: phases.Tally) -> PhaseRow:
    ratio = _quantity.quantity(tally.error_ratio, "ratio")
    latencies = [
        _quantity.quantity(value_us / 1e6 if value_us is not None else None, "s")
        for value_us in histogram.quantiles_us(tally.latency, _QUANTILES)
    ]
    n = _quantity.count(histogram.total(tally.latency))
    cells = (_quantity.count(tally.intended), _quantity.count(tally.ok), ratio, *latencies, n)
    cause = next((f"{cause} ({_quantity.count(count)})" for cause, count in tally.causes.items()), "")
    return PhaseRow(label, name, cells, tally.failed > 0, cause)
