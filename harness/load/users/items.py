"""Users of versioned items behind a cache: every read, write and removal is a request, and kept as an operation.

The service answers ``GET PATH/KEY`` with 200 and JSON that has a ``version``, or 404; takes ``PUT PATH/KEY`` with
``{"version", "value"}``; and forgets a cached item at ``DELETE PATH/KEY/cache``, where it can. Where it says so,
``X-Cache`` (``hit``, ``miss``, ``bypass``) and ``X-Read-From`` (``cache``, ``primary``, ``replica``) tell what its
cache did, and ``"invalidated": false`` that its cache could not be told.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from harness.load.http import PacedHttpUser
from harness.load.http.response import Response
from harness.load.users.measured import Measured
from harness.recording import INVALIDATE, READ, WRITE

VALUE = "x" * 100


@dataclass(frozen=True)
class Found:
    """What a read was answered."""

    answered: bool
    version: int | None
    cache: str
    source: str


class ItemUser(Measured, PacedHttpUser):
    """A session that reads and writes items over HTTP."""

    abstract = True
    items_path = "/items"
    forget_path = "/cache"
    """After an item's path; empty for a service without such a thing: then nothing is asked."""

    @property
    def session(self) -> str:
        return str(self.number)

    def read_item(self, key: str, via: str = "service", query: str = "") -> Found:
        """An item that is not there (404) is an answer, too."""
        path, name = f"{self.items_path}/{key}{query}", f"{self.items_path}/[key]{query}"
        begun_s = time.monotonic()
        with self.client.get(path, name=name, catch_response=True) as response:
            done_s = time.monotonic()
            found = _found(response)
            if found.answered:
                response.success()
            elif response.ok:
                response.failure("no version in the answer")
        returned_s = done_s if found.answered else None
        self.operation(READ, key, self.session, found.version, begun_s, returned_s, via, found.source, found.cache)
        return found

    def write_item(self, key: str, version: int, via: str = "service") -> bool:
        """Whether readers may rely on it. When the service says that its cache could not be told, it is written all
        the same, but nobody was promised anything: as without an answer.
        """
        begun_s = time.monotonic()
        response = self.client.put(
            f"{self.items_path}/{key}", json={"version": version, "value": VALUE}, name=f"{self.items_path}/[key]"
        )
        done_s = time.monotonic()
        relied_on = response.ok and _document(response).get("invalidated") is not False
        self.operation(WRITE, key, self.session, version, begun_s, done_s if relied_on else None, via)
        return relied_on

    def forget_item(self, key: str, via: str = "service") -> bool:
        """Whether the cache was not away: it has forgotten the item, or cannot be told to."""
        if not self.forget_path:
            return True
        begun_s = time.monotonic()
        response = self.client.delete(
            f"{self.items_path}/{key}{self.forget_path}", name=f"{self.items_path}/[key]{self.forget_path}"
        )
        done_s = time.monotonic()
        forgotten = response.ok and _document(response).get("invalidated") is not False
        self.operation(INVALIDATE, key, self.session, None, begun_s, done_s if forgotten else None, via)
        return forgotten


def _found(response: Response) -> Found:
    version: Any = None
    answered = response.status_code == 404
    if response.ok:
        version = _document(response).get("version")
        answered = isinstance(version, int) and not isinstance(version, bool)
    headers = response.headers
    cache, source = (headers.get(name, "").strip().lower() for name in ("x-cache", "x-read-from"))
    return Found(answered, version if answered else None, cache, source)


def _document(response: Response) -> dict[str, Any]:
    try:
        document = json.loads(response.content)
    except Exception:  # not JSON, not even text, or compressed wrongly: an answer without a version
        return {}
    return document if isinstance(document, dict) else {}
