"""What scenarios do to the service beside its users: which faults, by the options of the run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from harness.faults import PlannedFault, name_of, values_of
from harness.load.users.instances import instances
from harness.load.users.patroni import (
    PrimaryOptions,
    ReplicaOptions,
    database_nodes,
    primary_failure,
    primary_problems,
    replica_failure,
)
from harness.load.users.reference_target import outage_of, start_command
from harness.plugins import parameters_of

PATRONI = ("http://127.0.0.1:8008", "http://127.0.0.1:8009")


def options(declared: type, **given: Any) -> Any:
    defaults = {each.name: each.default for each in parameters_of(declared)}
    return SimpleNamespace(**{**defaults, "baseline_s": 15, "hold_s": 45, "target_state": "", **given})


def told(planned: list[PlannedFault], *parameters: str) -> list[tuple[Any, ...]]:
    return [
        (name_of(each.fault), each.at, each.for_s, *(values_of(each.fault)[name] for name in parameters))
        for each in planned
    ]


@pytest.mark.parametrize(
    ("failure", "planned"),
    [
        ("process", [("kill_process", "spike", 45, False, "")]),
        ("machine", [("kill_process", "spike", 30.0, True, "start {member}")]),
        ("freeze", [("stop_process", "spike", 30.0, True, None)]),
        ("none", []),
    ],
)
def test_what_happens_to_a_primary(failure: str, planned: list[Any]) -> None:
    """A machine that has died comes back; where PostgreSQL alone was killed, its Patroni sees to that."""
    given = options(PrimaryOptions, failure=failure, patroni=PATRONI, start_command="start {member}")
    found = [
        (name_of(each.fault), each.at, each.for_s, values["machine"], values.get("start_command"))
        for each in primary_failure(given)
        for values in [values_of(each.fault)]
    ]
    assert found == planned
    assert not list(primary_failure(options(PrimaryOptions, failure=failure))), "nobody has said where it is"


def test_a_switchover_is_asked_of_patroni() -> None:
    given = options(PrimaryOptions, failure="switchover", patroni=PATRONI)
    assert told(list(primary_failure(given)), "urls") == [("patroni_switchover", "spike", 45, PATRONI)]


def test_replicas_that_receive_nothing_are_deaf_until_one_of_them_has_been_promoted() -> None:
    deaf, _ = primary_failure(options(PrimaryOptions, patroni=PATRONI, behind_s=2.0))
    assert told([deaf], "child") == [("stop_process", 13.0, 6.0, "walreceiver")]
    wrong = options(PrimaryOptions, failure="freeze", behind_s=20.0)
    assert [problem.partition(":")[0] for problem in primary_problems(wrong)] == [
        "--behind-s is for a primary that is killed",
        "--behind-s 20 is longer than --baseline-s 15",
    ]


@pytest.mark.parametrize(
    ("failure", "planned"),
    [
        ("replica", [("kill_process", "spike", 20.0, "replica", True, "start {member}")]),
        ("replicas", [("kill_process", "spike", 20.0, "replicas", False, "")]),
        ("none", []),
    ],
)
def test_what_happens_to_replicas(failure: str, planned: list[Any]) -> None:
    """Of all of them PostgreSQL alone is killed: without so many machines there would be no primary either."""
    given = options(ReplicaOptions, failure=failure, patroni=PATRONI, start_command="start {member}")
    assert told(list(replica_failure(given)), "member", "machine", "start_command") == planned
    assert not list(replica_failure(options(ReplicaOptions, failure=failure)))


def test_a_replica_that_lags_replays_nothing() -> None:
    given = options(ReplicaOptions, failure="lag", patroni=PATRONI)
    assert told(list(replica_failure(given)), "member", "child") == [
        ("stop_process", "spike", 20.0, "replica", "startup")
    ]


def test_nodes_are_asked_by_patroni_or_else_by_sql() -> None:
    servers = ("postgresql://one", "postgresql://two")
    both = options(PrimaryOptions, patroni=PATRONI, postgres_nodes=servers)
    assert list(database_nodes(both)) == [{"probe": "patroni", "parameters": {"urls": PATRONI}}]
    (asked,) = database_nodes(options(PrimaryOptions, postgres_nodes=servers))
    assert asked == {"probe": "postgres_replication", "parameters": {"dsns": servers}}
    assert not list(database_nodes(options(ReplicaOptions)))


def test_instances_are_struck_by_port_and_started_by_name() -> None:
    given = SimpleNamespace(
        api_urls=("http://127.0.0.1:8001", "http://127.0.0.1:8002/"),
        member="shop{number}",
        start_command="start {member}",
        target_state="",
    )
    first, second = instances(given)
    assert (first.name, second.name) == ("shop1", "shop2")
    assert values_of(first.frozen())["port"] == 8001
    killed = values_of(second.killed("TERM"))
    assert (killed["port"], killed["signal"], killed["start_command"]) == (8002, "TERM", "start shop2")


def test_only_the_reference_target_has_servers_by_role_and_is_started_by_itself() -> None:
    ours, other = (SimpleNamespace(target_state=state, start_command="") for state in ("/state.json", ""))
    (frozen,) = outage_of(ours, "valkey", at="recovery+5", for_s=8)
    assert told([frozen], "status_file", "role") == [("stop_process", "recovery+5", 8, "/state.json", "valkey")]
    assert not [*outage_of(other, "valkey", "spike", 8), *outage_of(ours, "", "spike", 8)]
    assert not list(outage_of(ours, "valkey", "spike", 0))
    assert start_command(ours, "api1").endswith("target node start api1 --state /state.json")
    assert start_command(other) == ""
