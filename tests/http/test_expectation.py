"""What counts as an answer: declared statuses and bodies, and shedding."""

from __future__ import annotations

from email.utils import formatdate
from typing import Any

import pytest
from locust.env import Environment

from harness.load.http import HttpClient
from harness.load.http.expectation import Expectation, difference, statuses
from harness.load.http.response import Response
from harness.load.outcomes import ExpectedStatuses, outcome_of, retry_after_s
from harness.recording.values import OK, SHED, SHED_WITHOUT_DELAY


def answer(status: int = 200, body: bytes = b"", **headers: str) -> Response:
    fields = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return Response(status, f"HTTP/1.1 {status} X\r\n{fields}".encode(), body)


def outcome(expectation: Expectation, response: Response) -> str:
    return outcome_of(expectation.error_of(response), response)


@pytest.mark.parametrize("status", [200, 204, 299])
def test_any_success_is_an_answer_unless_something_else_is_asked_for(status: int) -> None:
    assert outcome(Expectation(), answer(status)) == OK


@pytest.mark.parametrize("status", [302, 304, 404, 503])
def test_whatever_else_is_none_a_redirect_too_that_was_not_followed(status: int) -> None:
    assert outcome(Expectation(), answer(status)) == f"http {status}"
    assert outcome(Expectation().but(expect=status), answer(status)) == OK
    assert outcome(Expectation().but(expect=status), answer(200)) == "http 200"


def test_statuses_are_numbers_texts_or_several_of_these() -> None:
    assert statuses(404) == statuses("404") == statuses((404,)) == {404}
    assert statuses("2XX, 404") == statuses(("2xx", 404)) == {*range(200, 300), 404}
    for wrong in ("4x", "600", "20", "ok", "2xx;404", -1):
        with pytest.raises(ValueError, match="is no status"):
            statuses(wrong)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry_After": "7"}, SHED),
        ({"Retry_After": "soon"}, SHED_WITHOUT_DELAY),
        ({"Retry_After": "-1"}, SHED_WITHOUT_DELAY),
        ({}, SHED_WITHOUT_DELAY),
    ],
)
def test_shedding_is_an_outcome_of_its_own_where_it_is_declared(headers: dict[str, str], expected: str) -> None:
    assert outcome(Expectation().but(shed=429), answer(429, **headers)) == expected
    assert outcome(Expectation(), answer(429, **headers)) == "http 429"
    assert outcome(Expectation().but(shed=429), answer(503, **headers)) == "http 503"


def test_a_delay_may_be_a_date_by_the_clock_of_the_service() -> None:
    at = 1_700_000_000
    assert retry_after_s(answer(Retry_After=formatdate(at + 90, usegmt=True), Date=formatdate(at, usegmt=True))) == 90
    assert retry_after_s(answer(Retry_After=formatdate(at - 90, usegmt=True), Date=formatdate(at, usegmt=True))) == 0


@pytest.mark.parametrize(
    ("wanted", "body", "problem"),
    [
        ({"ok": True}, b'{"ok": true, "more": 1}', None),
        ({"ok": True}, b'{"ok": false}', "ok is not True"),
        ({"a": {"b": ...}}, b'{"a": {"b": null}}', None),
        ({"a": {"b": ...}}, b'{"a": {}}', "no a.b in the answer"),
        ({"a": {"b": 1}}, b'{"a": [1]}', "a is no object"),
        ([1, 2], b"[1, 2]", None),
        ([1, 2], b"[1]", "the answer is not [1, 2]"),
        ({"ok": True}, b"<html>login</html>", "the answer is not JSON"),
    ],
)
def test_a_body_is_checked_in_one_line(wanted: Any, body: bytes, problem: str | None) -> None:
    error = Expectation().but(expect_json=wanted).error_of(answer(body=body))
    assert (None if error is None else str(error)) == problem
    assert outcome(Expectation().but(expect_json=wanted), answer(body=body)) == (
        OK if error is None else "wrong answer"
    )


def test_a_text_has_to_be_in_the_body() -> None:
    expectation = Expectation().but(expect_text="Welcome")
    assert outcome(expectation, answer(body=b"<p>Welcome</p>")) == OK
    assert outcome(expectation, answer(body=b"<p>Log in</p>")) == "wrong answer"
    assert difference(..., None) is None


def test_what_cannot_be_expected_is_refused_before_anything_is_sent() -> None:
    client = HttpClient(Environment(), "http://127.0.0.1:1")
    with pytest.raises(ValueError, match="is no status"):
        client.prepare("GET", "/", expect="2x")
    with pytest.raises(TypeError, match="expects"):
        client.get("/", expects=200)
    expectation = client.prepare("GET", "/", expect=404).expectation
    assert expectation is not None and expectation.statuses == {404}


class Foreign:
    """What Locust's own clients hand to the event."""

    def __init__(self, status: int, said: bool | Exception | None = None, **headers: str) -> None:
        self.status_code, self._manual_result, self.headers = status, said, headers


REFUSED = RuntimeError("HTTP error")


@pytest.mark.parametrize(
    ("response", "exception", "expected"),
    [
        (Foreign(200), None, OK),
        (Foreign(302), None, "http 302"),
        (Foreign(302, said=True), None, OK),
        (Foreign(503), REFUSED, "http 503"),
        (Foreign(404), REFUSED, OK),
        (Foreign(404, said=REFUSED), REFUSED, "http 404"),
        (Foreign(200, said=REFUSED), REFUSED, "wrong answer"),
        (Foreign(429), REFUSED, SHED_WITHOUT_DELAY),
        (Foreign(429, **{"Retry-After": "1"}), REFUSED, SHED),
        (Foreign(429, **{"Retry-After": "soon"}), REFUSED, SHED_WITHOUT_DELAY),
        (Foreign(200), ValueError("no JSON"), "wrong answer"),
    ],
)
def test_what_stock_clients_are_answered_is_judged_alike(
    response: Foreign, exception: Exception | None, expected: str
) -> None:
    expectation = ExpectedStatuses(statuses("2xx,404"), {429})
    assert expectation.outcome(exception, response, response.status_code) == expected


@pytest.mark.parametrize(
    ("status", "expected"), [(199, "http 199"), (200, OK), (299, OK), (300, "http 300"), (404, "http 404")]
)
def test_where_nothing_is_asked_for_stock_clients_have_any_success_for_an_answer(status: int, expected: str) -> None:
    assert ExpectedStatuses().outcome(None, Foreign(status), status) == expected
