"""/quote: the breaker opens, fails fast, probes and closes; the upstream's own counters say what reached it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from target.errors import UsageError
from target.loopback_http import Reply, ask
from target.upstream import failures
from tests.target.stacks import Stack, target, until
from tests.target.test_service import metric

REST_S = 1.0
TIMEOUT_S = 1.0


def quote(stack: Stack) -> Reply:
    """From the first process: each has its own breaker."""
    return ask("GET", f"{stack.state.apis[0].url}/quote")


def breaker(stack: Stack) -> dict[str, Any]:
    return dict(ask("GET", f"{stack.state.apis[0].url}/quote/breaker").document)


def calls(stack: Stack) -> dict[str, Any]:
    return dict(ask("GET", f"{stack.state.upstream.url}/calls").document)


@pytest.fixture
def closed(healthy: Stack) -> Iterator[Stack]:
    """A stack with a closed breaker, which is closed again afterwards."""

    def close() -> None:
        healthy.switch(None)
        healthy.fail(None)
        until(lambda: quote(healthy).status == 200, "closed")

    close()
    yield healthy
    close()


def test_a_quote_comes_from_the_upstream(closed: Stack) -> None:
    """Numbered by the upstream, through the proxy too."""
    before = calls(closed)
    reply = ask("GET", f"{closed.state.url}/quote")
    assert (reply.status, reply.document["breaker"]) == (200, "closed")
    assert reply.document["call"] == before["received"] + 1
    assert calls(closed)["ok"] == before["ok"] + 1


def test_the_breaker_opens_fails_fast_probes_and_closes(closed: Stack) -> None:
    """5 errors open it; open, nothing reaches the upstream; after the rest one probe fails; healed, one closes it."""
    seen = breaker(closed)
    received = calls(closed)["received"]
    closed.fail("errors")
    assert [quote(closed).status for _ in range(4)] == [502] * 4
    assert quote(closed).status == 502
    refused = quote(closed)
    assert (refused.status, refused.document["error"], refused.document["breaker"]) == (503, "breaker open", "open")
    assert calls(closed)["received"] == received + 5
    until(lambda: calls(closed)["received"] > received + 5 or quote(closed).status != 503, "a probe")
    assert quote(closed).status == 503
    closed.fail(None)
    until(lambda: quote(closed).status == 200, "closed again")
    now = breaker(closed)
    assert calls(closed)["received"] == received + 7
    steps = now["transitions"][len(seen["transitions"]) :]
    assert [one["state"] for one in steps] == ["open", "half_open", "open", "half_open", "closed"]
    rests_s = [steps[half]["at"] - steps[half - 1]["at"] for half in (1, 3)]
    assert REST_S - 0.01 <= min(rests_s) < REST_S + 2, rests_s
    assert [now[key] - seen[key] for key in ("opens", "closes", "probes")] == [2, 1, 2]
    assert metric(closed.state.apis[0].url, "target_breaker_opens_total") == now["opens"]
    assert metric(closed.state.apis[0].url, "target_breaker_closes_total") == now["closes"]
    assert metric(closed.state.apis[0].url, "target_breaker_fast_fails_total") == now["fast_fails"]
    assert metric(closed.state.apis[0].url, "target_breaker_state") == 0


def test_a_hang_is_a_timeout_and_one_probe_at_a_time_meets_it(closed: Stack) -> None:
    """504 after the timeout; half-open, 10 callers at once: one waits for the upstream, 9 fail fast."""
    closed.fail("hang")
    with ThreadPoolExecutor(10) as threads:
        started = time.monotonic()
        assert [reply.status for reply in threads.map(lambda _: quote(closed), range(5))] == [504] * 5
        assert TIMEOUT_S <= time.monotonic() - started < TIMEOUT_S + 2
        before = calls(closed)["received"]
        time.sleep(REST_S + 0.05)
        statuses = sorted(reply.status for reply in threads.map(lambda _: quote(closed), range(10)))
    assert statuses == [503] * 9 + [504]
    assert calls(closed)["received"] == before + 1
    until(lambda: calls(closed)["open"] == 0, "the upstream noticed who left")


def test_slowness_below_the_timeout_is_only_slow(closed: Stack) -> None:
    """100 ms more for each, and no failure."""
    closed.fail("slowness", ms=100)
    for _ in range(6):
        started = time.monotonic()
        assert quote(closed).status == 200
        assert time.monotonic() - started >= 0.1


def test_errors_of_a_share_are_exact(closed: Stack) -> None:
    """Every fourth of 12 calls, as the upstream counts and the client sees; never 5 in a row, so it stays closed."""
    before = calls(closed)
    closed.fail("errors", share=0.25)
    statuses = [quote(closed).status for _ in range(12)]
    assert statuses == [200, 200, 200, 502] * 3
    after = calls(closed)
    assert (after["error"] - before["error"], after["ok"] - before["ok"]) == (3, 9)


def test_breaker_never_opens_lets_every_failure_through(closed: Stack) -> None:
    """12 errors, 12 calls at the upstream, and its account says so."""
    received = calls(closed)["received"]
    closed.switch("breaker_never_opens")
    closed.fail("errors")
    assert [quote(closed).status for _ in range(12)] == [502] * 12
    assert closed.account().status == {"calls": 12, "failures": 12}
    assert calls(closed)["received"] == received + 12
    assert breaker(closed)["state"] == "closed"


def test_breaker_never_closes_stays_open_though_all_is_well(closed: Stack) -> None:
    """Healed and rested: still 503, no probe; counted from the call that found it open. Off: it closes."""
    closed.switch("breaker_never_closes")
    assert quote(closed).status == 200
    closed.fail("errors")
    assert [quote(closed).status for _ in range(5)] == [502] * 5
    closed.fail(None)
    received = calls(closed)["received"]
    assert quote(closed).status == 503
    time.sleep(REST_S + 0.1)
    assert [quote(closed).status for _ in range(4)] == [503] * 4
    account = closed.account().status
    assert account["fast_fails"] == 5
    assert account["held_from"] < time.monotonic() - REST_S
    assert calls(closed)["received"] == received
    closed.switch(None)
    assert quote(closed).status == 200


def test_login_does_not_depend_on_the_upstream(closed: Stack) -> None:
    """/readyz names it as optional; a hanging upstream's health still answers, as only its quotes hang."""
    url = closed.state.apis[0].url
    ready = ask("GET", f"{url}/readyz").document["dependencies"]["upstream"]
    assert (ready["state"], ready["required"]) == ("ok", False)
    closed.fail("hang")
    assert closed.login(url=url).status == 200


def test_the_command_switches_counts_and_heals(closed: Stack) -> None:
    """`upstream errors`, `status`, `heal`; JSON each time."""
    on = closed.command("upstream", "errors", "share=0.5")
    assert on.returncode == 0, on.stderr
    assert json.loads(on.stdout)["active"]["parameters"] == {"share": 0.5}
    quote(closed)
    shown = json.loads(closed.command("upstream", "status").stdout)
    assert shown["active"]["failure"] == "errors"
    assert shown["calls"]["received"] == calls(closed)["received"]
    assert json.loads(closed.command("upstream", "heal").stdout)["active"] is None


@pytest.mark.parametrize(
    ("name", "given"),
    [("no", {}), ("errors", {"share": "2"}), ("errors", {"ms": "1"}), ("slowness", {}), ("hang", {"ms": "1"})],
)
def test_a_wrong_failure_is_refused(name: str, given: dict[str, str]) -> None:
    """With what is valid, and exit code 2 at the command line, before a stack is looked for."""
    with pytest.raises(UsageError, match="valid: errors"):
        failures.build(name, given)


def test_the_switch_needs_its_token(closed: Stack) -> None:
    """401; and a wrong order is 400."""
    url = closed.state.upstream.url + closed.state.upstream.path
    assert ask("PUT", url, "wrong", {"failure": "hang"}).status == 401
    for body in ([], {}, {"failure": "no"}, {"failure": "errors", "parameters": 1}):
        assert ask("PUT", url, closed.state.upstream.token, body).status == 400
    assert target("upstream", "no", "--state", "/nonexistent").returncode == 2
