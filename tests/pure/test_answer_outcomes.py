"""From an exception or an answer to the cause that is counted: whatever a client says, few words, and none of them OK
that is none. Clients are stood in for by objects of the same names.
"""

from __future__ import annotations

import errno
import socket
import ssl
from types import SimpleNamespace
from typing import Any

import pytest

from harness.load.outcomes import HTTP2_ERRORS, ExpectedStatuses, outcome_of, retry_after_s
from harness.recording.values import OK, SHED, SHED_WITHOUT_DELAY


def error_of(module: str, name: str, *args: object, **attributes: object) -> Exception:
    made: Exception = type(name, (Exception,), {"__module__": module})(*args)
    for each, value in attributes.items():
        setattr(made, each, value)
    return made


def caused(by: BaseException, how: str, *args: object) -> Exception:
    error = RuntimeError(*args)
    setattr(error, how, by)
    return error


def event(name: str, code: object) -> object:
    made = type(name, (), {})()
    made.error_code = code
    return made


def coded(code: object) -> dict[str, object]:
    return {"code": lambda: code}


REFUSED, LATE = ConnectionRefusedError(), TimeoutError()


@pytest.mark.parametrize(
    ("exception", "outcome"),
    [
        (OSError(errno.EMFILE, ""), "no free descriptor"),
        (OSError(errno.ENFILE, ""), "no free descriptor"),
        (OSError(errno.EADDRNOTAVAIL, ""), "no free port"),
        (OSError(errno.EHOSTUNREACH, ""), "unreachable"),
        (OSError(errno.ENETUNREACH, ""), "unreachable"),
        (OSError(errno.EIO, ""), "OSError"),
        (ConnectionAbortedError(), "connection reset"),
        (ssl.SSLCertVerificationError(), "tls certificate"),
        (ssl.SSLError(), "tls"),
        (socket.gaierror(), "name not resolved"),
        (error_of("httpx", "PoolTimeout"), "timeout"),
        (caused(REFUSED, "__cause__"), "connection refused"),
        (caused(REFUSED, "__context__"), "connection refused"),
        (caused(REFUSED, "reason"), "connection refused"),
        (RuntimeError("lost", REFUSED), "connection refused"),
        (RuntimeError("lost", "refused"), "RuntimeError"),
        (caused(error_of("ours", "Wrong", outcome="no rows"), "__cause__"), "no rows"),
        (error_of("ours", "Wrong", outcome=7), "Wrong"),
        (error_of("grpc._channel", "RpcError", **coded(SimpleNamespace(name="DEADLINE_EXCEEDED"))),
         "grpc deadline exceeded"),
        (error_of("grpc", "RpcError", **coded(None)), "grpc unknown"),
        (error_of("other", "RpcError", **coded(SimpleNamespace(name="ABORTED"))), "RpcError"),
        (error_of("grpc", "RpcError", code=3), "RpcError"),
        (RuntimeError(event("StreamReset", 7)), "http/2 reset, refused stream"),
        (RuntimeError(event("ConnectionTerminated", 11)), "http/2 goaway, enhance your calm"),
        (RuntimeError(event("StreamReset", 0)), "http/2 reset, no error"),
        (RuntimeError(event("StreamReset", 13)), "http/2 reset, http 1.1 required"),
        (RuntimeError(event("StreamReset", 14)), "http/2 reset, code 14"),
        (RuntimeError(event("StreamReset", -1)), "http/2 reset, code -1"),
        (RuntimeError(event("StreamReset", None)), "RuntimeError"),
        (RuntimeError(event("PingReceived", 7)), "RuntimeError"),
        (RuntimeError(event("PingReceived", 7), event("StreamReset", 8)), "http/2 reset, cancel"),
        (error_of("httpcore", "RemoteProtocolError", "Server disconnected without an answer"), "connection reset"),
        (error_of("httpcore", "RemoteProtocolError", "illegal header line"), "malformed answer"),
        (error_of("httpcore", "ReadError", "Server disconnected"), "ReadError"),
        (error_of("other", "RemoteProtocolError", "Server disconnected"), "RemoteProtocolError"),
    ],
)  # fmt: skip
def test_a_failure_has_a_short_cause_wherever_it_is_hidden(exception: BaseException, outcome: str) -> None:
    assert outcome_of(exception, None) == outcome


def test_codes_of_http_2_are_those_of_rfc_9113() -> None:
    assert (len(HTTP2_ERRORS), HTTP2_ERRORS.index("cancel"), HTTP2_ERRORS.index("enhance your calm")) == (14, 8, 11)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(400, "http 400"), (599, "http 599"), (399, "wrong answer"), (1, "wrong answer"), (0, "KeyError"),
     ("503", "KeyError"), (None, "KeyError")],
)  # fmt: skip
def test_the_status_of_an_error_is_its_cause_and_of_another_that_the_answer_is_wrong(
    status: object, outcome: str
) -> None:
    assert outcome_of(KeyError("x"), SimpleNamespace(status_code=status)) == outcome
    assert outcome_of(None, SimpleNamespace(status_code=status)) == OK, "where nobody objects"


def test_of_a_wrong_answer_whose_error_has_a_cause_that_is_told() -> None:
    assert outcome_of(caused(LATE, "__cause__"), SimpleNamespace(status_code=200)) == "timeout"
    assert outcome_of(caused(LATE, "__cause__"), SimpleNamespace(status_code=503)) == "http 503"


@pytest.mark.parametrize(
    ("said", "exception", "status", "outcome"),
    [
        (None, None, 200, OK),
        (None, None, 299, OK),
        (None, None, 199, "http 199"),
        (None, None, 300, "http 300"),
        (False, None, 204, OK),
        (True, None, 500, OK),
        (True, LATE, 0, OK),
        (None, LATE, 0, "timeout"),
        (None, KeyError(), 200, "wrong answer"),
        (None, KeyError(), 404, "http 404"),
        (KeyError(), None, 500, OK),
        (KeyError(), KeyError(), 200, "wrong answer"),
        (KeyError(), KeyError(), 503, "http 503"),
    ],
)  # fmt: skip
def test_what_counts_as_an_answer_unless_its_user_has_said_so(
    said: object, exception: BaseException | None, status: int, outcome: str
) -> None:
    response = SimpleNamespace(_manual_result=said, status_code=status)
    assert ExpectedStatuses().outcome(exception, response, status) == outcome
    if said is None:
        assert ExpectedStatuses().outcome(exception, SimpleNamespace(status_code=status), status) == outcome


@pytest.mark.parametrize(
    ("exception", "status", "outcome"),
    [(None, 404, OK), (KeyError(), 404, OK), (KeyError(), 400, OK), (KeyError(), 399, "wrong answer"),
     (None, 200, "http 200"), (None, 403, "http 403"), (KeyError(), 403, "http 403")],
)  # fmt: skip
def test_of_an_expected_status_the_client_s_own_objection_to_it_is_none(
    exception: BaseException | None, status: int, outcome: str
) -> None:
    """What Locust's clients raise for 400 and above is about the status; below it is about something else."""
    expected = ExpectedStatuses({399, 400, 404})
    assert expected.outcome(exception, SimpleNamespace(status_code=status), status) == outcome


@pytest.mark.parametrize(
    ("said", "headers", "outcome"),
    [(None, {"Retry-After": "3"}, SHED), (False, {"Retry-After": "0"}, SHED), (None, {}, SHED_WITHOUT_DELAY),
     (None, {"Retry-After": "soon"}, SHED_WITHOUT_DELAY), (True, {}, OK), (KeyError(), {}, "http 503")],
)  # fmt: skip
@pytest.mark.parametrize("statuses", [range(200, 300), {503}])
def test_what_is_shed_is_neither_good_nor_an_error_unless_its_user_has_said_so(
    said: object, headers: dict[str, str], outcome: str, statuses: Any
) -> None:
    response = SimpleNamespace(_manual_result=said, status_code=503, headers=headers)
    assert ExpectedStatuses(statuses, {503}).outcome(KeyError(), response, 503) == outcome


class Unreadable:
    @property
    def headers(self) -> dict[str, str]:
        raise ValueError


NOON, LATER = "Wed, 21 Oct 2015 12:00:00 GMT", "Wed, 21 Oct 2015 12:01:30 GMT"


@pytest.mark.parametrize(
    ("headers", "after_s"),
    [
        ({"Retry-After": "5"}, 5),
        ({"Retry-After": " 7 ", "Date": NOON}, 7),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "999999999"}, 999_999_999),
        ({"Retry-After": "1234567890"}, None),
        ({"Retry-After": "-1", "Date": NOON}, None),
        ({"Retry-After": "1.5", "Date": NOON}, None),
        ({"Retry-After": LATER, "Date": NOON}, 90),
        ({"Retry-After": NOON, "Date": LATER}, 0),
        ({"Retry-After": LATER}, None),
        ({"Retry-After": LATER, "Date": "now"}, None),
        ({"Retry-After": LATER, "Date": "Wed, 21 Oct 2015 12:00:00 -0000"}, None),
        ({"Date": NOON}, None),
        ({}, None),
        (None, None),
    ],
)
def test_a_delay_is_in_seconds_or_up_to_a_date_by_the_service_s_own_clock(headers: Any, after_s: float | None) -> None:
    assert retry_after_s(SimpleNamespace(headers=headers)) == after_s


@pytest.mark.parametrize("response", [Unreadable(), None, 7])
def test_what_has_no_fields_tells_no_delay(response: object) -> None:
    assert retry_after_s(response) is None
