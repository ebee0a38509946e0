"""Processes that are stopped, continued and killed: those that were meant, and never our own."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from harness.faults import FaultError
from harness.faults.kill_process import KillProcess
from harness.faults.stop_process import StopProcess
from tests.faults.victims import server
from tests.ports import free_port
from tests.probes.loopback import PATIENCE_S, python, wait_for


def test_a_stopped_server_answers_nothing_until_it_is_continued() -> None:
    with server() as victim:
        assert victim.answers
        fault = StopProcess(port=victim.port).pin()
        assert f"{victim.process.pid}" in fault.inject()
        assert victim.is_stopped and not victim.answers
        assert "continued" in fault.undo()
        assert victim.answers
        assert "nothing is stopped" in fault.undo(), "undoing again undoes nothing"


def test_children_are_stopped_on_wish_only() -> None:
    with server(children=3) as victim:
        fault = StopProcess(pid=victim.process.pid).pin()
        fault.inject()
        assert victim.is_stopped
        # Asleep or, on a busy machine, still about to be.
        assert not [child for child in victim.children if child.status() == psutil.STATUS_STOPPED]
        fault.undo()
        fault = StopProcess(pid=victim.process.pid, children=True).pin()
        fault.inject()
        assert [child.status() for child in victim.children] == [psutil.STATUS_STOPPED] * 3
        fault.undo()
        assert not [child for child in victim.children if child.status() == psutil.STATUS_STOPPED]


def test_workers_that_share_the_port_are_struck_with_their_supervisor() -> None:
    """They would go on answering; who ends them is the business of whom one asks to end."""
    with server(children=2) as victim:  # which have its socket open
        everyone = {victim.process.pid, *(child.pid for child in victim.children)}
        fault = StopProcess(port=victim.port).pin()
        fault.inject()
        assert [child.status() for child in victim.children] == [psutil.STATUS_STOPPED] * 2
        fault.undo()
        assert not [child for child in victim.children if child.status() == psutil.STATUS_STOPPED]
        asked = KillProcess(port=victim.port, signal="TERM").pin()
        assert {int(text.partition("@")[0]) for text in asked.processes} == {victim.process.pid}
        killed = KillProcess(port=victim.port).pin()
        assert {int(text.partition("@")[0]) for text in killed.processes} == everyone


def test_orphans_of_a_stopped_parent_are_continued() -> None:
    """The parent is killed while everything is stopped: its children belong to nobody we know, but were pinned."""
    with server(children=2) as victim:
        children = victim.children
        fault = StopProcess(pid=victim.process.pid, children=True).pin()
        fault.inject()
        victim.process.kill()
        victim.process.wait()
        fault.undo()
        wait_for(lambda: all(child.status() == psutil.STATUS_SLEEPING for child in children))


def test_a_process_is_found_in_the_status_file(tmp_path: Path) -> None:
    with server() as victim, server() as other:
        state = tmp_path / "state.json"
        entries = [
            {"role": "api", "name": "api1", "pid": victim.process.pid},
            {"role": "api", "name": "api2", "pid": other.process.pid},
        ]
        state.write_text(json.dumps({"processes": entries}))
        fault = StopProcess(status_file=str(state), name="api1").pin()
        fault.inject()
        assert victim.is_stopped and not other.is_stopped
        fault.undo()
        with pytest.raises(FaultError, match="no process is called api3; there are api1, api2"):
            StopProcess(status_file=str(state), name="api3").pin()
        assert len(StopProcess(status_file=str(state), role="api").pin().processes) == 2


def test_a_pid_that_is_another_process_now_is_left_alone() -> None:
    with server() as victim:
        mistaken = StopProcess(processes=(f"{victim.process.pid}@1",))
        with pytest.raises(FaultError, match="gone"):
            mistaken.inject()
        with pytest.raises(FaultError, match="gone"):
            KillProcess(processes=(f"{victim.process.pid}@1",)).inject()
        os.kill(victim.process.pid, signal.SIGSTOP)
        wait_for(lambda: victim.is_stopped)
        assert "nothing to undo" in mistaken.undo()
        assert victim.is_stopped
        os.kill(victim.process.pid, signal.SIGCONT)


@pytest.mark.parametrize("kind", [StopProcess, KillProcess])
def test_our_own_processes_are_refused(kind: type[StopProcess] | type[KillProcess]) -> None:
    for pid in (os.getpid(), os.getppid(), 1):
        with pytest.raises(FaultError, match="our own, or one that we run in"):
            kind(pid=pid).pin()


def test_what_is_not_there_is_said() -> None:
    with pytest.raises(FaultError, match="no process of this user listens on port"):
        StopProcess(port=free_port()).pin()
    with python("pass") as process:
        process.wait()
    with pytest.raises(FaultError, match=f"there is no process {process.pid}"):
        StopProcess(pid=process.pid).pin()


def test_a_killed_server_is_gone_and_stays_so() -> None:
    with server() as victim:
        fault = KillProcess(port=victim.port).pin()
        assert "killed" in fault.inject()
        assert victim.process.wait(PATIENCE_S) == -signal.SIGKILL
        assert "nothing to undo" in fault.undo()
        with pytest.raises(FaultError, match="gone already"):
            fault.inject()


def test_a_process_that_is_stopped_can_be_killed() -> None:
    with server() as victim:
        StopProcess(port=victim.port).pin().inject()
        began_s = time.monotonic()
        KillProcess(pid=victim.process.pid).pin().inject()
        assert victim.process.wait(PATIENCE_S) == -signal.SIGKILL
        assert time.monotonic() - began_s < 3


def test_a_process_that_is_asked_to_end_may_take_its_time() -> None:
    program = "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: (sys.stdin.readline(), sys.exit(7)))\n"
    with python(f"{program}print('there', flush=True)\nwhile True: signal.pause()") as process:
        assert process.stdout is not None and process.stdin is not None
        process.stdout.readline()
        assert f"asked python {process.pid} to end" in KillProcess(pid=process.pid, signal="TERM").pin().inject()
        assert process.poll() is None
        process.stdin.write("go\n")
        process.stdin.flush()
        assert process.wait(PATIENCE_S) == 7
