"""GET /quote, its counters, and the switch; plain ASGI, so that the process stays light."""

from __future__ import annotations

import asyncio
import hmac
import json
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from target.errors import UsageError
from target.upstream.failures import Failure, build

OUTCOMES = ("ok", "error", "abandoned")
FAILURE_PATH = "/_failure"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Upstream:
    """`received` calls; each ends `ok`, `error`, or `abandoned` by a caller who would not wait."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        self.failure: Failure | None = None
        self.received = 0
        self.outcomes = dict.fromkeys(OUTCOMES, 0)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path, method = scope["path"], scope["method"]
        if path == "/quote" and method == "GET":
            await self._quote(receive, send)
        elif path == "/calls" and method == "GET":
            await _answer(send, 200, self.counted())
        elif path == "/metrics" and method == "GET":
            await _send(send, 200, "text/plain; version=0.0.4", self.metrics().encode())
        elif path == "/healthz" and method == "GET":
            await _answer(send, 200, {"status": "alive", "pid": os.getpid()})
        elif path == FAILURE_PATH and method in ("GET", "PUT", "DELETE"):
            await self._switch(scope, receive, send)
        else:
            await _answer(send, 404, {"error": "not found"})

    def counted(self) -> dict[str, object]:
        """Every call so far, by outcome; `open` are those that wait for their answer."""
        ended = sum(self.outcomes.values())
        return {"received": self.received, **self.outcomes, "open": self.received - ended, "pid": os.getpid()}

    def metrics(self) -> str:
        """The same as Prometheus text."""
        lines = ["# TYPE upstream_calls_received_total counter", f"upstream_calls_received_total {self.received}"]
        lines.append("# TYPE upstream_calls_total counter")
        lines += [f'upstream_calls_total{{outcome="{name}"}} {count}' for name, count in self.outcomes.items()]
        waiting = self.received - sum(self.outcomes.values())
        return "\n".join([*lines, "# TYPE upstream_calls_open gauge", f"upstream_calls_open {waiting}", ""])

    async def _quote(self, receive: Receive, send: Send) -> None:
        self.received += 1
        call, failure, outcome = self.received, self.failure, "abandoned"
        try:
            if failure is not None and failure.name == "slowness":
                failure.affected += 1
                if await _left(receive, asyncio.sleep(failure.value / 1000)):
                    return
            if failure is not None and failure.name == "hang":
                failure.affected += 1
                if await _left(receive, failure.over.wait()):
                    return
            if failure is not None and failure.fails():
                failure.affected += 1
                outcome = "error"
                await _answer(send, 500, {"error": "as told", "call": call})
                return
            outcome = "ok"
            await _answer(send, 200, {"symbol": "SPRG", "price": round(100 + call % 100 / 10, 1), "call": call})
        finally:
            self.outcomes[outcome] += 1

    async def _switch(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        given = dict(scope["headers"]).get(b"authorization", b"")
        if not hmac.compare_digest(given, b"Bearer " + self._token):
            await _answer(send, 401, {"error": "wrong or missing token"})
            return
        if scope["method"] != "GET":
            failure: Failure | None = None
            if scope["method"] == "PUT":
                try:
                    document = json.loads(await _body(receive))
                    failure = build(str(document["failure"]), dict(document.get("parameters", {})))
                except UsageError as error:
                    await _answer(send, 400, {"error": str(error)})
                    return
                except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                    await _answer(send, 400, {"error": 'the body must be {"failure": name, "parameters": {}}'})
                    return
            if self.failure is not None:
                self.failure.over.set()
            self.failure = failure
        active = None if self.failure is None else self.failure.as_json()
        await _answer(send, 200, {"active": active, "calls": self.counted()})


async def _left(receive: Receive, waiting: Awaitable[object]) -> bool:
    """Wait; True as soon as the caller has hung up, False when the waiting was done first."""
    wait = asyncio.ensure_future(waiting)
    gone = asyncio.ensure_future(_gone(receive))
    await asyncio.wait({wait, gone}, return_when=asyncio.FIRST_COMPLETED)
    left = not wait.done()
    wait.cancel()
    gone.cancel()
    return left


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more and len(body) < 10_000:
        message = await receive()
        body += message.get("body", b"")
        more = bool(message.get("more_body", False))
    return body


async def _answer(send: Send, status: int, document: object) -> None:
    await _send(send, status, "application/json", json.dumps(document).encode())


async def _send(send: Send, status: int, content_type: str, body: bytes) -> None:
    headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
