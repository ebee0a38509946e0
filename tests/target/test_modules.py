"""The registry of modules: written once, cached, and never older than the last write that was answered."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
import redis

from target.loopback_http import Reply, ask
from target.service.pattern_cache import Cached, PatternCache
from target.service.settings import ServiceSettings
from tests.target.stacks import Stack, until

NAMES = (f"m{number}" for number in itertools.count())


@dataclass(frozen=True)
class Got:
    """One GET."""

    status: int
    cache: str | None
    document: Any


def get(stack: Stack, path: str, number: int = 0) -> Got:
    """At one of the processes."""
    try:
        with urllib.request.urlopen(stack.state.apis[number % 2].url + path, timeout=10) as answer:
            return Got(answer.status, answer.headers["X-Cache"], json.load(answer))
    except urllib.error.HTTPError as error:
        return Got(error.code, error.headers["X-Cache"], json.load(error))


def post(stack: Stack, path: str, body: object, number: int = 0) -> Reply:
    """At one of the processes."""
    return ask("POST", stack.state.apis[number % 2].url + path, body=body)


def test_a_module_is_made_found_and_found_in_the_cache_of_the_other_process(stack: Stack) -> None:
    """201; a miss from the primary; a hit; 409 for the same name; a 404 is not cached."""
    name = next(NAMES)
    assert get(stack, f"/modules/{name}").status == 404
    made = post(stack, "/modules", {"name": name, "description": "ü"})
    assert (made.status, made.document["invalidated"], made.document["version_count"]) == (201, True, 0)
    first, second = get(stack, f"/modules/{name}"), get(stack, f"/modules/{name}", 1)
    assert [(one.status, one.cache, one.document["node"]) for one in (first, second)] == [
        (200, "miss", "primary"),
        (200, "hit", None),
    ]
    assert second.document["description"] == "ü"
    again = post(stack, "/modules", {"name": name, "description": "other"})
    assert (again.status, again.document["error"]) == (409, "exists")


def test_a_new_version_is_seen_everywhere_it_is_cached(stack: Stack) -> None:
    """The module, its list of versions, a page of modules: all cached before, all right after."""
    name = "versioned"
    post(stack, "/modules", {"name": name})
    paths = (f"/modules/{name}", f"/modules/{name}/versions", "/modules?limit=1&after=versione")
    for path in paths:
        get(stack, path)
        assert get(stack, path, 1).cache == "hit", path
    made = post(stack, f"/modules/{name}/versions", {"version": "1.0", "checksum": "c", "size_bytes": 7}, 1)
    assert (made.status, made.document["version"]) == (201, "1.0")
    module, versions, page = (get(stack, path) for path in paths)
    assert {one.cache for one in (module, versions, page)} == {"miss"}
    assert (module.document["version_count"], module.document["latest_version"]) == (1, "1.0")
    assert [version["version"] for version in versions.document["versions"]] == ["1.0"]
    assert page.document["modules"][0]["version_count"] == 1
    assert get(stack, f"/modules/{name}/versions/1.0").document["size_bytes"] == 7
    assert post(stack, f"/modules/{name}/versions", {"version": "1.0"}).status == 409
    assert post(stack, "/modules/none-such/versions", {"version": "1.0"}).status == 404
    assert get(stack, "/modules/none-such/versions/1.0").status == 404


def test_pages_are_complete_and_in_order(stack: Stack) -> None:
    """Five modules and five versions, in pages of two."""
    names = [f"page{number}" for number in range(5)]
    for number, name in enumerate(names):
        assert post(stack, "/modules", {"name": name}).status == 201
        post(stack, "/modules/page0/versions", {"version": f"{number}.0"})
    seen: list[str] = []
    after: str | None = "page"
    while after is not None and len(seen) < 5:
        page = get(stack, f"/modules?limit=2&after={after}").document
        seen += [module["name"] for module in page["modules"]]
        after = page["next"]
    assert seen[:5] == names
    versions: list[str] = []
    last: int | None = 0
    while last is not None:
        page = get(stack, f"/modules/page0/versions?limit=2&after={last}").document
        versions += [version["version"] for version in page["versions"]]
        last = page["next"]
    assert versions == [f"{number}.0" for number in range(5)]


def test_the_same_key_makes_one_module(stack: Stack) -> None:
    """Ten at once: one is 201, the others are told what it made; another body under the key is refused."""
    name, other = next(NAMES), next(NAMES)

    def keyed(body: bytes) -> int:
        request = urllib.request.Request(f"{stack.state.url}/modules", body, {"Idempotency-Key": f'"{name}"'})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    with ThreadPoolExecutor(10) as threads:
        statuses = list(threads.map(keyed, [b'{"name": "%s"}' % name.encode()] * 10))
    assert sorted(statuses) == [200] * 9 + [201]
    assert keyed(b'{"name": "%s"}' % other.encode()) == 422
    assert get(stack, f"/modules/{other}").status == 404, "nothing of what was refused is there"


def test_a_pattern_forgets_no_more_and_no_less(stack: Stack) -> None:
    """Of 3,000 keys that SCAN passes by, those of one module go; its neighbour of a longer name stays."""
    name = next(NAMES)
    longer = f"{name}-longer"
    client = redis.Redis.from_url(stack.state.valkey)
    client.mset({f"elsewhere:{number}": "" for number in range(3000)})
    for one in (name, longer):
        post(stack, "/modules", {"name": one})
        post(stack, f"/modules/{one}/versions", {"version": "1"})
    for one in (name, longer):
        for path in ("", "/versions", "/versions/1"):
            get(stack, f"/modules/{one}{path}")
    forgotten = ask("DELETE", f"{stack.state.apis[0].url}/modules/{name}/cache").document
    assert forgotten == {"name": name, "invalidated": True, "instance": "api1"}
    assert [get(stack, f"/modules/{name}{path}").cache for path in ("", "/versions", "/versions/1")] == ["miss"] * 3
    assert [get(stack, f"/modules/{longer}{path}").cache for path in ("", "/versions", "/versions/1")] == ["hit"] * 3
    assert client.exists("elsewhere:0", "elsewhere:2999") == 2


def test_readers_never_go_back_while_versions_are_made(stack: Stack) -> None:
    """One writer, six readers over both processes: nobody reads fewer versions than were answered before it began."""
    name = next(NAMES)
    post(stack, "/modules", {"name": name})
    done: list[tuple[float, int]] = [(time.monotonic(), 0)]
    reads: list[tuple[float, int]] = []
    over = threading.Event()

    def read(number: int) -> None:
        while not over.is_set():
            started = time.monotonic()
            reads.append((started, get(stack, f"/modules/{name}", number).document["version_count"]))

    with ThreadPoolExecutor(6) as threads:
        readers = [threads.submit(read, number) for number in range(6)]
        try:
            for version in range(1, 41):
                assert post(stack, f"/modules/{name}/versions", {"version": str(version)}, version).status == 201
                done.append((time.monotonic(), version))
            until(lambda: len(reads) >= 120, "enough reads")
        finally:
            over.set()
        for reader in readers:
            reader.result()
    for started, count in reads:
        assert count >= max(written for at, written in done if at <= started)


def test_what_was_read_before_a_write_is_not_kept_after_it(stack: Stack) -> None:
    """A load that is overtaken by a write of the same process, and by one of another: its answer is not stored."""

    async def overtaken() -> list[Cached]:
        settings = ServiceSettings("", "", stack.state.valkey, "", "")
        cache, other = PatternCache(settings), PatternCache(settings)

        async def load(by: PatternCache | None) -> dict[str, bool]:
            if by is not None:
                assert await by.forget("race-*")
            return {"old": by is not None}

        found = [await cache.read(f"race-{key}", lambda by=by: load(by)) for key, by in enumerate((cache, other, None))]
        again = [await cache.read(f"race-{key}", lambda: load(None)) for key in range(3)]
        await cache.close()
        await other.close()
        return found + again

    found = asyncio.run(overtaken())
    assert [(one.cache, one.document["old"]) for one in found] == [
        ("miss", True),
        ("miss", True),
        ("miss", False),
        ("miss", False),
        ("miss", False),
        ("hit", False),
    ]


def test_without_valkey_the_primary_answers_and_writes_are_made_up_for(stack: Stack) -> None:
    """Frozen: reads bypass, a write says that nothing was invalidated; afterwards nothing old is read."""
    name = next(NAMES)
    post(stack, "/modules", {"name": name})
    get(stack, f"/modules/{name}")
    os.kill(stack.process("valkey").pid, signal.SIGSTOP)
    try:
        assert get(stack, f"/modules/{name}").cache == "bypass"
        made = post(stack, f"/modules/{name}/versions", {"version": "1"})
        assert (made.status, made.document["invalidated"]) == (201, False)
        assert (get(stack, f"/modules/{name}").cache, get(stack, f"/modules/{name}").document["version_count"]) == (
            "bypass",
            1,
        )
    finally:
        os.kill(stack.process("valkey").pid, signal.SIGCONT)
    for number in range(2):
        until(lambda number=number: get(stack, f"/modules/{name}", number).cache == "hit", "cached again")  # type: ignore[misc]
        assert get(stack, f"/modules/{name}", number).document["version_count"] == 1


@pytest.mark.parametrize(
    "body",
    [None, [], {}, {"name": ""}, {"name": "a*"}, {"name": "a:b"}, {"name": "a/b"}, {"name": "x", "description": 1}],
)
def test_a_malformed_module_is_refused(stack: Stack, body: object) -> None:
    """400; a name means nothing to a pattern of Valkey."""
    assert post(stack, "/modules", "text" if body is None else body).status == 400


@pytest.mark.parametrize("path", ["/modules/a*", "/modules/a%0ab", "/modules?after=*", "/modules?limit=x"])
def test_a_malformed_path_is_refused(stack: Stack, path: str) -> None:
    """400."""
    assert get(stack, path).status == 400
