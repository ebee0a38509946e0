"""Users of Valkey under Sentinel: who gets no answer asks the Sentinels anew, and tries again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from harness.clients.sentinel import Server
from harness.load.http import PacedHttpUser
from harness.load.node import Node
from harness.load.users import sentinel
from harness.load.users.sentinel import SentinelUser
from harness.recording import READ, WRITE
from tests.load.single_user import single_user


class Dead(dict[str, bytes]):
    """Answers nothing."""

    def set(self, *_: object, **__: object) -> None:
        raise redis.ConnectionError("connection refused")

    def get(self, *_: object) -> Any:
        raise redis.ConnectionError("connection refused")

    def close(self) -> None:
        pass


class Alive(Dead):
    def set(self, key: str, value: int, **_: object) -> None:  # type: ignore[override]
        self[key] = str(value).encode()

    def get(self, key: str) -> Any:  # type: ignore[override]
        return dict.get(self, key)


class User(SentinelUser, PacedHttpUser):
    abstract = True


@pytest.fixture
def primaries(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Dead]]:
    """Who is primary each time that the Sentinels are asked; the last one stays so."""
    told: list[Dead] = []
    monkeypatch.setattr(sentinel, "RETRY_S", 0.0)
    monkeypatch.setattr(sentinel, "servers", lambda *_: [Server("10.0.0.1", 6379 + len(told), is_primary=True)])
    monkeypatch.setattr(sentinel, "connect", lambda *_: told.pop(0) if len(told) > 1 else told[0])
    yield told


def kept(node: Node) -> list[tuple[str, int | None, bool, str]]:
    return [(one.kind, one.version, one.return_s is not None, one.via) for one in node.operations]


def user_of(primaries: list[Dead], *those: Dead, attempts: int = 3) -> tuple[User, Node]:
    primaries += those
    options = {"sentinels": (), "sentinel_service": "cache", "valkey_password": "", "audit_within_s": 5.0}
    return single_user(User, "http://127.0.0.1:1", write_attempts=attempts, **options)


def test_a_write_goes_to_the_new_primary_as_soon_as_there_is_one(primaries: list[Dead]) -> None:
    """Each attempt has a version of its own."""
    user, node = user_of(primaries, Dead(), Dead(), Alive())
    assert user.write_new_key()
    assert kept(node) == [(WRITE, 1, False, "valkey"), (WRITE, 2, False, "valkey"), (WRITE, 3, True, "valkey")]
    user.write_new_key()
    user.look_for_keys()
    assert kept(node)[3:] == [(WRITE, 1, True, "valkey"), *[(READ, 1, True, "valkey audit")] * 2]


def test_a_write_is_given_up_after_its_attempts(primaries: list[Dead]) -> None:
    user, node = user_of(primaries, Dead(), attempts=2)
    assert not user.write_new_key()
    assert kept(node) == [(WRITE, 1, False, "valkey"), (WRITE, 2, False, "valkey")]


def test_a_key_that_is_gone_in_the_end_is_kept_as_gone(primaries: list[Dead]) -> None:
    user, node = user_of(primaries, Alive())
    user.write_new_key()
    primaries[0].clear()
    user.look_for_keys()
    assert kept(node)[1:] == [(READ, None, True, "valkey audit")]
