"""`python -m target.upstream`: serve until SIGINT or SIGTERM.

Settings: TARGET_UPSTREAM_TOKEN, and TARGET_LISTEN_FD (a bound socket) or TARGET_HOST and TARGET_PORT.
"""

from __future__ import annotations

import os
import socket
import sys

import uvicorn

from target.errors import UsageError
from target.upstream.app import Upstream

BACKLOG = 2048


def main() -> int:
    """Exit code 2 when the token is missing."""
    token = os.environ.get("TARGET_UPSTREAM_TOKEN", "")
    if not token:
        missing = UsageError("TARGET_UPSTREAM_TOKEN is not set", "set it and start again")
        print(missing, file=sys.stderr)
        return missing.exit_code
    config = uvicorn.Config(
        Upstream(token),
        host=os.environ.get("TARGET_HOST", "127.0.0.1"),
        port=int(os.environ.get("TARGET_PORT", "8000")),
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=1,
    )
    descriptor = os.environ.get("TARGET_LISTEN_FD")
    sockets = None if descriptor is None else [socket.socket(fileno=int(descriptor))]
    uvicorn.Server(config).run(sockets=sockets)
    return 0


if __name__ == "__main__":
    sys.exit(main())
