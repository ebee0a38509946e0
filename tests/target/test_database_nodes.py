"""The connection manager: who is the primary, who is near enough to read from, and what a failover leaves."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from target.loopback_http import ask
from target.service.database_node import DatabaseNode, NodeAnswer
from target.service.node_monitor import ReplicationLag
from target.stack import unprivileged
from tests.target import stacks
from tests.target.services import Service, proxying, servers_of, serving
from tests.target.stacks import Stack, signal_tree, until


def served_by(service_url: str, path: str) -> tuple[int, str | None, str | None]:
    """Status, node and role of one GET."""
    try:
        with urllib.request.urlopen(service_url + path, timeout=10) as answer:
            return answer.status, answer.headers["X-Served-By"], answer.headers["X-Read-From"]
    except urllib.error.HTTPError as error:
        return error.code, error.headers["X-Served-By"], error.headers["X-Read-From"]


def with_nodes(stack: Stack, **more: str) -> dict[str, str]:
    nodes = f"one={stack.state.postgres.primary} two={stack.state.postgres.replica}"
    return servers_of(stack, **{"TARGET_DATABASE_NODES": nodes, **more})


def test_lag_is_the_age_of_the_oldest_write_that_is_not_there() -> None:
    """Positions seen at 1.0, 2.0 and 3.0 s; an idle primary makes nobody late; a new one starts from where it is."""
    lag = ReplicationLag()
    assert lag.of(5, 1.0) is None
    for now_s, lsn in ((1.0, 100), (2.0, 200), (3.0, 300), (4.0, 300)):
        lag.primary_at(("one", "a"), now_s, lsn)
    assert lag.of(300, 9.0) == 0.0
    assert lag.of(299, 9.0) == 6.0
    assert lag.of(150, 9.0) == 7.0
    assert lag.of(0, 9.0) == 8.0
    lag.primary_at(("two", "b"), 10.0, 250)
    assert lag.of(250, 11.0) == 0.0, "what the old one wrote beyond 250 will never come"
    assert lag.of(249, 11.0) == 1.0


@pytest.mark.parametrize(("answers", "reachable"), [(True, True), (False, False)])
def test_a_time_in_which_nothing_went_on_here_says_nothing_of_the_server(answers: bool, reachable: bool) -> None:
    """Half a second in which this process has no turn, and a server that has answered meanwhile, or has not."""
    answer = NodeAnswer(False, 1, ("127.0.0.1", 5432), "now", 1)

    async def query() -> NodeAnswer:
        for _ in range(3):  # as psycopg, which reads one answer after another
            await asyncio.sleep(0.05 if answers else 60)
        return answer

    async def asked() -> bool:
        node = DatabaseNode("one", "", "test")
        node._query = query  # type: ignore[method-assign]
        asyncio.get_running_loop().call_later(0.02, time.sleep, 0.5)
        await node.ask(0.2)
        return node.reachable

    assert asyncio.run(asked()) is reachable


def test_the_stack_shows_its_nodes(stack: Stack) -> None:
    """/database and /readyz: roles, state, lag; pools by name; the metrics of the same."""
    url = stack.state.apis[0].url
    # That a replica can be read is known with the second reading of it, and one that came late has a lag.
    shown: dict[str, Any] = {}

    def known() -> bool:
        shown.update(ask("GET", f"{url}/database").document)
        pools = {pool["open"] for pool in shown["pools"].values()}
        return (shown["primary"], shown["readable"], pools) == ("primary", ["replica"], {8})

    until(known, "primary, replica and full pools")
    assert [(node["name"], node["role"], node["state"]) for node in shown["nodes"]] == [
        ("primary", "primary", "ok"),
        ("replica", "replica", "ok"),
    ]
    assert set(shown["pools"]) == {"primary", "replica"}
    ready = ask("GET", f"{url}/readyz").document
    assert [node["role"] for node in ready["database_nodes"]] == ["primary", "replica"]
    assert [node["role"] for node in ready["valkey_nodes"]] == ["primary"]
    with urllib.request.urlopen(f"{url}/metrics", timeout=5) as page:
        text = page.read().decode()
    assert 'target_database_role{node="primary"} 1.0' in text
    assert 'target_database_role{node="replica"} 0.0' in text
    assert 'target_replication_lag_seconds{node="replica"}' in text


def test_a_replica_that_stops_replaying_gets_no_reads_until_it_has_caught_up(stack: Stack) -> None:
    """The lag grows while writes go on; beyond the limit the primary answers, and says so; then it is the replica's."""
    url = stack.state.apis[0].url
    until(lambda: served_by(url, "/ledger/none") == (404, "replica", "replica"), "the replica answers")
    admin = conninfo_to_dict(stack.state.postgres.admin)
    replica = conninfo_to_dict(stack.state.postgres.replica)
    with psycopg.connect(**{**admin, "port": replica["port"]}, autocommit=True) as connection:  # type: ignore[arg-type]
        connection.execute("SELECT pg_wal_replay_pause()")
        try:
            assert ask("POST", f"{url}/ledger", body={"id": "lagging"}).status == 201
            until(lambda: served_by(url, "/ledger/lagging") == (200, "primary", "primary"), "the primary answers")
            until(lambda: is_behind(ask("GET", f"{url}/database").document["nodes"][1]), "and that is why")
        finally:
            connection.execute("SELECT pg_wal_replay_resume()")
    until(lambda: served_by(url, "/ledger/lagging") == (200, "replica", "replica"), "the replica answers again")


def is_behind(node: dict[str, Any]) -> bool:
    """It answers, and gets no reads for its lag alone."""
    return (node["role"], node["state"]) == ("replica", "ok") and (node["lag_s"] or 0.0) > 1.0


def test_no_fallback_refuses_what_the_primary_could_answer(healthy: Stack) -> None:
    """The replica is frozen: 503, as many as the fault counts; without the fault the primary answers."""
    url = healthy.state.apis[0].url
    replica = healthy.process("postgres-replica").pid
    signal_tree(replica, signal.SIGSTOP)
    try:
        until(lambda: ask("GET", f"{url}/database").document["readable"] == [], "found out")
        assert served_by(url, "/ledger/none")[1] == "primary"
        healthy.switch("no_fallback")
        assert [served_by(url, "/ledger/none")[0] for _ in range(5)] == [503] * 5
        assert healthy.account().status == {"refused": 5}
    finally:
        signal_tree(replica, signal.SIGCONT)
    until(lambda: served_by(url, "/ledger/none") == (404, "replica", "replica"), "the replica answers again")


def test_reads_take_turns_over_the_replicas_and_one_fault_sends_all_to_one(stack: Stack, tmp_path: Path) -> None:
    """Two names for the one replica stand in for two of them; the first by name gets all under the fault."""
    replica = stack.state.postgres.replica
    nodes = f"one={stack.state.postgres.primary} b={replica} a={replica}"
    with serving(tmp_path, with_nodes(stack, TARGET_DATABASE_NODES=nodes)) as service:
        until(lambda: service.get("/readyz").status == 200, "ready")
        until(lambda: len(service.get("/database").document["readable"]) == 2, "both are known")
        assert spread(service, 20) == {"a": 10, "b": 10}
        service.switch("sticky_replica")
        assert spread(service, 20) == {"a": 20}
        assert service.account()["status"] == {"reads": 20, "diverted": 10}
        shown = service.get("/database").document
        assert {node["name"]: node["reads"] for node in shown["nodes"]} == {"one": 0, "a": 30, "b": 10}


def spread(service: Service, reads: int) -> Counter[str | None]:
    return Counter(served_by(service.url, "/ledger/none")[1] for _ in range(reads))


@pytest.fixture
def breakable(tmp_path: Path) -> Iterator[Stack]:
    """A stack that may lose its primary."""
    with stacks.started(tmp_path / "state.json", "--with-parent", "--users", "1", "--processes", "1") as running:
        yield running


def test_a_failover_brings_writes_to_the_new_primary_and_loses_nothing_that_it_had(
    breakable: Stack, tmp_path: Path
) -> None:
    """The primary is killed, the replica promoted, the proxy switched: writes go on under the new node's name, their
    pool is a new one, and reads come from it for want of a replica."""
    addresses = breakable.state.postgres
    primary, replica = conninfo_to_dict(addresses.primary), conninfo_to_dict(addresses.replica)
    with proxying(int(str(primary["port"]))) as proxy:
        through = addresses.primary.replace(f":{primary['port']}/", f":{proxy.port}/")
        with serving(tmp_path, with_nodes(breakable, TARGET_PRIMARY_DSN=through)) as service:
            until(lambda: service.get("/readyz").status == 200, "ready")
            before = service.post("/ledger", {"id": "before", "client": "c"})
            assert (before.status, before.document["node"]) == (201, "one")
            until(lambda: served_by(service.url, "/ledger/before") == (200, "two", "replica"), "replicated")

            signal_tree(breakable.process("postgres-primary").pid, signal.SIGKILL)
            assert service.post("/ledger", {"id": "between", "client": "c"}).status == 503
            assert served_by(service.url, "/ledger/before") == (200, "two", "replica"), "reads go on"
            admin = conninfo_to_dict(addresses.admin)
            with psycopg.connect(**{**admin, "port": replica["port"]}, autocommit=True) as connection:  # type: ignore[arg-type]
                connection.execute("SELECT pg_promote()")
            until(lambda: service.get("/database").document["primary"] == "two", "known before the proxy does")
            assert service.post("/ledger", {"id": "between", "client": "c"}).status == 503
            proxy.switch(int(str(replica["port"])))
            until(lambda: service.post("/ledger", {"id": "after", "client": "c"}).status in (200, 201), "writes again")

            after = service.post("/ledger", {"id": "after", "client": "c"})
            assert (after.document["node"], after.document["replayed"]) == ("two", True)
            shown = service.get("/database").document
            assert [(node["name"], node["role"]) for node in shown["nodes"]] == [("one", "unknown"), ("two", "primary")]
            assert shown["nodes"][1]["timeline"] == 2
            assert set(shown["pools"]) == {"primary"}, "the pool of reads of what is the primary now is gone"
            assert shown["pools_renewed"] >= 2
            assert served_by(service.url, "/ledger/before") == (200, "two", "primary")
            entries = service.get("/ledger?client=c&read=primary").document["entries"]
            assert [entry["id"] for entry in entries if entry["id"] != "between"] == ["before", "after"]
            assert service.get("/readyz").document["dependencies"]["postgres_replica"]["state"] == "down"


def test_a_server_that_was_started_again_gets_new_connections_at_once(breakable: Stack, tmp_path: Path) -> None:
    """psycopg's pool alone would try less and less often, the longer the server was away."""
    with serving(tmp_path, with_nodes(breakable)) as service:
        until(lambda: service.get("/readyz").status == 200, "ready")
        replica, run_as = psutil.Process(breakable.process("postgres-replica").pid), unprivileged.for_postgres()
        command = replica.cmdline()
        replica.send_signal(signal.SIGINT)
        until(lambda: service.get("/database").document["nodes"][1]["state"] == "down", "found out")
        assert served_by(service.url, "/ledger/none") == (404, "one", "primary")
        assert service.get("/database").document["fallbacks"] >= 1
        until(lambda: stacks.all_gone([replica]), "ended")
        with (
            subprocess.Popen(
                [*run_as.prefix, *command], user=run_as.user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            ) as again,
            stacks.ended_afterwards(again),
        ):
            until(lambda: service.get("/database").document["readable"] == ["two"], "found out")
            until(lambda: service.get("/database").document["pools"]["two"]["open"] == 4, "connected", limit_s=15)
            assert served_by(service.url, "/ledger/none") == (404, "two", "replica")
            assert service.get("/database").document["pools_renewed"] == 1
            again.send_signal(signal.SIGINT)  # to SIGTERM alone PostgreSQL waits until nobody is connected
