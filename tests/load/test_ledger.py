"""Users of a ledger: each attempt is an operation, and each row is looked for in the end."""

from __future__ import annotations

import json

import pytest

from harness.load.node import Node
from harness.load.node_reporter import NodeReporter
from harness.load.users import ledger
from harness.load.users.ledger import LedgerUser
from harness.recording import READ, WRITE, Operations
from harness.recording.line import decode
from tests.http.scripted import scripted
from tests.load.single_user import single_user
from tests.load.test_items import answer

OPTIONS = {
    "ledger_path": "/ledger",
    "audit_query": "?read=primary",
    "id_field": "id",
    "copies_field": "copies",
    "write_attempts": 3,
    "resend_every": 0,
    "audit_within_s": 5.0,
}
BY_DB1, FROM_REPLICA = "X-Served-By: db1\r\n", "X-Served-By: db2\r\nX-Read-From: replica\r\n"
WRITTEN, REFUSED, MISSING = answer(201, b"{}", BY_DB1), answer(503, b"{}"), answer(404, b"", BY_DB1)


def row(number: int, headers: str = BY_DB1, **more: object) -> list[bytes | float | str]:
    """The answer for one that is there."""
    return answer(200, json.dumps({"id": f"run-0-{number}", **more}).encode(), headers)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "RETRY_S", 0.0)
    monkeypatch.setattr(ledger, "AUDIT_RETRY_S", 0.0)


def user_at(url: str, **options: object) -> tuple[LedgerUser, Node]:
    return single_user(LedgerUser, url, **{**OPTIONS, **options})


def kept(node: Node) -> list[tuple[str, str, int | None, bool, str, str]]:
    return [(one.kind, one.key, one.version, one.return_s is not None, one.via, one.source) for one in node.operations]


def test_a_write_without_an_answer_is_sent_again_under_the_same_id() -> None:
    """Each attempt has a version of its own, and one that is told that the row is there already is a good one."""
    with scripted(REFUSED, answer(409, b"{}")) as service:
        user, node = user_at(service.url)
        assert user.write_row()
    assert kept(node) == [
        (WRITE, "run-0-0", 1, False, "ledger", ""),
        (WRITE, "run-0-0", 2, True, "ledger", ""),
    ]


def test_a_write_that_is_redirected_is_not_acknowledged() -> None:
    """As by a balancer that sends everybody to a page of its own while nobody takes writes."""
    away = answer(302, b"", "Location: http://127.0.0.1:9/sorry\r\n")
    with scripted(away, away, away) as service:
        user, node = user_at(service.url)
        assert not user.write_row()
    assert not any(answered for *_, answered, _, _ in kept(node))


def test_a_write_is_given_up_after_its_attempts() -> None:
    with scripted(REFUSED, REFUSED, answer(409, b"{}")) as service:
        user, node = user_at(service.url, write_attempts=2)
        assert not user.write_row()
        user.write_row()
    assert [version for _, _, version, *_ in kept(node)] == [1, 2, 1, 2]
    assert not any(answered for *_, answered, _, _ in kept(node)[:3])


def test_some_rows_are_sent_once_more_as_by_a_client_that_has_missed_the_answer() -> None:
    """Whoever reads such a row has read what was acknowledged last."""
    with scripted(WRITTEN, WRITTEN, row(0)) as service:
        user, node = user_at(service.url, resend_every=1)
        user.write_row()
        user.read_row()
    assert [(kind, version) for kind, _, version, *_ in kept(node)] == [(WRITE, 1), (WRITE, 2), (READ, 2)]


def test_a_read_says_who_answered_and_what_that_is() -> None:
    with scripted(WRITTEN, row(0, FROM_REPLICA, copies=1), answer(404, b"", FROM_REPLICA), REFUSED) as it:
        user, node = user_at(it.url)
        user.write_row()
        assert [user.read_row() for _ in range(3)] == [True, True, False]
    assert kept(node)[0] == (WRITE, "run-0-0", 1, True, "ledger", "db1")
    assert kept(node)[1:] == [
        (READ, "run-0-0", 1, True, "ledger, replica", "db2"),
        (READ, "run-0-0", None, True, "ledger, replica", "db2"),
        (READ, "run-0-0", None, False, "ledger", ""),
    ]


def test_in_the_end_every_row_is_looked_for_until_there_is_an_answer() -> None:
    """One that is there twice, one that is not, and one of which the answer does not say how many there are; and one
    before them that nobody has written."""
    with scripted(WRITTEN, WRITTEN, WRITTEN, MISSING, row(0, copies=2), REFUSED, MISSING, row(2)) as service:
        user, node = user_at(service.url)
        for _ in range(3):
            user.write_row()
        user.on_stop()
    assert kept(node)[3:] == [
        (READ, "run-0-never", None, True, "audit control", "db1"),
        (READ, "run-0-0", 2, True, "audit", "db1"),
        (READ, "run-0-1", None, False, "audit", ""),
        (READ, "run-0-1", None, True, "audit", "db1"),
        (READ, "run-0-2", 1, True, "audit", "db1"),
    ]
    assert [one.cache for one in node.operations][3:] == ["", "", "", "", "uncounted"]


@pytest.mark.parametrize(
    "body", [b"<html>Welcome</html>", b"[1]", b"{}", b'{"error": "try later"}', b'{"id": "another"}', b"\xff\xfe"]
)
def test_an_answer_that_has_not_the_row_is_none_whatever_its_status(body: bytes) -> None:
    """As error pages with status 200, and pages that a service has for every path."""
    with scripted(WRITTEN, answer(200, body), answer(200, body), MISSING) as service:
        user, node = user_at(service.url)
        user.write_row()
        assert not user.read_row()
        user.on_stop()
    assert [(one.via, one.return_s is None) for one in node.operations[1:3]] == [
        ("ledger", True),
        ("audit control", True),
    ]


def test_a_service_that_does_not_tell_ids_may_be_taken_by_its_status() -> None:
    with scripted(WRITTEN, answer(200, b'{"exists": true}')) as service:
        user, _ = user_at(service.url, id_field="")
        user.write_row()
        assert user.read_row()


def test_a_row_with_another_value_is_not_what_was_written() -> None:
    with scripted(WRITTEN, MISSING, row(0, copies=1, value="")) as service:
        user, node = user_at(service.url)
        user.write_row()
        user.on_stop()
    assert kept(node)[2] == (READ, "run-0-0", None, True, "audit", "db1")


@pytest.mark.parametrize(
    ("headers", "via"),
    [
        (FROM_REPLICA, "audit, replica"),
        ("X-Served-By: db2\r\nX-Read-From: Primary\r\n", "audit"),
        ("X-Served-By: db2\r\nX-Read-From: primary\r\nX-Cache: HIT\r\n", "audit, cache"),
    ],
)
def test_what_a_replica_or_a_cache_has_is_no_look_on_the_primary(headers: str, via: str) -> None:
    with scripted(WRITTEN, MISSING, row(0, headers, copies=1)) as service:
        user, node = user_at(service.url)
        user.write_row()
        user.on_stop()
    assert kept(node)[2] == (READ, "run-0-0", 1, True, via, "db2")


def test_what_users_keep_while_they_are_stopped_is_reported() -> None:
    with scripted(WRITTEN, MISSING, MISSING) as service:
        user, node = user_at(service.url)
        user.write_row()
        reporter = NodeReporter(user.environment, "n", node, lambda _: None)
        reporter.settle(wait=False)
        user.on_stop()
        (line,) = reporter.users_gone().lines.splitlines()
    told = decode(line.encode())
    assert isinstance(told, Operations)
    assert [one.via for one in told.operations] == ["audit control", "audit"]
