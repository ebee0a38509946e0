"""Ports for tests: free, and given to nobody else."""

from __future__ import annotations

import socket

from harness.reserved_port import reserved_port

_HELD: list[socket.socket] = []


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens, reserved until this process ends."""
    _HELD.append(reserved_port())
    return int(_HELD[-1].getsockname()[1])
