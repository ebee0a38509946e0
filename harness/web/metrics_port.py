"""``--metrics-port``: ``/metrics`` on a port of its own, where there is no web UI, or one that asks for a login.

It listens on this machine only, answers to the names of this machine only, shows ``/metrics`` and nothing else, and
starts nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gevent.pywsgi import WSGIServer
from locust.env import Environment

from harness.config.options import GENERAL
from harness.errors import ConfigurationError
from harness.run.master import Master
from harness.web import guard
from harness.web.exposition import CONTENT_TYPE
from harness.web.metrics import Metrics
from harness.web.status import Watch

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

HOST = "127.0.0.1"
OPTION = next(each for each in GENERAL if each.name == "metrics_port")


def serve(environment: Environment, master: Master) -> None:
    """From now on until the process ends, where the option gives a port. Raises ConfigurationError."""
    options: Any = environment.parsed_options
    given = getattr(options, OPTION.name, "")
    port: Any = OPTION.read(given.strip() or OPTION.text) if isinstance(given, str) else given
    if problem := OPTION.problem(port):
        raise ConfigurationError(f"{OPTION.flag} {given}: {problem}")
    if not port:
        return
    metrics = Metrics(environment, master, Watch(environment, master, Path(str(options.runs_dir or "runs")).absolute()))

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        found = environ.get("PATH_INFO") == "/metrics"
        reading = environ["REQUEST_METHOD"] in ("GET", "HEAD")
        status = "200 OK" if found and reading else "405 Method Not Allowed" if found else "404 Not Found"
        body = metrics.text().encode() if found and reading else b"GET /metrics\n"
        kind = CONTENT_TYPE if found and reading else "text/plain; charset=utf-8"
        start_response(status, [("Content-Type", kind), ("Cache-Control", "no-store")])
        return [body]

    server = WSGIServer((HOST, port), guard.Guard(answer, guard.names(HOST, "")), log=None)
    try:
        server.start()
    except OSError as error:
        raise ConfigurationError(
            f"{OPTION.flag} {port}: cannot listen on {HOST} ({error.strerror}); choose another port"
        ) from None
