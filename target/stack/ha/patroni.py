"""PostgreSQL on three nodes: Patroni on each decides by a vote of the three which one takes writes (raft)."""

from __future__ import annotations

import json
import secrets
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from target.stack import postgres, unprivileged
from target.stack.launch import Launcher, RunAs, Running
from target.stack.ports import LOOPBACK, Reserved, reserve

SCOPE = "springback"
REWINDER = "rewinder"
REST_USER = "springback"
MAXIMUM_LAG_BYTES = 1024 * 1024
"""A replica that is further behind is not promoted, and takes no reads."""

TIMING: Mapping[str, object] = {
    "ttl": 20,  # after a machine died its lock is held so long; no smaller one is allowed
    "loop_wait": 1,
    "retry_timeout": 4,
    "primary_start_timeout": 0,  # a primary that died is replaced, rather than started again where it was
    "maximum_lag_on_failover": MAXIMUM_LAG_BYTES,
}
SETTINGS = {
    **{name: value for name, value in postgres.SETTINGS.items() if name not in ("wal_level", "hot_standby")},
    # What was acknowledged has to be on two servers; power cuts are none of our business, so nothing waits for a disk.
    "synchronous_commit": "on",
    "shared_buffers": "32MB",
    # Little to write, and little to remove at the end.
    "wal_init_zero": "off",
    "min_wal_size": "32MB",
    # A frozen server on either end is given up after so long; the default is a minute.
    "wal_sender_timeout": "3s",
    "wal_receiver_timeout": "3s",
    "max_logical_replication_workers": "0",
}


@dataclass(frozen=True)
class Passwords:
    """Generated for each stack."""

    superuser: str
    replicator: str
    rewinder: str
    rest: str
    raft: str

    @classmethod
    def generate(cls) -> Passwords:
        return cls(*(secrets.token_urlsafe(18) for _ in range(5)))


@dataclass(frozen=True)
class Ports:
    """Of one node; held for as long as the stack is up, so that a node that died finds its own again."""

    postgres: Reserved
    rest: Reserved
    raft: Reserved

    @classmethod
    def reserve(cls) -> Ports:
        return cls(reserve(), reserve(), reserve())


@dataclass(frozen=True)
class Member:
    """One node: a PostgreSQL and its Patroni."""

    name: str
    ports: Ports
    directory: Path

    @property
    def data_directory(self) -> Path:
        return self.directory / "data"

    @property
    def rest_url(self) -> str:
        """Patroni's REST API: /primary, /replica, /cluster, POST /switchover."""
        return f"http://{LOOPBACK}:{self.ports.rest.port}"

    def dsn(self, user: str, password: str, database: str) -> str:
        """Its PostgreSQL, whatever its role."""
        return f"postgresql://{user}:{password}@{LOOPBACK}:{self.ports.postgres.port}/{database}"


@dataclass(frozen=True)
class DatabaseCluster:
    """What is the same on all nodes."""

    members: Sequence[Member]
    passwords: Passwords
    bin_directory: Path
    run_as: RunAs
    synchronous: bool
    connections: int


def write_configurations(cluster: DatabaseCluster) -> None:
    """A directory and a configuration for each node; the file holds passwords."""
    for member in cluster.members:
        member.directory.mkdir(parents=True)
        configuration = _configuration_file(member)
        configuration.touch(mode=0o600)
        configuration.write_text(json.dumps(_configuration(cluster, member), indent=1))  # JSON is YAML
        unprivileged.hand_over(member.directory, cluster.run_as)


def start(launcher: Launcher, cluster: DatabaseCluster, member: Member) -> Running:
    """Start a node's Patroni, which starts its PostgreSQL; returns at once."""
    return launcher.start(
        "patroni",
        member.name,
        [sys.executable, "-m", "patroni", str(_configuration_file(member))],
        member.directory.parent.parent / f"{member.name}.log",
        run_as=cluster.run_as,
        stop_signal=signal.SIGKILL,  # asked kindly, it would first hand over its role; its PostgreSQL is stopped by us
        data_directory=member.data_directory,
    )


def dynamic_configuration(synchronous: bool, connections: int) -> dict[str, object]:
    """What is the same on all nodes, and in the votes' keeping once the cluster is there."""
    return {
        **TIMING,
        # Any one of the replicas has to have a write before it is acknowledged.
        "synchronous_mode": "quorum" if synchronous else False,
        "postgresql": {
            "use_pg_rewind": True,
            "use_slots": True,
            "parameters": {
                "max_connections": connections,
                "max_wal_senders": 10,
                "wal_keep_size": "64MB",
                "wal_log_hints": "on",
            },
        },
    }


def _configuration_file(member: Member) -> Path:
    return member.directory / "patroni.json"


def _configuration(cluster: DatabaseCluster, member: Member) -> dict[str, object]:
    passwords = cluster.passwords
    rest, sql, raft = (
        f"{LOOPBACK}:{port.port}" for port in (member.ports.rest, member.ports.postgres, member.ports.raft)
    )
    return {
        "scope": SCOPE,
        "name": member.name,
        "restapi": {
            "listen": rest,
            "connect_address": rest,
            "authentication": {"username": REST_USER, "password": passwords.rest},
        },
        "raft": {
            "self_addr": raft,
            "bind_addr": raft,  # otherwise on every interface
            "partner_addrs": [f"{LOOPBACK}:{other.ports.raft.port}" for other in cluster.members if other != member],
            "data_dir": str(member.directory / "raft"),
            "password": passwords.raft,
        },
        "bootstrap": {
            "dcs": dynamic_configuration(cluster.synchronous, cluster.connections),
            "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, {"auth": "scram-sha-256"}, "no-sync", "no-instructions"],
        },
        "postgresql": {
            "listen": sql,
            "connect_address": sql,
            "data_dir": str(member.data_directory),
            "bin_dir": str(cluster.bin_directory),
            "pgpass": str(member.directory / "pgpass"),
            "authentication": {
                "superuser": {"username": postgres.SUPERUSER, "password": passwords.superuser},
                "replication": {"username": postgres.REPLICATOR, "password": passwords.replicator},
                "rewind": {"username": REWINDER, "password": passwords.rewinder},
            },
            "pg_hba": [
                f"host all all {LOOPBACK}/32 scram-sha-256",
                # The superuser takes physical backups.
                *(
                    f"host replication {one} {LOOPBACK}/32 scram-sha-256"
                    for one in (postgres.REPLICATOR, postgres.SUPERUSER)
                ),
            ],
            "parameters": {name: value for name, value in SETTINGS.items() if name != "listen_addresses"},
            "basebackup": [{"checkpoint": "fast"}, "no-sync"],
            "remove_data_directory_on_rewind_failure": True,
            "remove_data_directory_on_diverged_timelines": True,
        },
        "watchdog": {"mode": "off"},
    }
