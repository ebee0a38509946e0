"""Patroni's REST API: who is who in a cluster of PostgreSQL servers.

https://patroni.readthedocs.io/en/latest/rest_api.html
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from harness.clients.address import strip_url
from harness.clients.http_get import Answer, NoAnswerError, get, request

LIMIT_BYTES = 1_000_000
LEADERS = ("leader", "master", "primary", "standby_leader")
"""A leader in Patroni's words: before and since its version 4, and in ``/cluster``."""


class PatroniError(Exception):
    """There was no answer, or none that can be read. ``str()`` is the cause in words, without user info."""


@dataclass(frozen=True)
class Member:
    """A node, as the cluster sees it."""

    name: str
    role: str
    """``leader``, ``replica``, ``sync_standby`` …"""
    state: str
    """``running``, ``streaming`` …"""
    host: str
    port: int
    """Of its PostgreSQL."""
    rest_port: int
    """Of its Patroni."""

    @property
    def is_leader(self) -> bool:
        return self.role in LEADERS


@dataclass(frozen=True)
class Status:
    """A node, as it sees itself."""

    name: str
    is_primary: bool
    """Its PostgreSQL runs and is none that follows another."""
    is_streaming: bool
    """It follows another, and has a connection to it."""
    position_bytes: float | None
    """How far its log is written, or replayed."""
    timeline: float | None
    answered_s: float
    """How long it took."""


def members(urls: Sequence[str], timeout_s: float) -> tuple[Member, ...]:
    """All nodes, by the first of the Patronis that answers. Raises PatroniError."""
    problems = []
    for url in urls:
        try:
            return _members(_document(get(_page(url, "cluster"), timeout_s, LIMIT_BYTES)))
        except (NoAnswerError, PatroniError) as error:
            problems.append(f"{strip_url(url)}: {error}")
    raise PatroniError("; ".join(problems))


def statuses(urls: Sequence[str], timeout_s: float) -> list[Status | PatroniError]:
    """What each node says of itself, all asked at the same time."""

    def ask(url: str) -> Status | PatroniError:
        begun_s = time.monotonic()
        try:
            answer = get(_page(url, "patroni"), timeout_s, LIMIT_BYTES, "application/json")
            return _status(answer, time.monotonic() - begun_s)
        except (NoAnswerError, PatroniError) as error:
            return PatroniError(str(error))

    with ThreadPoolExecutor(max_workers=len(urls)) as pool:
        return list(pool.map(ask, urls))


def switch_over(url: str, leader: str, candidate: str, timeout_s: float) -> str:
    """Asks for a planned change of the leader; any replica may follow where ``candidate`` is empty. Returns what
    Patroni says of it when it is over. Raises PatroniError.
    """
    body = {"leader": leader, **({"candidate": candidate} if candidate else {})}
    try:
        answer = request(_page(url, "switchover"), timeout_s, LIMIT_BYTES, method="POST", json_body=json.dumps(body))
    except NoAnswerError as error:
        raise PatroniError(str(error)) from None
    said = answer.body.decode(errors="replace").strip()[:200]
    if answer.status not in (200, 202):
        raise PatroniError(f"HTTP {answer.status} {said}".rstrip())
    return said


def _page(url: str, page: str) -> str:
    return f"{url.rstrip('/')}/{page}"


def _document(answer: Answer) -> dict[str, Any]:
    try:
        document = json.loads(answer.body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise PatroniError(f"HTTP {answer.status}, and no JSON of Patroni's: is it the address of its REST API?")
    return document


def _members(document: dict[str, Any]) -> tuple[Member, ...]:
    try:
        return tuple(
            Member(
                *(str(each["name"]), str(each["role"]), str(each.get("state", ""))),
                *(str(each["host"]), int(each["port"])),
                urlsplit(str(each.get("api_url", ""))).port or 0,
            )
            for each in document["members"]
        )
    except (KeyError, TypeError, ValueError):
        raise PatroniError("its page /cluster has no members with name, role, host and port") from None


def _status(answer: Answer, answered_s: float) -> Status:
    document = _document(answer)
    try:
        role, name = str(document["role"]), str(document["patroni"]["name"])
    except (KeyError, TypeError):
        raise PatroniError("its page /patroni has no role, or no name") from None
    log = document.get("xlog")
    log = log if isinstance(log, dict) else {}
    runs, leads = document.get("state") == "running", role in LEADERS
    position = log.get("location") if leads else log.get("replayed_location")
    return Status(
        name,
        runs and leads,
        runs and not leads and document.get("replication_state") == "streaming",
        _number(position),
        _number(document.get("timeline")),
        answered_s,
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int) else None
