"""Two hosts, as network namespaces with a cable between them; the second one's monotonic clock is 5,000 s ahead."""

from __future__ import annotations

import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.analysis import skew
from harness.recording import Recording, read
from tests.run import runs

pytestmark = pytest.mark.spike_testing

SCENARIO = Path(__file__).parent.parent.parent / "examples" / "own_service.py"
AHEAD_S = 5000
ADDRESSES = ("10.91.7.1", "10.91.7.2")
SHORT = (
    *("--baseline-s", "2", "--herd-users", "20", "--spike-s", "1", "--recovery-s", "2"),
    *("--canary-users", "4", *runs.UNHURRIED),
)


@dataclass(frozen=True)
class Hosts:
    """Names of the two namespaces."""

    first: str
    second: str


@pytest.fixture
def hosts() -> Iterator[Hosts]:
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


def test_a_worker_on_another_host_with_another_clock_releases_on_time(hosts: Hosts, tmp_path: Path) -> None:
    """The offset is measured over the network: both hosts release together, though one clock is 5,000 s ahead."""
    port, master_port = str(runs.free_port()), str(runs.free_port())
    ahead = ("unshare", "--fork", "--time", "--monotonic", str(AHEAD_S))
    if _code([*ahead, "true"]):
        pytest.skip("time namespaces are refused here")
    locust = (str(runs.BIN / "locust"), "-f", str(SCENARIO))
    url = f"http://{ADDRESSES[0]}:{port}"
    running = [
        runs.start(tmp_path, _on(hosts.first, sys.executable, "-m", "http.server", port, "--bind", ADDRESSES[0]))
    ]
    try:
        reach = [sys.executable, "-c", f"import urllib.request; urllib.request.urlopen('{url}', timeout=1)"]
        running[0].until(
            lambda: not subprocess.run(_on(hosts.second, *reach), capture_output=True).returncode, "target is up"
        )
        options = ("--headless", "--host", url, "--allow-host", ADDRESSES[0], "--runs-dir", str(tmp_path / "runs"))
        lead = ("--master", "--expect-workers", "2", "--master-bind-port", master_port, *SHORT)
        master = runs.start(tmp_path, _on(hosts.first, *locust, *options, *lead))
        follow = ("--worker", "--master-host", ADDRESSES[0], "--master-port", master_port)
        running += [master, runs.start(tmp_path, _on(hosts.first, *locust, *follow))]
        running.append(runs.start(tmp_path, _on(hosts.second, *ahead, *locust, *follow)))
        finished = master.wait(90)
    finally:
        for run in running[:1] + running[2:]:
            run.kill_all()
    assert "Traceback" not in finished.err, finished.err
    _released_together(read(finished.directory))


def _released_together(recording: Recording) -> None:
    (release,) = skew.releases(recording)
    assert release.sent == 20
    assert {mark.node for mark in recording.gates} == {"worker-1", "worker-2"}
    # Unhurried machines do this in a few milliseconds; a clock that was not corrected would be off by 5,000 s.
    instants_s = [sent_us / 1e6 for mark in recording.gates for sent_us in mark.sent_us]
    assert max(instants_s) - min(instants_s) < 0.25
    assert all(mark.clock_uncertainty_s < 0.1 for mark in recording.gates)
    assert not [mark for mark in recording.node_events if mark.event in ("lost", "late")]


def _on(host: str, *command: str) -> list[str]:
    return ["ip", "netns", "exec", host, *command]


def _code(command: list[str]) -> int:
    return subprocess.run(command, capture_output=True, check=False).returncode


def _ip(*words: str) -> str:
    """Runs ``ip``; what it complained of, empty when it did not."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    return done.stderr.strip() or (f"exit code {done.returncode}" if done.returncode else "")
