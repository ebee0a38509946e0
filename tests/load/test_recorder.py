"""The recorder: each request counted once, in the second in which it should have begun."""

from __future__ import annotations

import socket
import ssl
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import pytest
import requests
import urllib3
from gevent import getcurrent
from hypothesis import given
from hypothesis import strategies as st
from locust import FastHttpUser, HttpUser, User
from locust.env import Environment

from harness.analysis.answer_sizes import size_index
from harness.analysis.histogram import bucket_index
from harness.load.clock import Clock
from harness.load.http import LeanHttpUser
from harness.load.node import Node
from harness.load.outcomes import ExpectedStatuses, outcome_of
from harness.load.pacing import Start
from harness.load.present_node import set_node
from harness.load.recorder import MAX_MEDIA_TYPES, MAX_SERIES, Recorder
from harness.load.stock_clients import count_all_requests
from harness.load.users.measured import WrongAnswerError
from harness.recording import Slice
from harness.recording.values import OK, OTHER_MEDIA_TYPES, OTHER_NAMES, SHED_WITHOUT_DELAY, UNFINISHED
from tests.http.scripted import READ, scripted

ORIGIN_S = 1000.25


class Answered:
    def __init__(self, status_code: int) -> None:
        self.status_code = status_code


def ended(recorder: Recorder, sent_s: float, took_s: float, name: str = "/", **more: Any) -> None:
    """One request of one of our own clients, which know the instants."""
    event = {"request_type": "GET", "name": name, "response_time": took_s * 1000, "response_length": 7}
    recorder.on_request(**{**event, "sent_s": sent_s, "done_s": sent_s + took_s, **more})


def begun() -> Recorder:
    recorder = Recorder()
    recorder.begin(ORIGIN_S)
    return recorder


def total(slices: Sequence[Slice]) -> int:
    return sum(piece.count for piece in slices)


REQUESTS = st.lists(
    st.tuples(st.floats(-5, 20), st.floats(0, 3), st.sampled_from(["/a", "/b"]), st.booleans()), max_size=60
)


@given(requests_made=REQUESTS, origin_after=st.integers(0, 60), drains=st.sets(st.integers(0, 60)))
def test_every_request_is_counted_once_whenever_slices_are_taken_and_the_origin_is_known(
    requests_made: list[tuple[float, float, str, bool]], origin_after: int, drains: set[int]
) -> None:
    recorder, slices = Recorder(), []
    for number, (t, took_s, name, fails) in enumerate(requests_made):
        if number == origin_after:
            recorder.begin(ORIGIN_S)
        if number in drains:
            slices += recorder.drain("n")
        ended(recorder, ORIGIN_S + t, took_s, name, exception=OSError() if fails else None)
    if origin_after >= len(requests_made):
        assert not slices, "nothing can be placed before the origin is known"
        recorder.begin(ORIGIN_S)
    slices += recorder.drain("n")
    assert total(slices) == len(requests_made) == recorder.requests
    assert sum(sum(piece.latency.values()) for piece in slices) == len(requests_made)
    assert sum(sum((piece.service or piece.latency).values()) for piece in slices) == len(requests_made)
    assert total([piece for piece in slices if piece.outcome == OK]) == sum(not fails for *_, fails in requests_made)
    assert sum(piece.bytes for piece in slices) == 7 * len(requests_made)
    assert not recorder.drain("n")


def test_what_was_counted_before_the_origin_is_warm_up() -> None:
    """Also a request sent in the very second in which the run then began."""
    recorder = Recorder()
    for ago_s in (0.01, 0.3, 1.4):
        ended(recorder, ORIGIN_S - ago_s, 0.001)
    recorder.begin(ORIGIN_S)
    assert all(piece.t < 0 for piece in recorder.drain("n"))


@pytest.mark.parametrize(("t", "second"), [(0.0, 0), (0.999, 0), (1.0, 1), (-0.001, -1), (59.5, 59)])
def test_a_request_belongs_to_the_second_in_which_it_was_sent(t: float, second: int) -> None:
    recorder = Recorder()
    recorder.begin(0.0)
    ended(recorder, t, 5.0)
    (piece,) = recorder.drain("n")
    assert piece.t == second


def test_the_first_request_of_a_paced_iteration_belongs_to_the_second_in_which_it_was_due() -> None:
    """A stall of two seconds shows where it began; the second request of the iteration was sent later."""
    recorder = begun()
    recorder.starts[getcurrent()] = Start(3.0, ORIGIN_S + 3.0)
    ended(recorder, ORIGIN_S + 5.0, 0.5)
    ended(recorder, ORIGIN_S + 6.0, 0.5)
    first, second = recorder.drain("n")
    assert (first.t, second.t) == (3, 6)
    assert first.latency == {bucket_index(2_500_000): 1} and first.service == {bucket_index(500_000): 1}
    assert second.latency == {bucket_index(500_000): 1} and second.service is None


def test_what_users_of_a_herd_send_counts_with_the_herd_and_is_late_by_itself_only() -> None:
    """The answers to a login are good, and every profile that is asked for five seconds later fails."""
    recorder = begun()

    class Gate:
        def user_sent(self, sent_s: float) -> None: ...

    recorder.starts[getcurrent()] = Start(3.0, ORIGIN_S + 3.0, Gate())
    ended(recorder, ORIGIN_S + 3.0, 0.5, "/login")
    ended(recorder, ORIGIN_S + 8.0, 0.5, "/profile", exception=OSError())
    login, profile = recorder.drain("n")
    assert (login.t, login.starts) == (3, 1)
    assert (profile.t, profile.starts) == (3, 0)
    assert profile.latency == {bucket_index(500_000): 1} and profile.service is None


def test_what_is_sent_when_the_account_is_closed_is_wind_down_and_what_was_on_its_way_is_counted_already(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recorder = begun()
    recorder.starts[getcurrent()] = Start(3.0, ORIGIN_S + 3.0)
    monkeypatch.setattr("time.monotonic", lambda: ORIGIN_S + 10)
    recorder.wind_down()
    ended(recorder, ORIGIN_S + 9.9, 0.5, "/slow")
    ended(recorder, ORIGIN_S + 10.0, 0.5, "/logout", exception=OSError())
    (logout,) = recorder.drain("n")
    assert (logout.name, logout.t, logout.starts, logout.wind_down) == ("GET /logout", 10, 0, True)
    assert recorder.requests == 1


def test_a_start_on_a_second_boundary_is_not_moved_by_the_rounding_of_clocks() -> None:
    """3 s after an origin like 0.1 + 0.2 is not 3 s exactly; the plan's own figure decides."""
    origin_s = 0.1 + 0.2
    recorder = Recorder()
    recorder.begin(origin_s)
    recorder.starts[getcurrent()] = Start(3.0, origin_s + 3.0 - 1e-9)
    ended(recorder, origin_s + 3.0, 0.1)
    (piece,) = recorder.drain("n")
    assert piece.t == 3


def test_with_a_client_that_only_tells_the_response_time_the_send_follows_from_it() -> None:
    recorder = begun()
    recorder.on_request("GET", "/", 250.0, 3, done_s=ORIGIN_S + 2.1)
    (piece,) = recorder.drain("n")
    assert piece.t == 1
    assert piece.latency == {bucket_index(250_000): 1}


def test_a_user_who_sends_for_itself_tells_the_gate_when() -> None:
    sent: list[float] = []

    class Gate:
        def user_sent(self, sent_s: float) -> None:
            sent.append(sent_s)

    recorder = begun()
    recorder.starts[getcurrent()] = Start(3.0, ORIGIN_S + 3.0, Gate())
    ended(recorder, ORIGIN_S + 3.01, 0.5)
    ended(recorder, ORIGIN_S + 4.0, 0.5)
    assert sent == [ORIGIN_S + 3.01]


def test_names_without_end_are_counted_together_and_none_is_lost() -> None:
    recorder = begun()
    for number in range(3 * MAX_SERIES):
        ended(recorder, ORIGIN_S + number % 2, 0.001, f"/item/{number}")
    slices = recorder.drain("n")
    assert total(slices) == 3 * MAX_SERIES
    names = {piece.name for piece in slices}
    assert len(names) <= MAX_SERIES + 1
    assert f"GET {OTHER_NAMES}" in names


def typed(media_type: str) -> Answered:
    response = Answered(200)
    response.media_type = media_type  # type: ignore[attr-defined]
    return response


@pytest.mark.parametrize("names", [1, MAX_SERIES + 9])
def test_media_types_without_end_are_counted_together_and_none_is_lost(names: int) -> None:
    """The target names them, and each would be kept for ever; those of a name that is not kept apart, too."""
    recorder = begun()
    for number in range(4 * MAX_SERIES):
        response = typed(f"text/{number}")
        ended(recorder, ORIGIN_S, 0.001, f"/{number % names}", response=response, unchecked_bytes=9)
    slices = recorder.drain("n")
    assert total(slices) == 4 * MAX_SERIES
    types = {(piece.name, piece.media_type) for piece in slices}
    assert len(types) == len(slices) and max(Counter(name for name, _ in types).values()) == MAX_MEDIA_TYPES + 1
    many = slices[0].name if names == 1 else f"GET {OTHER_NAMES}"
    assert (many, OTHER_MEDIA_TYPES) in types


def test_a_page_of_another_type_for_each_name_takes_the_place_of_no_name() -> None:
    recorder = begun()
    for media_type in ("application/json", "text/html"):
        for number in range(MAX_SERIES):
            ended(recorder, ORIGIN_S, 0.001, f"/{number}", response=typed(media_type), unchecked_bytes=9)
    slices = recorder.drain("n")
    assert len(slices) == 2 * MAX_SERIES and not any(piece.name.endswith(OTHER_NAMES) for piece in slices)


def test_a_start_without_an_answer_has_a_place_and_no_latency() -> None:
    recorder = begun()
    recorder.without_answer(4, "GET /", UNFINISHED)
    (piece,) = recorder.drain("n")
    assert (piece.t, piece.name, piece.outcome, piece.count, dict(piece.latency)) == (4, "GET /", UNFINISHED, 1, {})
    assert recorder.requests == 0


def caused(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("exception", "response", "outcome"),
    [
        (None, Answered(200), OK),
        (None, None, OK),
        (requests.HTTPError("503"), Answered(503), "http 503"),
        (WrongAnswerError("breaker open"), Answered(503), "breaker open"),
        (ValueError("wrong body"), Answered(200), "wrong answer"),
        (TimeoutError(), None, "timeout"),
        (requests.ReadTimeout(), Answered(0), "timeout"),
        (requests.ConnectionError(urllib3.exceptions.MaxRetryError(None, "/", ConnectionRefusedError())), None,
         "connection refused"),
        (ConnectionResetError(), None, "connection reset"),
        (BrokenPipeError(), None, "connection reset"),
        (caused(RuntimeError("lost"), ConnectionResetError()), None, "connection reset"),
        (ssl.SSLError(), None, "tls"),
        (socket.gaierror(), None, "name not resolved"),
        (KeyError("x"), None, "KeyError"),
    ],
)  # fmt: skip
def test_a_failure_has_a_short_cause(exception: BaseException | None, response: Any, outcome: str) -> None:
    assert outcome_of(exception, response) == outcome


def test_causes_that_point_at_each_other_come_to_an_end() -> None:
    one, other = RuntimeError(), RuntimeError()
    one.__cause__, other.__cause__ = other, one
    assert outcome_of(one, None) == "RuntimeError"


def test_names_without_end_hide_none_that_fails() -> None:
    recorder = begun()
    for number in range(2 * MAX_SERIES):
        ended(recorder, ORIGIN_S + number % 2, 0.001, f"/item/{number}")
    recorder.on_request("GET", "/broken", 1.0, 0, ConnectionResetError(), done_s=ORIGIN_S + 1)
    assert ("GET /broken", "connection reset") in {(piece.name, piece.outcome) for piece in recorder.drain("n")}


def test_of_good_answers_that_nobody_has_checked_the_length_is_kept() -> None:
    """Of our own clients, who say it, and of others: what a user has called a success is checked."""
    recorder = begun()
    success, untouched = Answered(200), Answered(200)
    success._manual_result = True  # type: ignore[attr-defined]
    ended(recorder, ORIGIN_S, 0.1, unchecked_bytes=700)
    ended(recorder, ORIGIN_S, 0.1)
    ended(recorder, ORIGIN_S, 0.1, unchecked_bytes=700, exception=OSError())
    for response in (success, untouched):
        recorder.on_request("GET", "/stock", 1.0, 20, response=response)
    slices = {(piece.name, piece.outcome): piece for piece in recorder.drain("n")}
    assert slices["GET /", OK].count == 2 and slices["GET /", OK].sizes == {size_index(700): 1}
    assert [piece.sizes for piece in slices.values() if piece.outcome != OK] == [None]
    assert slices["GET /stock", OK].sizes == {size_index(20): 1}


@pytest.mark.parametrize("caught", [False, True])
@pytest.mark.parametrize("kind", [HttpUser, FastHttpUser, LeanHttpUser])
@pytest.mark.parametrize(("last", "status", "outcome"), [(200, 303, OK), (404, 404, "http 404")])
def test_a_good_answer_to_which_redirects_have_led_has_the_status_of_the_first(
    kind: type[User], caught: bool, last: int, status: int, outcome: str
) -> None:
    """So that it is told from one that comes at once: a page of maintenance is good by its own status."""
    redirects = [b"HTTP/1.1 %d -\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n" % code for code in (303, 302)]
    answer = b"HTTP/1.1 %d -\r\nContent-Length: 2\r\n\r\nok" % last
    with scripted([READ, redirects[0], READ, redirects[1], READ, answer]) as server:
        environment, node = Environment(), Node("r", Clock(exact=True))
        set_node(environment, node)
        environment.events.request.add_listener(node.recorder.on_request)
        user = type("Once", (kind,), {"host": server.url})(environment)
        answered = user.client.get("/a", catch_response=caught)
        with answered if caught else nullcontext():
            pass
    node.recorder.begin(0.0)
    (piece,) = node.recorder.drain("n")
    assert (piece.name, piece.status, piece.outcome) == ("GET /a", status, outcome)


@pytest.mark.parametrize("kind", [HttpUser, FastHttpUser, LeanHttpUser])
@pytest.mark.parametrize(
    ("field", "called", "told"),
    [
        (b"content-TYPE: Text/HTML; charset=utf-8", None, "text/html"),
        (b"Content-Type:application/json", None, "application/json"),
        (b"Content-Type: <b>", None, ""),
        (b"X-Other: text/html", None, ""),
        (b"Content-Type: text/html", "success", ""),
        (b"Content-Type: text/html", "failure", ""),
    ],
)
def test_of_good_answers_that_nobody_has_checked_the_media_type_is_kept(
    kind: type[User], field: bytes, called: str | None, told: str
) -> None:
    count_all_requests()
    with scripted([READ, b"HTTP/1.1 200 -\r\nContent-Length: 2\r\n" + field + b"\r\n\r\nok"]) as server:
        environment, node = Environment(), Node("r", Clock(exact=True))
        set_node(environment, node)
        environment.events.request.add_listener(node.recorder.on_request)
        user = type("Once", (kind,), {"host": server.url})(environment)
        with user.client.get("/a", catch_response=True) as response:
            if called is not None:
                getattr(response, called)(*["no"][: called == "failure"])
    node.recorder.begin(0.0)
    (piece,) = node.recorder.drain("n")
    assert (piece.status, piece.media_type) == (200, told)
    assert (piece.outcome == OK) is (called != "failure")
    assert bool(piece.sizes) is (called is None)


@pytest.mark.parametrize("headers", [None, "text/html", {"content-type": 5}, {"content-type": []}])
def test_what_a_client_calls_headers_and_is_none_tells_nothing(headers: object) -> None:
    recorder, response = begun(), Answered(200)
    response.headers = headers  # type: ignore[attr-defined]
    ended(recorder, ORIGIN_S + 1.5, 0.1, response=response)
    assert [(piece.media_type, piece.count) for piece in recorder.drain("n")] == [("", 1)]


class Untold:
    """An answer of which some attribute cannot be read: it is not there yet, say."""

    def __init__(self, attribute: str) -> None:
        self.attribute = attribute

    def __getattr__(self, name: str) -> object:
        if name == self.attribute:
            raise RuntimeError("not there yet")
        return {"status_code": 200}.get(name)


@pytest.mark.parametrize(
    ("attribute", "outcome", "status"),
    [
        ("headers", OK, 200),
        ("media_type", OK, 200),
        ("status_code", "RuntimeError", 0),
        ("history", "RuntimeError", 0),
        ("_manual_result", "RuntimeError", 0),
    ],
)
def test_a_request_whose_answer_cannot_be_read_is_counted(attribute: str, outcome: str, status: int) -> None:
    """As good only where its status says so."""
    recorder = begun()
    recorder.on_request("GET", "/", 100.0, 9, response=Untold(attribute), done_s=ORIGIN_S + 1.6)
    (piece,) = recorder.drain("n")
    assert (piece.count, piece.outcome, piece.status, piece.media_type) == (1, outcome, status, "")


def test_an_answer_that_was_shed_without_fields_of_http_tells_no_delay() -> None:
    for headers in ("Retry-After: 5", 5, Untold("get")):
        response = Answered(503)
        response.headers = headers  # type: ignore[attr-defined]
        shed = ExpectedStatuses(shed=(503,))
        assert shed.outcome(None, response, 503) == SHED_WITHOUT_DELAY


def test_what_a_client_calls_history_and_is_none_tells_nothing() -> None:
    recorder = begun()
    for history in ("302", [], [None], [Answered("see other")]):  # type: ignore[arg-type]
        response = Answered(200)
        response.history = history  # type: ignore[attr-defined]
        ended(recorder, ORIGIN_S + 1.5, 0.1, response=response)
    assert [(piece.status, piece.count) for piece in recorder.drain("n")] == [(200, 4)]
