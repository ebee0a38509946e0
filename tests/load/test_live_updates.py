"""What the live page is sent: everything once, then what has changed, nothing around a herd's instant, no secret."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import gevent
import pytest

from harness.criteria import with_defaults
from harness.live.state import LiveState
from harness.recording import ProbeSample, Slice
from harness.recording.header import Phase, PlannedGate
from harness.recording.values import OK
from harness.web import updates
from harness.web.status import Status
from harness.web.updates import Updates
from tests.pure.test_live_state import HEADER


class FakeWatch:
    """A session whose clock a test sets."""

    def __init__(self) -> None:
        self.run: Any = None
        self.quiet: list[float] = []
        self.looks = 0

    def begin(self, name: str) -> LiveState:
        live = LiveState(replace(HEADER, criteria=with_defaults(HEADER.criteria)))
        self.run = SimpleNamespace(name=name, header=HEADER, live=live, finished=True, elapsed_s=lambda: None)
        return live

    def quiet_s(self) -> float | None:
        return self.quiet.pop(0) if self.quiet else None

    def quiet_begins_s(self, _: Any) -> list[float]:
        return []

    def status(self) -> Status:
        self.looks += 1
        return Status("running", f"look {self.looks}, http://me:hush@127.0.0.1/")


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> FakeWatch:
    monkeypatch.setattr(updates, "IDLE_S", 0.01)
    return FakeWatch()


def opened(watch: FakeWatch) -> tuple[Updates, Iterator[dict[str, Any]]]:
    made = Updates(watch, lambda: ("secret-token",))  # type: ignore[arg-type]
    return made, read(made)


def read(made: Updates) -> Iterator[dict[str, Any]]:
    """One page's messages; what tells the browser how to go on is left out."""
    for text in made.stream():
        for event in text.split("\n\n"):
            if event.startswith("data: "):
                yield json.loads(event.removeprefix("data: "))


def until(messages: Iterator[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """Those up to the first of a kind, itself included."""
    found: list[dict[str, Any]] = []
    for message in messages:
        found.append(message)
        if message["kind"] == kind:
            return found
    raise AssertionError(f"the stream ended before a {kind}")


def test_the_plan_tells_the_starts_of_each_second_and_the_herds(watch: FakeWatch) -> None:
    watch.begin("run-1")
    level, gates = ((0.0, 2.0), (10.0, 4.0)), (PlannedGate("herd", 3.5, 100),)
    phases = (Phase("spike", 0, 10),)
    watch.run.header = replace(HEADER, level=level, level_unit="starts/s", gates=gates, phases=phases)
    plan = until(opened(watch)[1], "plan")[-1]
    assert plan["planned"] == [0, [2.1, 2.3, 2.5, 102.7, 2.9, 3.1, 3.3, 3.5, 3.7, 3.9]]
    watch.begin("run-2")
    watch.run.header = replace(HEADER, level=level, level_unit="users", gates=gates, phases=phases)
    assert until(opened(watch)[1], "plan")[-1]["planned"] == [0, [None] * 3 + [100] + [None] * 6]


def answered(t: int, count: int, name: str = "GET /") -> Slice:
    return Slice(t, "local", name, OK, count, 0, {1000: count})


def test_a_page_gets_everything_once_and_then_what_has_changed(watch: FakeWatch) -> None:
    live = watch.begin("first")
    for t in range(450):
        live.add(answered(t, 5))
    live.add(ProbeSample(3.5, "process", "api1", {"rss_bytes": 1e8, "pid": 7.0}))
    _, messages = opened(watch)
    begun = until(messages, "state")
    assert begun[0]["kind"] == "plan" and begun[0]["run"] == "first"
    points = [point for message in begun if message["kind"] == "points" for point in message["points"]]
    assert [point[0] for point in points] == list(range(450))
    assert points[0][1:3] == [5, 5]
    figures = [figure for message in begun if message["kind"] == "points" for figure in message["figures"]]
    assert figures == [["process", "api1", "rss_bytes", "memory", [[3, 1e8]]]]
    assert [row[:3] for message in begun if message["kind"] == "names" for row in message["names"]] == [
        ["baseline", "GET /", 100],
        ["spike", "GET /", 25],
        ["recovery", "GET /", 75],
    ]
    until(messages, "state")
    live.add(answered(21, 2))
    changed = until(messages, "points")[-1]
    assert [point[:3] for point in changed["points"]] == [[21, 7, 7]]
    assert [row[:3] for row in until(messages, "names")[-1]["names"]] == [["spike", "GET /", 27]]


def test_two_pages_get_the_same_and_a_page_that_comes_later_gets_the_whole(watch: FakeWatch) -> None:
    live = watch.begin("first")
    made, first = opened(watch)
    until(first, "state")
    live.add(answered(1, 5))
    until(first, "points")
    second = read(made)
    assert [point[0] for point in until(second, "points")[-1]["points"]] == [1]
    until(second, "state")
    live.add(answered(2, 5))
    for page in (first, second):
        assert [point[0] for point in until(page, "points")[-1]["points"]] == [2]


def test_the_next_run_begins_with_its_plan(watch: FakeWatch) -> None:
    watch.begin("first").add(answered(1, 5))
    _, messages = opened(watch)
    until(messages, "state")
    watch.begin("second").add(answered(7, 1))
    told = until(messages, "plan")[-1]
    assert told["run"] == "second"
    assert [point[0] for point in until(messages, "points")[-1]["points"]] == [7]


def test_around_a_release_nothing_is_read_and_it_is_told_for_how_long(watch: FakeWatch) -> None:
    live = watch.begin("first")
    _, messages = opened(watch)
    until(messages, "state")
    looks = watch.looks
    live.add(answered(1, 5))
    watch.quiet = [0.05, 0.05]
    told = until(messages, "quiet")
    assert told[-1]["quiet_s"] == 0.05
    assert watch.looks <= looks + 1  # one update may have been under way
    assert [point[0] for point in until(messages, "points")[-1]["points"]] == [1], "filled in afterwards"


def test_a_page_that_does_not_read_is_cut_off(watch: FakeWatch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(updates, "MOST_UNREAD", 3)
    watch.begin("first")
    _, messages = opened(watch)
    until(messages, "state")
    gevent.sleep(0.2)
    assert list(messages) == []


def test_no_message_holds_a_secret(watch: FakeWatch) -> None:
    live = watch.begin("first")
    live.add(answered(1, 5, "GET /?token=secret-token"))
    live.add(Slice(1, "local", "GET /", "bad secret-token", 1, 0, {}))
    live.add(ProbeSample(1.0, "process", "http://me:hush@api1/", {"rss_bytes": 1.0}))
    _, messages = opened(watch)
    text = json.dumps(until(messages, "state"))
    assert "secret-token" not in text and "hush" not in text
    assert "GET /?token=" in text
