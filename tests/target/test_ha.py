"""The highly available form: its roles, what happens when a node dies, and that nothing is left of it.

One stack for the whole file; its last test kills it.
"""

from __future__ import annotations

import gzip
import json
import os
import signal
import stat
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from target.loopback_http import ask
from target.stack import postmaster
from target.stack.haproxy import runtime_command
from target.stack.state import read
from tests.run.together import beside
from tests.target.ha_nodes import (
    act,
    healthy,
    node_states,
    parts,
    primary_of,
    server_behind,
    valkey_primary,
    valkey_replication,
    write,
    written,
)
from tests.target.stacks import PATIENCE_S, Stack, all_gone, launched, name_of, started, target, until

LOCK_S = 20.0
"""So long Patroni's lock is held after a machine died. Of a server whose Patroni lives it is given back: on an idle
machine writes go on after about 8 s.
"""


@pytest.fixture(scope="module")
def ha(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The shared stack; each test leaves every node running and every role filled."""
    with started(
        tmp_path_factory.mktemp("ha") / "state.json", "--ha", "--otlp-receiver", "--with-parent", "--users", "20"
    ) as running:
        with psycopg.connect(parts(running).postgres.writes, autocommit=True) as connection:
            connection.execute("CREATE TABLE acknowledged_writes (number bigint PRIMARY KEY)")
        yield running


def test_every_role_is_filled_when_it_is_up(ha: Stack) -> None:
    """Writes lead to the primary, reads to both replicas in turn, and a write waits for one of them."""
    postgres, valkey = parts(ha).postgres, parts(ha).valkey
    assert healthy(ha)
    primary = primary_of(ha)
    assert server_behind(postgres.writes) == (primary.data_directory, False)
    replicas = {(node.data_directory, True) for node in postgres.nodes if node != primary}
    assert {server_behind(postgres.reads) for _ in range(4)} == replicas
    with psycopg.connect(postgres.admin, autocommit=True) as admin:
        states = admin.execute("SELECT sync_state FROM pg_stat_replication").fetchall()
        settings = admin.execute("SHOW synchronous_commit").fetchone()
    assert states == [("quorum",), ("quorum",)]
    assert settings == ("on",)
    assert valkey_primary(ha) == "valkey1"
    assert valkey_replication(valkey.nodes[1].url)["master_link_status"] == "up"
    assert ha.login().status == 200
    assert len(ha.state.apis) == 3


def test_the_state_tells_where_everything_is(ha: Stack) -> None:
    """The file is for this user alone; PostgreSQL's pids are the postmasters', which Patroni started."""
    assert stat.S_IMODE(ha.state_file.stat().st_mode) == 0o600
    assert read(ha.state_file) == ha.state
    done = ha.command("status")
    document = json.loads(done.stdout)
    assert (done.returncode, document["all_alive"]) == (0, True)
    roles = [*["api", "patroni", "postgres", "sentinel"] * 3, "valkey", "valkey"]
    roles += ["haproxy", "haproxy-database", "upstream", "otlp-receiver"]
    assert sorted(process["role"] for process in document["processes"]) == sorted(roles)
    pids = {process["name"]: process["pid"] for process in document["processes"] if process["role"] == "postgres"}
    for node in parts(ha).postgres.nodes:
        server = postmaster.postmaster(Path(node.data_directory))
        assert server is not None
        assert pids[node.name] == server.pid
        assert psutil.Process(server.pid).ppid() == ha.up.pid


def test_no_password_is_on_a_command_line_and_nobody_else_reaches_it(ha: Stack) -> None:
    """As with the simple stack: everybody on a machine can read command lines."""
    postgres, valkey = parts(ha).postgres, parts(ha).valkey
    addresses = [postgres.writes, postgres.admin, valkey.nodes[0].url]
    secrets = [ha.state.faults.token, ha.state.users.password, postgres.rest_password]
    secrets += [address.split(":")[2].split("@")[0] for address in addresses]
    family = ha.family()
    lines = " ".join(" ".join(process.cmdline()) for process in family)
    assert not any(secret in lines for secret in secrets)
    pids = {process.pid for process in family}
    listening = [c for c in psutil.net_connections("inet") if c.pid in pids and c.status == psutil.CONN_LISTEN]
    assert len(listening) >= 22
    assert {getattr(connection.laddr, "ip", None) for connection in listening} == {"127.0.0.1"}
    config = f"{postgres.nodes[0].rest_url}/config"
    assert ask("PATCH", config, body={"loop_wait": 10}).status == 401  # it can run any program


def test_the_api_processes_are_told_of_every_node(ha: Stack) -> None:
    """By the names that the service reads."""
    postgres, valkey = parts(ha).postgres, parts(ha).valkey
    for api in ha.state.apis:
        environment = psutil.Process(api.pid).environ()
        assert environment["TARGET_PRIMARY_DSN"] == postgres.writes
        assert environment["TARGET_DATABASE_NODES"].split() == [f"{node.name}={node.dsn}" for node in postgres.nodes]
        assert environment["TARGET_VALKEY_URL"] == valkey.nodes[0].url
        assert environment["TARGET_VALKEY_SENTINELS"].split() == list(valkey.sentinels)
        assert environment["TARGET_VALKEY_SERVICE"] == valkey.service_name


def test_postgres_killed_is_replaced_and_brought_back(ha: Stack) -> None:
    """Another node takes the writes, none that was acknowledged is gone, and Patroni starts the dead one again."""
    postgres, old = parts(ha).postgres, primary_of(ha)
    acknowledged = {number for number in range(50) if write(postgres.writes, number)}
    assert len(acknowledged) == 50
    act(ha, "kill", f"{old.name}.postgres")
    until(lambda: write(postgres.writes, 100), "a write acknowledged again", LOCK_S)
    assert primary_of(ha) != old
    assert server_behind(postgres.writes)[0] != old.data_directory
    assert written(postgres.writes) >= acknowledged | {100}
    until(lambda: healthy(ha), "the killed one follows")


def test_a_machine_with_the_primary_and_one_with_valkeys_primary(ha: Stack) -> None:
    """Both die at once and stay dead; the others take over; started again, they come back as replicas."""
    postgres, valkey, old = parts(ha).postgres, parts(ha).valkey, primary_of(ha)
    acknowledged = {number for number in range(200, 250) if write(postgres.writes, number)}
    act(ha, "kill", old.name)
    act(ha, "kill", "valkey1")
    dead = {f"{old.name}.patroni", f"{old.name}.postgres", "valkey1"}
    assert {name for name, state in node_states(ha).items() if state == "dead"} == dead
    until(lambda: valkey_primary(ha) == "valkey2", "Valkey's replica promoted")
    act(ha, "start", "valkey1")
    until(lambda: write(postgres.writes, 300), "a write acknowledged again")
    assert written(postgres.writes) >= acknowledged | {300}
    assert node_states(ha)[f"{old.name}.postgres"] == "dead"
    pid = act(ha, "start", old.name)["pids"][0]
    until(lambda: healthy(ha), "the dead one follows")
    assert primary_of(ha) != old
    until(lambda: valkey_replication(valkey.nodes[0].url)["role"] == "slave", "valkey1 follows")
    now = read(ha.state_file).ha
    assert now is not None
    assert next(node for node in now.postgres.nodes if node.name == old.name).patroni_pid == pid
    assert ha.command("status").returncode == 0


def test_an_instance_killed_and_frozen_is_taken_out_and_comes_back(ha: Stack) -> None:
    """On its own port; the state file has its new pid; the others answer meanwhile."""
    api = ha.state.apis[1]
    act(ha, "kill", api.name)
    until(lambda: up_at_proxy(ha) == {"api1", "api3"}, "the proxy has noticed")
    until(lambda: ha_answers(ha), "the others answer")  # after a failover not at once: their pools renew themselves
    act(ha, "start", api.name)
    until(lambda: len(up_at_proxy(ha)) == 3, "the proxy has it again")
    now = next(one for one in read(ha.state_file).apis if one.name == api.name)
    assert now.url == api.url
    assert now.pid != api.pid
    until(lambda: ha.login(url=api.url).status == 200, "it answers past the proxy")
    act(ha, "freeze", api.name)
    assert node_states(ha)[api.name] == "frozen"
    act(ha, "thaw", api.name)
    until(lambda: ha.login(url=api.url).status == 200, "it goes on")


def up_at_proxy(stack: Stack) -> set[str]:
    """The API processes that get requests."""
    answer = runtime_command(Path(stack.state.haproxy.stats_socket), "show stat")
    rows = [line.split(",") for line in answer.splitlines() if line.startswith("api,api")]
    return {row[1] for row in rows if row[17].startswith("UP")}


def test_the_receiver_keeps_the_spans_that_it_is_sent(ha: Stack) -> None:
    """With attributes, events and the trace, compressed or not; what is no export request is refused."""
    url = parts(ha).otlp
    assert url is not None
    for number, compressed in ((1, False), (2, True)):
        assert post(f"{url}/v1/traces", an_export(bytes([number]) * 16), compressed) == 200
    assert post(f"{url}/v1/traces", b"\xff\xff", False) == 400
    assert post(f"{url}/v1/metrics", b"", False) == 404
    assert ask("GET", f"{url}/").document["refused"] == 1
    (span,) = ask("GET", f"{url}/spans?trace_id={'02' * 16}").document["spans"]
    assert (span["name"], span["kind"], span["status"]) == ("GET /", "SERVER", "ERROR")
    assert span["attributes"] == {"http.response.status_code": 503, "tags": ["a", True]}
    assert span["events"] == [{"name": "exception", "at_unix_ns": 5, "attributes": {}}]
    assert span["resource"] == {"service.name": "api1"}
    assert ask("DELETE", f"{url}/spans").document["refused"] == 0
    assert ask("GET", f"{url}/spans?trace_id={'02' * 16}").document == {"spans": []}


def an_export(trace_id: bytes) -> bytes:
    """One span."""
    request = ExportTraceServiceRequest()
    of_resource = request.resource_spans.add()
    of_resource.resource.attributes.add(key="service.name").value.string_value = "api1"
    span = of_resource.scope_spans.add().spans.add(trace_id=trace_id, name="GET /", kind=Span.SPAN_KIND_SERVER)
    span.status.code = Status.STATUS_CODE_ERROR
    span.attributes.add(key="http.response.status_code").value.int_value = 503
    tags = span.attributes.add(key="tags").value.array_value
    tags.values.add(string_value="a")
    tags.values.add(bool_value=True)
    span.events.add(name="exception", time_unix_nano=5)
    return bytes(request.SerializeToString())


def post(url: str, body: bytes, compressed: bool) -> int:
    """The status."""
    request = urllib.request.Request(url, gzip.compress(body) if compressed else body, method="POST")
    request.add_header("Content-Type", "application/x-protobuf")
    if compressed:
        request.add_header("Content-Encoding", "gzip")
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize(
    "killed", ["haproxy", "haproxy-database", "sentinel2", "upstream", "otlp-receiver", "db2.patroni"]
)
def test_whatever_is_killed_can_be_started_again(ha: Stack, killed: str) -> None:
    """On the same port, with the same role; PostgreSQL goes on without its Patroni."""
    node = killed.partition(".")[0]
    act(ha, "kill", killed)
    assert {name for name, state in node_states(ha).items() if state == "dead"} == {killed}
    act(ha, "start", node)
    until(lambda: ha_answers(ha), "everything answers")
    until(lambda: healthy(ha), "every database has its role")


def ha_answers(stack: Stack) -> bool:
    try:
        return stack.login().status == 200 and ask("GET", f"{stack.state.url}/quote").status == 200
    except OSError:
        return False


def test_what_cannot_be_done_to_a_node_is_said(ha: Stack) -> None:
    """The remedy is named, and nothing was touched."""
    before, control = node_states(ha), parts(ha).nodes
    for name, action, words in (
        ("db9", "kill", "db1.postgres"),
        ("db1", "burn", "thaw"),
        ("db1", "start", "kill it first"),
        ("db1.postgres", "start", "start db1"),
    ):
        reply = ask("PUT", control.url + control.path, ha.state.faults.token, {"node": name, "action": action})
        assert reply.status == 400
        assert words in reply.document["remedy"]
    assert ask("PUT", control.url + control.path, ha.state.faults.token, ["db1"]).status == 400
    assert ask("PUT", control.url + control.path, "wrong", {"node": "db1", "action": "kill"}).status == 401
    assert node_states(ha) == before


def test_the_command_says_the_same(ha: Stack) -> None:
    """Exit code 2 for what is wrong, else JSON."""
    wrong = ha.command("node", "kill", "db9")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "db1.postgres" in wrong.stderr
    missing = ha.command("node", "kill")
    assert missing.returncode == 2
    assert "name" in missing.stderr
    nodes = json.loads(ha.command("node", "status").stdout)["nodes"]
    assert nodes[0]["name"] == "db1"
    assert nodes[0]["parts"]["patroni"]["state"] == "running"


def test_options_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    """One line, exit code 2."""
    state = str(tmp_path / "state.json")
    both = target("up", "--state", state, "--ha", "--autoscale", "--processes", "none")
    alone = target("up", "--state", state, "--asynchronous", "--otlp-receiver")
    assert (both.returncode, alone.returncode) == (2, 2)
    assert "--ha and --autoscale" in both.stderr
    assert "--processes" in both.stderr
    assert "--asynchronous" in alone.stderr
    assert "--otlp-receiver" in alone.stderr
    assert not (tmp_path / "state.json").exists()


def test_a_simple_stack_has_no_nodes(stack: Stack) -> None:
    """And says how to get some."""
    assert stack.state.ha is None
    done = stack.command("node", "status")
    assert done.returncode == 2
    assert "--ha" in done.stderr


@beside
def test_a_stop_while_the_databases_are_made_leaves_nothing(tmp_path: Path) -> None:
    """Ctrl-C as soon as Patroni has started a PostgreSQL."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with launched(["--ha", "--state", str(tmp_path / "state.json")], env=environment) as up:
        supervisor = psutil.Process(up.pid)
        until(lambda: any(name_of(one) == "postgres" for one in supervisor.children()), "a PostgreSQL")
        family = supervisor.children(recursive=True)
        up.send_signal(signal.SIGINT)
        assert up.wait(PATIENCE_S) == 0
        until(lambda: all_gone(family), "every process gone")
    assert list(tmp_path.iterdir()) == []


def test_kill_9_of_up_leaves_nothing_even_with_a_frozen_and_a_dead_node(ha: Stack) -> None:
    """Also not of PostgreSQL, which Patroni started, which hears nothing while it is frozen, and whose shared memory
    outlives it. The stack is gone afterwards."""
    family, frozen = ha.family(), primary_of(ha)
    assert len(family) > 40
    dead = next(node for node in parts(ha).postgres.nodes if node != frozen)
    segment = (Path(dead.data_directory) / "postmaster.pid").read_text().splitlines()[6].split()[1]
    act(ha, "kill", dead.name)
    assert segment in shared_memory_segments()
    act(ha, "freeze", frozen.name)
    act(ha, "freeze", "api1")
    ha.up.kill()
    ha.up.wait()
    until(lambda: all_gone(family), "every process gone")
    until(lambda: not Path(ha.state.data).exists(), "temporary data removed")
    assert not ha.state_file.exists()
    assert segment not in shared_memory_segments()


def shared_memory_segments() -> set[str]:
    """Of this machine, by their ids."""
    return {line.split()[1] for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]}
