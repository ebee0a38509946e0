"""Faults that find their server in a cluster when they come, and those that ask the cluster itself."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from harness.errors import ConfigurationError
from harness.faults import FaultError, load
from harness.faults.kill_process import KillProcess
from harness.faults.postgres_replay_pause import PostgresReplayPause
from harness.faults.stop_process import StopProcess
from tests.faults.victims import server
from tests.ports import free_port
from tests.probes.patronis import cluster


def test_the_primary_of_that_instant_is_struck() -> None:
    with cluster() as made, server() as first, server() as second:
        made.ports |= {"db1": first.port, "db2": second.port}
        fault = StopProcess(patroni=tuple(made.urls.values()))
        made.primary = "db2"
        pinned = fault.pin()
        assert pinned.member == "db2"
        pinned.inject()
        assert second.is_stopped and not first.is_stopped
        made.primary = "db1"
        pinned.undo()
        assert not second.is_stopped


def test_a_replica_all_replicas_or_one_by_its_name_is_found() -> None:
    with cluster() as made, server() as first, server() as second:
        made.ports |= {"db2": first.port, "db3": second.port}
        urls = tuple(made.urls.values())
        found = {wanted: StopProcess(patroni=urls, member=wanted).pin() for wanted in ("replica", "replicas", "db3")}
        assert [len(each.processes) for each in found.values()] == [1, 2, 1]
        assert found["replicas"].member == "db2,db3"
        with pytest.raises(FaultError, match=r"no db9 just now; there are db1 \(primary\)"):
            StopProcess(patroni=urls, member="db9").pin()


def test_a_machine_is_its_server_and_the_patroni_beside_it_with_all_descendants() -> None:
    """Whoever starts the server again goes first."""
    with cluster() as made, server(children=2) as database, server() as manager:
        made.ports["db1"] = database.port
        urls = tuple(made.urls.values())
        made.urls["db1"] = f"http://127.0.0.1:{manager.port}"  # it is another process than these tests
        pinned = KillProcess(patroni=urls, machine=True).pin()
        pids = [int(each.partition("@")[0]) for each in pinned.processes]
        assert pids[:2] == [manager.process.pid, database.process.pid]
        assert set(pids[2:]) == {child.pid for child in database.children}


def test_a_child_is_struck_alone() -> None:
    with cluster() as made, server(children=2) as database:
        made.ports["db2"] = database.port
        urls = tuple(made.urls.values())
        pinned = StopProcess(patroni=urls, member="replica", child="-c").pin()
        pids = {int(each.partition("@")[0]) for each in pinned.processes}
        assert pids == {child.pid for child in database.children}
        with pytest.raises(FaultError, match="has the word startup in its command line"):
            StopProcess(patroni=urls, member="replica", child="startup").pin()


def test_nothing_that_listens_and_no_answer_is_said() -> None:
    with cluster() as made:
        made.ports["db1"] = nobody = free_port()
        with pytest.raises(FaultError, match=f"listens on port {nobody}"):
            KillProcess(patroni=tuple(made.urls.values())).pin()
    with pytest.raises(FaultError, match=r"no Patroni answers: .*connection refused"):
        KillProcess(patroni=(f"http://127.0.0.1:{nobody}",)).pin()
    with pytest.raises(FaultError, match=r"no Sentinel answers: .*connection refused"):
        KillProcess(sentinels=(f"redis://127.0.0.1:{nobody}",), service="cache").pin()


def test_who_was_killed_is_started_again_by_a_command(tmp_path: Path) -> None:
    started = tmp_path / "started"
    command = f"{sys.executable} -c \"import sys; open({str(started)!r}, 'a').write(sys.argv[1])\" {{member}}"
    with cluster() as made, server() as victim:
        made.ports["db1"] = victim.port
        fault = KillProcess(patroni=tuple(made.urls.values()), start_command=command).pin()
        fault.inject()
        assert fault.undo() == "started db1 again"
    assert started.read_text() == "db1"
    wrong = KillProcess(pid=1, start_command=f'{sys.executable} -c "raise SystemExit(3)"')
    with pytest.raises(FaultError, match="start_command ended with 3"):
        wrong.undo()


def test_problems_of_the_parameters_are_said_together() -> None:
    with pytest.raises(ConfigurationError) as raised:
        KillProcess(patroni=("ftp://x",), port=1, service="s", start_command="'")
    words = "\n".join(raised.value.messages)
    for part in ("give one of pid, port", "sentinels and service go together", "ftp", "quotation without its end"):
        assert part in words


def test_a_switchover_is_asked_for_with_the_leader_of_that_instant() -> None:
    with cluster() as made:
        fault = load("patroni_switchover", urls=tuple(made.urls.values()), candidate="db3")
        assert fault.inject() == "asked Patroni for another primary than db1"
        assert "the new primary stays (Successfully" in fault.undo()
        assert json.loads(made.asked[0].rpartition("\r\n")[2]) == {"leader": "db1", "candidate": "db3"}


def test_a_switchover_that_is_refused_fails() -> None:
    with cluster() as made:
        made.switchover = ("412 Precondition Failed", "no good candidates have been found")
        fault = load("patroni_switchover", urls=tuple(made.urls.values()))
        with pytest.raises(FaultError, match="HTTP 412 no good candidates"):
            fault.inject()


@pytest.mark.parametrize("resumed_meanwhile", [False, True])
def test_a_replay_that_somebody_else_has_resumed_was_not_paused_for_as_long_as_planned(
    resumed_meanwhile: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = {"paused": False}

    def rows(_: PostgresReplayPause, __: str, statement: str) -> list[tuple[object, ...]]:
        if "pg_wal_replay_pause()" in statement or "pg_wal_replay_resume" in statement:
            state["paused"] = "resume" not in statement
        return [("is_wal_replay_paused" not in statement or state["paused"],)]

    monkeypatch.setattr(PostgresReplayPause, "_rows", rows)
    fault = PostgresReplayPause(dsns=("postgresql://me:hush@127.0.0.1:5433/shop",))
    assert "nothing is paused" in fault.undo()  # as before a run that begins well
    fault.inject()
    assert state["paused"]
    if not resumed_meanwhile:
        assert "replays again" in fault.undo()
        assert not state["paused"]
    else:
        state["paused"] = False
        with pytest.raises(FaultError, match=r"127\.0\.0\.1:5433.* replays already: somebody else"):
            fault.undo()
    assert "nothing is paused" in fault.undo()


def test_a_replay_that_cannot_be_paused_says_why_without_the_password() -> None:
    dsn = f"postgresql://me:hush@127.0.0.1:{free_port()}/shop"
    fault = PostgresReplayPause(dsns=(dsn,))
    assert list(fault.addresses()) == [f"http://{dsn.partition('@')[2].removesuffix('/shop')}"]
    with pytest.raises(FaultError, match=r"no replica to be paused: .*connection refused") as raised:
        fault.pin()
    assert "hush" not in str(raised.value)
    with pytest.raises(ConfigurationError, match="names no host"):
        PostgresReplayPause(dsns=("dbname=shop",))
