"""A Socket.IO server that acknowledges what is said; with a number, each so manieth it does not. Prints its address."""

from __future__ import annotations

import itertools
import socket
import sys
from typing import Any

import socketio
import uvicorn


def main(forgets_each: int) -> None:
    server: Any = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins="*")
    counted = itertools.count(1)

    async def say(_: str, data: object) -> object:
        if forgets_each and next(counted) % forgets_each == 0:
            await server.sleep(3600)
        return data

    server.on("say", say)
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(socketio.ASGIApp(server), log_level="critical")).run([listener])


if __name__ == "__main__":
    main(int(sys.argv[1]))
