"""HAProxy before the databases: one address for writes, one for reads, which ask Patroni where to go.

A process of its own, so that the balancer of the API can die without taking the way to the database along.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from target.stack import haproxy
from target.stack.ha.patroni import MAXIMUM_LAG_BYTES, Member
from target.stack.launch import Launcher, Running
from target.stack.ports import LOOPBACK, Reserved

NAME = "haproxy-database"
MAX_CLIENTS = 2000
CHECKS = "inter 500ms fastinter 200ms downinter 500ms fall 2 rise 1 on-marked-down shutdown-sessions"

CONFIGURATION = """\
global
    maxconn {clients}
    nbthread 1
    stats socket {stats_socket} mode 600 level admin
    stats timeout 1h

defaults
    mode tcp
    timeout connect 2s
    timeout client 1h
    timeout server 1h
    timeout check 1s
    option redispatch 1
    retries 2
    default-server {checks}

listen primary
    bind {primary}
    option httpchk OPTIONS /primary
    http-check expect status 200
{servers}

frontend reads
    bind {reads}
    use_backend replicas if {{ nbsrv(replicas) gt 0 }}
    default_backend primary

backend replicas
    balance roundrobin
    option httpchk OPTIONS /replica?lag={lag_bytes}
    http-check expect status 200
{servers}

frontend metrics
    mode http
    bind {metrics}
    timeout client 10s
    http-request use-service prometheus-exporter if {{ path /metrics }}
    http-request deny deny_status 404
"""


def start(
    launcher: Launcher, directory: Path, listeners: tuple[Reserved, Reserved, Reserved], members: Sequence[Member]
) -> Running:
    """Start it on sockets that are ours already (primary, reads, metrics); returns at once."""
    primary, reads, metrics = (f"fd@{listener.socket.fileno()}" for listener in listeners)
    configuration = directory / f"{NAME}.cfg"
    configuration.write_text(
        CONFIGURATION.format(
            clients=MAX_CLIENTS,
            checks=CHECKS,
            stats_socket=stats_socket(directory),
            primary=primary,
            reads=reads,
            metrics=metrics,
            lag_bytes=MAXIMUM_LAG_BYTES,
            servers="\n".join(
                f"    server {one.name} {LOOPBACK}:{one.ports.postgres.port} check port {one.ports.rest.port}"
                for one in members
            ),
        )
    )
    running = launcher.start(
        NAME,
        NAME,
        [haproxy.binary(), "-db", "-f", str(configuration)],
        directory / f"{NAME}.log",
        pass_fds=[listener.socket.fileno() for listener in listeners],
    )
    for listener in listeners:
        listener.release()
    return running


def stats_socket(directory: Path) -> Path:
    """Its runtime socket; the name is short, because a socket's path has to be."""
    return directory / "database.sock"
