"""Access logs whose lines are text: where in a line its time, method, target and status are.

One regular expression searches a whole piece of the file at once, which is what makes it fast. The target is taken up
to its question mark, and nothing else of the line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import NamedTuple

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
DATE = rb"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d"

COMMON_LINE = re.compile(rb'^[^\n"]*?\[(' + DATE + rb" [+-]\d{4})\] " + _REQUEST + rb" (\d{3})", re.MULTILINE)
_HAPROXY = re.compile(rb'^[^\n"]*?\[(' + DATE + rb')\.\d+\] \S+ \S+ [-+\d/]+ (-?\d+) [^\n"]*' + _REQUEST, re.MULTILINE)
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


FARTHEST_ZONE_S = 14 * 3600
"""That any time zone is away from UTC."""


def common_moment(text: bytes) -> Moment | None:
    """Of ``10/Oct/2000:13:55:36 -0700``, with or without the zone."""
    minute, seconds = _minute(text[:17], text[21:26]), int(text[18:20])
    return None if minute is None or seconds > 60 else Moment(minute.second + seconds, minute.zone)


@lru_cache(maxsize=4096)
def _minute(text: bytes, zone: bytes) -> Moment | None:
    """The beginning of ``10/Oct/2000:13:55``: of most minutes there are many lines."""
    hours, minutes = int(text[12:14]), int(text[15:17])
    try:
        day = date(int(text[7:11]), _MONTHS[text[3:6]], int(text[:2])).toordinal() - date(1970, 1, 1).toordinal()
    except (KeyError, ValueError):
        return None
    if hours > 23 or minutes > 59:
        return None
    second = day * DAY_S + hours * 3600 + minutes * 60
    if not zone:
        return Moment(second, None)
    offset_s = int(zone[1:3]) * 3600 + int(zone[3:5]) * 60
    if offset_s > FARTHEST_ZONE_S:
        return None
    return Moment(second - offset_s if zone[:1] == b"+" else second + offset_s, zone.decode())


def iso_moment(text: bytes) -> Moment | None:
    """Of ``2018-07-02T22:23:00`` with anything that may follow in ISO 8601."""
    try:
        moment = datetime.fromisoformat(text.decode())
    except ValueError:
        return None
    zone = moment.strftime("%z") or None
    return Moment(int((moment if zone else moment.replace(tzinfo=UTC)).timestamp()), zone)


COMMON = LogFormat(
    "nginx or Apache, common or combined", lambda piece: _status_last(COMMON_LINE.findall(piece)), common_moment
)
HAPROXY = LogFormat("HAProxy, HTTP", lambda piece: _status_second(_HAPROXY.findall(piece)), common_moment)
LOAD_BALANCER = LogFormat(
    "AWS load balancer",
    lambda piece: _status_second(_LOAD_BALANCER.findall(piece)),
    lambda text: iso_moment(text + b"+00:00"),
)
