"""Users of a registry of modules: each makes modules of its own, gives them versions, and reads what it has made.

The service takes ``POST PATH`` of ``{"name", "description"}`` and ``POST PATH/NAME/versions`` of ``{"version",
"checksum", "size_bytes"}``, and answers ``GET PATH/NAME`` with the name in it; ``X-Cache`` (``hit``, ``miss``) tells
what its cache did, and ``"invalidated": false`` that its cache could not be told of a new version. A page of all
versions of a module lists at least the ten newest.
"""

from __future__ import annotations

import random
import re
import time
from typing import TYPE_CHECKING, Any

from harness.load.http import PacedHttpUser
from harness.load.http.response import Response
from harness.load.users.measured import Measured
from harness.plugins import parameter
from harness.recording import READ, WRITE

if TYPE_CHECKING:
    from locust.env import Environment

VERSION = re.compile(r"\b1\.0\.(\d+)\b")
MOST_VERSIONS = 10
"""Of a module: of more, a service may list the oldest alone, and the newest one would look lost."""


class RegistryOptions:
    """Options of a scenario with such users."""

    modules_path: str = parameter("/modules", "path of the modules", web=True)
    replica_query: str = parameter("?read=replica", "what follows a module's path to read it from a replica", web=True)
    versions_path: str = parameter("", "what follows it for the page of all its versions; empty: none", web=True)
    query_path: str = parameter("/db/work?ms=0", "path of a request with one short query", web=True)
    pool_path: str = parameter("/db/work?ms=20", "path of a request that holds a connection a while", web=True)


class RegistryUser(Measured, PacedHttpUser):
    """A developer who works on modules of its own over HTTP, with :class:`RegistryOptions`."""

    abstract = True

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.options: Any = environment.parsed_options
        self.made: list[list[Any]] = []
        """Name of each of its modules, and the number of its newest version."""

    def create(self) -> None:
        """A new module."""
        name = f"m{self.node.run}-{self.number}-{len(self.made)}".lower()
        body = {"name": name, "description": "made by a test"}
        if self.client.post(self.options.modules_path, json=body, name="[modules]").is_success:
            self.made.append([name, 0])

    def publish(self) -> None:
        """A new version, or a new module; what the cache has of it is forgotten."""
        not_full = [module for module in self.made if module[1] < MOST_VERSIONS]
        if not_full:
            self.add_version(random.choice(not_full))
        if not not_full or random.random() < 0.5:
            self.create()

    def add_version(self, module: list[Any]) -> None:
        module[1] += 1
        body = {"version": f"1.0.{module[1]}", "checksum": "0" * 64, "size_bytes": 1000}
        sent_s = time.monotonic()
        response = self.client.post(f"{self._path_of(module)}/versions", json=body, name="[modules]/[name]/versions")
        known = response.is_success and response.json_object().get("invalidated") is not False
        self._keep(WRITE, module, module[1], sent_s, known)

    def read(self) -> None:
        """A module, by way of the cache. What that did is timed apart: ``module hit`` and ``module miss``."""
        sent_s = time.monotonic()
        response = self._find("", "[modules]/[name]")
        cache = _cache_of(response)
        if response.is_success and cache in ("hit", "miss"):
            self.observe("module", cache, sent_s, time.monotonic())

    def read_replica(self) -> None:
        self._find(self.options.replica_query, "[modules]/[name] replica")

    def read_versions(self) -> None:
        """All that is cached of a module's versions is forgotten by pattern: the newest one has to be there at once."""
        module, sent_s = random.choice(self.made), time.monotonic()
        path = self._path_of(module) + self.options.versions_path
        response = self.client.get(path, name="[modules]/[name]/versions")
        newest = max(map(int, VERSION.findall(response.text)), default=None) if response.is_success else None
        self._keep(READ, module, newest, sent_s, response.is_success, _cache_of(response))

    def query(self) -> None:
        """One short query, called ``query``, or one that holds a connection for a while, ``pool``."""
        kind = random.choice(["query", "pool"])
        self.client.get(self.options.query_path if kind == "query" else self.options.pool_path, name=kind)

    def _find(self, query: str, name: str) -> Response:
        """A page that a service has for every path, or an error with status 200, is no module."""
        module = random.choice(self.made)
        with self.client.get(self._path_of(module) + query, name=name, catch_response=True) as response:
            if response.is_success and module[0] not in response.text:
                response.failure("no such module in the answer")
        return response

    def _keep(
        self, kind: str, module: list[Any], version: int | None, sent_s: float, answered: bool, cache: str = ""
    ) -> None:
        done_s = time.monotonic() if answered else None
        self.operation(kind, module[0], str(self.number), version, sent_s, done_s, "registry", "", cache)

    def _path_of(self, module: list[Any]) -> str:
        return f"{self.options.modules_path}/{module[0]}"


def _cache_of(response: Response) -> str:
    return response.headers.get("X-Cache", "").strip().lower()
