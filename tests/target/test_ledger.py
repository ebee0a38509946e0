"""The ledger: acknowledged after the commit, once however often it is asked for; and the faults that break that."""

from __future__ import annotations

import signal
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from target.errors import UsageError
from target.faults import folder
from target.loopback_http import Reply, ask
from tests.target.stacks import Stack, signal_tree, until


def add(stack: Stack, entry: str, client: str = "c", number: int = 0, **body: str) -> Reply:
    """One write at one of the processes."""
    return ask(
        "POST", f"{stack.state.apis[number % 2].url}/ledger", body={"id": entry, "client": client, **body}, limit_s=60
    )


def rows(stack: Stack, client: str) -> list[str]:
    """What is really there, past the service."""
    with psycopg.connect(stack.state.postgres.primary) as connection:
        found = connection.execute("SELECT id FROM ledger WHERE client = %s ORDER BY seq", (client,))
        return [str(row[0]) for row in found.fetchall()]


def test_an_entry_is_there_when_it_is_acknowledged(stack: Stack) -> None:
    """Read from the primary at once; from the replica as soon as that has it; `seq` grows."""
    first, second = add(stack, "l1", value="one"), add(stack, "l2", number=1)
    assert (first.status, first.document["instance"], first.document["node"]) == (201, "api1", "primary")
    assert second.document["seq"] > first.document["seq"]
    url = stack.state.url
    found = ask("GET", f"{url}/ledger/l1?read=primary")
    expected = {"id": "l1", "seq": first.document["seq"], "copies": 1, "client": "c", "value": "one"}
    assert (found.status, {key: found.document[key] for key in expected}) == (200, expected)
    until(lambda: ask("GET", f"{url}/ledger/l1").status == 200, "replicated")
    assert ask("GET", f"{url}/ledger/l1").document["node"] == "replica"
    assert ask("GET", f"{url}/ledger/l3").status == 404


def test_a_retry_is_answered_again_and_not_done_again(stack: Stack) -> None:
    """By either process, and by ten at once: one row, one seq; another content under the same id is refused."""
    with ThreadPoolExecutor(10) as threads:
        replies = list(threads.map(lambda number: add(stack, "r1", "retry", number), range(10)))
    assert sorted(reply.status for reply in replies) == [200] * 9 + [201]
    assert len({reply.document["seq"] for reply in replies}) == 1
    assert add(stack, "r1", "retry", value="other").status == 422
    assert rows(stack, "retry") == ["r1"]


def test_the_idempotency_key_decides_where_there_is_one(stack: Stack) -> None:
    """The same id under another key is another request; the same key for another request is refused."""

    def keyed(key: str, entry: str) -> tuple[int, str | None]:
        request = urllib.request.Request(f"{stack.state.url}/ledger", method="POST")
        request.data = b'{"id": "%s", "client": "keyed"}' % entry.encode()
        request.add_header("Idempotency-Key", key)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, answer.headers["Idempotent-Replayed"]
        except urllib.error.HTTPError as error:
            return error.code, None

    assert [keyed('"a"', "i1"), keyed("a", "i1"), keyed('"b"', "i1"), keyed("a", "i2")] == [
        (201, None),
        (200, "true"),
        (201, None),
        (422, None),
    ]
    assert rows(stack, "keyed") == ["i1", "i1"]


def test_the_list_is_complete_and_in_order_over_its_pages(stack: Stack) -> None:
    """Seven entries in pages of three; another client's are not among them."""
    for number in range(7):
        add(stack, f"p{number}", "pages", number)
    add(stack, "other", "others")
    seen: list[str] = []
    after: Any = 0
    while after is not None:
        page = ask("GET", f"{stack.state.url}/ledger?client=pages&read=primary&limit=3&after={after}").document
        seen += [entry["id"] for entry in page["entries"]]
        after = page["next"]
    assert seen == [f"p{number}" for number in range(7)]


@pytest.mark.parametrize(
    "body",
    [None, [], {}, {"id": ""}, {"id": "a b"}, {"id": "a/b"}, {"id": "x", "value": 1}, {"id": "x", "client": "\0"}],
)
def test_a_malformed_entry_is_refused(stack: Stack, body: object) -> None:
    """400 that says what is wrong, and nothing is written."""
    reply = ask("POST", f"{stack.state.url}/ledger", body="text" if body is None else body)
    assert reply.status == 400
    assert reply.document["error"]


@pytest.mark.parametrize("path", ["/ledger/a%00b", "/ledger/%ff", "/ledger/a%20b", "/ledger?client=%00"])
def test_an_impossible_id_is_refused(stack: Stack, path: str) -> None:
    """400: PostgreSQL has no such text, and it is not away for that."""
    assert ask("GET", stack.state.url + path).status == 400


@pytest.mark.parametrize("query", ["limit=-1", "limit=x", "limit=10001", "after=1e3", "read=both"])
def test_a_malformed_query_is_refused(stack: Stack, query: str) -> None:
    """400, and no page of something else."""
    assert ask("GET", f"{stack.state.url}/ledger?client=c&{query}").status == 400


def test_acknowledge_before_commit_loses_what_it_counts(healthy: Stack) -> None:
    """Every fourth of 12 acknowledged writes in one process is not there, and its records say which."""
    healthy.switch("acknowledge_before_commit", share=0.25)
    replies = [add(healthy, f"a{number}", "early") for number in range(12)]
    assert [reply.status for reply in replies] == [201] * 12
    account = healthy.account()
    assert account.status == {"writes": 12, "early": 3, "lost": 3, "written": 0, "pending": 0}
    there = rows(healthy, "early")
    assert len(there) == 9
    assert {f"a{number}" for number in range(12)} - set(there) == {record["id"] for record in account.records}


def test_acknowledge_before_commit_can_lose_only_what_a_failover_meets(healthy: Stack) -> None:
    """300 ms after the acknowledgement: with a primary all are written; with a frozen one none, which it finds out."""
    healthy.switch("acknowledge_before_commit", share=1, after_ms=300)
    with psycopg.connect(healthy.state.postgres.admin) as holding:
        holding.execute("LOCK TABLE ledger IN SHARE MODE")  # so that whatever is acknowledged now is not written yet
        assert add(healthy, "b1", "late").status == 201
        assert holding.execute("SELECT id FROM ledger WHERE client = 'late'").fetchall() == []
    until(lambda: healthy.account().status["written"] == 1, "written after all")
    assert rows(healthy, "late") == ["b1"]
    primary = healthy.process("postgres-primary").pid
    signal_tree(primary, signal.SIGSTOP)
    try:
        assert add(healthy, "b2", "late").status == 201
        time.sleep(0.5)  # it is due, and its outcome open for as long as the primary says nothing
        assert healthy.account().status["pending"] == 1
    finally:
        signal_tree(primary, signal.SIGCONT)
    until(lambda: healthy.account().status["pending"] == 0, "settled")
    status = healthy.account().status
    assert (status["early"], status["lost"] + status["written"]) == (2, 2)
    assert len(rows(healthy, "late")) == status["written"]


def test_double_write_doubles_what_it_counts(healthy: Stack) -> None:
    """Three of six retries, in one process, are written once more; a first write never is."""
    healthy.switch("double_write", share=0.5)
    for number in range(6):
        assert add(healthy, f"d{number}", "doubled").status == 201
    retried = [add(healthy, f"d{number}", "doubled").status for number in range(6)]
    assert sorted(retried) == [200] * 3 + [201] * 3
    account = healthy.account()
    assert account.status == {"retries": 6, "doubled": 3}
    there = rows(healthy, "doubled")
    twice = {entry for entry in there if there.count(entry) == 2}
    assert (len(there), twice) == (9, {record["id"] for record in account.records})
    copies = ask("GET", f"{healthy.state.url}/ledger/{min(twice)}?read=primary").document["copies"]
    assert copies == 2


def test_a_share_is_a_share() -> None:
    """As for the other faults that have one."""
    for name in ("acknowledge_before_commit", "double_write"):
        with pytest.raises(UsageError, match="share"):
            folder.build(name, {"share": "1.5"})


def test_without_a_primary_a_write_is_not_acknowledged(stack: Stack) -> None:
    """503 with Retry-After while it is frozen; the same again afterwards is one row."""
    primary = stack.process("postgres-primary").pid
    signal_tree(primary, signal.SIGSTOP)
    try:
        assert add(stack, "f1", "frozen").status == 503
    finally:
        signal_tree(primary, signal.SIGCONT)
    until(lambda: add(stack, "f1", "frozen").status == 200, "written by the first or by a later one")
    assert rows(stack, "frozen") == ["f1"]
