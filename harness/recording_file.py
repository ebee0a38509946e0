"""The file of a recording: JSON lines, written one at a time, and read back whole or torn."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar, cast

from harness.recording import (
    FORMAT,
    AlertMark,
    CriterionSpec,
    End,
    ExceptionMark,
    FaultMark,
    FaultPlan,
    GateMark,
    Header,
    HealthMark,
    Line,
    Mark,
    NodeMark,
    Operation,
    Operations,
    Phase,
    PlannedGate,
    ProbeSample,
    Recording,
    Slice,
    StartsMark,
    Unanswered,
)
from harness.recording_format_1 import upgraded

FILE_NAME = "recording.jsonl"
READABLE = range(1, FORMAT + 1)

_T = TypeVar("_T")
_MARKS: dict[str, type[Mark]] = {
    "gate": GateMark,
    "health": HealthMark,
    "node": NodeMark,
    "fault": FaultMark,
    "alert": AlertMark,
    "exception": ExceptionMark,
    "starts": StartsMark,
}


class RecordingError(Exception):
    """The file is missing, is no recording, or of a format that this version cannot read. Says the remedy."""


class UnknownMarkError(ValueError):
    """A mark of a kind that is not known (any more): older versions had some of kind ``event``. It tells nothing that
    anything is judged by, so the recording is whole without it.
    """


def encode(line: Line) -> str:
    """One line of the file, with its newline."""
    kinds = {
        Header: "header",
        Slice: "slice",
        Unanswered: "unanswered",
        ProbeSample: "probe",
        Operations: "operations",
        End: "end",
    }
    # Only a header has dataclasses inside; for the rest a deep copy would cost more than the text.
    fields_of_line = asdict(line) if isinstance(line, Header) else vars(line)
    if isinstance(line, Operations):
        # As rows in the order of the fields: there may be a hundred thousand of them.
        rows = [tuple(vars(operation).values()) for operation in line.operations]
        fields_of_line = {**fields_of_line, "operations": rows}
    body = {"kind": kinds.get(type(line), "mark"), **fields_of_line}
    return json.dumps(body, separators=(",", ":"), allow_nan=False) + "\n"


def decode(text: str) -> Line:
    """The inverse of :func:`encode`. Unknown keys are ignored, so that a newer minor version can be read.

    Raises ValueError, KeyError or TypeError for anything that is not a line of a recording; UnknownMarkError for a mark
    of a kind that this version does not have.
    """
    body = json.loads(text)
    if not isinstance(body, dict):
        raise ValueError("not an object")
    kind = body.pop("kind", None)
    match kind:
        case "header":
            return _header(upgraded(body) if body.get("format") == 1 else body)
        case "slice":
            service = body.get("service")
            return _make(Slice, body, latency=_sparse(body["latency"]), service=service and _sparse(service))
        case "unanswered":
            return Unanswered(body["node"], tuple((int(t), *rest) for t, *rest in body["requests"]))
        case "probe":
            return _make(ProbeSample, body)
        case "operations":
            return _make(Operations, body, operations=tuple(Operation(*row) for row in body["operations"]))
        case "mark" if body.get("mark") == "gate":
            return _make(GateMark, body, sent_us=tuple(body["sent_us"]))
        case "mark" if body.get("mark") == "starts":
            waits = {kind: _sparse(counts) for kind, counts in body.get("waits", {}).items()}
            busy = {kind: (int(count), float(seconds)) for kind, (count, seconds) in body.get("busy", {}).items()}
            return _make(StartsMark, body, waits=waits, busy=busy)
        case "mark":
            if body["mark"] not in _MARKS:
                raise UnknownMarkError(f"unknown kind of mark {body['mark']!r}")
            return _make(_MARKS[body["mark"]], body)
        case "end":
            return _make(End, body)
    raise ValueError(f"unknown kind of line {kind!r}")


def read(path: Path) -> Recording:
    """Reads a recording, or the directory that holds one.

    A torn last line is dropped and said in ``damage``; so is any other line that cannot be read, and whatever follows
    a second header.
    Raises RecordingError when there is no usable header.
    """
    if path.is_dir():
        path = path / FILE_NAME
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise RecordingError(
            f"{path}: cannot be read ({error.strerror}). Name a run directory or its {FILE_NAME}."
        ) from None
    return parse(raw.decode("utf-8", errors="replace").splitlines(keepends=True), str(path))


def parse(lines: Iterable[str], source: str) -> Recording:
    """Builds a Recording from the lines of a file; see :func:`read`."""
    header: Header | None = None
    end: End | None = None
    slices: list[Slice] = []
    warm_up: list[Slice] = []
    unanswered: dict[str, Unanswered] = {}
    probes: list[ProbeSample] = []
    operations: list[Operations] = []
    marks: list[Mark] = []
    damage: list[str] = []
    for number, text in enumerate(lines, start=1):
        try:
            if not text.endswith("\n"):
                raise ValueError("cut off")
            line = decode(text)
        except UnknownMarkError:
            continue
        except (ValueError, KeyError, TypeError, AttributeError):
            torn = "is cut off" if not text.endswith("\n") else "cannot be read"
            damage.append(f"line {number} {torn} and was left out")
            continue
        match line:
            case Header() if header is not None:
                damage.append(f"line {number} begins another recording, and was left out with all that follows")
                break
            case Header():
                header = line
            case Slice():
                (warm_up if line.warm_up else slices).append(line)
            case Unanswered():
                unanswered[line.node] = line
            case ProbeSample():
                probes.append(line)
            case Operations():
                operations.append(line)
            case End():
                end = line
            case _:
                marks.append(line)
    if header is None:
        raise RecordingError(f"{source}: no header line, so this is not a recording of Springback.")
    if header.format not in READABLE:
        raise RecordingError(
            f"{source}: format {header.format}, but this version reads format {FORMAT} and older ones. "
            "Use the version of Springback that made it."
        )
    for last in unanswered.values():
        slices += [
            Slice(t, last.node, name, outcome, count, 0, {}, None, starts)
            for t, name, outcome, count, starts in last.requests
        ]
    return Recording(
        header,
        tuple(slices),
        tuple(probes),
        tuple(marks),
        end,
        tuple(operations),
        tuple(damage),
        tuple(warm_up),
    )


def _header(body: dict[str, Any]) -> Header:
    return _make(
        Header,
        body,
        phases=tuple(_make(Phase, phase) for phase in body["phases"]),
        level=tuple((float(t), float(level)) for t, level in body["level"]),
        gates=tuple(_make(PlannedGate, gate) for gate in body["gates"]),
        criteria=tuple(_make(CriterionSpec, spec) for spec in body["criteria"]),
        faults=tuple(_make(FaultPlan, plan) for plan in body.get("faults", ())),
        notes=tuple(body.get("notes", ())),
    )


def _sparse(body: Mapping[str, int]) -> dict[int, int]:
    return {int(index): int(count) for index, count in body.items()}


def _make(cls: type[_T], body: Mapping[str, Any], **converted: Any) -> _T:
    known = {entry.name for entry in fields(cast(Any, cls))}
    return cls(**{**{key: value for key, value in body.items() if key in known}, **converted})
