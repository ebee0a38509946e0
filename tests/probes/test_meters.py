"""What probes derive from counters, and what every probe declares: worked out by hand, without anything to sample."""

from __future__ import annotations

import dataclasses
import math
import os
import re
import time
from types import SimpleNamespace
from typing import Any

import pytest

from harness import faults, probes
from harness.clients.postgres import PostgresError
from harness.clients.process_search import SearchError, is_alive
from harness.probes import _pod_usage, _process_meter, postgres_replication, process, run_cpu, sentinel
from harness.probes._container_meter import CounterMeter
from harness.probes._lag import KEPT, LagMeter
from harness.probes._pod_usage import Usage
from harness.probes._process_meter import ProcessMeter
from harness.probes.docker_container import _identity
from harness.probes.kubernetes_pods import _Container, _figures
from harness.probes.process import _of_port

TIMEOUTS_S = {
    "docker_container": 2.0, "haproxy": 2.0, "http_json": 2.0, "kubernetes": 2.0, "kubernetes_pods": 2.0,
    "patroni": 3.0, "pool": 2.0, "postgres": 2.0, "postgres_replication": 2.0, "prometheus": 2.0, "queue": 2.0,
    "sentinel": 1.0,
}  # fmt: skip


def test_every_probe_waits_as_long_as_it_says() -> None:
    declared = {name: {each.name: each for each in probes.parameters(name)} for name in probes.available()}
    waits = {name: of["timeout_s"] for name, of in declared.items() if "timeout_s" in of}
    # One that is added is no business of this list.
    assert {name: each.default for name, each in waits.items()}.items() >= TIMEOUTS_S.items()
    assert {waits[name].lowest for name in TIMEOUTS_S} == {0.001}


IN_CLUSTER = {"url": "https://kubernetes.default.svc", "namespace": "", "token_file": "", "ca_file": ""}
DEFAULTS: dict[str, dict[str, object]] = {
    "cgroup": {"paths": (), "ports": (), "pids": ()},
    "docker_container": {"socket": "/var/run/docker.sock"},
    "haproxy": {"socket_path": "", "url": "", "backend": ""},
    "http_json": {"keys": ()},
    "kubernetes": {"deployment": "", "autoscaler": "", **IN_CLUSTER},
    "kubernetes_pods": {"usage": "metrics", **IN_CLUSTER},
    "patroni": {},
    "pool": {"waiting": ""},
    "postgres": {"application_name": ""},
    "postgres_replication": {},
    "process": {
        "pids": (),
        "ports": (),
        "status_file": "",
        "roles": ("api",),
        "children": True,
        "refresh_interval_s": 2.0,
        "uss_interval_s": 10.0,
    },
    "prometheus": {"metrics": ()},
    "queue": {"handled": ""},
    "run_cpu": {"ports": (), "status_file": "", "pids": (), "alone": (), "refresh_interval_s": 2.0},
    "sentinel": {"password": ""},
}
"""Without ``timeout_s``; whatever else a probe has must be given."""


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_probe_that_is_written_without_its_parameters_means_what_it_did(name: str) -> None:
    given = [each for each in probes.parameters(name) if each.name != "timeout_s"]
    has_default = {each.name: each.default for each in given if each.default is not dataclasses.MISSING}
    assert has_default == DEFAULTS[name]
    bounds = {"ports": (1, 65_535), "pids": (1, math.inf), "alone": (1, math.inf)}
    for each in given:
        assert (each.lowest, each.highest) == bounds.get(each.name, (0, math.inf)), each.name
        assert each.choices == (("metrics", "kubelet", "none") if each.name == "usage" else ())


def test_what_is_secret_of_a_probe_is_said_to_be() -> None:
    secret = {name: {each.name for each in probes.parameters(name) if each.secret} for name in probes.available()}
    told = {
        "patroni": {"urls"},
        "postgres": {"dsn"},
        "postgres_replication": {"dsns"},
        "sentinel": {"sentinels", "password"},
    }
    assert {name: secret[name] for name in told} == told
    assert not any(secret[name] for name in TIMEOUTS_S.keys() - told.keys())


@pytest.mark.parametrize("folder", [probes, faults], ids=["probes", "faults"])
def test_what_is_secret_by_its_name_is_said_to_be(folder: Any) -> None:
    """Whichever there are."""
    word = re.compile(r"(^|_)(passwords?|secrets?|credentials?|tokens?|dsns?|sentinels|patroni)$")
    named = [(name, each) for name in folder.available() for each in folder.parameters(name) if word.search(each.name)]
    assert len(named) >= 4
    assert [f"{name} {each.name}" for name, each in named if not each.secret] == []


def test_what_a_probe_remembers_is_no_parameter_and_shown_nowhere() -> None:
    for name in probes.available():
        for field in dataclasses.fields(probes._FOLDER.class_of(name)):
            if field.name.startswith("_"):
                assert not (field.init or field.compare or field.repr), f"{name}.{field.name}"
            else:
                assert field.init, f"{name}.{field.name}"


def test_memory_and_restarts_are_judged_wherever_they_are_sampled() -> None:
    watching = {name for name in probes.available() if probes._FOLDER.class_of(name).watches_processes}
    assert watching == {"cgroup", "docker_container", "kubernetes_pods", "process"}


def test_counters_are_shares_of_the_time_in_between() -> None:
    meter = CounterMeter()
    first = {"periods": 100.0, "throttled_periods": 10.0, "throttled_s": 1.0}
    counters = {"cpu_periods_total": 100, "cpu_throttled_periods_total": 10, "cpu_throttled_s_total": 1}
    assert meter.read(10.0, 5.0, first) == counters
    assert meter.read(10.0, 5.5, first) == counters, "no time has gone by"
    later = {"periods": 120.0, "throttled_periods": 15.0, "throttled_s": 1.5}
    found = meter.read(12.0, 8.0, later)
    assert (found["cpu_ratio"], found["cpu_throttled_ratio"]) == (1.5, 0.25)
    assert "cpu_ratio" not in meter.read(13.0, 2.0, later), "it has begun anew"
    assert meter.read(14.0, 2.5, later)["cpu_ratio"] == 0.5


def test_every_figure_of_a_container_is_read_of_the_page_of_its_node() -> None:
    """In the words of cAdvisor; what stands for the pod as a whole, or is of another kind, is none of it."""
    web = '{container="web",id="/a/b",namespace="shop",pod="web-1"}'
    page = "\n".join(
        [
            "# TYPE container_cpu_usage_seconds_total counter",
            f"container_memory_working_set_bytes{web} 1024 5000",
            f"container_cpu_usage_seconds_total{web} 2.5 6000",
            f"container_cpu_cfs_periods_total{web} 30",
            f"container_cpu_cfs_throttled_periods_total{web} 4",
            f"container_cpu_cfs_throttled_seconds_total{web} 0.75",
            f"container_oom_events_total{web} 1",
            f"container_threads{web} 9",
            'container_oom_events_total{container="",namespace="shop",pod="web-1"} 7',
            'container_oom_events_total{container="POD",namespace="shop",pod="web-1"} 8',
            "container_oom_events_total{container=} nonsense",
        ]
    )
    figures = {"memory_working_set_bytes": 1024.0, "cpu_s": 2.5, "periods": 30.0, "throttled_periods": 4.0}
    figures |= {"throttled_s": 0.75, "oom_kills": 1.0}
    assert _pod_usage.on_page(page) == {("shop", "web-1", "web"): Usage(6.0, figures)}


def test_who_is_known_to_listen_is_sampled_while_nobody_can_be_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: object) -> Any:
        raise SearchError("no tables of sockets")

    monkeypatch.setattr(process, "sockets_on", fails)
    known: Any = {"port-80": SimpleNamespace(pid=7), "port-80/8": SimpleNamespace(pid=8)}
    probe = process.Process(ports=(80, 443))
    probe._find_ports(known)
    assert probe._session.roots == known
    assert probe._session.failures == [probes.Reading.failed("port-443", "no tables of sockets")]


def test_periods_alone_are_enough_for_their_share_and_none_is_no_throttling() -> None:
    meter = CounterMeter()
    meter.read(1.0, None, {"periods": 10.0, "throttled_periods": 0.0})
    found = meter.read(2.0, None, {"periods": 20.0, "throttled_periods": 10.0})
    assert found["cpu_throttled_ratio"] == 1.0 and "cpu_ratio" not in found
    assert meter.read(3.0, None, {"periods": 20.0, "throttled_periods": 10.0})["cpu_throttled_ratio"] == 0.0
    assert "cpu_throttled_ratio" not in meter.read(4.0, None, {"periods": 30.0})


def test_positions_of_an_hour_are_remembered() -> None:
    meter = LagMeter()
    for second in range(KEPT + 1):
        meter.note_primary("db1", float(second), float(second))
    assert KEPT == 3600
    assert meter.lag(3600.0, 0.5) == {"lag_bytes": 3599.5, "lag_s": 3599.0}, "the first one is forgotten"


def test_who_a_container_is() -> None:
    def of(pid: int, started_at: str) -> dict[str, float]:
        return _identity(SimpleNamespace(restarts=2, pid=pid, started_at=started_at))  # type: ignore[arg-type]

    assert of(7, "1970-01-01T00:01:00+00:00") == {"restarts": 2, "pid": 7, "create_time_s": 60}
    unknown = of(0, "never")
    assert math.isnan(unknown["pid"]) and math.isnan(unknown["create_time_s"])


def test_the_kernel_counts_kills_anew_in_each_start() -> None:
    known = _Container(0.0)
    assert _figures(known, Usage(5.0, {"oom_kills": 3.0, "memory_bytes": 9.0}), 0.0) == {
        "memory_bytes": 9,
        "oom_kills": 0,
    }
    assert _figures(known, Usage(6.0, {"oom_kills": 5.0}), 0.0) == {"oom_kills": 2}
    assert _figures(known, Usage(6.5, {"oom_kills": 9.0}), 6.5) == {"oom_kills": 2}, "of the start before"
    assert _figures(known, Usage(7.0, {"oom_kills": 0.0}), 6.5) == {"oom_kills": 2}
    assert _figures(known, Usage(8.0, {"oom_kills": 1.0}), 6.5) == {"oom_kills": 3}
    assert _figures(known, Usage("8 o'clock", {"oom_kills": 9.0, "cpu_s": 1.0}), 6.5) == {"oom_kills": 3}


class Servers:
    """In place of sessions: what each server says, or why it says nothing."""

    def __init__(self, rows: dict[str, Any]) -> None:
        self.rows = rows

    def __call__(self, dsn: str, *_: object) -> Any:
        def ask(_: str) -> Any:
            said = self.rows[dsn]
            if isinstance(said, Exception):
                raise said
            return [said]

        return SimpleNamespace(rows=ask)


def test_servers_that_replicate_say_who_they_are_and_how_far_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = (f"postgresql://user:secret@127.0.0.1:{port}/shop" for port in (5001, 5002, 5003))
    servers = Servers({first: (False, 1000.0, False, 3), second: (True, 400.0, True, 3), third: (True, None, False, 2)})
    monkeypatch.setattr(postgres_replication, "Session", servers)
    probe = probes.load("postgres_replication", dsns=(first, second, third))
    primary, replica, alone = probe.sample()
    assert [each.source for each in (primary, replica, alone)] == [f"127.0.0.1:{port}" for port in (5001, 5002, 5003)]
    assert (primary.values["primary"], primary.values["streaming"], primary.values["timeline"]) == (1, 0, 3)
    assert "lag_bytes" not in primary.values and "lag_bytes" not in alone.values
    assert (replica.values["primary"], replica.values["streaming"]) == (0, 1)
    assert replica.values["lag_bytes"] == 600
    assert (alone.values["primary"], alone.values["streaming"], alone.values["timeline"]) == (0, 0, 2)
    assert 0 <= alone.values["answered_s"] < 60
    # One that has become primary is not connected to itself, whatever it says of its receiver.
    servers.rows |= {first: PostgresError("refused"), second: (False, 900.0, True, 4)}
    gone, new, _ = probe.sample()
    assert gone.error == "refused" and not gone.values
    assert (new.values["primary"], new.values["streaming"], new.values["timeline"]) == (1, 0, 4)


@pytest.mark.parametrize(
    ("periods", "throttled", "share"), [(0, 0, 0.0), (1, 1, 1.0), (2, 1, 0.5), (10, 4, 0.4), (10, 11, 1.0)]
)
def test_the_share_of_throttled_periods_is_of_those_that_there_were(periods: int, throttled: int, share: float) -> None:
    """Without any period nothing wanted to run."""
    meter = CounterMeter()
    meter.read(1.0, None, {"periods": 100, "throttled_periods": 50})
    values = meter.read(2.0, None, {"periods": 100 + periods, "throttled_periods": 50 + throttled})
    assert values["cpu_throttled_ratio"] == share and "cpu_ratio" not in values


@pytest.mark.parametrize(
    ("replayed", "lag_s", "up_to_s"),
    [(100, 0.4, 1.4), (150, 0.4, 1.4), (200, 0.0, 0.0), (250, 0.0, 0.0), (99, 1.4, None)],
)
def test_a_lag_is_from_the_first_position_that_was_not_replayed(
    replayed: float, lag_s: float, up_to_s: float | None
) -> None:
    """The primary was at 100 bytes at 1 s and at 200 bytes at 2 s, and it is 2.4 s."""
    meter = LagMeter()
    meter.note_primary("db1", 1.0, 100)
    meter.note_primary("db1", 2.0, 200)
    values = meter.lag(2.4, replayed)
    assert values["lag_s"] == pytest.approx(lag_s) and values["lag_bytes"] == max(0, 200 - replayed)
    assert values.get("lag_up_to_s") == (None if up_to_s is None else pytest.approx(up_to_s))


def test_a_line_that_is_no_number_hides_no_other() -> None:
    """Nor does one of another figure, of the sandbox, or of a single core."""
    labels = 'namespace="n",pod="p",container="c"'
    lines = (
        f"container_cpu_usage_seconds_total{{{labels}}} soon 1000",
        f"process_start_time_seconds{{{labels}}} 5 1000",
        'container_cpu_usage_seconds_total{namespace="n",pod="p",container="POD"} 6 1000',
        f'container_cpu_usage_seconds_total{{{labels},cpu="cpu00"}} 7 1000',
        f'container_cpu_usage_seconds_total{{{labels},cpu="total"}} 8 2500',
        f"container_cpu_cfs_periods_total{{{labels}}} 9",
    )
    found = _pod_usage.on_page("\n".join(lines))
    assert {key: (of.read_at, of.values) for key, of in found.items()} == {
        ("n", "p", "c"): (2.5, {"cpu_s": 8.0, "periods": 9.0})
    }


@pytest.mark.parametrize("oom_kills", [None, 0.0, 3.0])
def test_kills_for_want_of_memory_are_told_where_the_kernel_counts_them(oom_kills: float | None) -> None:
    group: Any = SimpleNamespace(memory_limit_bytes=lambda: 512.0, oom_kills=lambda: oom_kills)
    meter = ProcessMeter(os.getpid())
    meter._group, meter._memory_limit_bytes = group, 512.0
    kills = {} if oom_kills is None else {"oom_kills": oom_kills}
    assert meter._memory_bounds() == {"memory_limit_bytes": 512.0, **kills}


def test_who_belongs_to_a_port_is_its_listener_and_its_workers() -> None:
    meters: Any = {"port-80": 1, "port-80/1": 2, "port-8080": 3, "api": 4}
    assert _of_port(80, meters) == {"port-80": 1, "port-80/1": 2}


def test_a_process_that_has_ended_and_was_not_waited_for_does_not_run() -> None:
    def is_running(there: bool, status: str) -> bool:
        process: Any = SimpleNamespace(is_running=lambda: there, status=lambda: status)
        return is_alive(process)

    told = [
        is_running(*each) for each in ((True, "sleeping"), (True, "zombie"), (False, "sleeping"), (False, "zombie"))
    ]
    assert told == [True, False, False, False]


def test_processes_are_searched_again_when_the_interval_is_over() -> None:
    for refresh_interval_s, searches in ((1.5 * time.monotonic(), 1), (0.0, 2)):
        probe = run_cpu.RunCpu(pids=(os.getpid(),), refresh_interval_s=refresh_interval_s)
        for _ in range(2):
            assert len(list(probe.sample())) == 1
        assert probe._session.searches == searches


def test_what_cannot_be_searched_is_no_figure_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: object) -> Any:
        raise SearchError("no tables of sockets")

    monkeypatch.setattr(run_cpu, "listeners", fails)
    found = list(run_cpu.RunCpu(ports=(80,)).sample())
    assert found == [probes.Reading.failed(run_cpu.SOURCE, "no tables of sockets", may_come=True)]


@pytest.mark.parametrize(("there", "searched"), [({"a", "b"}, 0), ({"a"}, 1), (set[str](), 1)])
def test_listeners_are_searched_where_one_of_them_is_gone(
    there: set[str], searched: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []
    monkeypatch.setattr(run_cpu, "is_alive", there.__contains__)
    monkeypatch.setattr(run_cpu, "listeners", lambda ports: calls.append(ports) or {})
    probe = run_cpu.RunCpu(ports=(80,))
    known: Any = {80: ["a", "b"]}
    probe._session.listeners = known
    probe._search_listeners()
    assert len(calls) == searched


@pytest.mark.parametrize(("says_so", "is_named", "primary"), [(True, True, 1), (True, False, 0), (False, True, 0)])
def test_a_primary_is_one_that_says_so_and_that_a_sentinel_names(
    monkeypatch: pytest.MonkeyPatch, says_so: bool, is_named: bool, primary: float
) -> None:
    """The old one says so until it hears that there is another; the new one is named a moment before it knows."""
    said = SimpleNamespace(is_primary=says_so, is_linked=not says_so, offset_bytes=7.0)
    monkeypatch.setattr(sentinel, "servers", lambda *_: [SimpleNamespace(name="127.0.0.1:1")])
    monkeypatch.setattr(sentinel, "named_primaries", lambda *_: {"127.0.0.1:1"} if is_named else {"127.0.0.1:2"})
    monkeypatch.setattr(sentinel, "replication_of", lambda *_: said)
    (reading,) = sentinel.Sentinel(sentinels=("redis://127.0.0.1:3",), service="cache").sample()
    assert (reading.source, reading.values["primary"]) == ("127.0.0.1:1", primary)
    assert (reading.values["streaming"], reading.values["offset_bytes"]) == (float(not says_so), 7)
    assert reading.values.keys() == {"primary", "streaming", "offset_bytes", "answered_s"}
    assert 0 < reading.values["answered_s"] < 60


@pytest.mark.parametrize(
    ("name", "is_seen"),
    [
        *((name, True) for name in ("nginx", "python", "my-ssh-server", "")),
        *((name, False) for name in ("docker-proxy", "com.docker.backend", "rootlessport", "gvproxy", "slirp4netns")),
        *((name, False) for name in ("pasta", "pasta.avx2", "ssh", "sshd", "kubectl")),
    ],
)
def test_what_listens_for_a_container_or_another_machine_hides_who_serves(
    name: str, is_seen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_cpu, "listeners", lambda ports: {port: [7] for port in ports})
    monkeypatch.setattr(run_cpu, "_name", lambda _: name)
    monkeypatch.setattr(run_cpu, "_process", lambda pid: pid)
    probe = run_cpu.RunCpu(ports=(80,))
    probe._session.unseen_ports = {80}
    probe._search_listeners()
    assert (probe._session.listeners, probe._session.unseen_ports) == (
        ({80: [7]}, set()) if is_seen else ({80: []}, {80})
    )


def test_cores_in_use_are_cpu_seconds_by_seconds_and_nothing_of_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, cpu = iter((10.0, 12.0, 12.0, 11.0)), iter((1.0, 1.5, 1.6, 1.7))
    times = SimpleNamespace(cpu_times=lambda: SimpleNamespace(user=next(cpu), system=0.25))
    meter: Any = SimpleNamespace(_process=times, _read_s=None, _cpu_s=0.0)
    monkeypatch.setattr(_process_meter, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    assert [ProcessMeter._cpu_ratio(meter) for _ in range(4)] == [{}, {"cpu_ratio": 0.25}, {}, {}]


@pytest.mark.parametrize(
    ("runs", "sockets", "held", "looks"),
    [
        ((True, True), {"s"}, {"s"}, []),
        ((True, False), {"s"}, {"s"}, [80]),
        ((False, False), {"s"}, {"s"}, [80]),
        ((True, True), {"s", "t"}, {"s"}, [80]),
        ((True, True), {"s"}, {"t"}, [80]),
        ((True, True), set(), set(), []),  # by systems whose tables do not tell
    ],
    ids=str,
)
def test_a_port_is_looked_for_anew_where_any_who_listened_is_gone_or_has_closed_it(
    monkeypatch: pytest.MonkeyPatch, runs: tuple[bool, bool], sockets: set[str], held: set[str], looks: list[int]
) -> None:
    looked: list[int] = []
    monkeypatch.setattr(process, "listeners", lambda ports: looked.extend(ports) or {port: [] for port in ports})
    monkeypatch.setattr(process, "sockets_on", lambda ports: dict.fromkeys(ports, frozenset(sockets)))
    monkeypatch.setattr(process, "holds", lambda _, wanted: bool(held & wanted))
    meters: Any = {
        f"port-80/{n}": SimpleNamespace(pid=n, is_running=lambda is_there=each: is_there) for n, each in enumerate(runs)
    }
    probe = process.Process(ports=(80,))
    probe._session.sockets = {80: frozenset({"s"} if sockets else ())}
    probe._find_ports(meters)
    assert looked == looks and bool(probe._session.failures) is bool(looks)
    assert probe._session.roots == ({} if looks else meters)
    assert probe._session.sockets == {80: sockets}, "by which it is known next time whether any is another one"
