"""The opening handshake of RFC 6455: the request, and whether the answer accepts it.

websocket-client's own reads the answer byte by byte, which is most of what a connection costs, keeps one cookie jar for
all users, and reports a subprotocol that was not chosen like a wrong key.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.load.http.request import BaseUrl, build_request, request_target

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PROTOCOL_ERROR = "protocol error"
NO_SUBPROTOCOL = "no subprotocol"
"""Outcome: the server chose none of those that were offered."""
MAX_HEAD_BYTES = 64 * 1024
OWN_HEADERS = frozenset({"upgrade", "connection", "content-length", "transfer-encoding"})
OWN_PREFIX = "sec-websocket-"
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: |$)")


class ConnectionFailedError(Exception):
    """The handshake did not come to its end; ``outcome`` is the short cause."""

    def __init__(self, outcome: str, why: str) -> None:
        super().__init__(why)
        self.outcome = outcome


@dataclass(frozen=True)
class Answer:
    """Of a server that took the connection."""

    subprotocol: str | None
    set_cookies: tuple[str, ...]


def new_key() -> str:
    return base64.b64encode(os.urandom(16)).decode()


@dataclass(frozen=True, slots=True)
class Opening:
    """What a client asks for."""

    base: BaseUrl
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: str = ""
    subprotocols: Sequence[str] = ()

    def encode(self, key: str) -> bytes:
        """What is sent. Raises ValueError for what cannot be."""
        if problems := list(header_problems(self.headers)):
            raise ValueError("; ".join(problems))
        origin = self.base.origin
        given = {name.lower() for name in self.headers}
        usual = {"Origin": f"{origin.scheme}://{origin.authority}", **self.base.headers}
        fields = {
            **{name: value for name, value in usual.items() if name.lower() not in given},
            **self.headers,
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": key,
            "Sec-WebSocket-Version": "13",
        }
        if self.subprotocols:
            fields["Sec-WebSocket-Protocol"] = ", ".join(self.subprotocols)
        target = self.base.prefix + request_target(self.path)
        asked = build_request(origin, "GET", target, name=self.path, headers=fields)
        together = "; ".join(part for part in (asked.cookies, self.cookies) if part)
        return asked.with_cookies(together) if together else asked.payload


def header_problems(headers: Mapping[str, str]) -> Iterable[str]:
    """Names that are the handshake's own."""
    for name in headers:
        if not isinstance(name, str) or name.lower() in OWN_HEADERS or name.lower().startswith(OWN_PREFIX):
            yield f"header {name!r} is the handshake's own; leave it out (subprotocols have an attribute)"


def read_answer(head: bytes, key: str, subprotocols: Sequence[str]) -> Answer:
    """``head``: up to the empty line. Raises ConnectionFailedError."""
    status_line, *lines = head.split(b"\r\n")
    status = _STATUS_LINE.match(status_line)
    if status is None:
        raise ConnectionFailedError(PROTOCOL_ERROR, "the answer is no HTTP")
    if status[1] != b"101":
        # Redirects are not followed: load goes where the operator said, and nowhere else.
        raise ConnectionFailedError(f"http {status[1].decode()}", "no upgrade")
    fields: dict[str, list[str]] = {}
    for line in lines:
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon or not TOKEN.fullmatch(name):
            raise ConnectionFailedError(PROTOCOL_ERROR, "a line of the answer is no header")
        fields.setdefault(name.lower(), []).append(value.strip())

    def listed(name: str) -> list[str]:
        return [part.strip() for value in fields.get(name, ()) for part in value.split(",") if part.strip()]

    if "websocket" not in map(str.lower, listed("upgrade")) or "upgrade" not in map(str.lower, listed("connection")):
        raise ConnectionFailedError(PROTOCOL_ERROR, "the answer 101 upgrades to something else")
    accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
    if listed("sec-websocket-accept") != [accept] or listed("sec-websocket-extensions"):
        raise ConnectionFailedError(PROTOCOL_ERROR, "the answer is to another handshake")
    chosen = listed("sec-websocket-protocol")
    if chosen and (len(chosen) > 1 or chosen[0] not in subprotocols):
        raise ConnectionFailedError(PROTOCOL_ERROR, f"the server chose {chosen}, which was not offered")
    if subprotocols and not chosen:
        raise ConnectionFailedError(NO_SUBPROTOCOL, f"the server speaks none of {', '.join(subprotocols)}")
    return Answer(chosen[0] if chosen else None, tuple(fields.get("set-cookie", ())))
