"""One line of a recording: its text from its dataclass, and back, with types and ranges checked.

The types are those of :mod:`harness.recording`, and this is the only place where they are checked: what comes out of
:func:`decode` needs no second look.
"""

from __future__ import annotations

import json
import sys
import zlib
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, fields
from functools import cache
from typing import Any, NoReturn, TypeAlias, get_type_hints

import msgspec
from msgspec.structs import astuple

from harness.recording import End, Line, Operation, Operations, ProbeSample, Slice, Slices, Unanswered, fields_of_slice
from harness.recording.blocks import Block, mismatch
from harness.recording.format_1 import upgraded
from harness.recording.header import Header
from harness.recording.marks import (
    AlertMark,
    AttemptsMark,
    BlockedMark,
    ExceptionMark,
    FaultMark,
    GateMark,
    HealthMark,
    Mark,
    NodeMark,
    StartsMark,
    TraceMark,
    UsersMark,
)
from harness.recording.slices import Packed
from harness.recording.values import Count, Second, Size

Decoded: TypeAlias = Header | Slice | Block | Unanswered | ProbeSample | Operations | Mark | End
"""A line with its slices as they are added up."""
LONGEST_LINE_BYTES = 64 * 1024 * 1024
"""No line is longer, nor what is packed in it: whatever is, is no recording of ours."""
_KINDS: Mapping[type, str] = {
    Header: "header",
    Slice: "slice",
    Slices: "slices",
    Unanswered: "unanswered",
    ProbeSample: "probe",
    Operations: "operations",
    End: "end",
}
_MARKS: Mapping[str, type[Mark]] = {
    "gate": GateMark,
    "health": HealthMark,
    "node": NodeMark,
    "fault": FaultMark,
    "alert": AlertMark,
    "exception": ExceptionMark,
    "blocked": BlockedMark,
    "starts": StartsMark,
    "attempts": AttemptsMark,
    "trace": TraceMark,
    "users": UsersMark,
}


class UnknownMarkError(ValueError):
    """A mark of a kind that is not known (any more): older versions had some of kind ``event``. It tells nothing that
    anything is judged by, so the recording is whole without it.
    """


class _Kind(msgspec.Struct):
    """What is looked at first, whatever else the line has."""

    kind: str
    mark: str = ""


class _SliceRow(msgspec.Struct, array_like=True):
    """A :class:`~harness.recording.Slice` among others in the file; its histograms are steps, see :class:`Packed`."""

    t: Second
    name: str
    outcome: str
    count: Count
    bytes: Size
    latency: list[Count]
    service: list[Count] | None = None
    starts: Count | None = None
    status: int = 0
    warm_up: bool = False
    node: str = ""
    wind_down: bool = False
    user_class: str = ""
    sizes: list[Count] | None = None
    media_type: str = ""


class _SliceRows(msgspec.Struct):
    """:class:`~harness.recording.Slices` in the file."""

    rows: bytes
    """A list of :class:`_SliceRow` as JSON, packed with zlib, in base64: a third of its length."""


def encode(line: Line) -> str:
    """One line of the file, with its newline and without a seal. All of it is ASCII."""
    # Only a header has dataclasses inside; for the rest a deep copy would cost more than the text.
    match line:
        case Header():
            fields_of_line = asdict(line)
        case Slice():
            fields_of_line = dict(zip(Slice.__slots__, fields_of_slice(line), strict=True))
        case _:
            fields_of_line = vars(line)
    if isinstance(line, Slices):
        text = _json([_row(piece) for piece in line.slices])
        fields_of_line = {"rows": b64encode(zlib.compress(text.encode())).decode()}
    if isinstance(line, Operations):
        # As rows in the order of the fields: there may be a hundred thousand of them.
        rows = [tuple(vars(operation).values()) for operation in line.operations]
        fields_of_line = {**fields_of_line, "operations": rows}
    return _json({"kind": _KINDS.get(type(line), "mark"), **fields_of_line}) + "\n"


def _json(body: object) -> str:
    text = json.dumps(body, separators=(",", ":"), allow_nan=False, default=_plain)
    if "\\ud" in text:  # half of a pair, as in a name that is no UTF-8, is no character, and could not be read back
        whole = json.dumps(body, ensure_ascii=False, default=_plain).encode("utf-8", "replace").decode()
        text = json.dumps(json.loads(whole), separators=(",", ":"))
    return text


def _plain(value: object) -> dict[int, int]:
    if isinstance(value, Packed):
        return dict(value.items())
    raise TypeError(f"{type(value).__name__} has no place in a recording")


def _row(piece: Slice) -> list[object]:
    """As a :class:`_SliceRow`, without what is at its end as it is when it is left out."""
    service = None if piece.service is None else Packed.of(piece.service).steps()
    latency = Packed.of(piece.latency).steps()
    row = [piece.t, piece.name, piece.outcome, piece.count, piece.bytes, latency, service]
    rest = [
        (piece.starts, None),
        (piece.status, 0),
        (piece.warm_up, False),
        (piece.node, ""),
        (piece.wind_down, False),
        (piece.user_class, ""),
        (None if piece.sizes is None else Packed.of(piece.sizes).steps(), None),
        (piece.media_type, ""),
    ]
    while rest and rest[-1][0] == rest[-1][1]:
        rest.pop()
    return [*row, *(value for value, _ in rest)]


def decode(text: str | bytes) -> Line:
    """The inverse of :func:`encode`. Unknown keys are ignored, so that a newer minor version can be read.

    Raises ValueError, with what is wrong and where, for anything that is not a line of a recording; UnknownMarkError
    for a mark of a kind that this version does not have.
    """
    line = decode_packed(text)
    return Slices(tuple(line.slices())) if isinstance(line, Block) else line


def decode_packed(text: str | bytes) -> Decoded:
    """The same with slices that were written together as they are added up."""
    try:
        if isinstance(text, bytes) and text.startswith(b'{"kind":"slice",'):
            return _slice(text)  # of an old recording there may be millions
        of = _KIND.decode(text)
        kind = of.mark if of.kind == "mark" else of.kind
        decoder = _decoders().get((of.kind == "mark", kind))
        if decoder is None:
            unknown = UnknownMarkError if of.kind == "mark" else ValueError
            raise unknown(f"unknown kind of {'mark' if of.kind == 'mark' else 'line'} {kind[:40]!r}")
        return decoder(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except (KeyError, TypeError, AttributeError) as error:  # of a header of format 1
        raise ValueError(f"{type(error).__name__}: {error}") from None


_KIND = msgspec.json.Decoder(_Kind)


@cache
def _decoders() -> Mapping[tuple[bool, str], Callable[[str | bytes], Decoded]]:
    """(is it a mark, its kind) → decoder. Made when first needed: load processes only encode."""
    plain = {"unanswered": Unanswered, "probe": ProbeSample, "end": End}
    return {
        **{(False, kind): msgspec.json.Decoder(cls).decode for kind, cls in plain.items()},
        **{(True, kind): msgspec.json.Decoder(cls).decode for kind, cls in _MARKS.items()},
        (False, "header"): _header,
        (False, "slice"): _slice,
        (False, "slices"): _block_decoder(),
        (False, "operations"): _operations_decoder(),
    }


def _header(text: str | bytes) -> Header:
    body: Any = msgspec.json.decode(text)
    header = msgspec.convert(upgraded(body) if body.get("format") == 1 else body, Header)
    asked = (each for spec in header.criteria for each in spec.parameters.items())
    for name, value in (*header.parameters.items(), *header.alerts.items(), *asked):
        if isinstance(value, int) and abs(value) > sys.float_info.max:
            _refuse(f"{name} is a number of {len(str(abs(value)))} digits")
    end_s = 0
    for phase in header.phases:
        if not end_s <= phase.start_s < phase.end_s:
            _refuse(f"phase {phase.name!r} is from {phase.start_s} to {phase.end_s} s, after one to {end_s} s")
        end_s = phase.end_s
    return header


_SLICE = msgspec.json.Decoder(Slice)


def _slice(text: str | bytes) -> Slice:
    piece = _SLICE.decode(text)
    each = (sum((of or {}).values()) for of in (piece.latency, piece.service, piece.sizes))
    timed, served, sized = each
    if problem := mismatch(piece, timed, timed if piece.service is None else served, sized):
        _refuse(problem)
    return piece


def _block_decoder() -> Callable[[str | bytes], Block]:
    as_written = msgspec.json.Decoder(_SliceRows).decode
    unpacked = msgspec.json.Decoder(list[_SliceRow]).decode

    def decoded(text: str | bytes) -> Block:
        try:
            inflate = zlib.decompressobj()
            packed = inflate.decompress(as_written(text).rows, LONGEST_LINE_BYTES)
        except zlib.error as error:
            _refuse(f"slices that cannot be unpacked: {error}")
        if not inflate.eof:
            _refuse("slices that are cut off, or longer than any that are written")
        rows = unpacked(packed)
        histograms = [row.latency for row in rows], [row.service for row in rows], [row.sizes for row in rows]
        return Block.of_rows(rows, *histograms)

    return decoded


def _operations_decoder() -> Callable[[str | bytes], Operations]:
    """In the file an operation is a row: its fields in their order."""
    row: Any = _row_type()
    of_file: dict[str, Any] = {**get_type_hints(Operations, include_extras=True), "operations": tuple[row, ...]}
    as_written: Any = msgspec.json.Decoder(msgspec.defstruct("_Operations", of_file.items())).decode

    def decoded(text: str | bytes) -> Operations:
        rows = as_written(text)
        operations = tuple(Operation(*astuple(row)) for row in rows.operations)
        return Operations(rows.node, rows.clock_uncertainty_s, operations)

    return decoded


def _row_type() -> Any:
    hints = get_type_hints(Operation, include_extras=True)
    entries = [(each.name, hints[each.name], each.default) for each in fields(Operation)]
    rows = [(name, kind) if default is MISSING else (name, kind, default) for name, kind, default in entries]
    return msgspec.defstruct("_Row", rows, array_like=True)


def _refuse(why: str) -> NoReturn:
    raise ValueError(why)
