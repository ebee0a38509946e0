"""Nodes of PostgreSQL under Patroni: who is primary, who follows it, and how far behind."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from harness.clients.address import strip_url, url_problems
from harness.clients.patroni import PatroniError, Status, statuses
from harness.plugins import parameter
from harness.probes import Probe, Reading
from harness.probes._lag import LagMeter


@dataclass(frozen=True)
class Patroni(Probe):
    """For each node ``primary`` and ``streaming`` (1 or 0), ``timeline``, and of a replica ``lag_s``, ``lag_up_to_s``
    and ``lag_bytes`` behind the primary; ``answered_s``: how long after the beginning of the sample it had answered.

    ``urls`` are those of the REST API of each node, all asked at the same time. The source is the node's name.
    """

    urls: tuple[str, ...] = parameter(help="addresses of the REST API of each node", secret=True)
    timeout_s: float = parameter(0.9, "longest time for one sample", lowest=0.001)
    _names: dict[str, str] = field(default_factory=dict, init=False, compare=False, repr=False)
    """By URL, once it has answered."""
    _lag: LagMeter = field(default_factory=LagMeter, init=False, compare=False, repr=False)

    def conflicts(self) -> Iterable[str]:
        if not self.urls:
            yield "no address is given. Give that of each node's REST API, e.g. http://127.0.0.1:8008"
        for url in self.urls:
            yield from url_problems(url)

    def sample(self) -> Iterator[Reading]:
        begun_s = time.monotonic()
        answers = statuses(self.urls, self.timeout_s)
        answered_s = time.monotonic() - begun_s
        for answer in answers:
            if isinstance(answer, Status) and answer.is_primary and answer.position_bytes is not None:
                self._lag.note_primary(answer.name, begun_s, answer.position_bytes)
        for url, answer in zip(self.urls, answers, strict=True):
            if isinstance(answer, PatroniError):
                yield Reading.failed(self._names.get(url, strip_url(url)), str(answer))
                continue
            self._names[url] = answer.name
            yield Reading.of(answer.name, self._figures(answer, begun_s) | {"answered_s": answered_s})

    def _figures(self, status: Status, at_s: float) -> dict[str, float]:
        figures = {"primary": float(status.is_primary), "streaming": float(status.is_streaming)}
        if status.timeline is not None:
            figures["timeline"] = status.timeline
        if status.is_streaming and status.position_bytes is not None:
            figures |= self._lag.lag(at_s, status.position_bytes)
        return figures
