"""PostgreSQL's own backup programs, run to their end with the password out of sight."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

import psycopg
from psycopg.conninfo import conninfo_to_dict

from target.errors import TargetError
from target.stack import postgres

QUOTED_LINES = 3


def run(program: str, *arguments: str, dsn: str = "") -> str:
    """What it printed. Raises TargetError with its last lines when it failed."""
    environment = dict(os.environ)
    address: Sequence[str] = ()
    if dsn:
        found = {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
        environment["PGPASSWORD"] = found.get("password", "")
        database = found.get("dbname", "postgres")
        address = ("-h", found["host"], "-p", found.get("port", "5432"), "-U", found.get("user", postgres.SUPERUSER))
        if program != "pg_basebackup":
            address = (*address, "-d", database)
    command = [str(postgres.binaries() / program), *arguments, *address]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment, check=False)
    if done.returncode != 0:
        lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise TargetError(
            f"{program} ended with code {done.returncode}", " | ".join(lines[-QUOTED_LINES:]) or "no words"
        )
    return done.stdout


def connect(dsn: str) -> psycopg.Connection[tuple[object, ...]]:
    """Raises TargetError when the server does not answer."""
    try:
        return psycopg.connect(dsn, connect_timeout=5)
    except psycopg.Error as error:
        raise TargetError(f"PostgreSQL does not answer ({str(error).splitlines()[0]})", "is the stack up?") from error
