"""The length of one of the target's queues, from its status page or metrics page, whichever it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from harness.clients.address import strip_url, url_problems
from harness.clients.http_get import NoAnswerError, page
from harness.plugins import parameter
from harness.probes import Probe, Reading
from harness.probes.http_json import numbers_in
from harness.probes.pool import total_of
from harness.probes.prometheus import LIMIT_BYTES, values_of

ACCEPT = "text/plain;version=0.0.4, application/json;q=0.9"
MOST_NAMES = 10


@dataclass(frozen=True)
class Queue(Probe):
    """``length`` of what waits: a number of the page at ``url``, or how much more was received than handled.

    A page that begins with a brace is JSON, and its numbers go by their paths (``queue.waiting``); any other is
    Prometheus text, where a metric may have labels that it must have, and what fits is added up. The source is the
    address with the name.
    """

    url: str = parameter(help="address of the page")
    length: str = parameter(help="name of the gauge, or of the counter of what was received")
    handled: str = parameter("", "name of the counter of what was handled, which is taken off; empty for a gauge")
    timeout_s: float = parameter(2.0, "longest time for one sample", lowest=0.001)

    def conflicts(self) -> Iterable[str]:
        return url_problems(self.url)

    def sample(self) -> Iterator[Reading]:
        source = f"{strip_url(self.url)}#{self.length}"
        try:
            body = page(self.url, self.timeout_s, LIMIT_BYTES, ACCEPT)
        except NoAnswerError as error:
            yield Reading.failed(source, str(error))
            return
        try:
            values = _numbers(body)
        except Exception as error:  # the parser raises whatever its string handling happens to raise
            what = f"the answer is neither JSON nor Prometheus text ({type(error).__name__}: {error})"
            yield Reading.failed(source, what)
            return
        found = {name: _find(values, name) for name in (self.length, self.handled) if name}
        missing = [name for name, value in found.items() if value is None]
        if missing:
            there = ", ".join(list(values)[:MOST_NAMES]) or "none"
            yield Reading.failed(source, f"no number is called {', '.join(missing)}; there are {there}")
            return
        yield Reading.of(source, {"length": (found[self.length] or 0.0) - (found.get(self.handled) or 0.0)})


def _numbers(body: bytes) -> dict[str, float]:
    return numbers_in(body) if body.lstrip()[:1] in (b"{", b"[") else values_of(body.decode())


def _find(values: Mapping[str, float], name: str) -> float | None:
    return values[name] if name in values else total_of(values, name)
