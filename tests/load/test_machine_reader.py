"""What the system says of a machine, from its own files, and what is left out where it says nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.load.machine_reader import MachineReader

CPU = min(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0


class System:
    """A root of a file system whose counters are set, and a clock."""

    def __init__(self, root: Path, cgroup: str = "") -> None:
        self.root, self.now_s, self.cgroup = root, 100.0, cgroup

    def write(self, **texts: str) -> None:
        places = {
            "stat": "proc/stat",
            "own": "proc/self/cgroup",
            "cpu": "proc/pressure/cpu",
            "quota": f"sys/fs/cgroup{self.cgroup}/cpu.stat",
            "within": f"sys/fs/cgroup{self.cgroup}/cpu.pressure",
        }
        for name, text in texts.items():
            path = self.root / places[name]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def clock(self) -> float:
        return self.now_s


def ticks(user: int, idle: int, steal: int) -> str:
    return f"cpu  1 2 3 4\ncpu{CPU} {user} 0 0 {idle} 0 0 0 {steal} 0 0\nintr 5\nprocs_running 7\n"


def some(total_us: int) -> str:
    return f"some avg10=0.00 avg60=0.00 avg300=0.00 total={total_us}\nfull avg10=0 avg60=0 avg300=0 total=9\n"


@pytest.mark.parametrize("cgroup", ["", "/system.slice/run.scope"])
def test_figures_are_of_the_time_since_the_last_reading(tmp_path: Path, cgroup: str) -> None:
    system = System(tmp_path, cgroup)
    system.write(stat=ticks(1000, 5000, 10), own=f"0::{cgroup or '/'}\n", cpu=some(500), within=some(0))
    system.write(quota="usage_usec 1\nnr_periods 100\nnr_throttled 5\nthrottled_usec 99\n")
    reader = MachineReader(tmp_path, system.clock)
    system.now_s += 2.0
    system.write(stat=ticks(1100, 5060, 50), cpu=some(1_000_500), within=some(200_000))
    system.write(quota="usage_usec 1\nnr_periods 120\nnr_throttled 15\nthrottled_usec 999\n")
    assert reader.read() == {
        "cpus": 1,
        "busy_cores": 0.5,
        "idle_cores": 0.3,
        "steal_cores": 0.2,
        "runnable": 7,
        "pressure_cpu_ratio": 0.5,
        "cgroup_pressure_cpu_ratio": 0.1,
        "throttled_ratio": 0.5,
    }


def test_what_the_system_does_not_tell_is_left_out(tmp_path: Path) -> None:
    """As on macOS: neither /proc nor cgroups, and CPU time from elsewhere."""
    values = MachineReader(tmp_path).read()
    assert "cpus" in values
    assert not {"pressure_cpu_ratio", "throttled_ratio", "steal_cores", "runnable"} & values.keys()


def test_a_quota_around_our_own_cgroup_counts_also_in_the_first_version(tmp_path: Path) -> None:
    system = System(tmp_path)
    system.write(stat=ticks(0, 0, 0), own="4:cpu,cpuacct:/pod/container\n")
    stat = tmp_path / "sys/fs/cgroup/cpu/pod/cpu.stat"
    stat.parent.mkdir(parents=True)
    stat.write_text("nr_periods 0\nnr_throttled 0\nthrottled_time 0\n")
    reader = MachineReader(tmp_path, system.clock)
    stat.write_text("nr_periods 10\nnr_throttled 9\nthrottled_time 7\n")
    assert reader.read()["throttled_ratio"] == 0.9
