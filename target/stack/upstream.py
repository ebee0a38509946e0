"""The upstream's process."""

from __future__ import annotations

from pathlib import Path

from target.stack.launch import Launcher, Running
from target.stack.ports import Reserved


def start(launcher: Launcher, python: str, directory: Path, port: Reserved, token: str) -> Running:
    """Start it on a socket that is ours already; returns at once. The API processes' /readyz waits for it."""
    running = launcher.start(
        "upstream",
        "upstream",
        [python, "-m", "target.upstream"],
        directory / "upstream.log",
        environment={"TARGET_UPSTREAM_TOKEN": token, "TARGET_LISTEN_FD": str(port.socket.fileno())},
        pass_fds=(port.socket.fileno(),),
    )
    port.release()
    return running
