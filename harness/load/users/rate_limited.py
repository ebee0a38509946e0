"""Users under a rate limit: every request is counted, and kept as an operation with what its answer says of the limit.

An answer with 429 is a refusal. How many requests remain is read from ``RateLimit`` (``"default";r=9;t=30``, as in
draft-ietf-httpapi-ratelimit-headers-10; ``remaining=9`` in earlier drafts), ``RateLimit-Remaining`` or
``X-RateLimit-Remaining``; who has answered from the header that an option names.
"""

from __future__ import annotations

import functools
import re
import time
from collections import Counter
from typing import Any, ClassVar

import gevent

from harness.load.http import PacedHttpUser
from harness.load.http.response import HeaderFields, Response
from harness.load.users.measured import Measured
from harness.plugins import parameter
from harness.recording import ADMITTED, BYPASS, REFUSED, TAKE

REFUSAL = 429
LONGEST_WAIT_S = 120.0
_REMAINING = re.compile(r"(?:^|[;,\s])(?:r|remaining)\s*=\s*(\d{1,12})(?!\d)", re.IGNORECASE)


class RateLimitOptions:
    """Options of a scenario with such users."""

    limited_path: str = parameter("/limited", "path under the limit", web=True)
    allowed: int = parameter(100, "requests that a key may make within the window", lowest=1, web=True)
    window_s: float = parameter(10.0, "length of the window", lowest=0.1, web=True)
    algorithm: str = parameter(
        "sliding_window", "how the limit counts", choices=("sliding_window", "fixed_window", "token_bucket"), web=True
    )
    key_header: str = parameter("X-API-Key", "header by which the service knows whose request it is")
    instance_header: str = parameter("X-Instance", "header that names the instance that has answered")
    open_header: str = parameter(
        "X-RateLimit-State: fail-open", "header, with its value, of requests admitted without a look at the counters"
    )


class RateLimitedUser(Measured, PacedHttpUser):
    """A caller with :class:`RateLimitOptions`."""

    abstract = True
    shed = REFUSAL
    _placed: ClassVar[Counter[str]] = Counter()
    """Users of this process who have a place, by run."""

    @functools.cached_property
    def place(self) -> int:
        """0, 1, 2 … in the order in which users ask for it, different for every user of the run over all nodes."""
        before = self._placed[self.node.run]
        self._placed[self.node.run] += 1
        return self.node.index + self.node.nodes * before

    @property
    def options(self) -> Any:
        return self.environment.parsed_options

    def take(self, key: str, value: str, via: str) -> Response:
        """One request of the key whose ``value`` the service gets, and which is called ``key`` in the recording."""
        options = self.options
        begun_s = time.monotonic()
        response = self.client.get(options.limited_path, headers={options.key_header: value})
        done_s: float | None = time.monotonic()
        verdict = ""
        if response.status_code == REFUSAL:
            verdict = REFUSED
        elif response.is_success:
            verdict = BYPASS if _has(response.headers, options.open_header) else ADMITTED
        elif not response.status_code:
            done_s = None
        source = response.headers.get(options.instance_header, "").strip()
        remaining = _remaining(response.headers) if verdict == ADMITTED else None
        self.operation(TAKE, key, str(self.number), remaining, begun_s, done_s, via, source, verdict)
        return response

    def wait_as_told(self, key: str, value: str) -> None:
        """Takes until it is refused, waits exactly as long as the refusal says, and tries again, by way of ``retry``.
        For a key that nobody else has: then that one has to be admitted.
        """
        for _ in range(self.options.allowed + 1):
            wait_s = retry_after_s(self.take(key, value, via="sole"))
            if wait_s is not None:
                gevent.sleep(wait_s)
                self.take(key, value, via="retry")
                return


def retry_after_s(response: Response) -> float | None:
    """How long a refusal asks its caller to wait, in seconds (RFC 9110 §10.2.3); None where it does not say, or says it
    as a date, which is no better than the clocks of both sides.
    """
    told = response.headers.get("Retry-After", "").strip() if response.status_code == REFUSAL else ""
    return min(float(told), LONGEST_WAIT_S) if told.isascii() and told.isdecimal() else None


def _remaining(headers: HeaderFields) -> int | None:
    for name in ("RateLimit-Remaining", "X-RateLimit-Remaining"):
        told = headers.get(name, "").strip()
        if told.isascii() and told.isdecimal():
            return int(told[:12])
    found = _REMAINING.search(headers.get("RateLimit", ""))
    return int(found[1]) if found else None


def _has(headers: HeaderFields, header: str) -> bool:
    name, colon, value = header.partition(":")
    return bool(colon) and headers.get(name.strip(), "").strip().lower() == value.strip().lower()
