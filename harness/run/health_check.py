"""Is the target there? Asked before the load: a run against nothing is not a failing target."""

from __future__ import annotations

import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from harness.clients.address import url_problems
from harness.clients.http_get import Deadline, NoAnswerError, connect, endpoint, get

LIMIT_BYTES = 1_000_000


@dataclass(frozen=True)
class HealthResult:
    check: str
    """What was asked: ``GET /readyz``, or ``TCP 127.0.0.1:8000``."""
    ok: bool
    detail: str
    """What came: ``200 OK in 3 ms``, or the cause in words. Never a body, a header or a query."""


def check(url: str, timeout_s: float = 5.0) -> HealthResult:
    """Asks ``url`` once: GET of its path, or only a TCP connection where it has no path.

    Healthy is a status from 200 to 299. A redirect is not: what it points to was not asked. Never raises for
    a target that is away, and returns within about ``timeout_s``. Waits cooperatively under gevent.
    """
    problems = url_problems(url)
    if problems:
        return HealthResult("address", False, "; ".join(problems))
    parts = urlsplit(url)
    what = f"GET {parts.path}" if parts.path else f"TCP {parts.netloc.rpartition('@')[2]}"
    began_s = time.monotonic()
    try:
        if not parts.path:
            host, port, _ = endpoint(url)
            connect(host, port, False, Deadline(timeout_s)).close()
            return HealthResult(what, True, f"connected in {_elapsed_ms(began_s)}")
        answer = get(url, timeout_s, LIMIT_BYTES)
    except NoAnswerError as error:
        return HealthResult(what, False, str(error))
    status = f"HTTP {answer.status} {answer.reason}".rstrip()
    if 200 <= answer.status < 300:
        return HealthResult(what, True, f"{status} in {_elapsed_ms(began_s)}")
    if 300 <= answer.status < 400:
        return HealthResult(what, False, f"{status}: redirects to {answer.location or 'nowhere'}, not followed")
    return HealthResult(what, False, status)


def wait_until_healthy(url: str, within_s: float, timeout_s: float = 5.0) -> HealthResult:
    """Asks every 0.2 s until the target is healthy; the last answer when it was not within ``within_s``.

    0: asks once, and waits up to ``timeout_s`` for the answer.
    """
    end_s = time.monotonic() + within_s
    while True:
        left_s = end_s - time.monotonic() if within_s else timeout_s
        result = check(url, max(0.1, min(timeout_s, left_s)))
        if result.ok or time.monotonic() + 0.2 >= end_s:
            return result
        time.sleep(0.2)


def _elapsed_ms(began_s: float) -> str:
    return f"{(time.monotonic() - began_s) * 1000:.0f} ms"
