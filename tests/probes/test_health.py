"""The health check tells apart why a target is not there."""

from __future__ import annotations

import itertools
import math
import random
import re
import socket
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from harness.recording.marks import HealthMark
from harness.run import health_check
from harness.run.health_check import FRONT_PAGE, HealthResult, TargetHealth, check, is_worse, wait_until_healthy
from tests.ports import free_port
from tests.probes.loopback import PATIENCE_S, Respond, answer, hanging, python, raw, said, serving, tell


def test_a_path_is_asked_with_get() -> None:
    with serving(answer("ready")) as url:
        result = check(f"{url}/readyz?token=secret", 5)
    assert (result.check, result.ok) == ("GET /readyz", True)
    assert result.detail.startswith("HTTP 200 OK in ") and "secret" not in result.detail


def test_without_a_path_a_connection_is_enough() -> None:
    with hanging() as url:
        result = check(url, 1)
    assert (result.check, result.ok) == (f"TCP {url[7:]}", True)


@pytest.mark.parametrize(
    ("respond", "detail"),
    [
        (answer("db: down", "503 Service Unavailable"), "HTTP 503 Service Unavailable"),
        (answer("", "404 Not Found"), "HTTP 404 Not Found"),
        (
            answer("", "302 Found", "Location: https://u:p@login.example/?next=1\r\n"),
            "HTTP 302 Found: redirects to https://login.example/, not followed",
        ),
        (raw(b"* OK IMAP4 ready\r\n"), "the answer is not HTTP"),
        (raw(b""), "closed without an answer"),
    ],
)
def test_an_answer_that_is_not_healthy_says_what_it_was(respond: Respond, detail: str) -> None:
    with serving(respond) as url:
        result = check(f"{url}/readyz", 5)
    assert not result.ok
    assert detail in result.detail


def test_refusal_name_tls_and_address_are_told_apart() -> None:
    assert check(f"http://127.0.0.1:{free_port()}/", 2).detail.startswith("connection refused")
    assert check(f"http://127.0.0.1:{free_port()}", 2).detail.startswith("connection refused")
    assert check("localhost:80", 2).detail.startswith("localhost:80: the address has no scheme")
    with serving(raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as url:
        assert check(url.replace("http:", "https:") + "/", 2).detail.startswith("TLS failed")


def test_a_name_that_is_not_known_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    result = check("http://nowhere.invalid/", 2)
    assert result == HealthResult("GET /", False, "name not resolved: nowhere.invalid (Name or service not known)")


def test_a_name_server_that_hangs_does_not_extend_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def never(*_: object, **__: object) -> list[object]:
        over.wait(30)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", never)
    began_s = time.monotonic()
    result = check("http://nowhere.invalid/", 0.2)
    over.set()
    assert "name not resolved: no answer" in result.detail
    assert time.monotonic() - began_s < 5


def test_a_target_that_hangs_is_timed_out() -> None:
    with hanging() as url:
        began_s = time.monotonic()
        result = check(f"{url}/", 0.2)
    assert result.detail.startswith("timed out")
    assert time.monotonic() - began_s < 5


def test_waiting_ends_when_the_target_is_healthy() -> None:
    port = free_port()
    late = (
        "import http.server; input()\n"
        f"http.server.HTTPServer(('127.0.0.1', {port}), http.server.SimpleHTTPRequestHandler).serve_forever()"
    )
    with python(late) as process:
        assert not check(f"http://127.0.0.1:{port}/", 1).ok
        begins = threading.Timer(0.6, tell, (process, ""))
        begins.start()
        assert wait_until_healthy(f"http://127.0.0.1:{port}/", PATIENCE_S).ok
        begins.join()


def test_waiting_gives_up_with_the_last_answer() -> None:
    began_s = time.monotonic()
    result = wait_until_healthy(f"http://127.0.0.1:{free_port()}/", 0.5)
    assert not result.ok and "refused" in result.detail
    assert time.monotonic() - began_s < 5


def test_under_gevent_other_greenlets_go_on_while_the_check_waits() -> None:
    script = """
from gevent import monkey; monkey.patch_all()
import sys, gevent
from harness.run.health_check import check
ticks = 0
def tick():
    global ticks
    while True:
        gevent.sleep(0.01); ticks += 1
gevent.spawn(tick)
result = check(sys.argv[1], 0.5)
print(ticks >= 10, result.detail)
"""
    with hanging() as url, python(script, f"{url}/") as process:
        assert said(process).startswith("True timed out")


def marks(respond: Respond, back_within_s: float = 10) -> list[HealthMark]:
    """Of the checks before and after a load, of a target without a health path."""
    found: list[HealthMark] = []
    with serving(respond) as url:
        target = TargetHealth(url, "", 5, found.append)
        target.check_before(0)
        target.check_after(back_within_s)
    return [mark for mark in found if mark.check == FRONT_PAGE]


def one_after_the_other(*statuses: str) -> Respond:
    """The last one for ever; a connection without a request is none of them."""
    left = list(statuses)

    def respond(connection: socket.socket, request: bytes) -> None:
        if request:
            answer("", left.pop(0) if len(left) > 1 else left[0])(connection, request)

    return respond


def test_an_open_port_with_nothing_but_errors_behind_it_is_no_target_that_came_back() -> None:
    before, after = marks(one_after_the_other("200 OK", "503 Service Unavailable"), back_within_s=0.5)
    assert (before.when, before.ok) == ("before", True)
    assert (after.when, after.ok, after.detail) == ("after", False, "HTTP 503, and HTTP 200 before the load")


def test_a_target_that_is_as_it_was_or_better_has_come_back() -> None:
    _, soon = marks(one_after_the_other("200 OK", "503 Service Unavailable", "200 OK"))
    assert soon.ok and soon.detail == "HTTP 200"
    _, never_had_one = marks(one_after_the_other("404 Not Found"))
    assert never_had_one.ok and never_had_one.detail == "HTTP 404"


def after(path: str, takes: Callable[[bool, int], str], back_within_s: float = 1.0, timeout_s: float = 5) -> HealthMark:
    """The last mark. ``takes`` gives the status, empty for none, from whether the load is over and which request it is
    since.
    """
    found: list[HealthMark] = []
    asked = itertools.count()
    is_over = False

    def respond(connection: socket.socket, request: bytes) -> None:
        if request and (status := takes(is_over, next(asked))):
            answer("", status)(connection, request)

    with serving(respond) as url:
        target = TargetHealth(url, path, timeout_s, found.append)
        target.check_before(0)
        is_over, asked = True, itertools.count()
        target.check_after(back_within_s)
    assert found[-1].when == "after" and found[-1].check.endswith("on a new connection")
    return found[-1]


@pytest.mark.parametrize("path", ["", "/readyz"])
@pytest.mark.parametrize("refused", [lambda n: n % 3, lambda n: n % 15 == 14, lambda n: n == 5 or n % 25 == 24])
def test_a_target_that_takes_only_some_new_connections_has_not_come_back(
    path: str, refused: Callable[[int], bool]
) -> None:
    """Users who have stayed connected see nothing of it. Sooner or later 20 in a row are taken by chance."""
    last = after(path, lambda is_over, n: "" if is_over and refused(n) else "200 OK", 0.7)
    assert not last.ok, last
    assert re.search(r"; \d+ of \d+ requests were answered as before the load$", last.detail), last


@pytest.mark.parametrize("path", ["", "/readyz"])
def test_what_refuses_some_connections_before_the_load_as_well_has_not_become_worse(path: str) -> None:
    assert after(path, lambda _, n: "200 OK" if n % 3 == 0 else "").ok


def test_a_proxy_that_limits_how_often_one_may_ask_is_not_away() -> None:
    """As nginx with limit_req: 503 beyond a burst of 25, most of which the load has used up; 40 a second are let in."""
    level, looked_s = 20.0, math.inf

    def takes(is_over: bool, _: int) -> str:
        nonlocal level, looked_s
        now_s = time.monotonic()
        level, looked_s = max(0.0, level - 40 * max(0.0, now_s - looked_s) * is_over), now_s
        if level > 24:
            return "503 Service Unavailable"
        level += is_over
        return "200 OK"

    last = after("/readyz", takes)
    assert last.ok, last


@pytest.mark.parametrize(
    ("failing_ratio", "at_most"),
    [(0.05, 0.7), (0.1, 0.23), (0.2, 0.04)],  # 0.64, 0.19 and 0.014 where answers take 0.25 s; else less
)
@pytest.mark.parametrize("back_within_s", [10, 30])
@pytest.mark.parametrize("answer_s", [0.001, 0.25])
def test_who_fails_some_requests_seldom_passes_by_chance(
    failing_ratio: float, at_most: float, back_within_s: float, answer_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long it is asked: series are slower by and by, and none has fewer requests for that."""
    draws, now_s, found = random.Random(1), 0.0, list[HealthMark]()

    def go_on(for_s: float) -> None:
        nonlocal now_s
        now_s += for_s

    def ask() -> tuple[bool, str]:
        go_on(answer_s)
        return draws.random() >= failing_ratio, ""

    monkeypatch.setattr(health_check, "time", SimpleNamespace(monotonic=lambda: now_s, sleep=go_on))
    target = TargetHealth("http://127.0.0.1:1", "", 5, found.append)
    target._see_how_steady(lambda: (True, ""))
    for _ in range(300):
        began_s = now_s
        target._ask_in_a_row("GET /", ask, began_s + back_within_s)
        assert now_s - began_s < back_within_s + 26, "the last one ends"
    assert sum(mark.ok for mark in found) / len(found) <= at_most


@pytest.mark.parametrize("path", ["", "/readyz"])
def test_whoever_is_asked_to_come_later_is_answered(path: str) -> None:
    """Twenty in a row may be more than one may ask."""
    assert after(path, lambda is_over, n: "429 Too Many Requests" if is_over and n > 4 else "200 OK").ok


def test_a_page_may_take_as_long_after_the_load_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """``--health-timeout-s`` says how long; where it is longer than a front page may take, that holds."""
    monkeypatch.setattr(health_check, "ANSWER_S", 0.05)
    monkeypatch.setattr(health_check, "IN_A_ROW", 2)

    def takes(*_: object) -> str:
        time.sleep(0.15)
        return "200 OK"

    assert after("/readyz", takes).ok


@pytest.mark.parametrize(
    ("before", "after", "worse"),
    [(200, 503, True), (200, 404, True), (302, 404, True), (404, 500, True), (503, 404, False), (200, 204, False),
     (200, 302, False), (503, 503, False), (200, 429, False)],
)  # fmt: skip
def test_what_is_worse_than_before(before: int, after: int, worse: bool) -> None:
    assert is_worse(after, before) is worse


@pytest.mark.parametrize("host", ["ws://127.0.0.1:1", "postgresql://127.0.0.1:1", "http://127.0.0.1:1"])
def test_a_target_that_cannot_be_asked_by_http_has_no_front_page(host: str) -> None:
    target = TargetHealth(host, "", 5, lambda _: None)
    assert target.answered_anew_in_s() is None
