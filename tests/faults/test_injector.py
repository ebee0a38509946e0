"""Faults in a process of their own: injected in time, and undone whatever happens to whom."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from harness.faults.http_toggle import HttpToggle
from harness.faults.noop import Noop
from harness.faults.stop_process import StopProcess
from harness.faults.tcp_proxy import TcpProxy
from harness.recording.marks import FAILED, INJECTED, UNDONE
from tests.faults.victims import Watched, injecting, server
from tests.ports import free_port
from tests.probes.loopback import python, said, wait_for
from tests.run.together import beside

NEVER_S = 300.0


def test_each_fault_is_injected_and_undone_in_its_time() -> None:
    began_s = time.monotonic()
    with injecting((Noop(), 0.2, 2.0), (Noop("second"), 0.7, 1.3)) as injector:
        injector.until(UNDONE, 1)
        injector.until(UNDONE, 2)
    found = {(each.event, each.number): each.t - began_s for each in injector.events}
    planned = {(INJECTED, 1): 0.2, (UNDONE, 1): 2.0, (INJECTED, 2): 0.7, (UNDONE, 2): 1.3}
    assert found.keys() == planned.keys()
    assert min(found[key] - planned[key] for key in planned) >= 0
    assert [each.number for each in injector.events] == [1, 2, 2, 1]
    assert injector.said(INJECTED, 2)[0].detail == "second"


def test_the_injecting_process_has_neither_locust_nor_gevent() -> None:
    script = (
        "import sys, harness.sidecar.injector_process; print([m for m in ('locust', 'gevent') if m in sys.modules])"
    )
    with python(script) as process:
        assert said(process) == "[]"


@beside
def test_stop_undoes_at_once_what_is_injected_and_injects_no_more() -> None:
    with server() as victim, injecting((StopProcess(port=victim.port), 0, NEVER_S), (Noop(), 60, NEVER_S)) as injector:
        injector.until(INJECTED)
        assert victim.is_stopped
        injector.stop()
        assert not victim.is_stopped
        assert [each.event for each in injector.events] == [INJECTED, UNDONE]


def test_nothing_is_injected_before_there_is_an_origin() -> None:
    injector = Watched((Noop(), 0, NEVER_S))
    assert injector.start() == []
    time.sleep(0.3)
    injector.stop()
    assert injector.events == []


@beside
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_injecting_process_that_is_ended_leaves_nothing_injected(number: int) -> None:
    """After SIGKILL it is another process that undoes, from the data alone."""
    with server() as victim:
        plan = (StopProcess(port=victim.port), 0, NEVER_S), (Noop(), NEVER_S, NEVER_S)
        with injecting(*plan) as injector:
            injector.until(INJECTED)
            assert victim.is_stopped and injector.pid is not None
            os.kill(injector.pid, number)
            injector.until(UNDONE)
            assert victim.answers
    killed = number == signal.SIGKILL
    assert [("signal 9" in each.detail) for each in injector.said(FAILED, 2)] == [True] * killed
    assert not injector.said(FAILED, 1)


@beside
def test_an_injecting_process_that_stands_still_leaves_nothing_injected() -> None:
    """A stopped process neither undoes nor ends: it is noticed while the run goes, and another one undoes."""
    with server() as victim:
        plan = (StopProcess(port=victim.port), 0, NEVER_S), (Noop(), NEVER_S, NEVER_S)
        with injecting(*plan) as injector:
            injector.until(INJECTED)
            assert injector.pid is not None
            os.kill(injector.pid, signal.SIGSTOP)
            injector.until(UNDONE)
            assert victim.answers
    (failed,) = injector.said(FAILED, 2)
    assert failed.detail == "not injected: the injecting process said nothing for 5 s and was killed"


@beside
def test_an_injecting_process_that_stands_still_at_the_end_leaves_nothing_injected() -> None:
    with server() as victim:
        injector = Watched((StopProcess(port=victim.port), 0, NEVER_S))
        assert injector.start() == []
        injector.begin(time.monotonic())
        injector.until(INJECTED)
        assert injector.pid is not None
        os.kill(injector.pid, signal.SIGSTOP)
        began_s = time.monotonic()
        injector.stop()
        assert victim.answers
        assert time.monotonic() - began_s < 15, "it is not waited for as long as an undoing may take"
        assert [each.event for each in injector.events] == [INJECTED, UNDONE]


@beside
def test_an_injecting_process_that_has_little_to_say_is_left_alone() -> None:
    """Eight seconds in which nothing happens are more than the silence for which one is killed."""
    with injecting((Noop(), 0, 8)) as injector:
        injector.until(INJECTED)
        first = injector.pid
        wait_for(lambda: injector.said(UNDONE))
        assert injector.pid == first


@beside
def test_a_rescuer_that_is_killed_has_a_rescuer() -> None:
    with server() as victim:
        fault = HttpToggle(url=victim.url, token="hush", timeout_s=10)
        with injecting((fault, 0, NEVER_S)) as injector:
            injector.until(INJECTED)
            victim.process.send_signal(signal.SIGSTOP)
            first = injector.pid
            assert first is not None
            os.kill(first, signal.SIGKILL)
            wait_for(lambda: injector.pid not in (None, first))
            second = injector.pid
            assert second is not None
            os.kill(second, signal.SIGKILL)
            wait_for(lambda: injector.pid != second)
            victim.process.send_signal(signal.SIGCONT)
            injector.until(UNDONE)
        assert [mark[0] for mark in victim.marks][-1] == "DELETE"


PARENT = """
import sys, time
from harness.faults.http_toggle import HttpToggle
from harness.faults.stop_process import StopProcess
from tests.faults.victims import Watched
from harness.recording.marks import INJECTED
toggle = HttpToggle(url=sys.argv[2], token="hush")
injector = Watched((StopProcess(port=int(sys.argv[1])), 0, 300), (toggle, 0, 300))
assert not injector.start()
injector.begin(time.monotonic())
injector.until(INJECTED, 1)
injector.until(INJECTED, 2)
print(injector.pid, flush=True)
time.sleep(300)
"""


@beside
def test_a_parent_killed_leaves_nothing_injected() -> None:
    with server() as victim, server() as other, python(PARENT, str(victim.port), other.url) as parent:
        said(parent)
        assert victim.is_stopped
        parent.send_signal(signal.SIGKILL)
        wait_for(lambda: victim.answers and [mark[0] for mark in other.marks] == ["PUT", "DELETE"])


@beside
def test_undoing_is_tried_again() -> None:
    with server() as victim, injecting((HttpToggle(url=victim.url, token="hush", timeout_s=1.0), 0, 1)) as injector:
        injector.until(INJECTED)
        victim.process.send_signal(signal.SIGSTOP)
        time.sleep(2.4)  # the first try falls into this time
        victim.process.send_signal(signal.SIGCONT)
        injector.until(UNDONE)
    assert not injector.said(FAILED)


@beside
def test_what_cannot_be_injected_or_undone_is_said() -> None:
    with injecting((HttpToggle(url=f"http://127.0.0.1:{free_port()}/x"), 0, 1), (Noop(), 0, 0.1)) as injector:
        injector.until(UNDONE, 2)
        wait_for(lambda: len(injector.said(FAILED)) == 2)
    assert [each.detail.partition(":")[0] for each in injector.said(FAILED)] == ["not injected", "not undone"]
    assert "refused" in injector.said(FAILED)[0].detail


@beside
def test_a_fault_that_will_find_nothing_is_said_before_the_load() -> None:
    injector = Watched((StopProcess(port=free_port()), 0, NEVER_S))
    (failure,) = injector.start()
    assert "not prepared: no process of this user listens on port" in failure
    injector.stop()
    assert not injector.said(INJECTED)


def test_a_taken_port_is_said_before_the_load() -> None:
    with server() as victim:
        injector = Watched((TcpProxy(to="127.0.0.1:1", listen=victim.port, reset=True), 0, NEVER_S))
        (failure,) = injector.start()
        assert "choose another" in failure
        injector.stop()


def test_a_process_that_cannot_begin_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    injector = Watched((Noop(), 0, NEVER_S))
    (failure,) = injector.start()
    assert "could not begin (exit code 1)" in failure
    injector.stop()


def test_neither_token_nor_body_is_in_an_event() -> None:
    with (
        server() as victim,
        injecting((HttpToggle(url=victim.url, token="hush", body='"hush"'), 0, 0.1)) as injector,
    ):
        injector.until(UNDONE)
    assert "hush" not in repr([(each.event, each.detail) for each in injector.events])


@pytest.mark.parametrize("line", ["{", "[]", '{"rescue": false}', '{"rescue": false, "faults": [{"number": 1}]}'])
def test_a_plan_that_is_none_is_refused_without_a_traceback(line: str) -> None:
    command = [sys.executable, "-m", "harness.sidecar.injector_process"]
    result = subprocess.run(command, input=line + "\n", capture_output=True, text=True, timeout=20, check=False)
    assert result.returncode == 2
    assert "give one line like" in result.stderr and "Traceback" not in result.stderr


def test_a_fault_that_there_is_none_of_is_refused() -> None:
    plan = {"number": 1, "fault": "x", "start_s": 0, "end_s": 1, "description": ""}
    command = [sys.executable, "-m", "harness.sidecar.injector_process"]
    line = json.dumps({"rescue": False, "faults": [{"plan": plan, "parameters": {}}]})
    result = subprocess.run(command, input=line + "\n", capture_output=True, text=True, timeout=20, check=False)
    assert result.returncode == 2
    assert "There is no fault 'x'" in result.stderr and "Traceback" not in result.stderr
