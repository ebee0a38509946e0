"""Access logs in JSON, a line an object: nginx, Caddy, Traefik, cloud services, and lines of other logs in an envelope.

The fields are found by their names in the first line, and of all others only these are decoded, many lines in one call.
Lines that are unlike are looked at one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter
from typing import Any

import msgspec

from harness.learn.log_lines import COMMON_LINE, DATE, LogFormat, Moment, Request, common_moment, iso_moment
from shapes._times import unit_of

TIMES = ("time", "timestamp", "@timestamp", "ts", "time_iso8601", "msec", "time_local", "StartUTC", "start_time")
METHODS = ("method", "request_method", "RequestMethod", "requestMethod", "http_method", "verb")
TARGETS = ("uri", "request_uri", "path", "RequestPath", "url", "requestUrl", "target", "request_path")
STATUSES = ("status", "status_code", "statusCode", "DownstreamStatus", "response_code", "OriginStatus")
REQUESTS = ("request", "httpRequest", "req", "http")
"""Where the method and the target may stand together: an object, or a text like ``GET / HTTP/1.1``."""
WRAPPED = ("log", "message", "msg")
"""Where a line of another log may stand, as Docker and collectors of logs keep it."""
ANSWERS = ("response", "res", "httpRequest", "http")
FIRST_LINES, BLOCK_LINES = 100, 256

Value = str | int | float | None
Place = tuple[str, ...]
"""A field, by its name, or by those of an object and of a field in it."""
Fields = tuple[Place | None, ...]
"""Time, method, target, request text, status and envelope; None for what there is not."""
STATUS, ENVELOPE = 4, 5


class _UnlikeError(Exception):
    """A line that is not like the first one."""


def requests(piece: bytes) -> list[Request]:
    """Of all lines that are such objects, in their order."""
    found = filter(None, map(_fields_of_line, piece.split(b"\n", FIRST_LINES)[:FIRST_LINES]))
    fields = next((each for each in found if each[STATUS] is not None or each[ENVELOPE] is not None), None)
    return _one_by_one(piece) if fields is None else _together(fields, piece)


def _together(fields: Fields, piece: bytes) -> list[Request]:
    try:
        return _reader(fields)(piece)
    except (msgspec.DecodeError, _UnlikeError, AttributeError, UnicodeError, RecursionError):
        lines = piece.split(b"\n")
        if len(lines) <= BLOCK_LINES:
            return _one_by_one(piece)
        starts = range(0, len(lines), BLOCK_LINES)
        return [each for at in starts for each in _together(fields, b"\n".join(lines[at : at + BLOCK_LINES]))]


def _one_by_one(piece: bytes) -> list[Request]:
    found: list[Request] = []
    for line in piece.split(b"\n"):
        told = _object(line)
        fields = _fields(told) if told is not None else None
        if told is not None and fields is not None:
            found.append(_request(*(_at(told, place) for place in fields)))
    return found


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        told = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def _fields_of_line(line: bytes) -> Fields | None:
    told = _object(line)
    return None if told is None else _fields(told)


def _fields(told: dict[str, Any]) -> Fields | None:
    """Where in an object everything is; None where it is no request."""
    time = _first(told, TIMES)
    if time is None:
        return None
    method, target = _first(told, METHODS), _first(told, TARGETS)
    text: Place | None = None
    if method is None:
        for name in WRAPPED:
            inner = told.get(name)
            if isinstance(inner, str) and COMMON_LINE.match(inner.encode(errors="replace")):
                return None, None, None, None, None, (name,)
    for name in REQUESTS if method is None or target is None else ():
        inner = told.get(name)
        if isinstance(inner, str):
            text = (name,)
        elif isinstance(inner, dict):
            method = method or _first(inner, METHODS, name)
            target = target or _first(inner, TARGETS, name)
        else:
            continue
        break
    if text is None and (method is None or target is None):
        return None
    inside = ((inner, name) for name in ANSWERS if isinstance(inner := told.get(name), dict))
    status = _first(told, STATUSES) or next(
        filter(None, (_first(inner, STATUSES, name) for inner, name in inside)), None
    )
    return (time, None, None, text, status, None) if text else (time, method, target, None, status, None)


def _first(told: dict[str, Any], names: tuple[str, ...], *outer: str) -> Place | None:
    return next(((*outer, name) for name in names if isinstance(told.get(name), str | int | float)), None)


def _at(told: dict[str, Any], place: Place | None) -> Value:
    value: Any = told
    for name in place or ():
        value = value[name]
    return None if place is None else value


@lru_cache(maxsize=64)
def _reader(fields: Fields) -> Callable[[bytes], list[Request]]:
    """Reads lines with just these fields, all in one call. Raises _UnlikeError and others for a line without them."""
    decoder: Any = msgspec.json.Decoder(_structure(fields))
    if fields[ENVELOPE] is not None:
        return lambda piece: _unwrapped(decoder.decode_lines(piece))
    named = [f"f{number}" if place is None or len(place) == 1 else f"o_{_plain(place[0])}.f{number}"
             for number, place in enumerate(fields)]  # fmt: skip
    values = attrgetter(*named)

    def read(piece: bytes) -> list[Request]:
        rows = list(map(values, decoder.decode_lines(piece)))
        if any(row[STATUS] is None for row in rows):  # it may be called otherwise there
            raise _UnlikeError
        return [_request(*row) for row in rows]

    return read


def _structure(fields: Fields) -> type[msgspec.Struct]:
    """A class with an attribute for each field; the others are skipped when it is decoded."""
    inner: dict[str, list[Any]] = {}
    outer: list[Any] = []
    for number, place in enumerate(fields):
        if place is None:
            outer.append((f"f{number}", None, msgspec.field(default=None, name=f"-{number}")))
        elif len(place) == 1:
            outer.append((f"f{number}", Value, msgspec.field(default=None, name=place[0])))
        else:
            inner.setdefault(place[0], []).append((f"f{number}", Value, msgspec.field(default=None, name=place[1])))
    for name, own in inner.items():
        made = msgspec.defstruct(f"Inner{_plain(name)}", own)
        outer.append((f"o_{_plain(name)}", made | None, msgspec.field(default=None, name=name)))
    return msgspec.defstruct("Line", outer)


def _plain(name: str) -> str:
    return re.sub(r"\W", "_", name)


def _unwrapped(rows: list[Any]) -> list[Request]:
    texts = [row.f5.removesuffix("\n") for row in rows]
    found = COMMON_LINE.findall("\n".join(texts).encode())
    if len(found) != len(texts) or any("\n" in text for text in texts):
        raise _UnlikeError
    return [Request(*groups) for groups in found]


def _request(time: Value, method: Value, target: Value, text: Value, status: Value, line: Value) -> Request:
    """Raises _UnlikeError where something is missing."""
    if line is not None:
        found = COMMON_LINE.match(str(line).encode(errors="replace"))
        assert found is not None, "else it would have been taken for no envelope"
        return Request(*(group or b"" for group in found.groups()))
    if text is not None:
        method, _, rest = str(text).partition(" ")
        target = rest.partition(" ")[0]
    if time is None or method is None or target is None:
        raise _UnlikeError
    path, query, _ = str(target).partition("?")
    if not (_is_method(str(method)) and path):
        method = path = query = ""
    return Request(
        _second(time),
        str(method).encode(errors="replace"),
        path.encode(errors="replace"),
        query.encode(),
        str("" if status is None else status).encode(errors="replace"),
    )


@lru_cache(maxsize=1024)
def _is_method(text: str) -> bool:
    return text.isascii() and text.isalpha() and text.isupper()


def _second(time: str | int | float) -> bytes:
    """Without its fraction, so that lines of one second have one text."""
    if isinstance(time, str):
        return (_FRACTION.sub("", time) if "." in time else time).encode(errors="replace")
    try:
        return b"%d" % int(time / unit_of(time)[0])
    except (OverflowError, ValueError):
        return b""


_FRACTION = re.compile(r"(?<=:\d\d)\.\d+")
_COMMON_ALONE = re.compile(DATE + rb"(?: [+-]\d{4})?")


def moment(text: bytes) -> Moment | None:
    """Of a time in ISO 8601, as the common format has it, or in seconds, milliseconds and finer since 1970."""
    if _COMMON_ALONE.fullmatch(text):
        return common_moment(text)
    try:
        value = float(text)
    except ValueError:
        return iso_moment(text)
    return Moment(int(value / unit_of(value)[0]), "+0000") if 0 <= value < 1e20 else None


JSON = LogFormat("JSON, an object a line", requests, moment)
