"""Nodes of PostgreSQL under Patroni: who is primary, who follows it, and how far behind."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from harness.clients.address import strip_url, url_problems
from harness.clients.patroni import PatroniError, Status, members, statuses
from harness.plugins import parameter
from harness.probes import Probe, Reading
from harness.probes._lag import LagMeter


@dataclass(frozen=True)
class Patroni(Probe):
    """For each node ``primary`` and ``streaming`` (1 or 0), ``timeline``, and of a replica ``lag_s``, ``lag_up_to_s``
    and ``lag_bytes`` behind the primary; ``answered_s``: how long after the beginning of the sample it had answered.

    ``urls`` are those of the REST API of each node, all asked at the same time. The source is the node's name, and the
    address of its PostgreSQL.
    """

    urls: tuple[str, ...] = parameter(help="addresses of the REST API of each node", secret=True)
    timeout_s: float = parameter(3.0, "longest time for one sample", lowest=0.001)
    _nodes: dict[str, str] = field(default_factory=dict, init=False, compare=False, repr=False)
    """URL → what its node is called here, once that is known."""
    _lag: LagMeter = field(default_factory=LagMeter, init=False, compare=False, repr=False)

    def conflicts(self) -> Iterable[str]:
        if not self.urls:
            yield "no address is given. Give that of each node's REST API, e.g. http://127.0.0.1:8008"
        for url in self.urls:
            yield from url_problems(url)

    def sample(self) -> Iterator[Reading]:
        begun_s = time.monotonic()
        answers = statuses(self.urls, self.timeout_s)
        self._name_nodes(answers)
        for url, answer in zip(self.urls, answers, strict=True):
            if isinstance(answer, Status) and answer.is_primary and answer.position_bytes is not None:
                self._lag.note_primary(url, begun_s, answer.position_bytes)
        for url, answer in zip(self.urls, answers, strict=True):
            node = self._nodes.get(url, strip_url(url))
            if isinstance(answer, PatroniError):
                yield Reading.failed(node, str(answer))
            else:
                yield Reading.of(node, self._figures(answer, begun_s))

    def _name_nodes(self, answers: list[Status | PatroniError]) -> None:
        new = {url: each for url, each in zip(self.urls, answers, strict=True) if url not in self._nodes}
        if not any(isinstance(each, Status) for each in new.values()):
            return
        try:
            addresses = {one.name: f"{one.name} {one.host}:{one.port}" for one in members(self.urls, self.timeout_s)}
        except PatroniError:
            return
        for url, answer in new.items():
            if isinstance(answer, Status):
                self._nodes[url] = addresses.get(answer.name, answer.name)

    def _figures(self, status: Status, at_s: float) -> dict[str, float]:
        figures = {"primary": float(status.is_primary), "streaming": float(status.is_streaming)}
        figures["answered_s"] = status.answered_s
        if status.timeline is not None:
            figures["timeline"] = status.timeline
        if status.is_streaming and status.position_bytes is not None:
            figures |= self._lag.lag(at_s, status.position_bytes)
        return figures
