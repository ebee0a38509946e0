"""Sampling in a process of its own: on its grid, whatever its parent does, and never without its parent."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from harness import probes
from harness.errors import ConfigurationError
from harness.sidecar.sampler import RawReading, Sampler
from tests.probes.loopback import PATIENCE_S, hanging, python, said, tell, wait_for

NOOP = probes.load("noop", value=1)


def has_ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def of(readings: list[RawReading], probe: str) -> list[RawReading]:
    return [reading for reading in readings if reading.probe == probe]


def test_readings_come_with_their_instant_and_end_with_stop() -> None:
    got: list[RawReading] = []
    sampler = Sampler([NOOP], 0.05, got.append)
    assert not sampler.alive
    began_s = time.monotonic()
    sampler.start()
    wait_for(lambda: len(got) >= 5)
    assert sampler.alive
    sampler.stop()
    sampler.stop()
    assert not sampler.alive
    assert all(r.values == {"value": 1.0} and r.error is None and r.source == "noop" for r in got)
    assert all(began_s < reading.monotonic_s < time.monotonic() for reading in got)


def test_the_sampling_process_has_neither_locust_nor_gevent() -> None:
    script = "import sys, harness.sidecar.sampler; print([m for m in ('locust', 'gevent') if m in sys.modules])"
    with python(script) as process:
        assert said(process) == "[]"


def test_an_endpoint_that_hangs_delays_itself_only_and_says_so() -> None:
    got: list[RawReading] = []
    with hanging() as url:
        sampler = Sampler([probes.load("http_json", url=url, timeout_s=0.6), NOOP], 0.1, got.append)
        sampler.start()
        wait_for(lambda: any("timed out" in (r.error or "") for r in got) and len(of(got, "noop")) >= 10)
        sampler.stop()
    assert not [reading for reading in of(got, "noop") if reading.error]
    errors = [reading.error or "" for reading in of(got, "http_json")]
    assert sum("skipped: the sample begun" in error for error in errors) >= 3


def test_stop_does_not_wait_for_an_endpoint_that_hangs() -> None:
    got: list[RawReading] = []
    with hanging() as url:
        sampler = Sampler([probes.load("http_json", url=url, timeout_s=50.0)], 0.1, got.append)
        sampler.start()
        wait_for(lambda: len(got) >= 2)
        began_s = time.monotonic()
        sampler.stop(timeout_s=60)  # longer than it may take: it obeys, and is not killed
    assert time.monotonic() - began_s < 20
    assert not sampler.alive


CONTROL = """
import json, select, sys, time
begun = time.monotonic()
instants = []
while True:
    due = begun + 0.05 * (int((time.monotonic() - begun) / 0.05) + 1)
    if select.select([sys.stdin], [], [], due - time.monotonic())[0]:
        break
    instants.append(time.monotonic())
print(json.dumps(instants))
"""
"""Sleeps from point to point of the same grid and does nothing else, until it is told: what the machine allows."""

BURNS = """
import sys
if sys.argv[1] == "gevent":
    from gevent import monkey; monkey.patch_all()
import time
from harness import probes
from harness.sidecar.sampler import Sampler
got = []
sampler = Sampler([probes.load("noop")], 0.05, got.append)
sampler.start()
while not got:
    time.sleep(0.01)
end = time.monotonic() + 3
while time.monotonic() < end:
    sum(range(1000))
sampler.stop()
print([reading.monotonic_s for reading in got if reading.error is None], end - 3, end)
"""


@pytest.mark.parametrize("mode", ["gevent", "threads"])
def test_samples_stay_on_their_grid_while_the_parent_burns_cpu(mode: str) -> None:
    """As well as a process beside it that does nothing but keep to such a grid: both see the same busy machine."""
    with python(CONTROL) as control, python(BURNS, mode) as process:
        text = said(process)
        tell(control, "over")
        control_instants = json.loads(said(control))
    instants = json.loads(text[: text.index("]") + 1])
    start_s, end_s = (float(number) for number in text[text.index("]") + 1 :].split())
    count, on_grid = on_their_grid(instants, start_s, end_s)
    possible, on_grid_at_all = on_their_grid(control_instants, start_s, end_s)
    assert possible > 0
    assert count >= 0.9 * possible
    assert on_grid >= 0.9 * on_grid_at_all


def on_their_grid(instants: list[float], start_s: float, end_s: float) -> tuple[int, int]:
    """How many there are in this time, and how many of these lie near the points of a grid of 50 ms."""
    inside = [instant for instant in instants if start_s <= instant <= end_s]
    offsets = [(instant - instants[0] + 0.025) % 0.05 - 0.025 for instant in inside]
    return len(inside), sum(abs(offset - statistics.median(offsets)) < 0.015 for offset in offsets)


def test_readings_flow_while_greenlets_run_and_hold_up_none() -> None:
    script = """
from gevent import monkey; monkey.patch_all()
import gevent, time
from harness import probes
from harness.sidecar.sampler import Sampler
def usual_lag_s(condition):
    lags = []
    while len(lags) < 60 or not condition():
        began = time.monotonic(); gevent.sleep(0.01); lags.append(time.monotonic() - began)
    return sorted(lags)[len(lags) // 2]
got = []
alone_s = usual_lag_s(lambda: True)
sampler = Sampler([probes.load("noop")], 0.05, got.append)
sampler.start()
beside_s = usual_lag_s(lambda: len(got) >= 10)
sampler.stop()
print(len(got) >= 10, beside_s < 2 * alone_s + 0.01, sampler.alive, alone_s, beside_s)
"""
    with python(script) as process:
        assert said(process).startswith("True True False")


PARENT = """
import os, sys, time
from harness import probes
from harness.sidecar.sampler import Sampler
sampler = Sampler([probes.load("noop")], 0.05, lambda reading: None)
sampler.start()
copy = 0
if sys.argv[1] == "forks":
    copy = os.fork()
    if copy == 0:
        time.sleep(60); os._exit(0)
print(sampler.pid, copy, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("mode", ["plain", "forks"])
def test_a_parent_killed_leaves_no_sampling_process(mode: str) -> None:
    """Also when a forked copy of the parent still holds the pipe."""
    with python(PARENT, mode) as process:
        pid, copy = (int(number) for number in said(process).split())
        try:
            assert not has_ended(pid)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            wait_for(lambda: has_ended(pid))
        finally:
            if copy:
                os.kill(copy, signal.SIGKILL)


def test_a_sampling_process_that_dies_is_an_error_of_each_source() -> None:
    got: list[RawReading] = []
    other = probes.load("process", pids=(os.getpid(),), children=False)
    sampler = Sampler([NOOP, other], 0.05, got.append)
    sampler.start()
    wait_for(lambda: bool(of(got, "noop") and of(got, "process")))
    assert sampler.pid is not None
    os.kill(sampler.pid, signal.SIGKILL)
    wait_for(lambda: sum("sampling process ended (signal 9)" in (r.error or "") for r in got) == 2)
    assert not sampler.alive
    assert {reading.probe for reading in got if reading.error} == {"noop", "process"}
    sampler.stop()


def test_a_sampling_process_that_cannot_begin_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[RawReading] = []
    monkeypatch.setattr(sys, "executable", "/bin/false")
    sampler = Sampler([NOOP], 0.05, got.append)
    sampler.start()
    wait_for(lambda: bool(got))
    sampler.stop()
    assert [(r.probe, r.error) for r in got] == [
        ("noop", "the sampling process ended (exit code 1): nothing is sampled any more")
    ]


def test_a_receiver_that_raises_does_not_end_sampling() -> None:
    calls: list[RawReading] = []

    def receive(reading: RawReading) -> None:
        calls.append(reading)
        raise ValueError("full")

    sampler = Sampler([NOOP], 0.05, receive)
    sampler.start()
    wait_for(lambda: len(calls) >= 3)
    sampler.stop()


def test_an_interval_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="more than 0 seconds"):
        Sampler([NOOP], 0, lambda _: None)


def test_files_in_the_working_directory_do_not_get_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise ImportError('not this one')")
    monkeypatch.chdir(tmp_path)
    got: list[RawReading] = []
    sampler = Sampler([NOOP], 0.05, got.append)
    sampler.start()
    wait_for(lambda: bool(got))
    sampler.stop()
    assert got[0].error is None


def run_by_hand(first_line: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "harness.sidecar.sampler"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(first_line + "\n")
    process.stdin.flush()
    return process


def test_interrupt_is_ignored_and_terminate_ends_it() -> None:
    process = run_by_hand(json.dumps({"interval_s": 0.05, "probes": [probes.as_data(NOOP)]}))
    assert json.loads(said(process))["source"] == "noop"
    process.send_signal(signal.SIGINT)
    assert said(process) and said(process) and process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 0
    _, errors = process.communicate()
    assert errors == ""


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "give one line like"),
        ('{"interval_s": 1}', "give one line like"),
        ('{"interval_s": 1, "probes": [{"probe": "x"}]}', "There is no probe 'x'"),
    ],
)
def test_a_plan_that_is_none_is_refused_without_a_traceback(line: str, words: str) -> None:
    process = run_by_hand(line)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert words in errors and "Traceback" not in errors
