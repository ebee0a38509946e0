"""The probe ``docker_container`` against an engine's documents: what it reads, and what it says where it cannot."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from harness import probes
from harness.analysis.restarts import ended, oom_kills, restarts
from harness.errors import ConfigurationError
from harness.probes import Probe, Reading
from harness.recording import ProbeSample
from tests import recordings
from tests.faults.engine import CONTAINER_ID, DockerEngine, Lines, Request, listening


class Engine(DockerEngine):
    """With the figures of ContainerStats and the events of SystemEvents, as the examples of Engine API 1.43."""

    def __init__(self) -> None:
        super().__init__()
        self.second = 0
        self.throttled = 0
        self.version_1 = False
        self.memory_is_told = True
        self.cache_bytes = 20_000_000
        self.cpus = 500_000_000
        self.ooms: list[int] = []
        """Seconds in which it ran out of memory."""
        self.restarts = 0
        self.stats_of = CONTAINER_ID

    def answer(self, request: Request) -> tuple[int, Any]:
        if request.path == "/events":
            assert request.query["filters"] == '{"type": ["container"], "event": ["oom"]}'
            since_s, until_s = float(request.query["since"]), float(request.query["until"])
            found = [at for at in self.ooms if since_s <= self._unix_s(at) <= until_s]
            return 200, Lines(self._event(at) for at in found)
        if request.path.endswith("/stats"):
            assert (request.query["stream"], request.query["one-shot"]) == ("false", "true")
            return 200, self._stats()
        status, document = super().answer(request)
        if request.path.endswith("/json") and "State" in (document or {}):
            document |= {"RestartCount": self.restarts}
            document["HostConfig"]["NanoCpus"] = self.cpus
            document["State"]["OOMKilled"] = self.status == "exited"
        return status, document

    @staticmethod
    def _unix_s(second: int) -> float:
        return 1773480400.0 + second

    def _event(self, second: int) -> dict[str, Any]:
        at_ns = int(self._unix_s(second) * 1e9)
        actor = {"ID": CONTAINER_ID, "Attributes": {"image": "shop:1", "name": "api1"}}
        return {"Type": "container", "Action": "oom", "Actor": actor, "scope": "local", "timeNano": at_ns}

    def _stats(self) -> dict[str, Any]:
        if self.status == "exited":
            return {"read": "0001-01-01T00:00:00Z", "memory_stats": {}, "cpu_stats": {"cpu_usage": {"total_usage": 0}}}
        cache = {"inactive_file": self.cache_bytes}
        if self.version_1:  # where the first is of the group without those within it
            cache = {"inactive_file": 4096, "total_inactive_file": self.cache_bytes}
        memory = {"usage": 120_000_000, "stats": {"anon": 7, **cache}, "limit": 268_435_456}
        return {
            "read": f"2026-03-14T09:26:{40 + self.second:02d}.547189239Z",
            "preread": "0001-01-01T00:00:00Z",
            "pids_stats": {"current": 3, "limit": 4629},
            "num_procs": 0,
            "name": "/api1",
            "id": self.stats_of,
            "memory_stats": memory if self.memory_is_told else {},
            "cpu_stats": {
                "cpu_usage": {"total_usage": 4_000_000_000 + self.second * 400_000_000, "usage_in_usermode": 1},
                "system_cpu_usage": 739306590000000,
                "online_cpus": 4,
                "throttling_data": {
                    "periods": 10 * self.second,
                    "throttled_periods": self.throttled,
                    "throttled_time": self.throttled * 50_000_000,
                },
            },
        }

    def later(self, seconds: int = 1) -> None:
        self.second += seconds


def only(probe: Probe) -> Reading:
    (reading,) = probe.sample()
    return reading


@pytest.mark.parametrize("version_1", [False, True])
def test_what_docker_stats_shows_with_its_quota(tmp_path: Path, version_1: bool) -> None:
    """Memory is the use less inactive file cache; times are nanoseconds."""
    engine = Engine()
    engine.version_1 = version_1
    with listening(engine, tmp_path / "docker.sock") as place:
        probe = probes.load("docker_container", containers=("api1",), socket=place)
        first = only(probe)
        assert (first.source, first.error) == ("api1", None)
        assert first.values["memory_working_set_bytes"] == 100e6
        assert first.values["memory_limit_bytes"] == 268_435_456
        assert (first.values["cpu_limit_cores"], first.values["restarts"], first.values["running"]) == (0.5, 0, 1)
        assert "cpu_ratio" not in first.values
        engine.later(2)
        engine.throttled = 15
        second = only(probe).values
        assert second["cpu_ratio"] == pytest.approx(0.4)
        assert second["cpu_throttled_ratio"] == pytest.approx(0.75)
        assert second["cpu_throttled_s_total"] == pytest.approx(0.75)
    assert {each.method for each in engine.seen} == {"GET"}


def test_more_cache_than_use_is_no_cache_of_it() -> None:
    """Both are read one after the other; ``docker stats`` shows the use then."""
    engine = Engine()
    engine.cache_bytes = 120_000_001
    with listening(engine) as place:
        values = only(probes.load("docker_container", containers=("api1",), socket=f"tcp://{place}")).values
    assert values["memory_working_set_bytes"] == 120e6


def test_without_a_limit_of_cpu_nothing_is_said_of_periods() -> None:
    engine = Engine()
    engine.cpus = 0
    with listening(engine) as place:
        values = only(probes.load("docker_container", containers=("api1",), socket=f"tcp://{place}")).values
    assert values["cpu_limit_cores"] == 0
    assert not {"cpu_periods_total", "cpu_throttled_ratio"} & values.keys()


def test_restarts_and_oom_kills_are_seen(tmp_path: Path) -> None:
    """An event that is told twice counts once; one of before the probe began does not count."""
    engine = Engine()
    engine.ooms = [-5]
    samples = []
    with listening(engine, tmp_path / "docker.sock") as place:
        probe = probes.load("docker_container", containers=("api1",), socket=place)
        for second in range(8):
            if second == 3:
                engine.ooms.append(second)
                engine.restarts, engine.started = 1, 30
            if second == 6:
                engine.status = "exited"
            reading = only(probe)
            assert reading.error is None
            samples.append(ProbeSample(second, "docker_container", reading.source, reading.values))
            engine.later()
    recording = dataclasses.replace(recordings.healthy(), probes=tuple(samples), marks=())
    (found,) = restarts(recording)
    assert (found.source, found.is_certain, found.is_oom, found.fault) == ("api1", True, True, "")
    assert oom_kills(recording) == 1
    (end,) = ended(recording)
    assert str(end) == "api1 at 6 s (out of memory, exit code 137)"


def test_figures_of_one_instant_are_no_figures_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What answers with a copy of its own, or stands still, shows no growth for ever."""
    now_s = [1000.0]
    monkeypatch.setattr("harness.probes.docker_container.time.monotonic", lambda: now_s[0])
    engine = Engine()
    with listening(engine, tmp_path / "docker.sock") as place:
        probe = probes.load("docker_container", containers=("api1",), socket=place)
        for after_s, failed in ((0, False), (4, False), (6, True)):
            now_s[0] = 1000.0 + after_s
            assert bool(only(probe).error) is failed
        engine.later()
        assert only(probe).error is None


def test_figures_of_another_container_are_refused(tmp_path: Path) -> None:
    engine = Engine()
    engine.stats_of = "f" * 64
    with listening(engine, tmp_path / "docker.sock") as place:
        error = only(probes.load("docker_container", containers=("api1",), socket=place)).error
    assert error == f"{place}: asked for container {CONTAINER_ID[:12]}, and told of another one"


def test_one_that_never_ran_was_named_by_mistake(tmp_path: Path) -> None:
    engine = Engine()
    engine.status = "exited"
    with listening(engine, tmp_path / "docker.sock") as place:
        probe = probes.load("docker_container", containers=("api1", "api7"), socket=place)
        stopped, absent = probe.sample()
        assert stopped.error == "container api1 is exited: start it first"
        assert absent.error == "there is no container api7; running: api1"
    (away,) = probes.load("docker_container", containers=("api1",), socket=place).sample()
    assert "start the engine, or name its socket with socket=" in (away.error or "")


def test_one_that_runs_and_whose_memory_is_not_told_has_neither_ended_nor_to_be_started(tmp_path: Path) -> None:
    engine = Engine()
    with listening(engine, tmp_path / "docker.sock") as place:
        probe = probes.load("docker_container", containers=("api1",), socket=place)
        engine.memory_is_told = False
        at_first = only(probe)
        engine.memory_is_told = True
        assert only(probe).error is None
        engine.memory_is_told = False
        engine.later()
        later = only(probe)
    for reading in (at_first, later):
        assert (reading.source, reading.values) == ("api1", {})
        assert reading.error is not None
        assert reading.error.startswith("container api1 is running, and the engine does not tell its memory")


@pytest.mark.parametrize(
    "broken",
    [{}, [], {"read": "x"}, {"read": "2026-03-14T09:26:40Z", "memory_stats": {"usage": 1}, "cpu_stats": {}}],
)
def test_an_answer_that_holds_no_figures_is_a_failed_reading(tmp_path: Path, broken: Any) -> None:
    class Broken(Engine):
        def _stats(self) -> Any:
            return broken

    with listening(Broken(), tmp_path / "docker.sock") as place:
        reading = only(probes.load("docker_container", containers=("api1",), socket=place))
    assert reading.error == f"{place}: the answer holds no figures of a container"


def test_what_is_wrong_is_said_all_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        probes.load("docker_container", containers=("api 1", ""), socket="docker")
    assert len(caught.value.messages) == 3
    with pytest.raises(ConfigurationError, match="containers is empty"):
        probes.load("docker_container", containers=())
