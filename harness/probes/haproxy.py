"""Servers behind HAProxy by state, and what they are doing: from its runtime socket or its statistics page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from harness.clients.address import strip_url, url_problems
from harness.clients.haproxy import (
    BACKEND,
    CSV_HEADER,
    LIMIT_BYTES,
    HaproxyError,
    ServerStatus,
    parse_statistics,
    run_command,
)
from harness.clients.http_get import NoAnswerError, page
from harness.plugins import parameter
from harness.probes import Probe, Reading

STATES = ("up", "drain", "down", "maint")
_STATES = {"UP": "up", "NO CHECK": "up", "DRAIN": "drain", "NOLB": "drain", "MAINT": "maint", "DOWN": "down"}
"""By the beginning of HAProxy's word. ``no check``: nobody asks it, and it gets requests. ``NOLB`` is alive and asked
for no new ones. ``UP 1/3`` is up, and has failed two checks.
"""
_METRICS = {"haproxy_server_current_sessions": "sessions", "haproxy_server_current_queue": "queue"}


@dataclass(frozen=True)
class Haproxy(Probe):
    """For each backend ``servers_up``, ``_drain``, ``_down`` and ``_maint``, ``sessions`` (requests under way in them)
    and ``queue`` (requests that wait for one).

    ``socket_path`` is the runtime socket, ``url`` a statistics page as CSV (``http://…/stats;csv``) or the Prometheus
    exporter; one of the two. ``backend`` picks one backend; empty: all that have servers. The source is its name.
    """

    socket_path: str = parameter("", "path of the runtime socket")
    url: str = parameter("", "address of a statistics page as CSV, or of the Prometheus exporter")
    backend: str = parameter("", "name of the one backend; empty: all that have servers")
    timeout_s: float = parameter(2.0, "longest time for one sample", lowest=0.001)

    def conflicts(self) -> Iterator[str]:
        if self.url:
            yield from url_problems(self.url)
        if bool(self.socket_path) == bool(self.url):
            yield "give either socket_path, the runtime socket, or url, a statistics page"

    def sample(self) -> Iterator[Reading]:
        source = self.backend or self.socket_path or strip_url(self.url)
        try:
            rows = list(self._rows())
        except NoAnswerError as error:
            yield Reading.failed(source, str(error))
            return
        backends = sorted({row.backend for row in rows if not row.is_backend})
        chosen = [name for name in backends if not self.backend or name == self.backend]
        if not chosen:
            there = f"; there are {', '.join(backends)}" if backends else ""
            yield Reading.failed(source, f"no servers of a backend {self.backend or 'of any name'}{there}")
        for name in chosen:
            yield Reading.of(name, _figures([row for row in rows if row.backend == name]))

    def _rows(self) -> Iterable[ServerStatus]:
        try:
            text = run_command(self.socket_path, "show stat", self.timeout_s) if self.socket_path else self._page()
            if text.startswith(CSV_HEADER):
                return list(parse_statistics(text))
        except HaproxyError as error:
            raise NoAnswerError(str(error)) from None
        if not self.socket_path:
            return _of_prometheus(text)
        raise NoAnswerError(f"{self.socket_path} answers, but not as HAProxy's runtime socket does: {text[:40]!r}")

    def _page(self) -> str:
        body = page(self.url, self.timeout_s, LIMIT_BYTES, "text/csv, text/plain;version=0.0.4")
        return body.decode(errors="replace")


def _of_prometheus(text: str) -> Iterator[ServerStatus]:
    states: dict[tuple[str, str], str] = {}
    numbers: dict[tuple[str, str, str], float] = {}
    queues: dict[str, float] = {}
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                server = sample.labels.get("proxy", ""), sample.labels.get("server", "")
                if sample.name == "haproxy_server_status" and sample.value == 1:
                    states[server] = sample.labels.get("state", "")
                elif sample.name == "haproxy_backend_current_queue":
                    queues[server[0]] = sample.value
                elif sample.name in _METRICS:
                    numbers[*server, _METRICS[sample.name]] = sample.value
    except Exception as error:  # the parser raises whatever its string handling happens to raise
        raise NoAnswerError(f"neither HAProxy's CSV nor Prometheus text ({type(error).__name__}: {error})") from None
    if not states:
        raise NoAnswerError("no figures of HAProxy's servers: give its exporter, or its statistics page with ;csv")
    for server, state in states.items():
        sessions, queue = (numbers.get((*server, name), 0.0) for name in ("sessions", "queue"))
        yield ServerStatus(*server, state, sessions, queue)
    for backend, queue in queues.items():
        yield ServerStatus(backend, BACKEND, "", 0.0, queue)


def _state(word: str) -> str:
    plain = word.upper().replace("_", " ")
    return next((state for beginning, state in _STATES.items() if plain.startswith(beginning)), "down")


def _figures(rows: list[ServerStatus]) -> dict[str, float]:
    servers = [row for row in rows if not row.is_backend]
    counted = Counter(_state(server.status) for server in servers)
    return {
        **{f"servers_{state}": float(counted[state]) for state in STATES},
        "sessions": sum(server.sessions for server in servers),
        "queue": sum(row.queue for row in rows),
    }
