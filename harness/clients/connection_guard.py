"""Holds every connection of this process to the hosts that load may go to, whatever library opens it.

Load, probes, faults and health checks are told where to go by options, by the user's own code and by what a server
answers: a redirect may name any host. So the one place that they all pass is guarded: an audit hook (PEP 578) sees each
``connect`` of a Python socket, gevent's too, before it is made. What it does not see are libraries that open sockets in
C, see docs/safety.md; :mod:`harness.clients.postgres` looks after libpq by itself.

A host that was consented to is resolved once, when the guard is armed: what its name becomes later is another host.
"""

from __future__ import annotations

import errno
import functools
import ipaddress
import math
import socket
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from harness.clients.address import Resolve, is_literal, is_loopback, system_addresses
from harness.recording.values import BLOCKED

MOST_KEPT = 100
"""Different addresses that are told apart; further ones are counted as ``other addresses``."""
OTHERS = "other addresses"
DNS = 53
AGAIN_S = 1.0
"""Between two look-ups of names that have no address yet."""
_OUTGOING = ("socket.connect", "socket.sendto", "socket.sendmsg")
"""Audit events of the standard library's socket module."""
_INTERNET = (socket.AF_INET, socket.AF_INET6)
_THIS_MACHINE = ("0.0.0.0", "::")


class BlockedError(PermissionError):
    """A connection that was not made, because nobody has consented to load its host."""

    outcome = BLOCKED

    def __init__(self, host: str, place: str) -> None:
        super().__init__(
            errno.EACCES,
            f"the connection to {place} was not made: load goes only to this machine unless you say otherwise. If that "
            f"is your own system, consent with --allow-host {host}",
        )


class _Guard:
    """Of this process; a fork has a copy."""

    def __init__(self) -> None:
        self.armed = False
        self.tried_s = -math.inf
        self.resolve: Resolve = system_addresses
        self.names: set[str] = set()
        self.unresolved: set[str] = set()
        self.addresses: set[str] = set()
        self.blocked: Counter[tuple[int, str]] = Counter()
        self.kept: set[str] = set()

    def consent(self, names: Iterable[str]) -> None:
        for name in {name.strip("[]").lower() for name in names} - self.names:
            self.names.add(name)
            self.unresolved.add(name)
        self.look_up()

    def look_up(self) -> None:
        """Those that have no address yet: a name may be made while a service starts."""
        self.tried_s = time.monotonic()
        for name in tuple(self.unresolved):
            try:
                self.addresses.update(_plain(address) for address in self.resolve(name))
                self.unresolved.discard(name)
            except (OSError, UnicodeError):
                continue

    def allows(self, host: str) -> bool:
        address = _plain(host)
        if address in self.addresses or address in _THIS_MACHINE or is_loopback(address):
            return True
        if self.unresolved and time.monotonic() > self.tried_s + AGAIN_S:
            self.look_up()
            return address in self.addresses
        return False

    def require(self, host: str, port: object) -> None:
        if not self.armed or self.allows(host):
            return
        if not is_literal(host):
            try:
                addresses: Sequence[str] = self.resolve(host)
            except (OSError, UnicodeError):
                return  # it will fail, for that
            if all(self.allows(address) for address in addresses):
                return
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        if place not in self.kept and len(self.kept) >= MOST_KEPT:
            self.blocked[int(time.monotonic()), OTHERS] += 1
        else:
            self.kept.add(place)
            self.blocked[int(time.monotonic()), place] += 1
        raise BlockedError(host, place)


_guard = _Guard()
_hooked = False


def arm(allowed: Collection[str], resolve: Resolve = system_addresses) -> None:
    """From now on this process connects to this machine only, and to the hosts ``allowed``. Called again, it adds to
    them. ``resolve`` stands in for the system in tests.
    """
    global _hooked
    _guard.resolve = resolve
    _guard.consent(allowed)
    _guard.armed = True
    if not _hooked:
        _hooked = True
        sys.addaudithook(_audit)


def consented() -> list[str]:
    """The hosts, for a process that this one starts."""
    return sorted(_guard.names)


def require(host: str, port: object) -> None:
    """For clients whose sockets are made in C: raises BlockedError where a connection would be."""
    _guard.require(host, port)


def take() -> list[tuple[float, str, int]]:
    """What was blocked since the last call: second of the monotonic clock, address and port, how often."""
    blocked, _guard.blocked = _guard.blocked, Counter()
    return [(float(second), place, count) for (second, place), count in sorted(blocked.items())]


def _audit(event: str, arguments: tuple[Any, ...], outgoing: Collection[str] = _OUTGOING) -> None:
    if event in outgoing:  # not a global: as the interpreter ends there are none, and the hook is still called
        made, address = arguments
        # Who asks a name server in Python (gevent's dnspython resolver) asks the one that the system names.
        if address and made.family in _INTERNET and not (address[1] == DNS and made.type == socket.SOCK_DGRAM):
            _guard.require(*address[:2])


@functools.lru_cache(maxsize=1000)
def _plain(host: str) -> str:
    """An address as it is compared: without a zone, and an IPv4 address that is written as an IPv6 one as itself."""
    try:
        parsed = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host.lower()
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)
