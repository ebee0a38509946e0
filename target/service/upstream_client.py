"""One GET to the upstream: a connection of its own for each call, with one deadline for everything."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit

import h11

READ_BYTES = 16 * 1024


class UpstreamFailed(Exception):  # noqa: N818
    """`kind` is `error` (a status other than 200, or no HTTP), `timeout` or `unreachable`."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason


async def get_json(url: str, limit_s: float) -> dict[str, Any]:
    """The JSON object at `url`; raises UpstreamFailed."""
    try:
        async with asyncio.timeout(limit_s):
            status, body = await _get(url)
    except TimeoutError:
        raise UpstreamFailed("timeout", f"no answer within {limit_s:g} s") from None
    except OSError as error:
        raise UpstreamFailed("unreachable", type(error).__name__) from error
    except h11.RemoteProtocolError as error:
        raise UpstreamFailed("error", "the answer is not HTTP") from error
    if status != 200:
        raise UpstreamFailed("error", f"answered {status}")
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise UpstreamFailed("error", "the answer is not a JSON object")
    return document


async def _get(url: str) -> tuple[int, bytes]:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
    try:
        protocol = h11.Connection(h11.CLIENT)
        headers = [("Host", parts.netloc.rpartition("@")[2]), ("Connection", "close")]
        request = protocol.send(h11.Request(method="GET", target=parts.path or "/", headers=headers))
        assert request is not None  # only the end of a message gives None
        writer.write(request + (protocol.send(h11.EndOfMessage()) or b""))
        await writer.drain()
        status, body = 0, b""
        while True:
            event = protocol.next_event()
            if event is h11.NEED_DATA:
                protocol.receive_data(await reader.read(READ_BYTES))
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)):
                return status, body
    finally:
        writer.close()
