"""Locust's own statistics, counted for a quarter of the CPU time that Locust takes for it.

Locust adds each request to the entry of all requests and to that of its name, one after the other, with four calls for
each: for a fast client that is more than all that the harness records. Here a request is noted, and what was noted is
counted together: as soon as somebody looks at the statistics, and after :data:`MOST_NOTED` at the latest. So what
Locust shows, writes and sends to its master is the same after each request. Only code that keeps an entry, and never
asks the statistics for it again, sees it some requests late.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from locust import stats as locust_stats
from locust.env import Environment

MOST_NOTED = 64
"""Counting them takes a tenth of a millisecond: no request waits for longer than it does for another one."""
_LISTENER = "Runner.__init__.<locals>.on_request"
_COUNTING: tuple[tuple[type, str], ...] = (
    (locust_stats.RequestStats, "log_request"),
    (locust_stats.StatsEntry, "log"),
    (locust_stats.StatsEntry, "_log_time_of_request"),
    (locust_stats.StatsEntry, "_log_response_time"),
)
Noted = tuple[locust_stats.StatsEntry, Any, Any, float]
"""Entry of its name, response time in milliseconds (None: it has none), length of the answer, when it ended."""


class CountedTogether(locust_stats.RequestStats):
    """Locust's, which whoever looks finds complete."""

    _noted: list[Noted]
    _total: locust_stats.StatsEntry
    _entries: dict[tuple[str, str], locust_stats.StatsEntry]

    @staticmethod
    def become(stats: locust_stats.RequestStats) -> CountedTogether:
        """The same object, as Locust's runner and web UI hold it already, with what it has counted so far."""
        attributes = vars(stats)
        attributes |= {"_noted": [], "_total": attributes.pop("total"), "_entries": attributes.pop("entries")}
        stats.__class__ = CountedTogether
        assert isinstance(stats, CountedTogether)
        return stats

    @property
    def total(self) -> locust_stats.StatsEntry:
        self.count_noted()
        return self._total

    @total.setter
    def total(self, total: locust_stats.StatsEntry) -> None:
        self.count_noted()
        self._total = total

    @property
    def entries(self) -> dict[tuple[str, str], locust_stats.StatsEntry]:
        self.count_noted()
        return self._entries

    @entries.setter
    def entries(self, entries: dict[tuple[str, str], locust_stats.StatsEntry]) -> None:
        self.count_noted()
        self._entries = entries

    def on_request(
        self,
        request_type: str,
        name: str,
        response_time: Any,
        response_length: Any,
        exception: Any = None,
        # Of no use here; but what Python has to collect as the rest takes longer than all that is done with it.
        response: Any = None,  # noqa: ARG002
        context: Any = None,  # noqa: ARG002
        start_time: Any = None,  # noqa: ARG002
        url: Any = None,  # noqa: ARG002
        sent_s: Any = None,  # noqa: ARG002
        done_s: Any = None,  # noqa: ARG002
        unchecked_bytes: Any = None,  # noqa: ARG002
        trace: Any = None,  # noqa: ARG002
        **_: Any,
    ) -> None:
        self.note(request_type, name, response_time, response_length, exception)

    def note(self, method: str, name: str, response_time_ms: Any, length: Any, exception: Any) -> None:
        """A request has ended."""
        noted = self._noted
        noted.append((self._entries[name, method], response_time_ms, length, time.time()))
        if exception:
            self.log_error(method, name, exception)
        if len(noted) >= MOST_NOTED:
            self.count_noted()

    def count_noted(self) -> None:
        """All that was noted and is not counted yet."""
        if not self._noted:
            return
        noted, self._noted = self._noted, []
        for second, of_second in groupby(noted, lambda each: int(each[3])):
            together = list(of_second)
            _add(self._total, second, together)
            for entry in {each[0] for each in together}:
                _add(entry, second, [each for each in together if each[0] is entry])


def _add(entry: Any, second: int, noted: Sequence[Noted]) -> None:
    """Requests that have all ended in this second: what ``StatsEntry.log()`` does for one after the other."""
    last_s = entry.last_request_timestamp
    if entry.use_response_times_cache and last_s and second > int(last_s):
        entry._cache_response_times(second - 1)
    entry.num_requests += len(noted)
    entry.num_reqs_per_sec[second] += len(noted)
    entry.last_request_timestamp = noted[-1][3]
    shortest_ms, longest_ms = entry.min_response_time, entry.max_response_time
    total_ms, length, counts = entry.total_response_time, entry.total_content_length, entry.response_times
    # By its module: Locust's documentation has users replace it.
    rounded = locust_stats.bucket_response_time
    for _, took_ms, answer_length, _ in noted:
        length += answer_length
        if took_ms is None:
            entry.num_none_requests += 1
            continue
        total_ms += took_ms
        if shortest_ms is None or took_ms < shortest_ms:
            shortest_ms = took_ms
        if took_ms > longest_ms:
            longest_ms = took_ms
        counts[rounded(took_ms)] += 1
    entry.min_response_time, entry.max_response_time = shortest_ms, longest_ms
    entry.total_response_time, entry.total_content_length = total_ms, length


def count_together(environment: Environment) -> CountedTogether | None:
    """From now on, in the place of Locust's listener; None where somebody has replaced what that calls."""
    stats = environment.stats
    if isinstance(stats, CountedTogether):
        return stats
    if type(stats) is not locust_stats.RequestStats or "log_request" in vars(stats):
        return None
    if not all(_is_locusts(getattr(owner, name)) for owner, name in _COUNTING):
        return None
    handlers: list[Any] = environment.events.request._handlers
    names = [getattr(handler, "__qualname__", "") for handler in handlers]
    if names.count(_LISTENER) != 1:
        return None
    together = CountedTogether.become(stats)
    handlers[names.index(_LISTENER)] = together.on_request
    return together


def _is_locusts(function: Any) -> bool:
    """By where it was written: what wraps another function may have taken over its name and module."""
    return getattr(getattr(function, "__code__", None), "co_filename", "") == locust_stats.__file__
