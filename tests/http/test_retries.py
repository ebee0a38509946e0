"""Retries: how often, after which pause, within which budget; a request counts once, and each attempt for itself."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

import gevent
import pytest
from locust.env import Environment

from harness.load.http import HttpClient, LeanHttpUser, Response, Retries, Timeouts
from harness.load.http.errors import ResponseTimeoutError, UnexpectedStatusError
from harness.load.http.expectation import Expectation
from harness.load.http.retries import RESERVE, Retrier, retries_of
from harness.load.http.settings import ClientSettings
from harness.load.outcomes import outcome_of
from harness.load.users.class_problems import class_problems
from tests.http.scripted import CLOSE, READ, scripted

BUSY = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
ASKED = b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
GONE = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
AT_ONCE = Retries(3, backoff_s=0)


class Client:
    """Keeps its events, and its attempts."""

    def __init__(self, url: str, retries: Retries, **settings: Any) -> None:
        self.attempts: list[tuple[float, float, str, str]] = []
        self.events: list[dict[str, Any]] = []
        environment = Environment()
        environment.events.request.add_listener(lambda **event: self.events.append(event))
        retrier = Retrier(retries, lambda *each: self.attempts.append(each), seed=1)
        self.http = HttpClient(environment, url, ClientSettings(**settings), retrier=retrier)

    @property
    def outcomes(self) -> list[str]:
        return [outcome_of(event["exception"], event["response"]) for event in self.events]

    @property
    def attempted(self) -> list[str]:
        return [outcome for _, _, _, outcome in self.attempts]


def test_a_request_counts_once_from_its_first_start_and_every_attempt_for_itself() -> None:
    with scripted([READ, 0.1, BUSY, READ, 0.1, BUSY, READ, FINE]) as server:
        client = Client(server.url, Retries(3, backoff_s=0.2, jitter=False))
        begun_s = time.monotonic()
        assert client.http.get("/basket?number=1").text == "ok"
        took_s = time.monotonic() - begun_s
    assert client.outcomes == ["ok"]
    assert client.attempted == ["http 503", "http 503", "ok"]
    assert {name for _, _, name, _ in client.attempts} == {"GET /basket"}
    (event,) = client.events
    # Two answers of 0.1 s, and pauses of 0.2 and 0.4 s.
    assert event["sent_s"] == client.attempts[0][0] and event["done_s"] == pytest.approx(
        client.attempts[-1][1], abs=0.2
    )
    assert 0.8 <= event["done_s"] - event["sent_s"] <= took_s
    assert event["response_time"] == pytest.approx((event["done_s"] - event["sent_s"]) * 1000)


def test_pauses_double() -> None:
    """Of a few requests, one shortly after the other: those pauses that the machine has added the least to."""
    with scripted(*[[READ, BUSY, READ, BUSY, READ, FINE, CLOSE]] * 4) as server:
        clients = [Client(server.url, Retries(3, backoff_s=0.2, jitter=False)) for _ in range(4)]
        asking = [gevent.spawn_later(0.15 * number, client.http.get, "/") for number, client in enumerate(clients)]
        gevent.joinall(asking, raise_error=True)
    pauses = [[later[0] - earlier[1] for earlier, later in pairwise(client.attempts)] for client in clients]
    assert [min(nth) for nth in zip(*pauses, strict=True)] == [pytest.approx(0.2, abs=0.1), pytest.approx(0.4, abs=0.1)]


@pytest.mark.parametrize(
    ("answer", "retries", "attempted"),
    [
        (BUSY, AT_ONCE, ["http 503"] * 4),
        (BUSY, Retries(1, backoff_s=0), ["http 503"] * 2),
        (BUSY, Retries(3, backoff_s=0, on="429"), ["http 503"]),
        (GONE, AT_ONCE, ["http 404"]),
        (GONE, Retries(2, backoff_s=0, on="4xx"), ["http 404"] * 3),
        (FINE, AT_ONCE, ["ok"]),
    ],
)
def test_what_is_tried_again_and_how_often(answer: bytes, retries: Retries, attempted: list[str]) -> None:
    with scripted([READ, answer] * 5) as server:
        client = Client(server.url, retries)
        client.http.get("/")
    assert client.attempted == attempted
    assert client.outcomes == [attempted[-1]]


def test_what_is_not_answered_is_tried_again_each_with_its_own_time_limit() -> None:
    with scripted([READ, 5.0, CLOSE], [READ, 5.0, CLOSE], [READ, FINE]) as server:
        client = Client(server.url, AT_ONCE, timeouts=Timeouts(0.2, 0.2))
        assert client.http.get("/").status_code == 200
    assert client.attempted == ["timeout", "timeout", "ok"]
    with scripted([READ, CLOSE]) as server:
        client = Client(server.url, Retries(2, backoff_s=0, without_answer=False))
        client.http.get("/")
    assert len(client.attempts) == 1


def test_a_body_that_is_wrong_is_not_tried_again() -> None:
    with scripted([READ, FINE] * 4) as server:
        client = Client(server.url, AT_ONCE, expectation=Expectation(text="basket"))
        client.http.get("/")
    assert len(client.attempts) == 1


def test_retry_after_is_heeded_where_that_is_asked() -> None:
    for honours, least_s in ((True, 1.0), (False, 0.0)):
        with scripted([READ, ASKED, READ, FINE]) as server:
            client = Client(server.url, AT_ONCE, honours_retry_after=honours)
            client.http.get("/")
        (_, done_s, _, _), (sent_s, _, _, _) = client.attempts
        assert least_s <= sent_s - done_s < least_s + 0.9


def test_a_time_limit_of_the_users_own_ends_the_pause() -> None:
    with scripted([READ, BUSY, READ, FINE]) as server:
        client = Client(server.url, Retries(3, backoff_s=30, jitter=False))
        with gevent.Timeout(1, False):
            client.http.get("/")
    assert client.outcomes == ["timeout"] and client.attempted == ["http 503"]


def failed(error: Exception, status: int = 0) -> Response:
    response = Response(status, b"", b"")
    response.error = error
    return response


def test_pauses_double_to_the_longest_and_jitter_takes_any_part_of_them() -> None:
    late = failed(ResponseTimeoutError())
    plain = Retrier(Retries(100, backoff_s=1, longest_s=10, jitter=False))
    assert [plain.pause_s(n, late, False) for n in (1, 2, 3, 4, 5, 100)] == [1, 2, 4, 8, 10, 10]
    assert plain.pause_s(101, late, False) is None
    jittered = Retrier(Retries(100, backoff_s=1), seed=7)
    pauses = [jittered.pause_s(1, late, False) or 0.0 for _ in range(2000)]
    assert min(pauses) < 0.02 and max(pauses) > 0.98
    assert sum(pauses) / len(pauses) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("ratio", [0.0, 0.1, 0.5])
def test_a_budget_bounds_the_ratio_of_retries_to_requests(ratio: float) -> None:
    """Of a service that fails for good, beyond the reserve; without one there are three for each."""
    requests, sent = 1000, 0
    retrier = Retrier(Retries(3, backoff_s=0, budget_ratio=ratio))

    def attempt(_: float) -> Response:
        nonlocal sent
        sent += 1
        return failed(UnexpectedStatusError(503), 503)

    for _ in range(requests):
        retrier.until_it_is_over("GET /", attempt(0), (0, 0), attempt, False)
    assert sent - requests == pytest.approx(ratio * requests + RESERVE, abs=1)


def test_what_makes_no_sense_is_said_before_the_run() -> None:
    assert retries_of(2) == Retries(2) and retries_of(Retries(1)) == Retries(1)
    for wrong in ({"count": -1}, {"count": 1.5}, {"backoff_s": float("nan")}, {"factor": 0.5}, {"on": "often"}):
        with pytest.raises(ValueError, match=r"retries: |no status"):
            Retries(**wrong)  # type: ignore[arg-type]

    class Visitor(LeanHttpUser):
        retries: Any = "three"

    (problem,) = class_problems([Visitor])
    assert problem == "Visitor.retries: 'three': give a number of retries, or Retries(3, backoff_s=0.1)"
