"""Users of versioned items behind a cache: every read, write and removal is a request, and kept as an operation.

The service answers ``GET PATH/KEY`` with 200 and JSON that has a ``version``, or 404; takes ``PUT PATH/KEY`` with
``{"version", "value"}``; and forgets a cached item at ``DELETE PATH/KEY/cache``, where it can. Where it says so,
``X-Cache`` (``hit``, ``miss``, ``bypass``) and ``X-Read-From`` (``cache``, ``primary``, ``replica``) tell what its
cache did, and ``"invalidated": false`` that its cache could not be told.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from locust import task

from harness.load.http import PacedHttpUser
from harness.load.http.response import Response
from harness.load.users.measured import Measured
from harness.plugins import parameter
from harness.recording import INVALIDATE, READ, WRITE

if TYPE_CHECKING:
    from locust.env import Environment

VALUE = "x" * 100
HOT, HOT_SHARE = 0, 0.8
"""The number of the item that most read, and the share of the reads that are of it."""


class ItemOptions:
    """Options of a scenario with such users."""

    items_path: str = parameter("/items", "path of the items; they are read, written and removed below it", web=True)
    forget_path: str = parameter(
        "/cache", "what follows an item's path to remove it from the cache; empty: nothing can", web=True
    )
    keys: int = parameter(20, "items, each with a user who writes it", lowest=1)


@dataclass(frozen=True)
class Found:
    """What a read was answered."""

    answered: bool
    version: int | None
    cache: str
    source: str


class ItemUser(Measured, PacedHttpUser):
    """A session that reads and writes items over HTTP, with :class:`ItemOptions`."""

    abstract = True

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.options: Any = environment.parsed_options
        self.version = 0
        """Of the item that it owns, where it owns one."""

    @property
    def session(self) -> str:
        return str(self.number)

    def key(self, number: int) -> str:
        """An item of this run."""
        return f"{self.node.run}-{number}"

    def any_key(self) -> str:
        return self.key(random.randrange(self.options.keys))

    def renew_own_item(self, number: int) -> bool:
        """Whether the user with this number has one to renew, and so did. The first users own an item each: only they
        write it, so its versions follow each other. The hot one is written once, and from then on only expires.
        """
        if number >= self.options.keys or (number == HOT and self.version):
            return False
        self.version += self.renew_item(self.key(number), self.version + 1)
        return True

    def read_hot_or_any_item(self) -> None:
        """The hot one in :data:`HOT_SHARE` of the cases."""
        self.read_item(self.key(HOT) if random.random() < HOT_SHARE else self.any_key())

    def read_item(self, key: str, via: str = "service", query: str = "") -> Found:
        """An item that is not there (404) is an answer, too."""
        path, name = self._path(key) + query, self._path("[key]") + query
        begun_s = time.monotonic()
        with self.client.get(path, name=name, catch_response=True) as response:
            done_s = time.monotonic()
            found = _found(response)
            if found.answered:
                response.success()
            elif response.is_success:
                response.failure("no version in the answer")
        returned_s = done_s if found.answered else None
        self.operation(READ, key, self.session, found.version, begun_s, returned_s, via, found.source, found.cache)
        return found

    def write_item(self, key: str, version: int, via: str = "service") -> bool:
        """Whether readers may rely on it. When the service says that its cache could not be told, it is written all
        the same, but nobody was promised anything: as without an answer.
        """
        begun_s = time.monotonic()
        document = {"version": version, "value": VALUE}
        response = self.client.put(self._path(key), json=document, name=self._path("[key]"))
        done_s = time.monotonic()
        relied_on = response.is_success and response.json_object().get("invalidated") is not False
        self.operation(WRITE, key, self.session, version, begun_s, done_s if relied_on else None, via)
        return relied_on

    def renew_item(self, key: str, version: int, via: str = "service, own") -> bool:
        """The item is cached afresh, written, and read back at once: an invalidation that gets lost shows here. Whether
        it was written: while the cache is away there is nothing to lose, so it is not.
        """
        if not self.forget_item(key) or self.read_item(key, via).cache == "bypass":
            return False
        self.write_item(key, version)
        self.read_item(key, via)
        return True

    def forget_item(self, key: str, via: str = "service") -> bool:
        """Whether the cache was not away: it has forgotten the item, or cannot be told to."""
        if not self.options.forget_path:
            return True
        begun_s = time.monotonic()
        path, name = (self._path(item) + self.options.forget_path for item in (key, "[key]"))
        response = self.client.delete(path, name=name)
        done_s = time.monotonic()
        forgotten = response.is_success and response.json_object().get("invalidated") is not False
        self.operation(INVALIDATE, key, self.session, None, begun_s, done_s if forgotten else None, via)
        return forgotten

    def _path(self, key: str) -> str:
        return f"{self.options.items_path}/{key}"


class ShoppingUser(ItemUser):
    """One who writes the item that it owns, or else reads: most of them the hot one."""

    abstract = True

    @task
    def shop(self) -> None:
        if not self.renew_own_item(self.number_in_class):
            self.read_hot_or_any_item()


def _found(response: Response) -> Found:
    version: Any = None
    answered = response.status_code == 404
    if response.is_success:
        version = response.json_object().get("version")
        answered = isinstance(version, int) and not isinstance(version, bool)
    headers = response.headers
    cache, source = (headers.get(name, "").strip().lower() for name in ("x-cache", "x-read-from"))
    return Found(answered, version if answered else None, cache, source)
