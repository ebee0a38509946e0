"""The API processes: separate interpreters with a port each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from target.loopback_http import ask
from target.stack.launch import Launcher, Running, wait_for
from target.stack.ports import LOOPBACK, Reserved

# Without these, glibc raises its mmap threshold after the first argon2 buffer is freed and then keeps
# megabytes of freed buffers in its arenas: resident memory would wander without any leak.
STEADY_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": "131072",
    "MALLOC_TRIM_THRESHOLD_": "131072",
    "MALLOC_ARENA_MAX": "2",
}


@dataclass(frozen=True)
class Service:
    """What all API processes of a stack share; becomes their environment."""

    primary_dsn: str
    replica_dsn: str
    valkey_url: str
    signing_key: str
    fault_token: str
    upstream_url: str
    pool_size: int
    hash_memory_kib: int
    hash_time_cost: int
    database_nodes: str = ""
    """`NAME=DSN` of all databases past the proxy, whatever their roles; separated by spaces."""
    valkey_sentinels: str = ""
    """`host:port`, separated by spaces."""
    valkey_service: str = ""
    """What the Sentinels call the primary."""
    otlp_endpoint: str = ""
    """Where spans go."""


def start(launcher: Launcher, directory: Path, name: str, port: Reserved, service: Service) -> Running:
    """Start one process on a socket that is ours already; returns at once."""
    environment = {f"TARGET_{field.upper()}": str(value) for field, value in vars(service).items() if value != ""}
    environment = {**STEADY_MEMORY, **environment, "TARGET_NAME": name}
    return launcher.start_module("api", name, "target.service", directory, port, environment)


def url(port: Reserved) -> str:
    """The address past the proxy."""
    return f"http://{LOOPBACK}:{port.port}"


def wait_ready(server: Running, address: str) -> None:
    """Until /readyz finds every dependency, the replica among them."""

    def ready() -> bool | None:
        try:
            reply = ask("GET", f"{address}/readyz", limit_s=2.0)
        except OSError:
            return None
        if reply.status != 200:
            return None
        states = [check["state"] for check in reply.document["dependencies"].values()]
        return True if all(state == "ok" for state in states) else None

    wait_for(server, "ready", ready)
