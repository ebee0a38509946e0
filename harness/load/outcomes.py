"""From an exception or an answer to a short cause that can be counted."""

from __future__ import annotations

import email.utils
import errno
import re
import socket
import ssl
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from harness.recording_values import OK, SHED, SHED_WITHOUT_DELAY

_BY_NUMBER = {
    errno.EMFILE: "no free descriptor",
    errno.ENFILE: "no free descriptor",
    errno.EADDRNOTAVAIL: "no free port",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
}
"""The first three are the generator's own limits, not the target's."""

_BY_TYPE: tuple[tuple[type[BaseException], str], ...] = (
    (TimeoutError, "timeout"),
    (ConnectionRefusedError, "connection refused"),
    (ConnectionResetError, "connection reset"),
    (BrokenPipeError, "connection reset"),
    (ConnectionAbortedError, "connection reset"),
    (ssl.SSLCertVerificationError, "tls certificate"),
    (ssl.SSLError, "tls"),
    (socket.gaierror, "name not resolved"),
)


def outcome_of(exception: BaseException | None, response: Any) -> str:
    """``ok``, ``http 503``, ``timeout``, ``connection refused`` …: few different values, whatever the target does.

    ``exception`` and ``response`` are those of Locust's ``request`` event, of any client.
    """
    if exception is None:
        return OK
    own_outcome = getattr(exception, "outcome", None)
    if isinstance(own_outcome, str):
        return own_outcome  # an error of our own clients, or the user's own word for an answer, whatever its status
    status = getattr(response, "status_code", None)
    if isinstance(status, int) and status >= 400:
        return f"http {status}"
    seen: set[int] = set()
    pending: list[BaseException] = [exception]
    while pending:
        error = pending.pop()
        if id(error) in seen:
            continue
        seen.add(id(error))
        own_outcome = getattr(error, "outcome", None)
        if isinstance(own_outcome, str):
            return own_outcome
        for kind, outcome in _BY_TYPE:
            if isinstance(error, kind):
                return outcome
        if isinstance(error, OSError) and error.errno in _BY_NUMBER:
            return _BY_NUMBER[error.errno]
        if "timeout" in type(error).__name__.lower():
            return "timeout"
        # requests and urllib3 hide the cause in their arguments, others in the chain.
        inner = [error.__cause__, error.__context__, getattr(error, "reason", None), *error.args]
        pending += [cause for cause in inner if isinstance(cause, BaseException)]
    if isinstance(status, int) and status > 0:
        return "wrong answer"
    return type(exception).__name__


@dataclass(frozen=True)
class ExpectedStatuses:
    """What counts as an answer to Locust's own clients, which take anything below 400 for one, a redirect too that was
    not followed.
    """

    statuses: Collection[int] = range(200, 300)
    shed: Collection[int] = ()
    """With which the service turns requests away on purpose."""

    def outcome(self, exception: BaseException | None, response: Any, status: int) -> str:
        """Of an answer with this status. What a user has said of it in a ``catch_response`` block stands."""
        said = getattr(response, "_manual_result", None)
        if said is True:
            return OK
        if said is None or said is False:
            if status in self.shed:
                return SHED if retry_after_s(response) is not None else SHED_WITHOUT_DELAY
            if status in self.statuses and (exception is None or status >= 400):
                return OK  # what they raise for a status of 400 and above is about the status
            if exception is None:
                return f"http {status}"
        return OK if exception is None else outcome_of(exception, response)


def retry_after_s(response: Any) -> float | None:
    """``Retry-After`` of an answer of any client, in seconds from now (RFC 9110, section 10.2.3: seconds, or a date);
    None without a valid one.
    """
    headers = getattr(response, "headers", None) or {}
    text, sent = (str(headers.get(name) or "").strip() for name in ("Retry-After", "Date"))
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    if not sent:
        return None
    try:
        # By the service's own clock.
        away = email.utils.parsedate_to_datetime(text) - email.utils.parsedate_to_datetime(sent)
        return max(0.0, away.total_seconds())
    except (ValueError, TypeError):
        return None
