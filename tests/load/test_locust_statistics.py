"""Locust's own statistics are counted in another way, and are the same."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from locust import stats
from locust.env import Environment

from harness.load.locust_statistics import MOST_NOTED, count_together

FIELDS = [*stats.StatsEntryDict.__annotations__, "response_times_cache"]

REQUESTS = st.lists(
    st.tuples(
        st.sampled_from([("GET", "/a"), ("GET", "/b"), ("POST", "/a")]),
        st.none() | st.floats(0, 20_000) | st.integers(0, 20_000),
        st.integers(0, 5_000),
        st.booleans(),
        st.floats(0, 2),
    ),
    max_size=60,
)


class Clock:
    """Stands in for the one that Locust reads: it moves on when it is told to."""

    def __init__(self) -> None:
        self.now_s = 1_700_000_000.5

    def time(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    monkeypatch.setattr("time.time", clock.time)
    yield clock


def fire(of: Environment, method: str, name: str, took_ms: Any, length: int, fails: bool) -> None:
    of.events.request.fire(
        request_type=method,
        name=name,
        response_time=took_ms,
        response_length=length,
        exception=OSError("no") if fails else None,
        context={},
    )


def environment(at_once: bool) -> Environment:
    made = Environment()
    made.create_local_runner()
    if at_once:
        before = list(made.events.request._handlers)
        count_together(made)
        assert made.events.request._handlers != before
    return made


def figures(of: Environment) -> dict[str, Any]:
    entries = {"all": of.stats.total, **of.stats.entries}
    errors = {key: error.serialize() for key, error in of.stats.errors.items()}
    return {
        **{key: {name: getattr(entry, name) for name in FIELDS} for key, entry in entries.items()},
        "errors": errors,
    }


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(requests=REQUESTS, custom=st.booleans())
def test_after_each_request_they_are_those_of_locust(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, requests: list[Any], custom: bool
) -> None:
    """Also where somebody rounds response times in another way, as Locust's documentation has it."""
    with monkeypatch.context() as patched:
        if custom:
            patched.setattr(stats, "bucket_response_time", lambda ms: int(ms) // 7)
        both = [environment(at_once) for at_once in (False, True)]
        for (method, name), took_ms, length, fails, later_s in requests:
            clock.now_s += later_s
            for each in both:
                fire(each, method, name, took_ms, length, fails)
            locusts, ours = map(figures, both)
            assert ours == locusts
        for each in both:
            each.runner.quit()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
@given(requests=REQUESTS, repeats=st.integers(1, 4), reset=st.sampled_from(["", "reset_all", "clear_all"]))
def test_what_nobody_has_looked_at_in_between_is_not_lost(
    clock: Clock, requests: list[Any], repeats: int, reset: str
) -> None:
    """Many requests, over several seconds, with more of them than are noted at a time; and what is put back to nothing
    in the middle begins anew.
    """
    both = [environment(at_once) for at_once in (False, True)]
    for number in range(repeats):
        for (method, name), took_ms, length, fails, later_s in requests:
            clock.now_s += later_s
            for each in both:
                fire(each, method, name, took_ms, length, fails)
        if reset and number == 1:
            for each in both:
                getattr(each.stats, reset)()
    locusts, ours = map(figures, both)
    assert ours == locusts
    assert both[1].stats.serialize_stats() == both[0].stats.serialize_stats()
    assert both[1].stats.num_requests == both[0].stats.num_requests
    for each in both:
        each.runner.quit()


def test_few_requests_wait_to_be_counted() -> None:
    """Who keeps an entry, and does not ask for it again, sees them soon all the same."""
    made = environment(True)
    kept = made.stats.total
    for _ in range(1000):
        fire(made, "GET", "/", 1.0, 1, False)
    assert 1000 - MOST_NOTED < kept.num_requests <= 1000
    assert made.stats.total is kept and kept.num_requests == 1000
    made.runner.quit()


def test_a_second_run_counts_on() -> None:
    """Of the same environment, as in the web UI; each request once."""
    made = environment(True)
    statistics = count_together(made)
    assert statistics is made.stats
    fire(made, "GET", "/", 1.0, 1, False)
    assert made.stats.total.num_requests == 1
    made.runner.quit()


seen: list[float] = []


class Own(stats.RequestStats):
    def log_request(self, _method: str, _name: str, response_time: Any, _content_length: Any) -> None:
        seen.extend(2 * [response_time])


def wrapped(original: Any) -> Any:
    @functools.wraps(original)
    def log(_entry: Any, response_time: Any, _content_length: Any) -> None:
        seen.append(response_time)

    return log


@pytest.mark.parametrize("change", ["replaced", "wrapped", "a class of its own"])
def test_what_somebody_has_changed_in_locust_goes_on(monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    seen.clear()
    made = Environment()
    if change == "a class of its own":
        made.stats = Own()
    else:
        log = wrapped(stats.StatsEntry.log)
        if change == "replaced":
            del log.__wrapped__
            log.__module__ = __name__
        monkeypatch.setattr(stats.StatsEntry, "log", log)
    made.create_local_runner()
    assert count_together(made) is None
    made.events.request.fire(request_type="GET", name="/", response_time=3, response_length=1)
    assert seen == [3, 3]
    made.runner.quit()
