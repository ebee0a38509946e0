"""The server of one API process."""

from __future__ import annotations

import asyncio
import os
import socket
import sys

import uvicorn

from target.errors import TargetError
from target.service import app, resources
from target.service.leaving import LeavingServer
from target.service.settings import ServiceSettings, from_environment

BACKLOG = 4096
"""A herd arrives at once; the kernel cuts this to net.core.somaxconn."""

KEEP_ALIVE_S = 600
"""Longer than any proxy's idle time in front of us, so that no request meets a connection being closed."""

LARGEST_MESSAGE_BYTES = 64 * 1024
"""Of a WebSocket message."""

STOP_WITHIN_S = 2


def serve() -> int:
    """Serves until SIGINT or SIGTERM, and returns the exit code; configured by the environment alone."""
    try:
        settings = from_environment(os.environ)
    except TargetError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    serving = _serve(settings)
    if sys.platform == "win32":
        asyncio.run(serving)
    else:
        import uvloop

        uvloop.run(serving)
    return 0


async def _serve(settings: ServiceSettings) -> None:
    shared = resources.build(settings)
    config = uvicorn.Config(
        app.create(shared),
        host=settings.host,
        port=settings.port,
        log_level="warning",
        access_log=False,
        proxy_headers=False,  # the peer's real address decides who may switch faults
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        ws_max_size=LARGEST_MESSAGE_BYTES,
        ws_ping_interval=None,  # a parked client reads nothing, and so answers no ping
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=STOP_WITHIN_S,
    )
    sockets = [socket.socket(fileno=settings.listen_fd)] if settings.listen_fd >= 0 else None
    await LeavingServer(config, shared.leaving).serve(sockets=sockets)
