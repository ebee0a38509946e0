"""A gRPC service for tests, in a process of its own: the standard health check, which always says that it serves.

``with serving() as url``.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

SERVING = b"\x08\x01"


@contextmanager
def serving() -> Iterator[str]:
    command = [sys.executable, "-m", "tests.run.grpc_service"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def main() -> None:
    import grpc

    check = grpc.unary_unary_rpc_method_handler(lambda _request, _context: SERVING)
    server = grpc.server(ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": check}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"http://127.0.0.1:{port}", flush=True)
    sys.stdin.read()  # the pipe closes with the test that holds it


if __name__ == "__main__":
    main()
