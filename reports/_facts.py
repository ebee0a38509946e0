"""What the run was: scenario, shape, target, nodes, versions, and what a reader must know besides."""

from __future__ import annotations

from harness.analysis import traces
from harness.analysis.amplification import by_phase
from harness.findings import Verdict
from harness.recording import Recording
from harness.recording.header import Header
from harness.recording.values import Scalar
from reports import _quantity

NO_LIMITS = ("remedy", "only_where_measured")
"""Parameters of criteria that say nothing to a reader: what a reason advises, and when the harness itself adds one."""


def facts(recording: Recording) -> list[tuple[str, str]]:
    """(name, value) in the order of reading; the values are raw text, to be escaped by the format."""
    header, end = recording.header, recording.end
    rows = [
        ("scenario", header.scenario),
        ("shape", header.shape),
        *((f"shape: {key}", _scalar(value)) for key, value in header.parameters.items()),
        ("phases", ", ".join(f"{p.name} {p.start_s} to {p.end_s} s" for p in header.phases) or _quantity.NOTHING),
        ("target", target(header)),
        ("load processes", str(header.nodes)),
        *((name, value) for name, value in version(header) if value),
        ("started", started(recording)),
        ("ended", _ending(recording)),
        *(("to be stopped early when", rule) for rule in header.stop_when),
    ]
    if end is not None:
        unfinished = _quantity.count(end.unfinished)
        rows.append(("requests", f"{_quantity.count(end.requests)} ended, {unfinished} unfinished"))
    rows += amplification(recording)
    rows += slowest_traces(recording)
    rows += [
        (f"health {mark.when} the load", f"{mark.check}: {'ok' if mark.ok else 'NOT ok'} {mark.detail}".rstrip())
        for mark in recording.health
    ]
    rows += [(key, value) for key, value in header.environment.items()]
    for spec in header.criteria:
        if given := {name: value for name, value in spec.parameters.items() if name not in NO_LIMITS}:
            rows.append((f"criterion {spec.criterion}", ", ".join(f"{k} = {_value(v)}" for k, v in given.items())))
    rows += [("note", note) for note in header.notes]
    return rows + [("damage", damage) for damage in recording.damage]


def _value(value: Scalar | tuple[Scalar, ...]) -> str:
    return ", ".join(map(_scalar, value)) if isinstance(value, tuple) else _scalar(value)


def slowest_traces(recording: Recording) -> list[tuple[str, str]]:
    """(phase, its slowest traced requests with their trace ids); empty where none was traced."""
    return [
        (
            f"slowest traces, {phase}",
            "; ".join(
                f"{mark.trace_id} {_quantity.quantity(mark.latency_us / 1e6, 's')} {mark.name} ({mark.outcome})"
                for mark in marks
            ),
        )
        for phase, marks in traces.slowest(recording).items()
    ]


def amplification(recording: Recording) -> list[tuple[str, str]]:
    """(phase, how many attempts there were for each request); empty where no user tries again."""
    return [
        (
            f"amplification, {phase}",
            f"{_quantity.number(each.ratio, 3) if each.ratio is not None else _quantity.NOTHING} "
            f"({_quantity.count(each.attempts)} attempts, {_quantity.count(each.requests)} requests)",
        )
        for phase, each in by_phase(recording).items()
    ]


def notes(recording: Recording, verdict: Verdict) -> list[str]:
    """What stands under the verdict: its notes, and damage to the recording unless they say it already."""
    said = " ".join(verdict.notes)
    return [*verdict.notes, *(f"Recording: {damage}." for damage in recording.damage if damage not in said)]


def target(header: Header) -> str:
    """Its address, and whether it was the demo."""
    address = header.target or _quantity.NOTHING
    return f"the built-in demo at {address}" if header.reference_target else address


def version(header: Header) -> list[tuple[str, str]]:
    """Of what was tested; empty values where nobody says."""
    return [("branch", header.branch), ("commit", header.commit), ("tags", ", ".join(header.tags))]


def started(recording: Recording) -> str:
    """``2026-03-14 09:26:53 UTC``."""
    text = recording.header.started_utc
    return text.removesuffix("Z").replace("T", " ") + " UTC" if text.endswith("Z") else text


def _ending(recording: Recording) -> str:
    end = recording.end
    if end is None:
        return "not recorded: the run was cut off"
    return f"{end.reason}, {_quantity.instant(end.t)} after the start of the first phase"


def _scalar(value: Scalar) -> str:
    if value is None:
        return _quantity.NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else _quantity.number(float(value), 9)
