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

from harness.load.locust_statistics import count_at_once

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


def environment(at_once: bool) -> Environment:
    made = Environment()
    made.create_local_runner()
    if at_once:
        before = list(made.events.request._handlers)
        count_at_once(made)
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
                each.events.request.fire(
                    request_type=method,
                    name=name,
                    response_time=took_ms,
                    response_length=length,
                    exception=OSError("no") if fails else None,
                    context={},
                )
            locusts, ours = map(figures, both)
            assert ours == locusts
        for each in both:
            each.runner.quit()


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
    count_at_once(made)
    made.events.request.fire(request_type="GET", name="/", response_time=3, response_length=1)
    assert seen == [3, 3]
    made.runner.quit()
