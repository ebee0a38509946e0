"""Users of a service that works on a connection pool, and tells in its answers how long each request waited for a
connection and held it: ``{"wait_ms": …, "query_ms": …}``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from harness.load.http import PacedHttpUser
from harness.load.http.response import Response
from harness.load.users.measured import Measured
from harness.plugins import parameter
from harness.probes import ProbeData, planned


class PooledOptions:
    """Options of a scenario with such users."""

    query_ms: float = parameter(50.0, "length of each query in milliseconds")
    work_path: str = parameter(
        "/db/work?ms={ms}", "path that runs a query of {ms} ms and tells wait_ms and query_ms", web=True
    )


class PooledHttpUser(PacedHttpUser, Measured):
    """A user with :class:`PooledOptions`."""

    abstract = True

    def work_on_pool(self) -> None:
        """One query through the service. Beside the request there is recorded what its answer tells: ``pool wait``,
        ``pool query`` (for how long it held a connection) and ``pool query beyond asked``.
        """
        options: Any = self.environment.parsed_options
        sent_s = time.monotonic()
        answer = self.client.get(options.work_path.replace("{ms}", f"{options.query_ms:g}"), name=options.work_path)
        times_s = _times_s(answer) if answer.is_success else None
        if times_s is not None:
            wait_s, query_s = times_s
            self.observe("pool", "wait", sent_s, sent_s + wait_s)
            self.observe("pool", "query", sent_s, sent_s + query_s)
            self.observe("pool", "query beyond asked", sent_s, sent_s + query_s - options.query_ms / 1000)


def pool_pages(options: Any, page: str) -> Iterator[ProbeData]:
    """The pool as the service's processes tell it on that page: the options ``api_urls``, and ``pool_size_metric``,
    ``pool_in_use_metric`` and ``pool_waiting_metric``.
    """
    if options.api_urls:
        pages = [url.rstrip("/") + page for url in options.api_urls]
        size, in_use, waiting = options.pool_size_metric, options.pool_in_use_metric, options.pool_waiting_metric
        yield planned("pool", urls=pages, size=size, in_use=in_use, waiting=waiting)


def _times_s(answer: Response) -> tuple[float, float] | None:
    """Waiting and holding; None where the service does not tell."""
    try:
        document = answer.json()
        return document["wait_ms"] / 1000, document["query_ms"] / 1000
    except (ValueError, KeyError, TypeError):
        return None
