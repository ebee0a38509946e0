"""Why a request failed. ``outcome`` is what the recording counts it under (see harness/load/outcomes.py)."""

from __future__ import annotations

from json import JSONDecodeError

from harness.recording.values import SHED, SHED_WITHOUT_DELAY


class HttpError(Exception):
    """The answer is none that was expected: its status, its body, or the user's own check of it."""


class NotJsonError(HttpError, JSONDecodeError):
    """The body is not JSON, where whoever asked for it takes it for that."""

    outcome = "not JSON"
    counts_as_answer = False
    """Whether the request has failed by it: then it is the answer's fault, and no exception in the user's code."""


class UnexpectedStatusError(HttpError):
    """The status is not among the expected ones."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.outcome = f"http {status}"


class ShedError(HttpError):
    """The service has turned the request away, with a status that was declared as its way to do so."""

    def __init__(self, status: int, retry_after_s: float | None) -> None:
        super().__init__(f"status {status}")
        self.outcome = SHED if retry_after_s is not None else SHED_WITHOUT_DELAY
        self.retry_after_s = retry_after_s
        """How long the service asks to wait; None where it does not say."""


class TooManyRedirectsError(HttpError):
    """The target redirected more often than allowed; the response is the last redirect."""

    outcome = "too many redirects"


class ProtocolError(Exception):
    """The peer sent something that is not HTTP/1.1, or not what its headers say."""

    outcome = "malformed answer"


class TruncatedError(ProtocolError):
    """The peer closed after some of its answer, before all of it."""

    outcome = "truncated answer"


class TooLargeError(ProtocolError):
    """The answer is larger than this client takes: the limit protects the load generator's memory."""

    outcome = "answer too large"


class ContentEncodingError(ProtocolError):
    """The answer is encoded in a way that this client cannot undo, and that it did not ask for by itself."""

    outcome = "unknown content encoding"


class ConnectTimeoutError(TimeoutError):
    """No connection in time, including the TLS handshake."""

    outcome = "connect timeout"


class NoFreeConnectionError(TimeoutError):
    """As many connections as the user, or its class, may have were in use for too long: the target was not asked."""

    outcome = "no free connection"


class FirstByteTimeoutError(TimeoutError):
    """The request was sent, and not one byte of an answer came in time."""

    outcome = "first byte timeout"


class ResponseTimeoutError(TimeoutError):
    """No complete answer in time."""

    outcome = "timeout"


class StaleConnectionError(Exception):
    """An idle connection turned out to be closed before any byte of the request was sent. Never leaves the client."""
