"""A gRPC service for tests: the standard health check, which always says that it serves; see services.py.

``python -m tests.run.grpc_service [FAULT]``: the fault is the name of a status with which every third call is answered
(``UNAVAILABLE``), or ``slow``: every third takes a minute.
"""

from __future__ import annotations

import itertools
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

SERVING = b"\x08\x01"


def main(fault: str = "") -> None:
    numbers = itertools.count(1)

    def check(_request: bytes, context: Any) -> bytes:
        if fault and next(numbers) % 3 == 0:
            if fault != "slow":
                context.abort(grpc.StatusCode[fault], "as told")
            time.sleep(60)
        return SERVING

    handler = grpc.unary_unary_rpc_method_handler(check)
    server = grpc.server(ThreadPoolExecutor(64))
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"http://127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main(*sys.argv[1:])
