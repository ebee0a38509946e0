"""What a trace is read from: a file, or an address that load may go to (docs/safety.md)."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from harness.clients import connection_guard
from harness.clients.address import require_allowed, strip_url
from harness.clients.http_get import NoAnswerError, get
from harness.errors import ConfigurationError

MOST_BYTES = 64 * 1024 * 1024
TIMEOUT_S = 30.0


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
        why = _missing(url) if answer.status == 400 else ", and leads elsewhere" if answer.status // 100 == 3 else ""
        raise SourceError(f"it answers {answer.status}{why}; correct the address, or save the answer in a file")
    return answer.body


def _missing(url: str) -> str:
    """What Prometheus has to be told, and this address does not say."""
    parts = urlsplit(url)
    missing = [name for name in ("query", "start", "end", "step") if name not in parse_qs(parts.query)]
    if not missing or not parts.path.endswith("/query_range"):
        return ""
    return f", as the address has no {' and no '.join(f'{name}=' for name in missing)} (times in seconds since 1970)"
