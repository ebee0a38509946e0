"""Servers behind HAProxy by state, and what they are doing: from its runtime socket or its statistics page."""

from __future__ import annotations

import csv
import socket
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from harness.clients.address import strip_url, url_faults
from harness.clients.http_get import Deadline, NoAnswerError, get
from harness.errors import ConfigurationError
from harness.probes import Reading

LIMIT_BYTES = 4_000_000
STATES = ("up", "drain", "down", "maint")
_STATES = {"UP": "up", "NO CHECK": "up", "DRAIN": "drain", "NOLB": "drain", "MAINT": "maint", "DOWN": "down"}
"""By the beginning of HAProxy's word. ``no check``: nobody asks it, and it gets requests. ``NOLB`` is alive and asked
for no new ones. ``UP 1/3`` is up, and has failed two checks.
"""
_METRICS = {"haproxy_server_current_sessions": "sessions", "haproxy_server_current_queue": "queue"}


@dataclass(frozen=True)
class Haproxy:
    """For each backend ``servers_up``, ``_drain``, ``_down`` and ``_maint``, ``sessions`` (requests under way in them)
    and ``queue`` (requests that wait for one).

    ``socket_path`` is the runtime socket, ``url`` a statistics page as CSV (``http://…/stats;csv``) or the Prometheus
    exporter; one of the two. ``backend`` picks one backend; empty: all that have servers. The source is its name.
    https://docs.haproxy.org/2.8/management.html#9.1 (format of the CSV)
    """

    socket_path: str = ""
    url: str = ""
    backend: str = ""
    timeout_s: float = 2.0

    def __post_init__(self) -> None:
        faults = [f"Probe haproxy: {fault}" for fault in (url_faults(self.url) if self.url else ())]
        if bool(self.socket_path) == bool(self.url):
            faults.append("Probe haproxy: give either socket_path, the runtime socket, or url, a statistics page")
        if self.timeout_s <= 0:
            faults.append(f"Probe haproxy: timeout_s is {self.timeout_s:g}. Give more than 0 seconds")
        if faults:
            raise ConfigurationError(faults)

    def sample(self) -> Iterator[Reading]:
        source = self.backend or self.socket_path or strip_url(self.url)
        try:
            rows = list(self._rows())
        except NoAnswerError as error:
            yield Reading.failed(source, str(error))
            return
        backends = sorted({row.backend for row in rows if row.state})
        chosen = [name for name in backends if not self.backend or name == self.backend]
        if not chosen:
            there = f"; there are {', '.join(backends)}" if backends else ""
            yield Reading.failed(source, f"no servers of a backend {self.backend or 'of any name'}{there}")
        for name in chosen:
            yield Reading.of(name, _figures([row for row in rows if row.backend == name]))

    def _rows(self) -> Iterable[_Server]:
        text = self._asked() if self.socket_path else self._fetched()
        if text.startswith("# pxname,"):
            return _of_csv(text)
        if not self.socket_path:
            return _of_prometheus(text)
        raise NoAnswerError(f"{self.socket_path} answers, but not as HAProxy's runtime socket does: {text[:40]!r}")

    def _asked(self) -> str:
        deadline = Deadline(self.timeout_s)
        answer = bytearray()
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(deadline.remaining_s())
                connection.connect(self.socket_path)
                connection.sendall(b"show stat\n")
                while chunk := connection.recv(65536):
                    answer += chunk
                    if len(answer) > LIMIT_BYTES:
                        raise NoAnswerError(f"the answer is longer than {LIMIT_BYTES} bytes")
                    connection.settimeout(deadline.remaining_s())
        except TimeoutError:
            raise NoAnswerError(
                f"timed out: no whole answer of {self.socket_path} within {self.timeout_s:g} s"
            ) from None
        except OSError as error:
            raise NoAnswerError(self._why(error)) from None
        return answer.decode(errors="replace")

    def _why(self, error: OSError) -> str:
        path = Path(self.socket_path)
        try:
            if path.exists() and not path.is_socket():
                return f"{path} is no socket; name the one of `stats socket` in haproxy.cfg"
        except OSError:
            pass
        return f"{path}: {error.strerror or error}"

    def _fetched(self) -> str:
        answer = get(self.url, self.timeout_s, LIMIT_BYTES, "text/csv, text/plain;version=0.0.4")
        if answer.status != 200:
            to = f" to {answer.location}, which is not followed" if answer.location else ""
            raise NoAnswerError(f"HTTP {answer.status} {answer.reason}".rstrip() + to)
        return answer.body.decode(errors="replace")


@dataclass(frozen=True)
class _Server:
    """A server, or, with no state, the queue of the backend: of requests that may go to any of its servers."""

    backend: str
    state: str
    sessions: float
    queue: float


def _of_csv(text: str) -> Iterator[_Server]:
    for row in csv.DictReader(text.removeprefix("# ").splitlines()):
        name = row.get("svname")
        if name in (None, "FRONTEND") or row.get("type") not in (None, "", "1", "2"):
            continue
        try:
            sessions, queue = float(row.get("scur") or 0), float(row.get("qcur") or 0)
        except ValueError:
            raise NoAnswerError(f"the statistics of {name} cannot be read") from None
        if name == "BACKEND":
            yield _Server(str(row.get("pxname")), "", 0.0, queue)
        else:
            yield _Server(str(row.get("pxname")), _state(str(row.get("status"))), sessions, queue)


def _of_prometheus(text: str) -> Iterator[_Server]:
    states: dict[tuple[str, str], str] = {}
    numbers: dict[tuple[str, str, str], float] = {}
    queues: dict[str, float] = {}
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                server = sample.labels.get("proxy", ""), sample.labels.get("server", "")
                if sample.name == "haproxy_server_status" and sample.value == 1:
                    states[server] = _state(sample.labels.get("state", ""))
                elif sample.name == "haproxy_backend_current_queue":
                    queues[server[0]] = sample.value
                elif sample.name in _METRICS:
                    numbers[*server, _METRICS[sample.name]] = sample.value
    except Exception as error:  # the parser raises whatever its string handling happens to raise
        raise NoAnswerError(f"neither HAProxy's CSV nor Prometheus text ({type(error).__name__}: {error})") from None
    if not states:
        raise NoAnswerError("no figures of HAProxy's servers: give its exporter, or its statistics page with ;csv")
    for server, state in states.items():
        yield _Server(server[0], state, numbers.get((*server, "sessions"), 0), numbers.get((*server, "queue"), 0))
    for backend, queue in queues.items():
        yield _Server(backend, "", 0.0, queue)


def _state(word: str) -> str:
    plain = word.upper().replace("_", " ")
    return next((state for beginning, state in _STATES.items() if plain.startswith(beginning)), "down")


def _figures(servers: list[_Server]) -> dict[str, float]:
    counted = Counter(server.state for server in servers)
    return {
        **{f"servers_{state}": float(counted[state]) for state in STATES},
        "sessions": sum(server.sessions for server in servers),
        "queue": sum(server.queue for server in servers),
    }
