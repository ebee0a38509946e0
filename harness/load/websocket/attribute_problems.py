"""What is wrong with the attributes of a WebSocket user class, in words; said before the run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from harness.load.http.request import parse_base_url
from harness.load.websocket import handshake
from harness.load.websocket.reconnection import JITTERS, POLICIES

if TYPE_CHECKING:
    from harness.load.websocket.users import WebSocketUser

ANYWHERE = parse_base_url("http://127.0.0.1")
ABOVE_ZERO = ("connect_timeout_s", "close_timeout_s", "ping_timeout_s")
FROM_ZERO = ("first_pause_s", "longest_pause_s", "stable_s", "ping_every_s")


def attribute_problems(user: WebSocketUser | type[WebSocketUser]) -> Iterator[str]:
    """Each begins with the attribute's name."""
    for name, words in (("reconnect", POLICIES), ("jitter", JITTERS)):
        if getattr(user, name) not in words:
            yield f"{name} = {getattr(user, name)!r}: give one of {', '.join(words)}"
    numbers = True
    for name in (*ABOVE_ZERO, *FROM_ZERO):
        value = getattr(user, name)
        fits = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
        if not fits or (value == 0 and name in ABOVE_ZERO):
            numbers = False
            yield f"{name} = {value!r}: give a number of seconds, {'above 0' if name in ABOVE_ZERO else '0 or more'}"
    if numbers and user.longest_pause_s < user.first_pause_s:
        yield (
            f"longest_pause_s = {user.longest_pause_s:g} is less than first_pause_s = {user.first_pause_s:g}: "
            "give one that is as long or longer"
        )
    yield from subprotocol_problems(user.subprotocols)
    yield from header_problems(user.headers)


def subprotocol_problems(subprotocols: object) -> Iterator[str]:
    if not isinstance(subprotocols, list | tuple):
        yield f"subprotocols = {subprotocols!r}: give a tuple of names, e.g. ('v12.stomp',)"
        return
    for name in subprotocols:
        if not isinstance(name, str) or not handshake.TOKEN.fullmatch(name):
            yield f"subprotocols: {name!r} is no name of one; letters, digits, . and - make one"
    if len(set(map(str, subprotocols))) < len(subprotocols):
        yield f"subprotocols = {subprotocols!r}: name each once"


def header_problems(headers: object) -> Iterator[str]:
    """Values are not repeated: one may be a token."""
    if not isinstance(headers, Mapping):
        yield 'headers: give a dictionary of text, e.g. {"Authorization": "Bearer …"}'
        return
    for name, value in headers.items():
        if own := list(handshake.header_problems({name: value})):
            yield f"headers: {own[0]}"
            continue
        try:
            handshake.Opening(ANYWHERE, "/", {name: value}).encode("")
        except ValueError:
            yield f"headers: {name!r} cannot be sent: names are letters, digits and -, values one line of text"
