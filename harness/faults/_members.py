"""The servers of a cluster as faults need them: who is primary when the fault comes, and where on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from harness.clients.patroni import PatroniError, members
from harness.clients.sentinel import SentinelError, servers
from harness.faults import FaultError

PRIMARY, REPLICA, REPLICAS = "primary", "replica", "replicas"
ASK_S = 4.0


@dataclass(frozen=True)
class FoundMember:
    """``port`` is that of the server, ``manager_port`` that of the program that looks after it; 0: there is none."""

    name: str
    host: str
    port: int
    is_primary: bool
    manager_port: int = 0


def of_patroni(urls: Sequence[str], wanted: str) -> list[FoundMember]:
    """Raises FaultError when there is none that is wanted, or not on this machine."""
    try:
        known = members(urls, ASK_S)
    except PatroniError as error:
        raise FaultError(f"no Patroni answers: {error}") from None
    found = [FoundMember(one.name, one.host, one.port, one.is_leader, one.rest_port) for one in known]
    return _chosen(found, wanted)


def of_sentinel(urls: Sequence[str], service: str, wanted: str) -> list[FoundMember]:
    """Raises FaultError as :func:`of_patroni`."""
    try:
        known = servers(urls, service, ASK_S)
    except SentinelError as error:
        raise FaultError(f"no Sentinel answers: {error}") from None
    return _chosen([FoundMember(one.name, one.host, one.port, one.is_primary) for one in known], wanted)


def _chosen(known: list[FoundMember], wanted: str) -> list[FoundMember]:
    replicas = [one for one in known if not one.is_primary]
    if wanted == PRIMARY:
        found = [one for one in known if one.is_primary]
    elif wanted in (REPLICA, REPLICAS):
        found = replicas[:1] if wanted == REPLICA else replicas
    else:
        found = [one for one in known if one.name == wanted]
    if not found:
        there = ", ".join(f"{one.name} ({'primary' if one.is_primary else 'replica'})" for one in known)
        raise FaultError(f"there is no {wanted} just now; there are {there or 'none'}")
    own = _own_addresses()
    for one in found:
        if one.host not in own:
            raise FaultError(f"{one.name} is on {one.host}, and only processes of this machine can be struck")
    return found


def _own_addresses() -> set[str]:
    listed = psutil.net_if_addrs().values()
    return {"localhost", "127.0.0.1", "::1", *(each.address.partition("%")[0] for one in listed for each in one)}
