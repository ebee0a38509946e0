"""An HTTP/2 service for tests, Hypercorn: by TLS and ALPN, or from the first byte (h2c); see services.py.

``python -m tests.run.http2_app [CERTIFICATE KEY]``. It answers every path, and counts how many connections and streams
have asked, ``/counts``. ``?status=503`` and ``?latency_ms=500`` in the path change the answer.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from typing import Any
from urllib.parse import parse_qsl

from hypercorn.asyncio import serve
from hypercorn.config import Config

clients: set[Any] = set()
streams = [0]


async def app(scope: dict[str, Any], _receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    asked = dict(parse_qsl(scope["query_string"].decode()))
    if scope["path"] == "/counts":
        body = json.dumps({"connections": len(clients), "streams": streams[0]}).encode()
    else:
        if scope["http_version"] == "2":
            clients.add(tuple(scope["client"]))
            streams[0] += 1
        await asyncio.sleep(float(asked.get("latency_ms", 0)) / 1000)
        body = b"well"
    status = int(asked.get("status", 200))
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": body})


async def main(*certificate: str) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.loglevel = "error"
    if certificate:
        config.certfile, config.keyfile = certificate
    print(f"http{'s' if certificate else ''}://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    await serve(app, config, shutdown_trigger=asyncio.Event().wait)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
