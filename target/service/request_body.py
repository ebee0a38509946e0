"""What is common to bodies of writes: a JSON object of texts and numbers, and the key that makes a retry harmless."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

LARGEST_BODY_BYTES = 64 * 1024
LONGEST_KEY = 255
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}\Z")
"""Ids, and names: nothing in them means anything to a pattern of Valkey or to a path."""


class MalformedBody(ValueError):  # noqa: N818
    """The text says what is wrong; answered 400."""


async def answer_malformed(_request: Request, error: Exception) -> Response:
    """Starlette's handler for MalformedBody."""
    return JSONResponse({"error": str(error)}, status_code=400)


@dataclass(frozen=True)
class IdempotencyKey:
    """Of a write: the same key with the same fingerprint is the same write."""

    key: str
    fingerprint: str
    given: bool
    """Whether the client sent one."""


async def json_object(request: Request) -> dict[str, Any]:
    """The body; raises MalformedBody."""
    return decoded(await body_of(request, LARGEST_BODY_BYTES))


async def body_of(request: Request, largest_bytes: int) -> bytes:
    """As it came; raises MalformedBody for a larger one."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > largest_bytes:
            raise MalformedBody(f"the body is larger than {largest_bytes} bytes")
    return body


def decoded(body: bytes) -> dict[str, Any]:
    """The JSON object that it is; raises MalformedBody."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):  # RecursionError: thousands of nested brackets
        raise MalformedBody("the body is not JSON") from None
    if not isinstance(document, dict):
        raise MalformedBody("the body is not a JSON object")
    return document


def word(document: Mapping[str, Any], name: str) -> str:
    """An id or a name; raises MalformedBody."""
    value = document.get(name)
    if not isinstance(value, str) or not WORD.match(value):
        raise MalformedBody(f"{name} must be 1 to 200 of letters, digits and ._- and begin with a letter or digit")
    return value


def text(document: Mapping[str, Any], name: str, longest: int, default: str = "") -> str:
    """Any text that PostgreSQL can hold; raises MalformedBody."""
    value = document.get(name, default)
    if not isinstance(value, str) or not is_storable(value) or len(value) > longest:
        raise MalformedBody(f"{name} must be a text of at most {longest} characters")
    return value


def is_storable(text: str) -> bool:
    """PostgreSQL has no NUL in text, and a lone surrogate has no UTF-8."""
    return "\0" not in text and not re.search("[\ud800-\udfff]", text)


def whole(document: dict[str, Any], name: str, default: int) -> int:
    """A whole number from 0 to 2**63 - 1; raises MalformedBody."""
    value = document.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise MalformedBody(f"{name} must be a whole number that is not negative")
    return value


def idempotency_key(request: Request, document: dict[str, Any], default: str) -> IdempotencyKey:
    """The header `Idempotency-Key`, or `default`; raises MalformedBody.

    The draft of the IETF writes it as a quoted string; the bare form is taken as well.
    """
    given = request.headers.get("idempotency-key", "").strip().strip('"')
    if len(given) > LONGEST_KEY or not given.isprintable():
        raise MalformedBody(f"Idempotency-Key must be at most {LONGEST_KEY} printable characters")
    content = json.dumps(document, sort_keys=True).encode()
    fingerprint = hashlib.sha256(request.url.path.encode() + b"\n" + content).hexdigest()
    return IdempotencyKey(f"key:{given}" if given else f"id:{default}", fingerprint, bool(given))


def number_in_query(request: Request, name: str, default: int, most: int) -> int:
    """A whole number from 0 to `most` of the query; raises MalformedBody."""
    given = request.query_params.get(name, str(default))
    if not given.isascii() or not given.isdecimal() or len(given) > 19 or int(given) > most:
        raise MalformedBody(f"{name} must be a whole number from 0 to {most}")
    return int(given)
