"""The TCP proxy itself: an event loop in a thread, two pumps a connection, and conditions that change in between.

It ends with its process.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
import threading
from asyncio import StreamReader, StreamWriter
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

CHUNK_BYTES = 65_536
PENDING_BYTES = 1_048_576
"""What one direction of one connection may hold because of its latency; then nothing more is read, and the sender
feels it."""
SLICE_S = 0.02
"""A narrow link carries pieces that take about so long, so that connections take turns."""
BACKLOG = 4096
ANSWER_S = 5.0
_LINGER_OFF = struct.pack("ii", 1, 0)
_T = TypeVar("_T")


@dataclass(frozen=True)
class Conditions:
    latency_s: float = 0.0
    jitter_s: float = 0.0
    bandwidth_bytes_per_s: float = 0.0
    """0: as much as there comes."""
    blackhole: bool = False
    reset: bool = False

    def combined_with(self, other: Conditions) -> Conditions:
        bandwidths = [each for each in (self.bandwidth_bytes_per_s, other.bandwidth_bytes_per_s) if each]
        return Conditions(
            self.latency_s + other.latency_s,
            self.jitter_s + other.jitter_s,
            min(bandwidths, default=0.0),
            self.blackhole or other.blackhole,
            self.reset or other.reset,
        )

    @property
    def description(self) -> str:
        words = {
            f"{self.latency_s * 1000:g} ms later": self.latency_s,
            f"up to {self.jitter_s * 1000:g} ms of jitter": self.jitter_s,
            f"{self.bandwidth_bytes_per_s:,.0f} bytes/s": self.bandwidth_bytes_per_s,
            "nothing passes": self.blackhole,
            "connections are reset": self.reset,
        }
        return ", ".join(word for word, given in words.items() if given)


class Proxy:
    """Call it from any thread but its own. Every method raises OSError or TimeoutError when it cannot."""

    def __init__(self, host: str, port: int) -> None:
        self.port = 0
        self._to = host, port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._disturbed: dict[int, Conditions] = {}
        self._conditions = Conditions()
        self._changed = asyncio.Event()
        """Set, and replaced, whenever the conditions change: whoever waits because of the old ones looks again."""
        self.accepted = 0
        """Connections that there ever were."""
        self._clients: dict[StreamWriter, StreamWriter | None] = {}
        """Connection of a client → the one to the target, once it is there."""
        self._to_target, self._to_client = _Link(), _Link()

    def start(self, port: int) -> int:
        """Listens on ``port`` (0: any) and returns it."""
        self._thread.start()
        self.port = self._call(self._listen(port))
        return self.port

    def disturb(self, who: int, conditions: Conditions | None) -> int:
        """From now on these are the conditions of ``who``, None: none any more. Returns the number of connections."""
        return self._call(self._disturb(who, conditions))

    def _call(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(ANSWER_S)

    # In its own thread

    async def _listen(self, port: int) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, backlog=BACKLOG)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def _disturb(self, who: int, conditions: Conditions | None) -> int:
        self._disturbed.pop(who, None)
        if conditions is not None:
            self._disturbed[who] = conditions
        self._conditions = Conditions()
        for each in self._disturbed.values():
            self._conditions = self._conditions.combined_with(each)
        count = len(self._clients)
        if self._conditions.reset:
            for writer in (*self._clients, *self._clients.values()):
                _reset(writer)
        self._to_target, self._to_client = _Link(), _Link()
        self._changed.set()
        self._changed = asyncio.Event()
        return count

    async def _serve(self, from_client: StreamReader, to_client: StreamWriter) -> None:
        self.accepted += 1
        if self._conditions.reset:
            _reset(to_client)
            return
        self._clients[to_client] = None
        try:
            await self._wait_while_blackholed()
            from_target, to_target = await asyncio.open_connection(*self._to)
        except OSError:
            _reset(to_client)  # the nearest to a refusal that is left to somebody who has accepted
            del self._clients[to_client]
            return
        self._clients[to_client] = to_target
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(from_client, to_target, is_answer=False))
                pumps.create_task(self._pump(from_target, to_client, is_answer=True))
        except* OSError:  # one side was reset or has left: so is the other
            _reset(to_client)
            _reset(to_target)
        finally:
            del self._clients[to_client]
            to_client.close()
            to_target.close()

    async def _pump(self, reader: StreamReader, writer: StreamWriter, is_answer: bool) -> None:
        """Passes on what comes, and in the end that nothing more comes: the other direction may go on."""
        pipe = _Pipe()
        async with asyncio.TaskGroup() as ends:
            ends.create_task(self._fill(pipe, reader, is_answer))
            ends.create_task(self._empty(pipe, writer, is_answer))

    async def _fill(self, pipe: _Pipe, reader: StreamReader, is_answer: bool) -> None:
        while True:
            data = await reader.read(CHUNK_BYTES)
            await self._wait_while_blackholed()
            delay_s = self._delay_s() if is_answer else 0.0
            await pipe.put(self._loop.time() + delay_s if delay_s else 0.0, data)
            if not data:
                return

    async def _empty(self, pipe: _Pipe, writer: StreamWriter, is_answer: bool) -> None:
        while True:
            due_s, data = await pipe.get()
            await self._pause_until(due_s)
            await self._wait_while_blackholed()
            if not data:
                if writer.can_write_eof():
                    writer.write_eof()
                return
            if not self._conditions.bandwidth_bytes_per_s:
                writer.write(data)
                await writer.drain()
                continue
            while data:
                rate = self._conditions.bandwidth_bytes_per_s
                size = max(1, int(rate * SLICE_S)) if rate else len(data)
                link = self._to_client if is_answer else self._to_target
                await self._pause_until(link.booked(self._loop.time(), len(data[:size]), rate))
                await self._wait_while_blackholed()
                writer.write(data[:size])
                await writer.drain()
                data = data[size:]

    def _delay_s(self) -> float:
        conditions = self._conditions
        return conditions.latency_s + (random.uniform(0, conditions.jitter_s) if conditions.jitter_s else 0.0)

    async def _wait_while_blackholed(self) -> None:
        while self._conditions.blackhole:
            await self._changed.wait()

    async def _pause_until(self, instant_s: float) -> None:
        """Or until the conditions change: then nothing is held up by what was."""
        if instant_s > self._loop.time():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(instant_s):
                    await self._changed.wait()


class _Link:
    """A narrow link that all connections share, one direction."""

    def __init__(self) -> None:
        self._free_s = 0.0

    def booked(self, now_s: float, size_bytes: int, bandwidth_bytes_per_s: float) -> float:
        """When the last of ``size_bytes`` will have passed."""
        if not bandwidth_bytes_per_s:
            return 0.0
        self._free_s = max(now_s, self._free_s) + size_bytes / bandwidth_bytes_per_s
        return self._free_s


class _Pipe:
    """What one direction of a connection holds: pieces with the instant at which each is due, in order."""

    def __init__(self) -> None:
        self._pieces: deque[tuple[float, bytes]] = deque()
        self._bytes = 0
        self._last_due_s = 0.0
        self._filled, self._room = asyncio.Event(), asyncio.Event()

    async def put(self, due_s: float, data: bytes) -> None:
        """Waits while there is no room. No piece overtakes another, whatever the jitter."""
        while self._bytes >= PENDING_BYTES:
            self._room.clear()
            await self._room.wait()
        self._last_due_s = max(self._last_due_s, due_s)
        self._pieces.append((self._last_due_s, data))
        self._bytes += len(data)
        self._filled.set()

    async def get(self) -> tuple[float, bytes]:
        while not self._pieces:
            self._filled.clear()
            await self._filled.wait()
        due_s, data = self._pieces.popleft()
        self._bytes -= len(data)
        self._room.set()
        return due_s, data


def _reset(writer: StreamWriter | None) -> None:
    """Ends a connection with RST in place of FIN."""
    if writer is None:
        return
    with contextlib.suppress(OSError, AttributeError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_OFF)
    writer.transport.abort()
