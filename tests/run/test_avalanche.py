"""The WebSocket avalanche in whole runs: in two processes, stopped, and against targets that fail it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.criteria.websocket import _connections as connections
from tests import service
from tests.ports import free_port
from tests.run import runs
from tests.run.runs import SIGINT, Finished
from tests.run.together import together

ROOT = Path(__file__).parents[2]
AVALANCHE = str(ROOT / "locustfiles" / "websocket_avalanche.py")
USERS = 20
SHORT = (
    *("--baseline-s", "2", "--spike-s", "2", "--steady-s", "4", "--drop-s", "2", "--recovery-s", "4"),
    *("--herd-users", str(USERS), "--canary-per-s", "5", "--canary-users", "5"),
    *("--say-every-s", "0.5", "--quiet-s", "0.5", "--channel-users", "5", "--back-within-s", "1"),
)


@contextmanager
def bare_feed() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A server that takes every WebSocket, and its process."""
    command = [sys.executable, "-m", "benchmarks._websocket_target"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}", process
    finally:
        process.kill()
        process.communicate()


def on_the_reference_target(directory: Path) -> Finished:
    command = ("run", AVALANCHE, "--runs-dir", str(directory / "runs"), *SHORT, *runs.UNHURRIED, *runs.VERDICT_ONLY)
    return runs.springback(directory, *command, "--processes", "2", forked=True).wait(gone_within_s=5)


@together(on_the_reference_target, takes_s=45)
def test_two_processes_count_every_connection_and_message(outcome: Finished) -> None:
    """The target drops everybody, as planned; 30 handshakes are too few for a p99, and nothing else is wrong."""
    outcome.ended_well(code=4)
    wrong = {found["criterion"] for found in outcome.verdict["findings"] if found["outcome"] != "PASS"}
    assert wrong <= {"handshake_p99", "error_ratio", "memory_growth"}, outcome.verdict
    recording = outcome.recording
    drop = recording.phase("drop")
    assert drop is not None
    assert connections.ended_in(recording, drop, "/feed") == {"closed 1012": USERS}
    assert connections.opened(recording, "/feed") == connections.ended(recording, "/feed") == 2 * USERS
    delivery = outcome.finding("message_delivery")["evidence"]
    assert delivery["message broadcast, due"] > USERS and delivery["lost"] == delivery["doubled"] == 0


def stopped(directory: Path) -> Finished:
    with bare_feed() as (url, _):
        run = runs.locust(directory, AVALANCHE, *SHORT, host=url)
        run.until_phase("steady")
        run.send_in("steady", SIGINT)
        return run.wait()


@together(stopped)
def test_a_run_that_is_stopped_says_goodbye_and_proves_no_reconnect(outcome: Finished) -> None:
    outcome.ended_well(code=4)
    recording = outcome.recording
    assert connections.opened(recording, "/feed") == connections.ended(recording, "/feed") == USERS
    assert not connections.lost(recording, None)
    assert outcome.finding("reconnect_time")["outcome"] == "INCONCLUSIVE"


def killed(directory: Path) -> Finished:
    """With SIGKILL, in the middle of everything, and it stays away."""
    with bare_feed() as (url, process):
        run = runs.locust(directory, AVALANCHE, *SHORT, host=url)
        run.until_phase("steady")
        process.kill()
        return run.wait()


@together(killed)
def test_a_target_that_is_killed_loses_every_connection_and_nobody_comes_back(outcome: Finished) -> None:
    outcome.ended_well(code=3)
    kept = outcome.finding("connections_kept")
    assert (kept["outcome"], kept["figure"]) == ("FAIL", 1.0)
    assert outcome.count("connection refused") > USERS, "they tried again and again"
    away = [piece for piece in outcome.recording.slices if piece.outcome == "unfinished"]
    assert sum(piece.count for piece in away if piece.name == "WS /feed reconnect") == USERS


def no_websocket(directory: Path) -> Finished:
    with service.running() as target:
        return runs.locust(directory, AVALANCHE, *SHORT, host=target.url).wait()


@together(no_websocket)
def test_a_server_that_knows_no_websocket_fails(outcome: Finished) -> None:
    outcome.ended_well(code=3)
    assert outcome.finding("error_ratio")["figure"] == 1
    assert outcome.count("http 200") > USERS
    for name in ("reconnect_time", "message_delivery", "connections_kept", "connections_agree"):
        assert outcome.finding(name)["outcome"] == "INCONCLUSIVE"


def nothing_listens(directory: Path) -> Finished:
    return runs.locust(directory, AVALANCHE, *SHORT, host=f"http://127.0.0.1:{free_port()}").wait()


@together(nothing_listens)
def test_nothing_listens(outcome: Finished) -> None:
    outcome.ended_well(code=4)
    assert outcome.count() == 0


def wrong_options(directory: Path) -> Finished:
    with bare_feed() as (url, _):
        wrong = ("--cut", "scissors", "--say-every-s", "often", "--channel-users", "0.5", "--feed-path", "feed")
        return runs.locust(directory, AVALANCHE, *SHORT, *wrong, "--herd-users", "900000", host=url).wait()


@together(wrong_options)
def test_all_that_is_wrong_is_said_at_once(outcome: Finished) -> None:
    outcome.ended_well(code=2)
    for text in (
        "--cut scissors: give one of nothing, client, server",
        "--say-every-s often: give a number from 0.01",
        "--channel-users 0.5: give a whole number from 1",
        "--feed-path feed: give a path that begins with /",
    ):
        assert text in outcome.err, outcome.err
    assert "file descriptors" in outcome.err and "--processes" in outcome.err
