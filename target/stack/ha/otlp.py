"""The receiver of spans."""

from __future__ import annotations

from pathlib import Path

from target.stack.launch import Launcher, Running
from target.stack.ports import Reserved

NAME = "otlp-receiver"


def start(launcher: Launcher, python: str, directory: Path, port: Reserved) -> Running:
    """Start it on a socket that is ours already; returns at once."""
    running = launcher.start(
        NAME,
        NAME,
        [python, "-m", "target.otlp"],
        directory / f"{NAME}.log",
        environment={"TARGET_LISTEN_FD": str(port.socket.fileno())},
        pass_fds=(port.socket.fileno(),),
    )
    port.release()
    return running
