"""PostgreSQL under Patroni behind a service: what strikes its primary or its replicas when a spike begins, and what
tells of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.faults import PlannedFault, load
from harness.load.users.reference_target import start_command
from harness.plugins import parameter
from harness.probes import ProbeData, planned

KILLED = "process", "machine"
AWAY = "machine", "freeze"
"""Failures at which Patroni is struck as well, so that the others wait until its lock has expired (its ttl)."""
PROMOTED_S = 4.0
"""So long after a primary has been killed another has been promoted."""


class PrimaryOptions:
    """Options of a scenario whose primary fails. Where no node of Patroni is named, a ``--fault`` strikes it."""

    failure: str = parameter(
        "process",
        "what happens to the primary when the spike begins",
        choices=("process", "machine", "freeze", "switchover", "none"),
    )
    away_s: float = parameter(30.0, "how long a machine that died or froze stays away", lowest=1)
    behind_s: float = parameter(0.0, "how long before it is killed its replicas receive nothing", lowest=0, highest=30)
    patroni: tuple[str, ...] = parameter((), "addresses of the REST API of each node of Patroni", secret=True)
    postgres_nodes: tuple[str, ...] = parameter((), "or all servers, to be asked by SQL who is primary", secret=True)
    start_command: str = parameter("", "command that starts the machine {member} again", secret=True)
    patroni_ttl_s: float = parameter(20.0, "ttl of Patroni's lock, on top of an outage's limit where it is struck")


class ReplicaOptions:
    """Options of a scenario whose replicas fail. Where no node of Patroni is named, a ``--fault`` strikes them."""

    failure: str = parameter(
        "replica",
        "what happens in the spike: to one replica, or to all",
        choices=("replica", "replicas", "lag", "none"),
    )
    away_s: float = parameter(20.0, "how long a machine is away, or one replays nothing", lowest=1)
    patroni: tuple[str, ...] = parameter((), "addresses of the REST API of each node of Patroni", secret=True)
    start_command: str = parameter("", "command that starts the machine {member} again", secret=True)
    replicas: int = parameter(0, "how many replicas answer reads; 0: all nodes of Patroni but one")


def primary_failure(options: Any) -> Iterator[PlannedFault]:
    """For :class:`PrimaryOptions` and a shape whose spike comes after ``baseline_s``, and lasts for ``hold_s``."""
    if not options.patroni or options.failure == "none":
        return
    if options.failure == "switchover":
        yield PlannedFault(load("patroni_switchover", urls=options.patroni), at="spike", for_s=options.hold_s)
        return
    if options.behind_s:  # until a replica has been promoted: what is on its way to it is not taken any more
        deaf = load("stop_process", patroni=options.patroni, member="replicas", child="walreceiver")
        yield PlannedFault(deaf, at=options.baseline_s - options.behind_s, for_s=options.behind_s + PROMOTED_S)
    struck = {"patroni": options.patroni, "machine": options.failure in AWAY}
    if options.failure == "freeze":
        fault = load("stop_process", **struck)
    else:
        fault = load("kill_process", **struck, start_command=start_command(options) if struck["machine"] else "")
    yield PlannedFault(fault, at="spike", for_s=options.away_s if options.failure in AWAY else options.hold_s)


def primary_problems(options: Any) -> Iterator[str]:
    """What keeps a primary from failing so, with the remedy."""
    if options.behind_s and options.failure not in KILLED:
        yield f"--behind-s is for a primary that is killed: give --failure {' or '.join(KILLED)}, or leave it away"
    if options.behind_s > options.baseline_s:
        yield f"--behind-s {options.behind_s:g} is longer than --baseline-s {options.baseline_s:g}: make it shorter"


def replica_failure(options: Any) -> Iterator[PlannedFault]:
    """For :class:`ReplicaOptions`."""
    if not options.patroni or options.failure == "none":
        return
    if options.failure == "lag":  # PostgreSQL's process of this name replays
        fault = load("stop_process", patroni=options.patroni, member="replica", child="startup")
    else:
        # All machines but one would be no majority, and leave no primary: of those PostgreSQL alone is killed.
        machine = options.failure == "replica"
        command = start_command(options) if machine else ""
        member = {"patroni": options.patroni, "member": options.failure}
        fault = load("kill_process", **member, machine=machine, start_command=command)
    yield PlannedFault(fault, at="spike", for_s=options.away_s)


def database_nodes(options: Any) -> Iterator[ProbeData]:
    """Who is primary, and how far the others are behind: by Patroni, or else by the servers themselves."""
    if options.patroni:
        yield planned("patroni", urls=options.patroni)
    elif servers := getattr(options, "postgres_nodes", ()):
        yield planned("postgres_replication", dsns=servers)
