"""A tiny JSON client for our own processes on loopback; never goes through a proxy of the environment."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Reply:
    """Status and decoded JSON (None when the body is something else)."""

    status: int
    document: Any


def ask(method: str, url: str, token: str | None = None, body: object = None, limit_s: float = 5.0) -> Reply:
    """One request; raises OSError when nobody answers, also when the answer takes longer than `limit_s`."""
    request = urllib.request.Request(url, method=method)
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    try:
        with _OPENER.open(request, timeout=limit_s) as response:
            return Reply(response.status, _decoded(response.read()))
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, _decoded(error.read()))


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
