"""The fault ``docker_container`` against recorded answers of Docker's Engine API, see engine.py."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.config import addresses
from harness.errors import ConfigurationError
from harness.faults import Fault, FaultError, ScheduledFault, load
from harness.faults.docker_container import DockerContainer
from harness.recording.marks import INJECTED, UNDONE
from harness.sidecar.injector import BEGUN
from harness.sidecar.injector_process import FaultTask
from tests.faults.engine import CONTAINER_ID, DockerEngine, listening
from tests.probes.loopback import hanging


@pytest.fixture
def engine() -> DockerEngine:
    return DockerEngine()


@pytest.fixture(params=["socket", "tcp"])
def place(engine: DockerEngine, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with listening(engine, tmp_path / "docker.sock" if request.param == "socket" else None) as where:
        yield where


def fault(place: str, **parameters: str | int | float) -> DockerContainer:
    made = load("docker_container", container="api1", socket=place, **parameters)
    assert isinstance(made, DockerContainer)
    return made


@pytest.mark.parametrize(
    ("action", "while_it_lasts", "changes"),
    [
        ("stop", "exited", ["stop", "start"]),
        ("kill", "exited", ["kill", "start"]),
        ("pause", "paused", ["pause", "unpause"]),
        ("restart", "running", ["restart"]),
    ],
)
def test_it_is_done_and_undone(
    action: str, while_it_lasts: str, changes: list[str], engine: DockerEngine, place: str
) -> None:
    pinned = fault(place, action=action).pin()
    assert "api1" in pinned.inject()
    assert engine.status == while_it_lasts
    pinned.undo()
    assert engine.status == "running"
    assert engine.changes() == [f"POST /containers/{CONTAINER_ID}/{each}" for each in changes]
    assert pinned.undo().startswith("nothing to undo: container api1 is running")


def test_it_is_found_by_its_id_later_and_undone_by_another_process(engine: DockerEngine, place: str) -> None:
    """What is kept before the injection is all that the rescuer has."""
    said: list[dict[str, object]] = []
    task = FaultTask(ScheduledFault.of(1, fault(place), 0.0, 0.05), lambda each: said.append(dict(each)))
    task.run(time.monotonic(), threading.Event())
    assert [each["event"] for each in said] == [BEGUN, INJECTED, UNDONE]
    engine.status = "exited"
    kept = ScheduledFault.from_message(json.loads(json.dumps(said[0]["fault"])))
    assert kept.fault.undo() == "started container api1"
    assert engine.seen[-1].path == f"/containers/{CONTAINER_ID}/start"


def test_a_signal_that_ends_nothing_is_sent_all_the_same(place: str) -> None:
    assert (
        "sent SIGHUP to container api1, which is running now" in fault(place, action="kill", signal="SIGHUP").inject()
    )


@pytest.mark.parametrize(
    ("status", "said"),
    [("exited", "is exited: there is nothing to disturb"), ("paused", "is paused: there is nothing to disturb")],
)
def test_one_that_does_not_run_is_left_alone(status: str, said: str, engine: DockerEngine, place: str) -> None:
    engine.status = status
    with pytest.raises(FaultError, match=said):
        fault(place).pin()


def test_one_that_nothing_could_start_again_is_only_paused(engine: DockerEngine, place: str) -> None:
    engine.removed_when_stopped = True
    with pytest.raises(FaultError, match="--rm"):
        fault(place).pin()
    assert fault(place, action="pause").pin().container_id == CONTAINER_ID


def test_the_container_that_we_run_in_is_none_to_stop(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: CONTAINER_ID[:12])
    with pytest.raises(FaultError, match="the one that we run in"):
        fault(place).pin()


def test_a_container_that_is_not_there_is_told_with_those_that_are(place: str) -> None:
    with pytest.raises(FaultError, match=r"^there is no container api9; running: api1$"):
        load("docker_container", container="api9", socket=place).pin()  # type: ignore[attr-defined]


def test_one_that_was_removed_meanwhile_cannot_be_undone_and_says_so(engine: DockerEngine, place: str) -> None:
    pinned = fault(place).pin()
    pinned.inject()
    engine.broken = (404, {"message": f"No such container: {CONTAINER_ID}"})
    with pytest.raises(FaultError, match="there is no container"):
        pinned.undo()


def test_what_the_engine_refuses_is_said_in_its_words(engine: DockerEngine, place: str) -> None:
    engine.refuses_start = True
    pinned = fault(place).pin()
    pinned.inject()
    with pytest.raises(FaultError, match=r"start of container api1: .*HTTP 500: .*port is already allocated"):
        pinned.undo()


@pytest.mark.parametrize("broken", [(409, {"message": "it is being removed"}), (500, {"message": "oom"}), (500, None)])
def test_other_answers_are_one_line(broken: tuple[int, object], engine: DockerEngine, place: str) -> None:
    engine.broken = broken
    with pytest.raises(FaultError) as refused:
        fault(place).pin()
    assert f"HTTP {broken[0]}" in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("document", [[], {}, {"State": 5}, {"Id": "1", "Name": "x", "State": {}}])
def test_another_kind_of_server(document: object, engine: DockerEngine, place: str) -> None:
    engine.broken = (200, document)
    with pytest.raises(FaultError, match="is this Docker's socket"):
        fault(place).pin()


def test_a_container_that_ignores_what_kills_it_is_no_success(
    engine: DockerEngine, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.faults.docker_container.SEEN_WITHIN_S", 0.1)
    engine.ignores_signals = True
    with pytest.raises(FaultError, match=r"still running 0.1 s after kill"):
        fault(place, action="kill").pin().inject()


def test_an_engine_that_hangs_times_out() -> None:
    with hanging() as url, pytest.raises(FaultError, match="timed out"):
        fault(url.removeprefix("http://"), timeout_s=0.2).pin()


def test_sockets_that_are_none_are_told_with_the_remedy_also_by_plan(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    silent = socket.socket(socket.AF_UNIX)
    silent.bind(str(tmp_path / "silent"))
    expected = {
        "gone": "there is no socket {}: start the engine, or name its socket with socket=",
        "file": "{}: that is no socket",
        "silent": "{}: nobody listens on that socket: start the engine, or name its socket with socket=",
    }
    for name, words in expected.items():
        path = str(tmp_path / name)
        assert list(addresses._of_fault(fault(path), {}, ())) == [f"Fault docker_container: {words.format(path)}"]


def test_permission_denied_names_the_group(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Root may open every socket, so the system's refusal is made here."""

    class Refusing(socket.socket):
        def connect(self, _: object) -> None:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket, "socket", Refusing)
    with pytest.raises(FaultError, match=r"docker.sock is not for this user: run the load as one of the group"):
        fault(str(tmp_path / "docker.sock")).pin()


def test_the_socket_may_be_written_as_in_docker_host(engine: DockerEngine, place: str) -> None:
    scheme = "unix://" if "/" in place else "tcp://"
    assert fault(f"{scheme}{place}").pin().container_id == CONTAINER_ID
    assert engine.seen


@pytest.mark.parametrize("socket_", ["docker.sock", "", "127.0.0.1:x"])
def test_a_socket_that_is_neither_a_path_nor_an_address_is_refused(socket_: str) -> None:
    with pytest.raises(ConfigurationError, match="socket"):
        fault(socket_)


def test_every_wrong_parameter_is_named_at_once_and_tcp_needs_consent() -> None:
    with pytest.raises(ConfigurationError) as refused:
        load("docker_container", container="a b", socket="", signal="kill me")
    assert len(refused.value.messages) == 4
    far: Fault = load("docker_container", container="api1", socket="10.0.0.1:2375")
    assert list(far.addresses()) == ["http://10.0.0.1:2375"]  # type: ignore[attr-defined]
    with pytest.raises(ConfigurationError, match="action"):
        load("docker_container", container="api1", action="drown")
