"""The autoscaler: Kubernetes' formula, replicas that come and go without a failed request, and its faults."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest

from target.autoscaler.hpa import Stabiliser, recommended
from target.autoscaler.policy import Policy, parse
from target.loopback_http import ask
from tests.target import stacks
from tests.target.feeds import Client
from tests.target.stacks import Stack, target, until

OPTIONS = "metric=in_flight,target=3,max=3,sync_s=0.3,stabilisation_s=1.5,drain_s=2"


@pytest.fixture(scope="module")
def scaled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One process, up to three."""
    state_file = tmp_path_factory.mktemp("scaled") / "state.json"
    options = ("--with-parent", "--users", "20", "--processes", "1", "--autoscale", OPTIONS, "--pool-size", "16")
    with stacks.started(state_file, *options) as running:
        yield running
        family = running.family()
        assert running.stop() == 0
        assert stacks.all_gone(family)


@pytest.fixture
def one_replica(scaled: Stack) -> Stack:
    """Healthy, idle, and back at its minimum."""
    switch(scaled, None)
    until(lambda: len(status(scaled)["apis"]) == 1 and look(scaled)["current"] == 1, "one replica")
    until(lambda: len(look(scaled)["replicas"]) == 1, "the others gone")
    return scaled


def look(stack: Stack, after: float = 0.0) -> dict[str, Any]:
    assert stack.state.autoscaler is not None
    return dict(ask("GET", f"{stack.state.autoscaler.url}/autoscaler?after={after}").document)


def status(stack: Stack) -> dict[str, Any]:
    """What the state file says now."""
    return dict(json.loads(stack.state_file.read_text()))


def switch(stack: Stack, fault: str | None, **parameters: float) -> dict[str, Any]:
    assert stack.state.autoscaler is not None
    url, body = stack.state.autoscaler.url + stack.state.faults.path, {"fault": fault, "parameters": parameters}
    order = ("DELETE", None) if fault is None else ("PUT", body)
    reply = ask(order[0], url, stack.state.faults.token, order[1])
    assert reply.status == 200, reply
    return dict(reply.document)


def account(stack: Stack) -> dict[str, Any]:
    assert stack.state.autoscaler is not None
    url = stack.state.autoscaler.url + stack.state.faults.path
    return dict(ask("GET", url, stack.state.faults.token).document["active"]["status"])


@contextmanager
def load(stack: Stack, users: int) -> Iterator[list[object]]:
    """So many keep-alive users, each with a request of 50 ms under way; yields what they got."""
    results: list[object] = []
    over = threading.Event()
    port = int(stack.state.url.rsplit(":", 1)[1])

    def use() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        while not over.is_set():
            try:
                connection.request("GET", "/db/work?ms=50")
                response = connection.getresponse()
                response.read()
                results.append(response.status)
            except (OSError, http.client.HTTPException) as error:
                results.append(repr(error))
                connection.close()

    threads = [threading.Thread(target=use) for _ in range(users)]
    for thread in threads:
        thread.start()
    try:
        yield results
    finally:
        over.set()
        for thread in threads:
            thread.join()


def events(stack: Stack, after: float, kind: str) -> list[dict[str, Any]]:
    return [one for one in look(stack, after)["events"] if one["event"] == kind]


def test_it_scales_out_and_in_without_a_failed_request(one_replica: Stack) -> None:
    """8 users, 3 a replica: three replicas, all of them at work; 2 users: one again; every request was 200."""
    started = time.monotonic()
    with load(one_replica, 8) as results:
        until(lambda: look(one_replica)["ready"] == 3, "three replicas")
        until(lambda: all_at_work(one_replica, 3), "each of them at work")
    with load(one_replica, 2) as later:
        until(lambda: len(look(one_replica)["replicas"]) == 1, "one replica")
        until(lambda: len(status(one_replica)["apis"]) == 1, "the state file follows")
    assert len(results) > 20 and len(later) > 20
    assert set(results) | set(later) == {200}
    pids = {one["pid"] for one in look(one_replica, started)["events"]}
    assert not any(psutil.pid_exists(pid) for pid in pids)
    for name in {one["name"] for one in events(one_replica, started, "gone")}:
        life = [one["event"] for one in look(one_replica, started)["events"] if one["name"] == name]
        assert life == ["started", "ready", "draining", "stopping", "gone"]
    decisions = look(one_replica, started)["decisions"]
    assert max(one["desired"] for one in decisions) == 3
    assert all(one["current"] <= 3 for one in decisions)
    assert [one["at"] for one in decisions] == sorted(one["at"] for one in decisions)


def all_at_work(stack: Stack, replicas: int) -> bool:
    """Whether the state file has so many, each with requests of its own by now."""
    document = status(stack)
    assert document["apis"][0]["name"] == "api1"
    roles = [process["role"] for process in document["processes"]]
    try:
        busy = [worked(api["url"]) > 0 for api in document["apis"]]
    except OSError:  # one has just left
        return False
    return busy == [True] * replicas and roles.count("api") == replicas


def worked(url: str) -> float:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    name = 'target_request_duration_seconds_count{route="/db/work",status="200"}'
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def test_sessions_that_outlast_the_drain_are_cut_and_counted(one_replica: Stack) -> None:
    """A WebSocket on a replica that leaves: closed after 2 s, and the log says one."""
    started = time.monotonic()
    switch(one_replica, "flapping", period=60)
    until(lambda: look(one_replica)["ready"] == 3, "three replicas")
    clients = [Client(one_replica, f"c{number}") for number in range(3)]
    staying = [client for client in clients if client.hello["server"] == "api1"]
    assert len(staying) == 1
    switch(one_replica, None)
    until(lambda: len(events(one_replica, started, "gone")) == 2, "two gone")
    assert [one["cut_sessions"] for one in events(one_replica, started, "stopping")] == [1, 1]
    staying[0].send(seq=1)
    assert staying[0].next()["type"] == "echo"
    for client in clients:
        client.socket.shutdown()


def test_slow_start_delays_readiness_by_what_it_says(one_replica: Stack) -> None:
    """2.5 s from start to ready; a fault of the API processes reaches the newcomer before its first request."""
    started = time.monotonic()
    switch(one_replica, "slow_start", seconds=2.5)
    assert one_replica.command("fault", "noop").returncode == 0
    with load(one_replica, 4):
        until(lambda: events(one_replica, started, "ready"), "a second replica")
        delayed = -1
        while delayed != (now := len(events(one_replica, started, "started"))):  # one more meanwhile: once again
            delayed = now
            shown = json.loads(one_replica.command("fault", "status").stdout)  # without load it would soon be gone
    begun, ready = (events(one_replica, started, kind)[0] for kind in ("started", "ready"))
    assert 2.5 <= ready["at"] - begun["at"] < 20
    assert [one["active"]["fault"] for one in shown["processes"]] == ["noop"] * len(shown["processes"])
    assert len(shown["processes"]) >= 2
    assert shown["autoscaler"]["active"]["status"] == {"delayed": delayed}
    assert one_replica.command("fault", "off").returncode == 0


def test_never_scales_says_what_it_withheld(one_replica: Stack) -> None:
    """The recommendation is logged, nothing is started."""
    started = time.monotonic()
    on = one_replica.command("fault", "never_scales")
    assert on.returncode == 0, on.stderr
    with load(one_replica, 8):
        until(lambda: account(one_replica)["withheld"] >= 4, "four syncs")
        document = look(one_replica, started)
        withheld = account(one_replica)["withheld"]
    assert document["events"] == []
    assert {one["desired"] for one in document["decisions"]} == {1}
    above = sum(one["recommended"] > 1 for one in document["decisions"])
    assert 4 <= above <= withheld


def test_flapping_goes_to_the_maximum_and_back_without_load(one_replica: Stack) -> None:
    """Each flip is a decision that changes the number; idle all the while."""
    started = time.monotonic()
    switch(one_replica, "flapping", period=1.0)
    until(lambda: account(one_replica)["flips"] >= 3, "three flips")
    least = account(one_replica)["flips"] - 1  # each is counted, and then decided
    document = look(one_replica, started)
    changes = [one["desired"] for one in document["decisions"] if one["desired"] != one["current"]]
    assert changes[:3] == [3, 1, 3]
    assert least <= len(changes) <= account(one_replica)["flips"]


def test_a_replica_that_is_killed_is_replaced(one_replica: Stack) -> None:
    """The log says that it died, and another one takes its place while there is load for it."""
    started = time.monotonic()
    with load(one_replica, 8):
        until(lambda: look(one_replica)["ready"] == 3, "three replicas")
        victim = next(one for one in look(one_replica)["replicas"] if one["name"] != "api1")
        psutil.Process(victim["pid"]).kill()
        until(lambda: events(one_replica, started, "died"), "noticed")
        until(lambda: look(one_replica)["ready"] == 3, "replaced")
    assert [one["name"] for one in events(one_replica, started, "died")] == [victim["name"]]


@pytest.mark.parametrize(
    ("current", "ready", "metric", "wanted"),
    [
        (1, 1, 6.0, 2),  # twice the target
        (2, 2, 9.0, 6),  # ceil(2 × 3)
        (2, 2, 3.3, 2),  # exactly at the tolerance
        (2, 2, 3.4, 3),
        (2, 2, 2.7, 2),
        (4, 4, 1.0, 2),  # ceil(4 / 3)
        (4, 4, 0.0, 0),  # the minimum is applied later
        (3, 3, None, 3),  # nothing known
        (3, 0, 9.0, 3),
        (4, 2, 6.0, 4),  # the two that start count 0: 2 × 6 / 4 is the target
        (3, 1, 12.0, 4),  # they will not do: ceil(12 / 3)
    ],
)
def test_the_formula(current: int, ready: int, metric: float | None, wanted: int) -> None:
    """Target 3, tolerance 0.1."""
    assert recommended(Policy(min=1, target=3.0), current, ready, metric) == wanted


def test_scaling_down_waits_for_the_window_and_scaling_up_does_not() -> None:
    """Window 10 s: the highest recommendation in it holds; min and max always do."""
    stabiliser = Stabiliser(Policy(min=2, max=5, stabilisation_s=10.0), 0.0, 2)
    assert stabiliser.desired(1.0, 2, 9) == 5
    assert stabiliser.desired(2.0, 5, 4) == 5
    assert stabiliser.desired(3.0, 5, 1) == 5
    assert stabiliser.desired(11.5, 5, 1) == 4
    assert stabiliser.desired(12.5, 4, 1) == 2
    assert stabiliser.desired(13.0, 2, 3) == 3


def test_every_wrong_key_of_the_policy_is_named_at_once() -> None:
    """And nothing is started; a fault of the autoscaler needs one."""
    _, problems = parse("metric=ram,max=1,sync_s=x,nonsense,tolerance=-1", least=2)
    text = "; ".join(problems)
    for part in ("metric=ram", "max=1 is below --processes 2", "sync_s=x", "'nonsense'", "tolerance=-1"):
        assert part in text
    assert parse("", 6)[0].max == 6
    assert target("up", "--autoscale", "max=0", "--state", "/nonexistent/state.json").returncode == 2


def test_without_an_autoscaler_its_faults_are_refused(stack: Stack) -> None:
    """By the command with a remedy, by an API process with 400."""
    refused = stack.command("fault", "never_scales")
    assert refused.returncode == 2
    assert "--autoscale" in refused.stderr
    api = stack.state.apis[0]
    reply = ask("PUT", api.url + stack.state.faults.path, stack.state.faults.token, {"fault": "never_scales"})
    assert reply.status == 400
