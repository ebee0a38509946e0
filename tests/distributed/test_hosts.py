"""Two hosts, as network namespaces with a cable between them; the second one's monotonic clock is 5,000 s ahead."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.criteria.guards import _skew as skew
from harness.recording import Recording
from harness.recording.file import read
from tests.ports import free_port
from tests.run import runs
from tests.run.runs import Finished
from tests.run.together import beside

pytestmark = pytest.mark.spike_testing

SCENARIO = Path(__file__).parent / "herd_alone.py"
TARGET = Path(__file__).parent / "target.py"
HERD = 20
AHEAD_S = 5000
ADDRESSES = ("10.91.7.1", "10.91.7.2")


@dataclass(frozen=True)
class Hosts:
    """Names of the two namespaces."""

    first: str
    second: str


@contextmanager
def two_hosts() -> Iterator[Hosts]:
    """Two namespaces joined by a veth pair; skipped, with the reason, where they cannot be made."""
    if shutil.which("ip") is None:
        pytest.skip("no `ip` command here: install iproute2")
    tag = uuid.uuid4().hex[:6]
    made = Hosts(f"sb-{tag}-1", f"sb-{tag}-2")
    refused = _ip("netns", "add", made.first)
    if refused:
        pytest.skip(f"network namespaces are refused here: {refused}")
    try:
        assert not _ip("netns", "add", made.second)
        cable = ("link", "add", f"{tag}a", "netns", made.first, "type", "veth", "peer", "name", f"{tag}b")
        assert not _ip(*cable, "netns", made.second)
        for name, end, address in zip((made.first, made.second), (f"{tag}a", f"{tag}b"), ADDRESSES, strict=True):
            assert not _ip("-n", name, "address", "add", f"{address}/24", "dev", end)
            assert not _ip("-n", name, "link", "set", end, "up")
            assert not _ip("-n", name, "link", "set", "lo", "up")
        yield made
    finally:
        for name in (made.first, made.second):
            _ip("netns", "delete", name)


@beside
def test_a_worker_on_another_host_with_another_clock_releases_on_time(tmp_path: Path) -> None:
    """The offset is measured over the network: both hosts release together, though one clock is 5,000 s ahead.

    The target's clock is the judge of that, and not the one under test.
    """
    with two_hosts() as hosts:
        finished, noted = _run_over(hosts, tmp_path)
    assert "Traceback" not in finished.err, finished.err
    recording = read(finished.directory)
    _told_as_it_was(recording)
    _arrived_as_sent([(instant_s, host) for instant_s, host in noted], recording)


def _run_over(hosts: Hosts, directory: Path) -> tuple[Finished, list[tuple[float, str]]]:
    """A run with a load process on each, and when which of them has asked the target."""
    port, master_port = str(free_port()), str(free_port())
    ahead = ("unshare", "--fork", "--time", "--monotonic", str(AHEAD_S))
    if _code([*ahead, "true"]):
        pytest.skip("time namespaces are refused here")
    locust = (str(runs.BIN / "locust"), "-f", str(SCENARIO))
    url = f"http://{ADDRESSES[0]}:{port}"
    running = [runs.start(directory, _on(hosts.first, sys.executable, str(TARGET), ADDRESSES[0], port))]
    try:
        running[0].until(lambda: _asked(hosts.second, url) is not None, "target is up")
        options = ("--headless", "--host", url, "--allow-host", ADDRESSES[0], "--runs-dir", str(directory / "runs"))
        bind = ("--master", "--expect-workers", "2", "--master-bind-port", master_port)
        master_command = _on(hosts.first, *locust, *options, *bind, *runs.UNHURRIED, *runs.VERDICT_ONLY)
        master = runs.start(directory, master_command)
        follow = ("--worker", "--master-host", ADDRESSES[0], "--master-port", master_port)
        running += [master, runs.start(directory, _on(hosts.first, *locust, *follow))]
        master.until(lambda: "1 workers connected" in master.err, "worker-1 is that of the first host")
        running.append(runs.start(directory, _on(hosts.second, *ahead, *locust, *follow)))
        finished = master.wait(90)
        return finished, json.loads(_asked(hosts.first, f"{url}/noted") or "[]")
    finally:
        for run in running[:1] + running[2:]:
            run.kill_all()


def _arrived_as_sent(noted: list[tuple[float, str]], recording: Recording) -> None:
    """By each host's quickest request, from when it was sent by the corrected clock to the target's own: however late
    the machine made others, that of both is the same but for the error of the correction. Without one it would be off
    by 5,000 s.
    """
    assert len(noted) == HERD
    assert {host for _, host in noted} == set(ADDRESSES), "both hosts took part"
    first_1_s, first_2_s = (min(instant_s for instant_s, host in noted if host == address) for address in ADDRESSES)
    assert abs(first_1_s - first_2_s) < 0.5, "released together, by the target's clock"
    quickest_1_s, quickest_2_s = (
        min(
            arrived_s - sent_us / 1e6
            for arrived_s, sent_us in zip(
                sorted(instant_s for instant_s, host in noted if host == address),
                sorted(us for mark in recording.gates if mark.node == node for us in mark.sent_us),
                strict=True,
            )
        )
        for node, address in zip(("worker-1", "worker-2"), ADDRESSES, strict=True)
    )
    assert abs(quickest_1_s - quickest_2_s) < 0.1


def _told_as_it_was(recording: Recording) -> None:
    (release,) = skew.releases(recording)
    assert release.sent == HERD
    assert {mark.node for mark in recording.gates} == {"worker-1", "worker-2"}
    assert all(mark.clock_uncertainty_s < 0.1 for mark in recording.gates)
    assert not [mark for mark in recording.node_events if mark.event in ("lost", "late")]


def _asked(host: str, url: str) -> str | None:
    """What ``url`` answers on this host, None when it does not."""
    ask = f"import urllib.request; print(urllib.request.urlopen('{url}', timeout=2).read().decode())"
    done = subprocess.run(_on(host, sys.executable, "-c", ask), capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None


def _on(host: str, *command: str) -> list[str]:
    return ["ip", "netns", "exec", host, *command]


def _code(command: list[str]) -> int:
    return subprocess.run(command, capture_output=True, check=False).returncode


def _ip(*words: str) -> str:
    """Runs ``ip``; what it complained of, empty when it did not."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    return done.stderr.strip() or (f"exit code {done.returncode}" if done.returncode else "")
