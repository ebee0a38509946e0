"""How a client behaves: its time limits, what it takes from a target, whom it trusts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.load.http.expectation import Expectation


@dataclass(frozen=True)
class ResponseLimits:
    """What a connection may take."""

    max_head_bytes: int = 64 * 1024
    max_body_bytes: int = 64 * 1024 * 1024


LIMITS = ResponseLimits()


@dataclass(frozen=True)
class TlsSettings:
    """Which server certificates are good."""

    verify: bool = True
    ca_file: str | None = None


TLS_SETTINGS = TlsSettings()
EXPECTATION = Expectation()


@dataclass(frozen=True)
class Timeouts:
    """Seconds. A request that takes longer has failed; each limit has an outcome of its own."""

    total_s: float = 30.0
    """From the call to the end of the answer, with redirects."""
    connect_s: float = 10.0
    """For a connection, with the TLS handshake."""
    first_byte_s: float | None = None
    """From sending to the first byte of the answer; None: only the whole counts."""

    def __post_init__(self) -> None:
        for seconds in (self.total_s, self.connect_s, self.first_byte_s):
            if seconds is not None and not 0 < seconds < math.inf:
                raise ValueError(f"a time limit of {seconds} s: it must be above 0, and finite")


@dataclass(frozen=True)
class ClientSettings:
    """How a client behaves; the same for all users of a class."""

    timeouts: Timeouts = Timeouts()
    tls: TlsSettings = TLS_SETTINGS
    limits: ResponseLimits = LIMITS
    max_redirects: int = 10
    concurrency: int = 10
    """Most connections of one client at a time: greenlets that a task spawns may share the client."""
    headers: Mapping[str, str] = field(default_factory=dict)
    expectation: Expectation = EXPECTATION
    honours_retry_after: bool = False
    """Whether nothing is sent for as long as a service that has turned a request away asks for."""


def timeouts_of(timeout: float | Timeouts, default: Timeouts) -> Timeouts:
    if isinstance(timeout, Timeouts):
        return timeout
    return Timeouts(timeout, min(timeout, default.connect_s), default.first_byte_s)
