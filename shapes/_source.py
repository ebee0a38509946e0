"""What a trace is read from: a file, or an address that load may go to (docs/safety.md)."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from harness.clients import connection_guard
from harness.clients.address import require_allowed, strip_url
from harness.clients.http_get import NoAnswerError, get
from harness.errors import ConfigurationError
from harness.safe_text import one_line

MOST_BYTES = 64 * 1024 * 1024
TIMEOUT_S = 30.0
LONGEST_REASON = 200
AS_IN = (
    "http://HOST:9090/api/v1/query_range?query=sum(rate(NAME[5m]))"
    "&start=2026-03-01T00:00:00Z&end=2026-03-29T00:00:00Z&step=300"
)
"""Four weeks, from which `springback learn` can tell how large a spike to expect; Prometheus answers with 11,000 values
at most.
"""


class SourceError(Exception):
    """It cannot be read; ``str()`` says why, with a remedy, and repeats nothing of what is in it."""


def is_url(name: str) -> bool:
    return "://" in name


def shown(name: str) -> str:
    """A name for messages and recordings: there may be a password or a token in an address."""
    return strip_url(name) if is_url(name) else name


def text_of(name: str) -> str:
    """Raises SourceError."""
    if is_url(name):
        data = _from_url(name)
    else:
        path = Path(name)
        try:
            if not path.is_file():  # a device, or a pipe that nobody writes to, has no end
                raise SourceError("not a file" if path.exists() else "no such file")
            if path.stat().st_size > MOST_BYTES:
                raise SourceError(f"larger than {MOST_BYTES // 2**20} MB; thin it out")
            data = path.read_bytes()
        except (OSError, ValueError) as error:  # ValueError: what is no path at all
            raise SourceError(f"cannot be read: {getattr(error, 'strerror', None) or 'not a path'}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeError:
        if data.startswith(b"\x1f\x8b"):
            raise SourceError("cannot be read: it is compressed; unpack it with gunzip") from None
        raise SourceError("cannot be read: not a CSV file in UTF-8") from None


def _from_url(url: str) -> bytes:
    """Only from this machine, or from a host that the operator has consented to for the whole process."""
    try:
        require_allowed(url, connection_guard.consented())
    except ConfigurationError as error:
        raise SourceError("; ".join(message.removeprefix(f"{shown(url)}: ") for message in error.messages)) from None
    try:
        answer = get(url, TIMEOUT_S, MOST_BYTES, accept="application/json, text/csv")
    except NoAnswerError as error:
        raise SourceError(f"{error}; correct the address, or save the answer in a file") from None
    if answer.status != 200:
        why = ", and leads elsewhere" if answer.status // 100 == 3 else _reason_of(answer.body, url)
        raise SourceError(
            f"it answers {answer.status}{why}; correct the address (of Prometheus, in quotes: {AS_IN}), or save the "
            "answer in a file"
        )
    return answer.body


def _reason_of(body: bytes, url: str) -> str:
    """Why Prometheus refuses a query, in its words, but for what the address asks; of another answer nothing is
    repeated.
    """
    try:
        told = json.loads(body)
        is_its_error = told["status"] == "error" and {"errorType", "error"} <= told.keys()
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
        return ""
    if not is_its_error:
        return ""
    reason = str(told["error"])
    for _, asked in parse_qsl(urlsplit(url).query):
        reason = reason.replace(asked, "…")
    return f" ({one_line(reason)[:LONGEST_REASON]})"
