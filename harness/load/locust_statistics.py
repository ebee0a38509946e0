"""Locust's own statistics, counted for less than half of the CPU time that Locust takes for it.

Locust adds each request to the entry of all requests and to that of its name, one after the other, with four calls for
each: for a fast client that is more than all that the harness records. Here both are counted at once. What Locust
shows, writes and sends to its master is the same after each request.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from locust import stats as locust_stats
from locust.env import Environment

_LISTENER = "Runner.__init__.<locals>.on_request"
_COUNTING: tuple[tuple[type, str], ...] = (
    (locust_stats.RequestStats, "log_request"),
    (locust_stats.StatsEntry, "log"),
    (locust_stats.StatsEntry, "_log_time_of_request"),
    (locust_stats.StatsEntry, "_log_response_time"),
)


def count_at_once(environment: Environment) -> None:
    """From now on, in the place of Locust's listener, unless somebody has replaced what that calls."""
    stats = environment.stats
    if type(stats) is not locust_stats.RequestStats or "log_request" in vars(stats):
        return
    if not all(_is_locusts(getattr(owner, name)) for owner, name in _COUNTING):
        return
    handlers: list[Any] = environment.events.request._handlers
    for place, handler in enumerate(handlers):
        if getattr(handler, "__qualname__", "") == _LISTENER:
            handlers[place] = _listener(environment)


def _is_locusts(function: Any) -> bool:
    """By where it was written: what wraps another function may have taken over its name and module."""
    return getattr(getattr(function, "__code__", None), "co_filename", "") == locust_stats.__file__


def _listener(environment: Environment) -> Callable[..., None]:
    def on_request(
        request_type: str,
        name: str,
        response_time: Any,
        response_length: Any,
        exception: Any = None,
        # Of no use here; but what Python has to collect as the rest takes longer than all that is done with it.
        response: Any = None,  # noqa: ARG001
        context: Any = None,  # noqa: ARG001
        start_time: Any = None,  # noqa: ARG001
        url: Any = None,  # noqa: ARG001
        sent_s: Any = None,  # noqa: ARG001
        done_s: Any = None,  # noqa: ARG001
        unchecked_bytes: Any = None,  # noqa: ARG001
        trace: Any = None,  # noqa: ARG001
        **_: Any,
    ) -> None:
        stats = environment.stats
        now_s = time.time()
        second = int(now_s)
        # By its module: Locust's documentation has users replace it.
        rounded = None if response_time is None else locust_stats.bucket_response_time(response_time)
        for entry in (stats.total, stats.entries[name, request_type]):
            last_s = entry.last_request_timestamp
            if entry.use_response_times_cache and last_s and second > int(last_s):
                entry._cache_response_times(second - 1)
            entry.num_requests += 1
            entry.num_reqs_per_sec[second] += 1
            entry.last_request_timestamp = now_s
            if rounded is None:
                entry.num_none_requests += 1
            else:
                entry.total_response_time += response_time
                if entry.min_response_time is None or response_time < entry.min_response_time:
                    entry.min_response_time = response_time
                if response_time > entry.max_response_time:
                    entry.max_response_time = response_time
                entry.response_times[rounded] += 1
            entry.total_content_length += response_length
        if exception:
            stats.log_error(request_type, name, exception)

    return on_request
