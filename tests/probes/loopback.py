"""Servers and processes for these tests: real ones, on free loopback ports."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE_S = 60.0
"""For what comes at once where nothing else wants the machine: how soon it comes is not what is tested."""

Respond = Callable[[socket.socket, bytes], None]
"""Gets the connection and the request's bytes."""


def answer(body: bytes | str, status: str = "200 OK", headers: str = "") -> Respond:
    """Always this answer."""
    content = body.encode() if isinstance(body, str) else body

    def respond(connection: socket.socket, _: bytes) -> None:
        head = f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(content)}\r\n\r\n"
        connection.sendall(head.encode() + content)

    return respond


def raw(content: bytes) -> Respond:
    """Exactly these bytes, and then the end of the connection."""
    return lambda connection, _: connection.sendall(content)


@contextmanager
def serving(respond: Respond) -> Iterator[str]:
    """A server that reads a request per connection and lets ``respond`` answer; yields its URL, no path."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def handle(connection: socket.socket) -> None:
            with connection:
                try:
                    request = connection.recv(65536)
                    respond(connection, request)
                except OSError:
                    pass

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=handle, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


@contextmanager
def hanging() -> Iterator[str]:
    """A server that takes connections and never answers."""
    over = threading.Event()

    def respond(_: socket.socket, __: bytes) -> None:
        over.wait(60)

    with serving(respond) as url:
        yield url
        over.set()


@contextmanager
def python(source: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A Python process that runs ``source`` and is gone afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-c", source, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdin is not None
    process.stdin.write(text + "\n")
    process.stdin.flush()


def wait_for(condition: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
    end_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end_s, f"not within {within_s} s"
        time.sleep(0.02)
