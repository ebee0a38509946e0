"""Faults: what they do is known, who may switch them is limited."""

from __future__ import annotations

import http.client
import json
import socket
import time
import urllib.request

import psutil
import pytest

from target.errors import UsageError
from target.faults import folder
from target.faults.contract import Reading
from target.faults.folder import summed
from target.faults.retry_storm import RetryStorm
from target.faults.slow_drain import SlowDrain
from target.loopback_http import ask
from tests.target.stacks import Stack, at_once, target, until


def state_of(stack: Stack) -> list[dict[str, object] | None]:
    answer = json.loads(stack.command("fault", "status").stdout)
    return [one["active"] for one in answer["processes"]]


def test_a_fault_is_switched_in_every_process_and_off_again(healthy: Stack) -> None:
    """On everywhere, counted and summed, off everywhere."""
    on = healthy.command("fault", "noop")
    assert on.returncode == 0, on.stderr
    for api in healthy.state.apis:
        assert healthy.login(url=api.url).status == 200
        assert healthy.login(url=api.url, password="wrong").status == 401
    answer = json.loads(healthy.command("fault", "status").stdout)
    assert [one["active"]["status"] for one in answer["processes"]] == [{"arrived": 2, "logins": 1}] * 2
    assert answer["sum"] == {"fault": "noop", "status": {"arrived": 4, "logins": 2}}
    assert healthy.command("fault", "off").returncode == 0
    assert state_of(healthy) == [None, None]


def test_session_leak_grows_resident_memory_by_what_it_says(healthy: Stack) -> None:
    """30 logins of 1 MB in one process: RSS grows by 30 MB within 10 %, and comes back when switched off."""
    api = healthy.state.apis[0]
    process = psutil.Process(api.pid)
    for number in range(10):
        healthy.login(number, url=api.url)  # warm: the first logins allocate what stays
    assert healthy.command("fault", "session_leak", "bytes_per_login=1000000").returncode == 0
    before = process.memory_info().rss
    for number in range(30):
        assert healthy.login(number, url=api.url).status == 200
    grown = process.memory_info().rss - before
    answer = json.loads(healthy.command("fault", "status").stdout)
    assert answer["processes"][0]["active"]["status"] == {"logins": 30, "kept_bytes": 30_000_000}
    assert grown == pytest.approx(30_000_000, rel=0.1)
    assert healthy.command("fault", "off").returncode == 0
    assert process.memory_info().rss - before < 3_000_000


def test_a_healthy_process_does_not_grow(healthy: Stack) -> None:
    """100 logins after warm-up leave less than 2 MB behind."""
    api = healthy.state.apis[0]
    for number in range(50):
        healthy.login(number, url=api.url)
    before = psutil.Process(api.pid).memory_info().rss
    for number in range(100):
        healthy.login(number, url=api.url)
    assert psutil.Process(api.pid).memory_info().rss - before < 2_000_000


def test_slow_drain_degrades_until_the_instant_it_reports(healthy: Stack) -> None:
    """Five quick logins are a burst; from then on each waits 300 ms, until `degraded_until`."""
    api = healthy.state.apis[0]
    on = healthy.command("fault", "slow_drain", "seconds=2", "delay_ms=300", "burst_logins=5")
    assert on.returncode == 0, on.stderr

    def timed() -> tuple[float, float]:
        started = time.monotonic()
        assert healthy.login(url=api.url).status == 200
        return started, time.monotonic()

    def account() -> dict[str, float]:
        return dict(
            ask("GET", api.url + healthy.state.faults.path, healthy.state.faults.token).document["active"]["status"]
        )

    logins = [{"username": f"user{number}", "password": healthy.state.users.password} for number in range(5)]
    first = at_once(api.url, [("POST", "/auth/login", login) for login in logins])
    assert {reply.status for _, _, reply in first} == {200}
    assert (account()["bursts"], account()["delayed"]) == (1, 1)
    assert max(ended - started for started, ended, _ in first) >= 0.3
    assert min(started for started, _, _ in first) <= account()["degraded_from"] <= max(ended for _, ended, _ in first)
    drain = []
    for delayed in range(2, 60):
        drain.append(timed())
        if account()["delayed"] < delayed:
            break
    status = account()
    assert status["delayed"] == len(drain)  # a burst of five that came slowly goes on with these
    assert len(drain) > 1
    assert all(ended - started >= 0.3 for started, ended in drain[:-1])
    assert all(started < status["degraded_until"] for started, _ in drain[:-1])
    assert drain[-1][1] >= status["degraded_until"]


def test_slow_drain_ends_a_second_after_the_nth_newest_arrival() -> None:
    """On a clock of our own: burst of 3 within a second, then single arrivals."""
    drain = SlowDrain(seconds=2.0, burst_logins=3)
    assert [drain.arrival(now) for now in (10.0, 10.4, 10.5)] == [False, False, True]
    assert (drain.degraded_from, drain.degraded_until) == (10.5, 13.0)
    # That burst was over at 11.0; 10.4, 10.5 and 11.2 are a second one, which prolongs the same degradation.
    assert drain.arrival(11.2)
    assert (drain.bursts, drain.degraded_from, drain.degraded_until) == (2, 10.5, 13.4)
    assert drain.arrival(13.3)
    assert not drain.arrival(13.5)
    assert not drain.arrival(14.4)  # 13.3, 13.5 and 14.4 span more than a second
    assert [drain.arrival(now) for now in (20.0, 20.1, 20.2)] == [False, False, True]
    assert (drain.bursts, drain.degraded_from, drain.degraded_until) == (3, 20.2, 23.0)


def test_slow_drain_is_summed_from_the_first_to_the_last() -> None:
    """Counts add up; the degradation of a stack lasts as long as that of its last process."""
    accounts: list[dict[str, Reading]] = [
        {"degraded_from": 1.0, "degraded_until": 5.0, "bursts": 1, "delayed": 3},
        {"degraded_from": None, "degraded_until": None, "bursts": 0, "delayed": 0},
        {"degraded_from": 0.5, "degraded_until": 6.0, "bursts": 1, "delayed": 4},
    ]
    assert summed("slow_drain", accounts) == {
        "degraded_from": 0.5,
        "degraded_until": 6.0,
        "bursts": 2,
        "delayed": 7,
    }


@pytest.mark.parametrize("token", [None, "", "wrong", "ü"])
def test_without_the_token_nothing_is_switched(healthy: Stack, token: str | None) -> None:
    """401 for any method, and the fault stays off."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}".encode()}
    for method in ("GET", "PUT", "DELETE"):
        connection = http.client.HTTPConnection("127.0.0.1", int(healthy.state.apis[0].url.rsplit(":", 1)[1]))
        connection.request(method, "/_fault", b'{"fault": "noop", "parameters": {}}', headers)
        assert connection.getresponse().status == 401
    assert state_of(healthy) == [None, None]


@pytest.mark.parametrize(
    "path",
    [
        "/_fault",
        "//_fault",
        "/./_fault",
        "/%5ffault",
        "/%255Ffault",
        "/%2f_fault",
        "/_FAULT",
        "/auth/../_fault",
    ],
)
def test_the_proxy_never_passes_the_fault_path_on(healthy: Stack, path: str) -> None:
    """However it is written, with the right token: no answer of the endpoint comes back."""
    connection = http.client.HTTPConnection("127.0.0.1", int(healthy.state.url.rsplit(":", 1)[1]))
    connection.putrequest("PUT", path, skip_host=False)
    body = b'{"fault": "noop", "parameters": {}}'
    connection.putheader("Authorization", f"Bearer {healthy.state.faults.token}")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    assert connection.getresponse().status in (403, 404)
    assert state_of(healthy) == [None, None]


def test_a_forwarded_request_is_refused_by_the_process_itself(healthy: Stack) -> None:
    """A second lock behind the proxy's: a proxy on loopback does not make its clients local."""
    connection = http.client.HTTPConnection("127.0.0.1", int(healthy.state.apis[0].url.rsplit(":", 1)[1]))
    token = healthy.state.faults.token
    connection.request("GET", "/_fault", headers={"Authorization": f"Bearer {token}", "X-Forwarded-For": "10.0.0.1"})
    assert connection.getresponse().status == 403


@pytest.mark.parametrize(
    "body", [None, [], {"fault": "no"}, {"fault": "noop", "parameters": 1}, {"fault": "session_leak"}]
)
def test_the_endpoint_answers_a_wrong_order_with_400(healthy: Stack, body: object) -> None:
    """And keeps the fault that is on."""
    url, token = healthy.state.apis[0].url + "/_fault", healthy.state.faults.token
    assert ask("PUT", url, token, {"fault": "noop"}).status == 200
    assert ask("PUT", url, token, "not an order" if body is None else body).status == 400
    assert ask("GET", url, token).document["active"]["fault"] == "noop"


def test_an_unknown_fault_lists_the_known_ones() -> None:
    """Before any stack is looked for: exit code 2, one line."""
    wrong = target("fault", "session_leek", "--state", "/nonexistent")
    assert wrong.returncode == 2
    assert wrong.stderr == f"error: there is no fault 'session_leek'; valid: {', '.join(folder.names())}\n"
    assert {"noop", "session_leak", "slow_drain"} <= set(folder.names())


def test_every_wrong_parameter_is_named_at_once() -> None:
    """Unknown, missing, not a number, negative."""
    with pytest.raises(UsageError) as caught:
        folder.build("slow_drain", {"second": "3", "delay_ms": "-1", "burst_logins": "1.5"})
    text = str(caught.value)
    for part in (
        "second is not",
        "seconds is missing",
        "delay_ms=-1",
        "burst_logins=1.5",
        "valid: seconds=FLOAT",
    ):
        assert part in text


def test_a_retry_storm_serves_one_after_another_whoever_still_waits() -> None:
    """Ten a second: the n-th of those that come together has had its turn after n tenths; a full queue takes nobody."""
    storm = folder.build("retry_storm", {"per_s": "10", "bound": "4"})
    assert isinstance(storm, RetryStorm)
    assert [storm.joins(100.0) for _ in range(5)] == [pytest.approx(100 + n / 10) for n in (1, 2, 3, 4)] + [None]
    storm.waiting = 0
    assert storm.joins(200.0) == pytest.approx(200.1), "time in which nobody waits is not saved up"
    assert storm.status() == {"waiting": 1, "longest": 4, "served": 0, "turned_away": 1}
    for wrong in ({"per_s": "0"}, {"per_s": "1", "bound": "-1"}):
        with pytest.raises(UsageError):
            folder.build("retry_storm", wrong)


def test_a_login_that_nobody_waits_for_has_its_turn_and_is_in_the_gauge(healthy: Stack) -> None:
    """Clients that give up leave their work in the queue; when the fault is off, nobody waits any more."""
    api = healthy.state.apis[0]

    def in_flight() -> float:
        with urllib.request.urlopen(f"{api.url}/metrics", timeout=5) as page:
            lines = page.read().decode().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith("target_requests_in_flight "))

    assert in_flight() == 0
    assert healthy.command("fault", "retry_storm", "per_s=0.01").returncode == 0
    for number in range(3):
        with socket.create_connection(("127.0.0.1", int(api.url.rpartition(":")[2])), timeout=5) as client:
            body = b'{"username": "user%d", "password": "x"}' % number
            client.sendall(b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            until(lambda number=number: in_flight() == number + 1, "in the queue")  # type: ignore[misc]
    assert in_flight() == 3, "their clients are gone, and their work is not"
    assert healthy.command("fault", "off").returncode == 0
    until(lambda: in_flight() == 0, "nobody waits any more")
