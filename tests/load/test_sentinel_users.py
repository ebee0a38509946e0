"""Users of Valkey under Sentinel: in the end they look on the primary of then, whatever they are connected to."""

from __future__ import annotations

from typing import Any

import pytest

from harness.clients.sentinel import Server
from harness.load.users import sentinel
from harness.load.users.sentinel import SentinelUser
from harness.recording import READ, WRITE
from tests.load.single_user import single_user

OLD, NEW = 1, 2


class Valkey:
    """A server that keeps what is written to it."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def set(self, key: str, value: int, ex: int) -> None:  # noqa: ARG002
        self.kept[key] = str(value).encode()

    def get(self, key: str) -> bytes | None:
        return self.kept.get(key)

    def close(self) -> None:
        pass


def test_a_primary_that_was_replaced_is_not_asked_in_the_end_though_it_still_has_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It acknowledged a key while another one led already, and still has it."""
    told, made = [OLD], {OLD: Valkey(), NEW: Valkey()}
    monkeypatch.setattr(sentinel, "servers", lambda *_: (Server("127.0.0.1", told[0], True),))
    monkeypatch.setattr(sentinel, "connect", lambda url, _: made[int(url.rpartition(":")[2])])
    kind: Any = SentinelUser  # it makes no requests over HTTP
    options = {"sentinels": (), "sentinel_service": "", "valkey_password": "", "audit_within_s": 5.0}
    user, node = single_user(kind, "http://127.0.0.1:9", write_attempts=1, **options)
    assert user.write_new_key()
    told[0] = NEW
    assert user.write_new_key()
    user.look_for_keys()
    assert [(one.kind, one.version, one.source) for one in node.operations] == [
        (WRITE, 1, "127.0.0.1:1"),
        (WRITE, 1, "127.0.0.1:1"),
        (READ, None, "127.0.0.1:2"),
        (READ, None, "127.0.0.1:2"),
    ]


def test_at_each_instant_some_of_the_users_write() -> None:
    """100 of them, started one after the other, round and round: two in three write, and one reads its newest key."""
    done: list[str] = []
    kind: Any = type("Counted", (SentinelUser,), {"abstract": True})
    kind._write = lambda *_: done.append("write") or True
    kind._read = lambda *_: done.append("read") or True
    first, _ = single_user(kind, "http://127.0.0.1:9", write_attempts=1, audit_within_s=5.0)
    users = [first, *(type(first)(first.environment) for _ in range(99))]
    for _ in range(6):
        for user in users:
            user.work_on_keys()
    assert all("write" in done[at : at + 3] for at in range(len(done) - 2))
    assert done.count("read") > len(done) / 4


def test_the_look_in_the_end_has_its_time_beside_what_on_stop_has() -> None:
    kind: Any = type("Patient", (SentinelUser,), {"abstract": True, "on_stop_s": 100.0})
    user, _ = single_user(kind, "http://127.0.0.1:9", audit_within_s=120.0)
    assert user.on_stop_s == 220.0
