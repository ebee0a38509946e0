"""Requests in figures, by phase and by name: how many, how many ok, and how slow. What fails comes first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from harness.analysis import histogram, phases, tallies
from harness.recording import Recording, Slice
from reports import _quantity

HEADS = ("phase", "requests of", "requests", "ok", "errors", "p50", "p95", "p99", "max", "n", "statuses")
NAME_HEADS = ("requests of", "phase", *HEADS[2:], "most failed with")
MOST_NAMES = 12
"""Names in the table of the phases. Where there are more, all are in a table of their own …"""
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
    grouped = phases.by_phase_and_name(recording)
    added = phases.tallies_by_phase_and_name(recording)
    labels = {each.name: f"{each.name}, {each.start_s} to {each.end_s} s" for each in recording.header.phases}
    worst = _worst_ratio(added)
    most = MOST_NAMES if len(worst) <= MOST_NAMES else FIRST_NAMES
    for number, (short, named) in enumerate(grouped.items()):
        by_name = added[short]
        seen = {name: statuses(pieces) for name, pieces in named.items()}
        order = sorted(by_name, key=lambda name: (-by_name[name].failed, -by_name[name].intended, name))
        of_names += [((-worst[name], name, number), _row(short, name, by_name[name], seen[name])) for name in order]
        # Of hundreds of thousands of slices each histogram is added up once.
        lost = {
            name: tallies.tally(tuple(piece for piece in pieces if not phases.is_good_instant(piece)))
            for name, pieces in named.items()
            if phases.is_of_connection(name)
        }
        every = tuple(piece for pieces in named.values() for piece in pieces)
        together = tallies.merged({**by_name, **lost}.values())
        of_phases.append(_row(labels.get(short, short), "", together, statuses(every)))
        of_phases += [_row(labels.get(short, short), *each) for each in _by_class(every)]
        if len(order) > 1:
            of_phases += [_row(labels.get(short, short), name, by_name[name], seen[name]) for name in order[:most]]
    ordered = tuple(row for _, row in sorted(of_names, key=lambda each: each[0]))
    return Table(tuple(of_phases), ordered if len(worst) > MOST_NAMES else ())


def _by_class(pieces: Iterable[Slice]) -> Iterator[tuple[str, tallies.Tally, str]]:
    """The requests of each class of users, where they are kept apart."""
    of_class: dict[str, list[Slice]] = {}
    for piece in pieces:
        if piece.user_class and not phases.is_good_instant(piece):
            of_class.setdefault(piece.user_class, []).append(piece)
    for name, own in sorted(of_class.items()):
        yield f"{phases.OF_CLASS}{name}", tallies.tally(tuple(own)), statuses(own)


def statuses(pieces: Iterable[Slice]) -> str:
    """``200``, or ``200 (480), 503 (20)``; nothing where none is known."""
    counts = tallies.statuses(pieces)
    if len(counts) == 1:
        return str(next(iter(counts)))
    return ", ".join(f"{status} ({_quantity.count(count)})" for status, count in counts.items()) or _quantity.NOTHING


def names_with_several_statuses(recording: Recording) -> list[tuple[str, str, str]]:
    """(phase, name, statuses) for every phase of each name that was not answered with one status throughout."""
    grouped = phases.by_phase_and_name(recording)
    of_name: dict[str, set[int]] = {}
    for named in grouped.values():
        for name, pieces in named.items():
            of_name.setdefault(name, set()).update(tallies.statuses(pieces))
    return [
        (phase, name, statuses(pieces))
        for phase, named in grouped.items()
        for name, pieces in sorted(named.items())
        if len(of_name[name]) > 1 and tallies.statuses(pieces)
    ]


def _worst_ratio(added: dict[str, dict[str, tallies.Tally]]) -> dict[str, float]:
    """Name → its largest error ratio in any phase."""
    worst: dict[str, float] = {}
    for named in added.values():
        for name, tally in named.items():
            worst[name] = max(worst.get(name, 0.0), tally.error_ratio or 0.0)
    return worst


def _row(label: str, name: str, tally: tallies.Tally, seen: str) -> PhaseRow:
    ratio = _quantity.quantity(tally.error_ratio, "ratio")
    latency = {} if phases.is_of_connection(name) else tally.latency  # an instant has none
    latencies = [
        _quantity.quantity(value_us / 1e6 if value_us is not None else None, "s")
        for value_us in histogram.quantiles_us(latency, _QUANTILES)
    ]
    n = _quantity.count(histogram.total(latency))
    cells = (_quantity.count(tally.intended), _quantity.count(tally.ok), ratio, *latencies, n, seen)
    cause = next((f"{cause} ({_quantity.count(count)})" for cause, count in tally.causes.items()), "")
    return PhaseRow(label, name, cells, tally.failed > 0, cause)
