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

from harness.recording.values import OK, SHED, SHED_WITHOUT_DELAY

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


HTTP2_ERRORS = (
    *("no error", "protocol error", "internal error", "flow control error", "settings timeout", "stream closed"),
    *("frame size error", "refused stream", "cancel", "compression error", "connect error", "enhance your calm"),
    *("inadequate security", "http 1.1 required"),
)
"""By their codes (RFC 9113, section 7)."""


def outcome_of(exception: BaseException | None, response: Any) -> str:
    """``ok``, ``http 503``, ``timeout``, ``connection refused`` …: few different values, whatever the target does.
    ``grpc unavailable`` and ``http/2 goaway, enhance your calm`` are those of clients that say so (grpcio, and httpx by
    way of h2).

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
        if said := _grpc_status(error) or _http2_event(error):
            return said
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


def _grpc_status(error: BaseException) -> str:
    """Of an error of grpcio, which is known by its ``code()``: the name of the status."""
    code = getattr(error, "code", None)
    if not callable(code) or not type(error).__module__.startswith("grpc"):
        return ""
    name = getattr(code(), "name", "unknown")
    return f"grpc {str(name).lower().replace('_', ' ')}"


def _http2_event(error: BaseException) -> str:
    """Of an error that has an event of h2 for its reason: the end of a stream, or of the connection, by the peer. Or
    of one of httpcore's, below httpx, which has one name for a peer that is gone and for one that speaks otherwise.
    """
    for event in error.args:
        what = {"StreamReset": "reset", "ConnectionTerminated": "goaway"}.get(type(event).__name__)
        code = getattr(event, "error_code", None)
        if what and code is not None:
            known = 0 <= int(code) < len(HTTP2_ERRORS)
            return f"http/2 {what}, {HTTP2_ERRORS[int(code)] if known else f'code {int(code)}'}"
    if type(error).__module__.startswith("httpcore") and type(error).__name__.endswith("ProtocolError"):
        return "connection reset" if str(error).startswith("Server disconnected") else "malformed answer"
    return ""


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
    try:
        headers = getattr(response, "headers", None) or {}
        text, sent = (str(headers.get(name) or "").strip() for name in ("Retry-After", "Date"))
    except Exception:  # none of HTTP: whatever it is that a user has called an answer
        return None
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
