"""A WebSocket service for tests, in a process of its own: it takes connections at any path and says everything back,
and has a page of JSON at any path.

``with echoing() as url``.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.certificates import Certificates


async def _echo(connection: WebSocket) -> None:
    await connection.accept()
    try:
        while True:
            await connection.send_text(await connection.receive_text())
    except WebSocketDisconnect:
        pass


async def _page(_: object) -> JSONResponse:
    return JSONResponse({"well": 1})


app = Starlette(routes=[WebSocketRoute("/{path:path}", _echo), Route("/{path:path}", _page, methods=["GET", "POST"])])


def with_tls(certificates: Certificates, client_wanted: bool = True) -> tuple[str, ...]:
    """Options for a server that shows its certificate, and wants to see one."""
    wanted = ("--ssl-ca-certs", certificates.ca, "--ssl-cert-reqs", "2") if client_wanted else ()
    return "--ssl-certfile", certificates.certificate, "--ssl-keyfile", certificates.key, *wanted


@contextmanager
def echoing(*options: str, scheme: str = "http") -> Iterator[str]:
    """``options`` of uvicorn, e.g. its certificate."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1024)
        command = [sys.executable, "-m", "uvicorn", "tests.run.echo_service:app", "--fd", str(listener.fileno())]
        process = subprocess.Popen([*command, "--log-level", "warning", *options], pass_fds=[listener.fileno()])
        try:
            yield f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            process.kill()
            process.wait()
