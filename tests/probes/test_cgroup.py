"""The probe ``cgroup``: on real groups where these can be made, and on the files of both versions of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from harness import probes
from harness.clients.cgroups import ControlGroup
from harness.errors import ConfigurationError
from harness.probes import Reading
from harness.probes._container_meter import CounterMeter
from tests.ports import free_port
from tests.probes import control_groups
from tests.probes.loopback import python, said, tell, wait_for

WORKS = """
import os, subprocess, sys, time
print("ready", flush=True)
held = []
for line in sys.stdin:
    what, _, amount = line.strip().partition(" ")
    if what == "hold":
        held.append(b"x" * int(amount))
    elif what == "burn":
        end_s = time.monotonic() + float(amount)
        while time.monotonic() < end_s:
            pass
    elif what == "child":
        grown = "print(len(b'x' * %s))" % amount
        print(subprocess.run([sys.executable, "-c", grown], capture_output=True).returncode, flush=True)
        continue
    print("done", flush=True)
"""
LIMIT_BYTES = 96 << 20

SECOND = {
    "proc/7/cgroup": "0::/shop.slice/web.service",
    "sys/fs/cgroup/shop.slice/memory.max": "300000000",
    "sys/fs/cgroup/shop.slice/cpu.max": "50000 100000",
    "sys/fs/cgroup/shop.slice/cpu.stat": "usage_usec 9000000\nnr_periods 70\nnr_throttled 7\nthrottled_usec 700000",
    "sys/fs/cgroup/shop.slice/web.service/cgroup.type": "domain",
    "sys/fs/cgroup/shop.slice/web.service/cgroup.procs": "7\n8",
    "sys/fs/cgroup/shop.slice/web.service/memory.max": "max",
    "sys/fs/cgroup/shop.slice/web.service/memory.current": "90000000",
    "sys/fs/cgroup/shop.slice/web.service/memory.stat": "anon 50000000\ninactive_file 30000000",
    "sys/fs/cgroup/shop.slice/web.service/memory.events": "low 0\nhigh 0\nmax 9\noom 2\noom_kill 1",
    "sys/fs/cgroup/shop.slice/web.service/cpu.max": "200000 100000",
    "sys/fs/cgroup/shop.slice/web.service/cpu.stat": "usage_usec 4000000\nnr_periods 5\nnr_throttled 0",
}
FIRST = {
    "proc/7/cgroup": "4:memory:/web\n3:cpu,cpuacct:/web\n0::/",
    "sys/fs/cgroup/memory/web/cgroup.procs": "7\n8",
    "sys/fs/cgroup/memory/web/memory.limit_in_bytes": "300000000",
    "sys/fs/cgroup/memory/web/memory.usage_in_bytes": "90000000",
    "sys/fs/cgroup/memory/web/memory.stat": "inactive_file 1\ntotal_inactive_file 30000000",
    "sys/fs/cgroup/memory/web/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1",
    "sys/fs/cgroup/cpuacct/web/cpuacct.usage": "4000000000",
    "sys/fs/cgroup/cpu/web/cpu.cfs_quota_us": "50000",
    "sys/fs/cgroup/cpu/web/cpu.cfs_period_us": "100000",
    "sys/fs/cgroup/cpu/web/cpu.stat": "nr_periods 70\nnr_throttled 7\nthrottled_time 700000000",
}


OBSTACLE = control_groups.obstacle()
real = pytest.mark.skipif(bool(OBSTACLE), reason=f"no control group with limits can be made: {OBSTACLE}")


def only(probe: probes.Probe) -> Reading:
    (reading,) = probe.sample()
    return reading


def tree(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{text}\n")
    return root


@real
def test_memory_throttling_and_oom_kills_of_a_real_group() -> None:
    with control_groups.group(LIMIT_BYTES, cores=0.2) as group, python(WORKS) as process:
        assert said(process) == "ready"
        group.add(process.pid)
        probe = probes.load("cgroup", paths=(group.path,))
        before = only(probe).values
        assert (before["memory_limit_bytes"], before["cpu_limit_cores"]) == (LIMIT_BYTES, pytest.approx(0.2))
        assert (before["processes"], before["pid"]) == (1, process.pid)
        tell(process, f"hold {30 << 20}")
        assert said(process) == "done"
        grown = only(probe).values["memory_working_set_bytes"] - before["memory_working_set_bytes"]
        assert grown == pytest.approx(30 << 20, rel=0.15)
        group.limit_cores(0.04)  # less than a busy machine leaves
        only(probe)
        tell(process, "burn 1")
        assert said(process) == "done"
        burnt = only(probe).values
        assert 0.02 < burnt["cpu_ratio"] < 0.06  # it would have been 1 without the quota
        assert burnt["cpu_throttled_ratio"] > 0.5
        assert burnt["cpu_throttled_periods_total"] > before["cpu_throttled_periods_total"]
        assert burnt["cpu_throttled_s_total"] > before["cpu_throttled_s_total"]
        group.limit_cores(1)
        tell(process, f"child {2 * LIMIT_BYTES}")
        assert said(process) == "-9"
        wait_for(lambda: only(probe).values["oom_kills"] == before["oom_kills"] + 1)
    gone = only(probe)
    assert (gone.error or "").startswith(f"there is no control group {group.path}: ")


@real
def test_a_group_is_found_by_its_port_and_one_that_is_empty_is_no_reading() -> None:
    port = free_port()
    listens = f"import socket\nserver = socket.create_server(('127.0.0.1', {port}))\n{WORKS}"
    with control_groups.group(LIMIT_BYTES, cores=1) as group:
        with python(listens) as process:
            said(process)
            group.add(process.pid)
            for probe in (probes.load("cgroup", ports=(port,)), probes.load("cgroup", pids=(process.pid,))):
                assert only(probe).values["memory_limit_bytes"] == LIMIT_BYTES
                assert only(probe).source.startswith("cgroup of p")
        assert only(probes.load("cgroup", paths=(group.path,))).error == (
            "no process is in it: what ran there has ended"
        )
        assert only(probes.load("cgroup", ports=(port,))).error == f"no process of this user listens on port {port}"


@pytest.mark.parametrize("files", [SECOND, FIRST], ids=["version 2", "version 1"])
def test_both_versions_tell_the_same(tmp_path: Path, files: Mapping[str, str]) -> None:
    """Least limits of the group and of those around it; the working set is the use less the inactive file cache."""
    group = ControlGroup.of_process(7, tree(tmp_path, files))
    assert group.memory_working_set_bytes() == 60e6
    assert (group.memory_limit_bytes(), group.oom_kills()) == (300e6, 1)
    assert (group.cpu_s(), group.cpu_limit_cores()) == (4.0, 0.5)
    assert group.throttling() == {"periods": 70, "throttled_periods": 7, "throttled_s": pytest.approx(0.7)}
    assert sorted(group.pids()) == [7, 8]


def test_the_root_of_all_groups_has_no_figures_of_its_own(tmp_path: Path) -> None:
    """They are the machine's. In a container the mount is the container's own group, and is no such root."""
    root = {
        "proc/7/cgroup": "4:memory:/\n3:cpuacct:/\n2:cpu:/",
        "sys/fs/cgroup/memory/release_agent": "",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
        "sys/fs/cgroup/memory/memory.usage_in_bytes": "7",
        "sys/fs/cgroup/cpuacct/release_agent": "",
        "sys/fs/cgroup/cpuacct/cpuacct.usage": "7",
    }
    group = ControlGroup.of_process(7, tree(tmp_path / "machine", root))
    assert (group.memory_working_set_bytes(), group.cpu_s(), group.throttling()) == (None, None, {})
    own = {name: text for name, text in root.items() if "release_agent" not in name}
    group = ControlGroup.of_process(7, tree(tmp_path / "container", own))
    assert (group.memory_working_set_bytes(), group.cpu_s()) == (7.0, 7e-9)


def test_a_path_that_leads_out_of_the_mount_is_not_followed(tmp_path: Path) -> None:
    files = {"proc/7/cgroup": "0::/../web", "sys/fs/cgroup/memory.max": "7", "sys/fs/web/memory.max": "8"}
    assert ControlGroup.of_process(7, tree(tmp_path, files)).memory_limit_bytes() > 8
    assert ControlGroup.named("../web", tmp_path) is None


def test_shares_are_of_the_time_since_the_sample_before() -> None:
    meter = CounterMeter()
    quota = {"periods": 100.0, "throttled_periods": 50.0, "throttled_s": 3.0}
    first = meter.read(10.0, 5.0, quota)
    assert "cpu_ratio" not in first
    assert first["cpu_throttled_periods_total"] == 50
    second = meter.read(12.0, 6.0, {"periods": 120.0, "throttled_periods": 65.0, "throttled_s": 4.0})
    assert (second["cpu_ratio"], second["cpu_throttled_ratio"]) == (0.5, 0.75)
    assert "cpu_ratio" not in meter.read(12.0, 6.0, quota)
    assert "cpu_ratio" not in meter.read(13.0, 0.1, {"periods": 1.0, "throttled_periods": 0.0, "throttled_s": 0.0})
    idle = meter.read(14.0, 0.1, {"periods": 1.0, "throttled_periods": 0.0, "throttled_s": 0.0})
    assert (idle["cpu_ratio"], idle["cpu_throttled_ratio"]) == (0.0, 0.0)


def test_what_is_wrong_is_said_all_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        probes.load("cgroup", paths=("/sys/fs/cgroup/a", "../b"), ports=(0,))
    assert "ports" in str(caught.value)
    with pytest.raises(ConfigurationError) as caught:
        probes.load("cgroup", paths=("/sys/fs/cgroup/a", "../b", "/"))
    assert [message.partition(" is none below")[0].rpartition(" ")[2] for message in caught.value.messages] == [
        "'/sys/fs/cgroup/a'",
        "'../b'",
        "'/'",
    ]
    with pytest.raises(ConfigurationError, match=r"nothing to sample\. Give paths, ports or pids"):
        probes.load("cgroup")
