"""The rate limit over all processes: exact, honest about what remains and when, and open without Valkey."""

from __future__ import annotations

import itertools
import math
import os
import re
import signal
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

import pytest

from target.faults.lying_remaining import LyingRemaining
from target.service.rate_limit import Decision
from tests.target.services import servers_of, serving
from tests.target.stacks import Stack, until

CALLERS = (f"caller{number}" for number in itertools.count())


@dataclass(frozen=True)
class Got:
    """One GET."""

    status: int
    headers: Message

    def number(self, name: str) -> int:
        """A header that is a number."""
        return int(self.headers[name] or "")


def limited(url: str, caller: str, path: str = "/limited") -> Got:
    request = urllib.request.Request(url + path, headers={"X-API-Key": caller})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return Got(answer.status, answer.headers)
    except urllib.error.HTTPError as error:
        return Got(error.code, error.headers)


@pytest.fixture(autouse=True)
def enforced(request: pytest.FixtureRequest) -> None:
    """Whatever a test before has done to Valkey is over."""
    if {"stack", "healthy"} & set(request.fixturenames):
        stack: Stack = request.getfixturevalue("stack")
        for api in stack.state.apis:
            until(lambda at=api.url: limited(at, next(CALLERS)).headers["x-ratelimit-state"] == "enforced", "enforced")  # type: ignore[misc]


def test_a_herd_gets_the_limit_and_not_one_more_over_all_processes(stack: Stack) -> None:
    """150 tries of one caller at both processes: 100 pass; another caller has all of his own."""
    caller = next(CALLERS)
    with ThreadPoolExecutor(20) as threads:
        got = list(threads.map(lambda n: limited(stack.state.apis[n % 2].url, caller), range(150)))
    assert sorted(one.status for one in got) == [200] * 100 + [429] * 50
    assert {one.headers["X-RateLimit-State"] for one in got} == {"enforced"}
    assert limited(stack.state.url, next(CALLERS)).number("x-ratelimit-remaining") == 99


def test_what_remains_goes_down_by_one_and_is_said_in_both_ways(stack: Stack) -> None:
    """One after the other, at both processes in turn."""
    caller, began = next(CALLERS), time.time()
    for sent in range(1, 6):
        got = limited(stack.state.apis[sent % 2].url, caller)
        passed_s = time.time() - began
        assert (got.number("x-ratelimit-limit"), got.number("x-ratelimit-remaining")) == (100, 100 - sent)
        assert got.headers["ratelimit-policy"] == '"default";q=100;w=60'
        told = re.fullmatch(rf'"default";r={100 - sent};t=(\d+)', got.headers["ratelimit"])
        assert told is not None and 60 - passed_s <= int(told[1]) <= 60
        assert began + 60 <= got.number("x-ratelimit-reset") <= began + passed_s + 61
        assert "retry-after" not in got.headers


def test_retry_after_is_honest_and_the_window_slides(stack: Stack, tmp_path: Path) -> None:
    """3 in 2 s: refused until Retry-After has passed, admitted then; never more than 3 within any 2 s."""
    settings = servers_of(stack, TARGET_RATE_LIMIT="3", TARGET_RATE_LIMIT_WINDOW_S="2")
    caller = next(CALLERS)
    with serving(tmp_path, settings) as service:
        until(lambda: limited(service.url, next(CALLERS)).headers["x-ratelimit-state"] == "enforced", "connected")
        admitted: list[tuple[float, float]] = []

        def one() -> Got:
            """And that it is refused where three were admitted within 2 s, and nowhere else."""
            sent = time.monotonic()
            got = limited(service.url, caller)
            answered = time.monotonic()
            if got.status == 200:
                admitted.append((sent, answered))
                assert len(admitted) < 4 or answered - admitted[-4][0] > 2.0, "four within one window"
            else:
                assert sum(earlier > sent - 2.0 for _, earlier in admitted) >= 3, "fewer than three within one window"
            return got

        while (refused := one()).status == 200:
            assert len(admitted) < 50
        assert len(admitted) >= 3
        assert (refused.status, refused.number("x-ratelimit-remaining")) == (429, 0)
        waited_s = time.monotonic() - admitted[-3][0]
        assert math.ceil(2.0 - waited_s) <= refused.number("retry-after") <= 2
        time.sleep(refused.number("retry-after"))
        assert one().status == 200
        before = len(admitted)
        while len(admitted) < before + 5:
            one()
            time.sleep(0.02)


def test_without_valkey_everybody_passes_and_is_told_so(stack: Stack) -> None:
    """Frozen: 200 and `fail-open`, and only the first pays a wait; then the limit is enforced again."""
    url, caller = stack.state.apis[0].url, next(CALLERS)
    for _ in range(100):
        limited(url, caller)
    assert limited(url, caller).status == 429
    os.kill(stack.process("valkey").pid, signal.SIGSTOP)
    try:
        got, waits_s = [], []
        for _ in range(5):
            started = time.monotonic()
            got.append(limited(url, caller))
            waits_s.append(time.monotonic() - started)
    finally:
        os.kill(stack.process("valkey").pid, signal.SIGCONT)
    assert [(one.status, one.headers["X-RateLimit-State"]) for one in got] == [(200, "fail-open")] * 5
    assert all("x-ratelimit-remaining" not in one.headers for one in got)
    assert 0.45 <= waits_s[0] < 2.5, "it has waited for Valkey, and not for long"
    assert sorted(waits_s)[3] < 0.4 and max(waits_s) < 2.5, "and no other has, but for what the machine adds to one"
    until(lambda: limited(url, caller).status == 429, "enforced again")


def test_fail_closed_refuses_what_it_counts(healthy: Stack) -> None:
    """While Valkey is frozen: 503 and `fail-closed`, with a Retry-After; before and after there is no difference."""
    url, caller = healthy.state.apis[0].url, next(CALLERS)
    healthy.switch("fail_closed")
    assert limited(url, caller).status == 200
    os.kill(healthy.process("valkey").pid, signal.SIGSTOP)
    try:
        got = [limited(url, caller) for _ in range(4)]
    finally:
        os.kill(healthy.process("valkey").pid, signal.SIGCONT)
    assert [(one.status, one.headers["X-RateLimit-State"]) for one in got] == [(503, "fail-closed")] * 4
    assert {one.headers["retry-after"] for one in got} == {"1"}
    assert healthy.account().status == {"refused": 4}
    until(lambda: limited(url, caller).status == 200, "enforced again")


def test_separate_limits_admit_as_many_too_many_as_they_count(healthy: Stack) -> None:
    """260 tries at two processes: 200 pass, 100 of them too many, which the fault knows to the request."""
    caller = next(CALLERS)
    healthy.switch("separate_limits")
    with ThreadPoolExecutor(20) as threads:
        got = list(threads.map(lambda n: limited(healthy.state.apis[n % 2].url, caller).status, range(260)))
    assert sorted(got) == [200] * 200 + [429] * 60
    assert healthy.account().status == {"admitted": 200, "extra": 100}


def test_lying_remaining_lies_by_what_it_says(healthy: Stack) -> None:
    """Ten more than there are, in the header of the draft as well; never more than the limit."""
    caller = next(CALLERS)
    healthy.switch("lying_remaining", added=10)
    told = [limited(healthy.state.apis[0].url, caller).number("x-ratelimit-remaining") for _ in range(12)]
    assert told == [100] * 10 + [99, 98]
    assert healthy.account().status == {"answers": 12, "lies": 12}
    lying = LyingRemaining(added=0)
    assert (lying.misstate(5, 10), lying.status()) == (5, {"answers": 1, "lies": 0})


def test_the_limit_can_stand_before_other_paths(stack: Stack, tmp_path: Path) -> None:
    """By a setting: 429 there, with the headers on what passes too; other paths are free."""
    settings = servers_of(stack, TARGET_RATE_LIMIT="2", TARGET_RATE_LIMIT_PATHS="/items /ledger")
    caller = next(CALLERS)
    with serving(tmp_path, settings) as service:
        until(lambda: limited(service.url, caller, "/readyz").status == 200, "ready")
        got = [limited(service.url, caller, path) for path in ("/items/none", "/ledger/none", "/items/none")]
        assert [one.status for one in got] == [404, 404, 429]
        assert [one.headers["x-ratelimit-remaining"] for one in got] == ["1", "0", "0"]
        assert limited(service.url, caller, "/modules/none").status == 404


def test_times_are_rounded_so_that_the_promise_holds() -> None:
    """Up, and never to 0 where it is a refusal."""
    before = time.time()
    refused = Decision(False, "enforced", 10, 60, 0, 0.2).headers()
    assert (refused["Retry-After"], refused["RateLimit"]) == ("1", '"default";r=0;t=1')
    assert math.ceil(before + 0.2) <= int(refused["X-RateLimit-Reset"]) <= math.ceil(time.time() + 0.2)
    assert "Retry-After" not in Decision(True, "enforced", 10, 60, 3, 59.2).headers()
