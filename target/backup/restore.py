"""Restores a backup on a fresh server of its own, and keeps that until it is told to end."""

from __future__ import annotations

import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from target.backup import tools
from target.backup.catalogue import DUMP, INCREMENTAL, Backup, Catalogue
from target.backup.tables import differences, tables_of
from target.backup.take import DATA, DUMP_FILE
from target.stack import parent, postgres, unprivileged
from target.stack.launch import Launcher, Running
from target.stack.ports import LOOPBACK, reserve
from target.stack.seed import DATABASE
from target.stack.stop import Stop, StopSignals


@dataclass(frozen=True)
class Restored:
    """A fresh server with what was in a backup."""

    name: str
    dsn: str
    seconds: float
    """From the beginning to the first answer of the restored database."""
    tables: dict[str, int]
    """Rows of each."""
    differences: list[str]
    """From what the backup says of its tables; a physical one says nothing of them."""


def restore(catalogue: Catalogue, backup: Backup, announce: Callable[[Restored], None]) -> None:
    """Restores, announces, and stays until SIGINT, SIGTERM or the end of standard input; then nothing is left. Raises
    TargetError when it cannot be restored.
    """
    watch = parent.watch(None, with_input=True)
    directory = Path(tempfile.mkdtemp(prefix="springback-restored-"))
    signals = StopSignals()
    with signals.held():
        launcher = Launcher(directory / "guard.log", signals)
    try:
        launcher.remove_at_end(directory)
        announce(_restored(launcher, catalogue, backup, directory))
        while not watch.parent_ended(0.5):
            launcher.reap()
    except Stop:
        pass
    finally:
        signals.ignore()
        launcher.stop_all()
        shutil.rmtree(directory, ignore_errors=True)  # the guard did, unless somebody killed it


def _restored(launcher: Launcher, catalogue: Catalogue, backup: Backup, directory: Path) -> Restored:
    begun_s = time.monotonic()
    # A physical backup has the roles of the server that it is of, with their passwords, which we do not know.
    password = secrets.token_urlsafe(18)
    port = reserve()
    dsn = f"postgresql://{postgres.SUPERUSER}:{password}@{LOOPBACK}:{port.port}/{DATABASE}"
    data = directory / DATA
    if backup.kind == DUMP:
        server = _fresh(launcher, directory, data, password, port.port)
        with postgres.connect_when_up(server, dsn.replace(f"/{DATABASE}", "/postgres")) as admin:
            admin.execute(f"CREATE DATABASE {DATABASE}")
        file = catalogue.place(backup) / DUMP_FILE
        tools.run("pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", str(file), dsn=dsn)
    else:
        places = [str(catalogue.place(one) / DATA) for one in catalogue.chain(backup)]
        if backup.kind == INCREMENTAL:
            tools.run("pg_combinebackup", *places, "-o", str(data), "--no-sync")
        else:
            shutil.copytree(places[0], data)
        server = _physical(launcher, directory, data, password, port.port)
        postgres.connect_when_up(server, dsn).close()
    port.release()
    seconds = time.monotonic() - begun_s
    with tools.connect(dsn) as connection:
        tables = tables_of(connection)
    expected = dict(backup.tables)
    said = differences(expected, tables) if backup.kind == DUMP else []
    return Restored(backup.name, dsn, seconds, {name: table.rows for name, table in tables.items()}, said)


def _fresh(launcher: Launcher, directory: Path, data: Path, password: str, port: int) -> Running:
    run_as = unprivileged.for_postgres()
    file = directory / "password"
    file.write_text(password + "\n")
    file.chmod(0o600)
    unprivileged.hand_over(directory, run_as)
    initdb = str(postgres.binaries() / "initdb")
    launcher.run(
        "initdb",
        [
            *(initdb, "-D", str(data), "-U", postgres.SUPERUSER, "-A", "scram-sha-256", "--pwfile", str(file)),
            *("-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"),
        ],
        directory / "initdb.log",
        run_as,
    )
    return _start(launcher, directory, data, port)


def _physical(launcher: Launcher, directory: Path, data: Path, password: str, port: int) -> Running:
    """Whoever was let in before is not any more: on loopback the one role that has our password is."""
    (data / "pg_hba.conf").write_text(f"host all {postgres.SUPERUSER} 127.0.0.1/32 scram-sha-256\n")
    data.chmod(0o700)
    for name in ("standby.signal", "postmaster.pid"):
        (data / name).unlink(missing_ok=True)
    statement = f"ALTER ROLE {postgres.SUPERUSER} PASSWORD '{password}'"  # of letters, digits, - and _
    run_as = unprivileged.for_postgres()
    unprivileged.hand_over(directory, run_as)
    # The recovery to the end of the backup, and the new password, without anybody being able to connect.
    launcher.run(
        "single",
        [
            *(
                "sh",
                "-c",
                'echo "$1" | exec "$2" --single -D "$3" -c fsync=off -c synchronous_standby_names= postgres',
                "sh",
            ),
            *(statement, str(postgres.binaries() / "postgres"), str(data)),
        ],
        directory / "single.log",
        run_as,
    )
    return _start(launcher, directory, data, port)


def _start(launcher: Launcher, directory: Path, data: Path, port: int) -> Running:
    settings = {
        "port": str(port),
        "listen_addresses": LOOPBACK,
        "unix_socket_directories": "",
        "synchronous_standby_names": "",  # nobody follows this one
        "archive_mode": "off",
        "dynamic_shared_memory_type": "mmap",
        "fsync": "off",
        "jit": "off",
    }
    return launcher.start(
        "postgres-restored",
        "restored",
        [
            *(str(postgres.binaries() / "postgres"), "-D", str(data)),
            *(word for name, value in settings.items() for word in ("-c", f"{name}={value}")),
        ],
        directory / "postgres.log",
        stop_signal=signal.SIGQUIT,
        run_as=unprivileged.for_postgres(),
    )
