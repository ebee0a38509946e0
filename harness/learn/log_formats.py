"""The access logs that are known: what of a line is its time, its method, its target and its status.

A line is searched by one regular expression for a whole piece of the file at once, which is what makes it fast. Of the
target nothing from the question mark on is taken, of the rest of the line nothing at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

DAY_S = 86_400


class Request(NamedTuple):
    """What is taken of a line. Empty texts where it has no request, as a connection that sent nothing."""

    time: bytes
    method: bytes
    target: bytes
    """Up to the question mark."""
    query: bytes
    """``?`` where there was one, never what follows it."""
    status: bytes


class Moment(NamedTuple):
    second: int
    """Since 1970, in UTC, or in the log's own time where it has no zone."""
    zone: str | None
    """As it is written; None where there is none."""


@dataclass(frozen=True)
class LogFormat:
    title: str
    requests: Callable[[bytes], Sequence[Request]]
    """Those of all lines of a piece that are of this format, in their order."""
    moment: Callable[[bytes], Moment | None]
    """None where it is no time."""


_REST = rb'(?:[^"\\\n]|\\[^\n])*'
_REQUEST = rb'"(?:([A-Z]{3,20}) ([^ "?\n]*)(\??)' + _REST + rb"|" + _REST + rb')"'
_DATE = rb"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d"

_COMMON = re.compile(rb'^[^\n"]*?\[(' + _DATE + rb" [+-]\d{4})\] " + _REQUEST + rb" (\d{3})", re.MULTILINE)
_HAPROXY = re.compile(rb'^[^\n"]*?\[(' + _DATE + rb')\.\d+\] \S+ \S+ [-+\d/]+ (-?\d+) [^\n"]*' + _REQUEST, re.MULTILINE)
_LOAD_BALANCER = re.compile(
    rb"^(?:[a-z0-9]{2,5} )?(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d+Z (?:[^\s\"]+ ){6}(\d{3}|-) (?:[^\s\"]+ ){3}"
    + _REQUEST,
    re.MULTILINE,
)


def _status_last(found: Sequence[tuple[bytes, ...]]) -> Sequence[Request]:
    return found  # type: ignore[return-value]  # tuples in the order of a Request, and there are millions


def _status_second(found: Sequence[tuple[bytes, ...]]) -> Sequence[Request]:
    return [Request(time, method, target, query, status) for time, status, method, target, query in found]


_MONTHS = {
    name: number for number, name in enumerate(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), start=1)
}


@lru_cache(maxsize=4096)
def _day(text: bytes) -> int | None:
    """Of ``10/Oct/2000``, the second at which it begins."""
    try:
        year, month, day = int(text[7:11]), _MONTHS[text[3:6]], int(text[:2])
        return (date(year, month, day).toordinal() - date(1970, 1, 1).toordinal()) * DAY_S
    except (KeyError, ValueError):
        return None


def _common_moment(text: bytes) -> Moment | None:
    """Of ``10/Oct/2000:13:55:36 -0700``, with or without the zone."""
    day_s, hours, minutes, seconds = _day(text[:11]), int(text[12:14]), int(text[15:17]), int(text[18:20])
    if day_s is None or hours > 23 or minutes > 59 or seconds > 60:
        return None
    second = day_s + hours * 3600 + minutes * 60 + seconds
    zone = text[21:26].decode()
    if not zone:
        return Moment(second, None)
    offset_s = int(zone[1:3]) * 3600 + int(zone[3:5]) * 60
    return Moment(second - offset_s if zone[0] == "+" else second + offset_s, zone)


def _iso_moment(text: bytes) -> Moment | None:
    """Of ``2018-07-02T22:23:00`` with anything that may follow in ISO 8601."""
    try:
        moment = datetime.fromisoformat(text.decode())
    except ValueError:
        return None
    zone = moment.strftime("%z") or None
    return Moment(int((moment if zone else moment.replace(tzinfo=UTC)).timestamp()), zone)


_COMMON_ALONE = re.compile(_DATE + rb"(?: [+-]\d{4})?")


def _any_moment(text: bytes) -> Moment | None:
    """As JSON has it: ISO 8601, as the common format has it, or seconds, milliseconds and finer since 1970."""
    if _COMMON_ALONE.fullmatch(text):
        return _common_moment(text)
    try:
        value = float(text)
    except ValueError:
        return _iso_moment(text)
    size = next((size for least, size in ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3)) if value >= least), 1.0)
    return Moment(int(value / size), "+0000") if 0 <= value < 1e20 else None


# JSON, a line an object

TIMES = ("time", "timestamp", "@timestamp", "ts", "time_iso8601", "msec", "time_local", "StartUTC", "start_time")
METHODS = ("method", "request_method", "RequestMethod", "requestMethod", "http_method", "verb")
TARGETS = ("uri", "request_uri", "path", "RequestPath", "url", "requestUrl", "target", "request_path")
STATUSES = ("status", "status_code", "statusCode", "DownstreamStatus", "response_code", "OriginStatus")
REQUESTS = ("request", "httpRequest", "req", "http")
"""Where the method and the target may stand together: an object, or a text like ``GET / HTTP/1.1``."""
WRAPPED = ("log", "message", "msg")
ANSWERS = ("response", "res", "httpRequest", "http")


def _json_requests(piece: bytes) -> list[Request]:
    decode = msgspec.json.decode
    found: list[Request] = []
    for line in piece.split(b"\n"):
        try:
            told = decode(line)
        except (msgspec.DecodeError, RecursionError):
            continue
        if isinstance(told, dict) and (request := _of_object(told)) is not None:
            found.append(request)
    return found


def _of_object(told: dict[str, Any]) -> Request | None:
    time = _first(told, TIMES)
    if time is None:
        return None
    method, target, status = _first(told, METHODS), _first(told, TARGETS), _first(told, STATUSES)
    if method is None:
        for name in WRAPPED:  # a line of another log, as Docker and collectors of logs keep it
            inner = told.get(name)
            if isinstance(inner, str) and (found := _COMMON.match(inner.encode(errors="replace"))):
                return Request(*(group or b"" for group in found.groups()))
    for name in REQUESTS if method is None or target is None else ():
        inner = told.get(name)
        if isinstance(inner, str):
            words = inner.split(" ")
            method, target = (words[0], words[1]) if len(words) > 1 else ("", "")
        elif isinstance(inner, dict):
            method = _first(inner, METHODS) if method is None else method
            target = _first(inner, TARGETS) if target is None else target
        else:
            continue
        break
    if method is None or target is None:
        return None
    for name in ANSWERS if status is None else ():
        inner = told.get(name)
        if isinstance(inner, dict) and (status := _first(inner, STATUSES)) is not None:
            break
    path, query, _ = str(target).partition("?")
    named = str(method)
    if not (named.isascii() and named.isalpha() and named.isupper() and path):
        named = path = query = ""
    return Request(*(text.encode(errors="replace") for text in (str(time), named, path, query, str(status or ""))))


def _first(told: dict[str, Any], names: tuple[str, ...]) -> Any:
    for name in names:
        value = told.get(name)
        if isinstance(value, str | int | float):
            return value
    return None


COMMON = LogFormat(
    "nginx or Apache, common or combined", lambda piece: _status_last(_COMMON.findall(piece)), _common_moment
)
HAPROXY = LogFormat("HAProxy, HTTP", lambda piece: _status_second(_HAPROXY.findall(piece)), _common_moment)
LOAD_BALANCER = LogFormat(
    "AWS load balancer",
    lambda piece: _status_second(_LOAD_BALANCER.findall(piece)),
    lambda text: _iso_moment(text + b"+00:00"),
)
JSON = LogFormat("JSON, an object a line", _json_requests, _any_moment)

FORMATS = (COMMON, HAPROXY, LOAD_BALANCER, JSON)
KNOWN = "; ".join(each.title for each in FORMATS)


def best(lines: Sequence[bytes]) -> tuple[LogFormat, int]:
    """The format of which most of the lines are, and how many."""
    counted = [(each, len(each.requests(b"\n".join(lines)))) for each in FORMATS]
    return max(counted, key=lambda pair: pair[1])


def misses(of: LogFormat, lines: Sequence[bytes]) -> Iterator[int]:
    """The places of the lines that are not of the format; empty lines are passed over."""
    return (place for place, line in enumerate(lines) if line.strip() and not of.requests(line))
