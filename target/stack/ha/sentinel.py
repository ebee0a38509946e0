"""Valkey with a replica, and three Sentinels that agree on which of the two takes writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import redis

from target.stack import valkey
from target.stack.launch import Launcher, Running, wait_for
from target.stack.ports import LOOPBACK, Reserved

SERVICE_NAME = "springback"
QUORUM = 2
DOWN_AFTER_MS = 1000
FAILOVER_TIMEOUT_MS = 6000
"""After an attempt that failed, the next one begins after twice as long."""

REPLICATION = """\
masterauth {password}
repl-diskless-sync-delay 0
repl-timeout 5
repl-ping-replica-period 1
"""
SENTINEL = """\
bind {host}
port {port}
dir {directory}
sentinel monitor {service} {host} {primary_port} {quorum}
sentinel auth-pass {service} {password}
sentinel down-after-milliseconds {service} {down_after_ms}
sentinel failover-timeout {service} {failover_timeout_ms}
sentinel parallel-syncs {service} 1
"""


def write_configurations(
    directory: Path, servers: Mapping[str, Reserved], sentinels: Mapping[str, Reserved], password: str
) -> None:
    """Once, before the first start: the servers and the Sentinels write their later roles into these files.

    The first server is the primary.
    """
    primary = next(iter(servers.values())).port
    for name, port in servers.items():
        replica_of = "" if port.port == primary else f"replicaof {LOOPBACK} {primary}\n"
        text = valkey.CONFIGURATION.format(
            host=LOOPBACK, port=port.port, directory=_own(directory, name), password=password
        )
        _write(directory, name, text + REPLICATION.format(password=password) + replica_of)
    for name, port in sentinels.items():
        _write(
            directory,
            name,
            SENTINEL.format(
                host=LOOPBACK,
                port=port.port,
                directory=_own(directory, name),
                service=SERVICE_NAME,
                primary_port=primary,
                quorum=QUORUM,
                password=password,
                down_after_ms=DOWN_AFTER_MS,
                failover_timeout_ms=FAILOVER_TIMEOUT_MS,
            ),
        )


def start(launcher: Launcher, directory: Path, role: str, name: str) -> Running:
    """Start one `valkey` or one `sentinel`; returns at once."""
    as_sentinel = ["--sentinel"] if role == "sentinel" else []
    command = [valkey.binary(), str(_file(directory, name)), *as_sentinel]
    return launcher.start(role, name, command, directory / f"{name}.log")


def wait_agreed(sentinels: Sequence[tuple[Running, Reserved]], replicas: int) -> None:
    """Until each Sentinel knows the others and the replicas: before that a failover could not be agreed on."""
    for running, port in sentinels:
        client = redis.Redis(LOOPBACK, port.port, socket_timeout=2.0, decode_responses=True)

        def agreed(client: redis.Redis = client) -> bool | None:
            try:
                seen: Any = client.sentinel_master(SERVICE_NAME)
            except redis.RedisError:
                return None
            counts = (int(seen["num-other-sentinels"]), int(seen["num-slaves"]))
            return True if counts >= (len(sentinels) - 1, replicas) else None

        wait_for(running, "in agreement with the other Sentinels", agreed)
        client.close()


def _own(directory: Path, name: str) -> Path:
    return directory / name


def _file(directory: Path, name: str) -> Path:
    return _own(directory, name) / "valkey.conf"


def _write(directory: Path, name: str, text: str) -> None:
    _own(directory, name).mkdir()
    file = _file(directory, name)
    file.touch(mode=0o600)  # it holds the password
    file.write_text(text)
