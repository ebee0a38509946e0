"""Target of the clients that others have made: Hypercorn, which speaks HTTP/1.1 and HTTP/2 without TLS on one port, and
a server of grpcio on another, in one process. It keeps the instants at which requests and calls arrive.

It prints its port. ``/arrivals`` has the instants since it was asked last, ``/grpc`` the other port.
"""

from __future__ import annotations

import asyncio
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from hypercorn.asyncio import serve
from hypercorn.config import Config

from harness.clients.http_get import USER_AGENT

METHOD = "/bench.Bench/Ask"
HEALTH_CHECK = USER_AGENT.encode()
instants: list[float] = []
grpc_port = [0]


async def app(scope: dict[str, Any], _receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    body = b"well"
    if scope["path"] == "/arrivals":
        taken, instants[:] = list(instants), []
        body = json.dumps(taken).encode()
    elif scope["path"] == "/grpc":
        body = str(grpc_port[0]).encode()
    elif (b"user-agent", HEALTH_CHECK) not in scope["headers"]:  # that is no load
        instants.append(time.monotonic())
    head = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]}
    await send(head)
    await send({"type": "http.response.body", "body": body})


def answer(_request: bytes, _context: object) -> bytes:
    instants.append(time.monotonic())
    return b"well"


async def main() -> None:
    calls = grpc.server(ThreadPoolExecutor(16))
    package, method = METHOD[1:].split("/")
    handler = grpc.unary_unary_rpc_method_handler(answer)
    calls.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(package, {method: handler}),))
    grpc_port[0] = calls.add_insecure_port("127.0.0.1:0")
    calls.start()
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    config = Config()
    config.bind, config.loglevel = [f"fd://{listener.fileno()}"], "error"
    config.keep_alive_timeout = 600
    print(listener.getsockname()[1], flush=True)
    await serve(app, config, shutdown_trigger=asyncio.Event().wait)


if __name__ == "__main__":
    asyncio.run(main())
