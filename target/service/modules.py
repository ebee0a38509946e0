"""/modules: a registry of modules and their versions, cache-aside, written once however often it is asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from prometheus_client import Counter
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from target.service import module_store
from target.service.database import Answer
from target.service.module_store import Created, ModuleStore
from target.service.request_body import (
    WORD,
    MalformedBody,
    idempotency_key,
    json_object,
    number_in_query,
    text,
    whole,
    word,
)
from target.service.resources import Resources
from target.service.served_by import served_by

LONGEST_DESCRIPTION = 4096
LONGEST_PAGE = 1000
STATUS = {"exists": 409, "no such module": 404, "key used": 422}


class ModuleReader:
    """Reads through the cache, or past it from a replica."""

    def __init__(self, resources: Resources) -> None:
        self._cache, self._name = resources.module_cache, resources.settings.name
        self._reads = Counter(
            "target_modules_reads", "Reads by what the cache did.", ["cache"], registry=resources.metrics.registry
        )
        for cache in ("hit", "miss", "bypass"):
            self._reads.labels(cache)

    async def read(
        self,
        request: Request,
        key: str,
        ask: Callable[[bool], Awaitable[Answer]],
        document_of: Callable[[Answer], dict[str, Any] | None],
    ) -> JSONResponse:
        """What is kept under `key`. `ask` gets whether to ask the primary, from which all comes that is cached."""
        last: list[Answer] = []

        async def load(primary: bool) -> dict[str, Any] | None:
            last.append(await ask(primary))
            return document_of(last[-1])

        if request.query_params.get("read") == "replica":
            document, cache = await load(False), "bypass"
        else:
            cached = await self._cache.read(key, lambda: load(True))
            document, cache = cached.document, cached.cache
        self._reads.labels(cache).inc()
        headers = {"X-Cache": cache, **(served_by(last[-1]) if last else {"X-Read-From": "cache"})}
        node = last[-1].node if last else None
        if document is None:
            body: dict[str, Any] = {"error": "no such module or version"}
            return JSONResponse({**body, "instance": self._name, "node": node}, status_code=404, headers=headers)
        return JSONResponse({**document, "instance": self._name, "node": node}, headers=headers)


def routes(resources: Resources) -> list[Route]:
    store, cache, reader = ModuleStore(resources.database), resources.module_cache, ModuleReader(resources)

    async def create(request: Request) -> JSONResponse:
        document = await json_object(request)
        name, description = word(document, "name"), text(document, "description", LONGEST_DESCRIPTION)
        key = idempotency_key(request, document, "")
        created = await store.create(name, description, key)
        return await written(created, f"module:{name}", "list:*")

    async def create_version(request: Request) -> JSONResponse:
        name = _name(request)
        document = await json_object(request)
        version, checksum = word(document, "version"), text(document, "checksum", 200)
        key = idempotency_key(request, document, "")
        created = await store.create_version(name, version, checksum, whole(document, "size_bytes", 0), key)
        return await written(created, f"module:{name}", f"version:{name}:*", f"versions:{name}:*", "list:*")

    async def written(created: Created, *patterns: str) -> JSONResponse:
        served = {"instance": resources.settings.name, "node": created.answer.node}
        headers = served_by(created.answer)
        if created.document is None:
            return JSONResponse(
                {"error": created.problem, **served}, status_code=STATUS[created.problem], headers=headers
            )
        invalidated = await cache.forget(*patterns)
        if created.replayed:
            headers["Idempotent-Replayed"] = "true"
        body: dict[str, Any] = {**created.document, "replayed": created.replayed, "invalidated": invalidated, **served}
        return JSONResponse(body, status_code=200 if created.replayed else 201, headers=headers)

    async def find(request: Request) -> JSONResponse:
        name = _name(request)
        return await reader.read(
            request, f"module:{name}", lambda primary: store.find(name, primary), module_store.module_document
        )

    async def listed(request: Request) -> JSONResponse:
        after, limit = request.query_params.get("after", ""), number_in_query(request, "limit", 50, LONGEST_PAGE)
        if after and not WORD.match(after):
            raise MalformedBody("after must be the name of a module")
        return await reader.read(
            request,
            f"list:{limit}:{after}",
            lambda primary: store.listed(after, limit, primary),
            lambda answer: module_store.module_page(answer, limit),
        )

    async def find_version(request: Request) -> JSONResponse:
        name, version = _name(request), request.path_params["version"]
        if not WORD.match(version):
            raise MalformedBody("this cannot be a version")
        return await reader.read(
            request,
            f"version:{name}:{version}",
            lambda primary: store.find_version(name, version, primary),
            lambda answer: module_store.version_document(name, answer),
        )

    async def listed_versions(request: Request) -> JSONResponse:
        name = _name(request)
        after = number_in_query(request, "after", 0, 2**63 - 1)
        limit = number_in_query(request, "limit", 50, LONGEST_PAGE)
        return await reader.read(
            request,
            f"versions:{name}:{limit}:{after}",
            lambda primary: store.listed_versions(name, after, limit, primary),
            lambda answer: module_store.version_page(name, answer, limit),
        )

    async def forget(request: Request) -> JSONResponse:
        name = _name(request)
        invalidated = await cache.forget(f"module:{name}", f"version:{name}:*", f"versions:{name}:*")
        return JSONResponse({"name": name, "invalidated": invalidated, "instance": resources.settings.name})

    return [
        Route("/modules", create, methods=["POST"]),
        Route("/modules", listed, methods=["GET"]),
        Route("/modules/{name}", find, methods=["GET"]),
        Route("/modules/{name}/versions", create_version, methods=["POST"]),
        Route("/modules/{name}/versions", listed_versions, methods=["GET"]),
        Route("/modules/{name}/versions/{version}", find_version, methods=["GET"]),
        Route("/modules/{name}/cache", forget, methods=["DELETE"]),
    ]


def _name(request: Request) -> str:
    name = str(request.path_params["name"])
    if not WORD.match(name):
        raise MalformedBody("this cannot be the name of a module")
    return name
