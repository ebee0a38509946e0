"""``verdict.json``: the verdict for programs.

Strictly valid JSON. ``format`` is raised when a key changes its meaning or goes away; new keys do not raise it. A
number that is not finite is never written as a number: a figure or limit becomes ``null``; an open end of an interval
is ``null`` with its flag ``low_open`` or ``high_open`` set (``never recovered in 60 s`` is ``{"low": 60.0, "low_open":
false, "high": null, "high_open": true, "beyond": false}``), and ``beyond`` says that even the lower end is +infinity,
because too many failed for a quantile to have a bound; in ``evidence`` it becomes the string ``"inf"``, ``"-inf"`` or
``"nan"``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from harness.analysis import phases, tallies, traces
from harness.analysis.alert_episodes import Episode
from harness.analysis.alerts import episodes
from harness.analysis.amplification import by_phase
from harness.findings import Basis, Finding, Outcome, Verdict
from harness.recording import Recording
from harness.recording.values import Scalar

FILE_NAME = "verdict.json"
FORMAT = 1

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


def render(recording: Recording, verdict: Verdict) -> str:
    header = recording.header
    end = recording.end
    body: dict[str, Json] = {
        "format": FORMAT,
        "outcome": verdict.outcome.value,
        "exit_code": verdict.exit_code,
        "reason": verdict.reason,
        "scenario": header.scenario,
        "shape": header.shape,
        "target": header.target,
        "reference_target": header.reference_target,
        "started_utc": header.started_utc,
        "branch": header.branch,
        "commit": header.commit,
        "tags": list(header.tags),
        "load_began": bool(recording.slices or (end and end.completed)),
        "stopped_early": verdict.stopped_early,
        "completed": bool(end and end.completed),
        "end_reason": end.reason if end else None,
        "notes": list(verdict.notes),
        "damage": list(recording.damage),
        "findings": [finding(each) for each in verdict.findings],
        "parts": {part: outcome.value for part, outcome in verdict.parts.items()},
        "statuses": _statuses(recording),
        "amplification": [
            {"phase": phase, "attempts": each.attempts, "requests": each.requests, "ratio": each.ratio}
            for phase, each in by_phase(recording).items()
        ],
        "traces": [
            {
                "phase": phase,
                "trace_id": mark.trace_id,
                "name": mark.name,
                "outcome": mark.outcome,
                "t_s": mark.t,
                "latency_s": mark.latency_us / 1e6,
            }
            for phase, marks in traces.slowest(recording).items()
            for mark in marks
        ],
        "alerts": [_alert(episode) for episode in episodes(recording)],
    }
    return json.dumps(body, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def events(recording: Recording, verdict: Verdict, files: Sequence[Path]) -> Iterator[str]:
    """One line of JSON for each finding, and one, the last, for the verdict."""
    for each in verdict.findings:
        body = finding(each)
        assert isinstance(body, dict)
        yield json.dumps({"event": "finding", **body}, allow_nan=False)
    told: dict[str, Json] = {
        "event": "verdict",
        "outcome": verdict.outcome.value,
        "exit_code": verdict.exit_code,
        "stopped_early": verdict.stopped_early,
        "reason": verdict.reason,
        "scenario": recording.header.scenario,
        "target": recording.header.target,
        "files": [str(path) for path in files],
    }
    yield json.dumps(told, allow_nan=False)


def finding(finding: Finding) -> Json:
    return {
        "criterion": finding.criterion,
        "kind": finding.kind,
        "title": finding.title,
        "outcome": finding.outcome.value,
        "reason": finding.reason,
        "figure": _finite(finding.figure),
        "unit": finding.unit,
        "limit": _finite(finding.limit),
        "interval": _interval(finding.interval),
        "basis": finding.basis.value,
        "confidence": finding.confidence,
        "censored": finding.censored,
        "evidence": {str(key): _scalar(value) for key, value in finding.evidence.items()},
        "is_guard": finding.is_guard,
        "voids": list(finding.voids),
        "voided_by": finding.voided_by,
        "part": finding.part,
    }


def finding_of(body: Mapping[str, Any]) -> Finding:
    """From an object of ``findings``. Raises KeyError, TypeError or ValueError for what is none."""
    bounds = body["interval"]
    confidence = body.get("confidence")
    return Finding(
        criterion=str(body["criterion"]),
        title=str(body["title"]),
        outcome=Outcome(body["outcome"]),
        reason=str(body["reason"]),
        figure=_number(body["figure"]),
        unit=str(body["unit"]),
        limit=_number(body["limit"]),
        interval=None if bounds is None else _bounds(bounds),
        basis=Basis(body.get("basis", Basis.MEASURED.value)),
        confidence=None if confidence is None else float(confidence),
        evidence={str(key): value for key, value in dict(body["evidence"]).items()},
        kind=str(body.get("kind", "")),
        censored=bool(body.get("censored", False)),
        voids=tuple(map(str, body.get("voids", ()))),
        voided_by=None if body.get("voided_by") is None else str(body["voided_by"]),
        is_guard=bool(body["is_guard"]),
        part=str(body.get("part", "")),
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _bounds(body: Mapping[str, Any]) -> tuple[float, float]:
    low = math.inf if body.get("beyond") else -math.inf if body["low_open"] else float(body["low"])
    return low, math.inf if body["high_open"] else float(body["high"])


def _statuses(recording: Recording) -> Json:
    """One entry for each phase, the warm-up and what came afterwards, by request name, of answers with a status:
    ``{"phase": "spike", "name": "GET /", "statuses": {"200": 480, "503": 20}}``.
    """
    return [
        {"phase": phase, "name": name, "statuses": {str(status): count for status, count in counts.items()}}
        for phase, named in phases.by_phase_and_name(recording).items()
        for name, pieces in sorted(named.items())
        if (counts := tallies.statuses(pieces))
    ]


def _alert(episode: Episode) -> Json:
    return {
        "alert": episode.alert,
        "start_s": episode.start_s,
        "end_s": episode.end_s,
        "worst": _finite(episode.worst.figure),
        "unit": episode.worst.unit,
        "limit": episode.worst.limit,
        "detail": episode.worst.detail,
    }


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _interval(bounds: tuple[float, float] | None) -> Json:
    if bounds is None:
        return None
    low, high = bounds
    return {
        "low": _finite(low),
        "low_open": not math.isfinite(low),
        "high": _finite(high),
        "high_open": not math.isfinite(high),
        "beyond": low == math.inf,
    }


def _scalar(value: Scalar) -> Json:
    if value is None or isinstance(value, str | bool):
        return value
    if not math.isfinite(value):
        return str(float(value))
    return int(value) if isinstance(value, int) else float(value)
