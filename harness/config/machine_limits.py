"""Whether this machine can make a load: each of its limits, what a run needs of it, and what to do where that is more.

``springback doctor`` shows all of them, and a run those that it will meet. What a system does not tell is left out.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from harness.analysis.machine import on_masters_machine
from harness.load.descriptors import raise_limit, shortage
from harness.load.machine_reader import usable_cores

USER_BYTES = 60_000
"""Of a parked user with its connection, in round figures; docs/benchmarks.md has them measured."""
PROCESS_BYTES = 150_000_000
"""Of a load process with Locust and a scenario."""
CLOCKS = ("tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page", "xen")
"""Clock sources that are read without a call of the kernel or nearly so."""
COARSE_S = 1e-4
MOST_PROCESSES = 1000
"""More are refused elsewhere, and are a slip."""


@dataclass(frozen=True)
class Need:
    """What a run asks of the machine."""

    users: int = 0
    """Parked at most, over all load processes."""
    processes: int = 1
    """Load processes on this machine."""
    host: str = ""


@dataclass(frozen=True)
class Limit:
    """One of them, and what is wrong with it."""

    name: str
    figure: str
    remedy: str = ""
    """Empty where it is enough."""
    prevents: bool = False
    """Whether a run that needs more cannot be made, rather than be disturbed."""


def need_of(options: Any, users: int, host: str) -> Need | None:
    """Of a run with Locust's ``options``. None for a master whose load processes are started elsewhere."""
    if processes := getattr(options, "processes", None):
        return Need(users, min(processes, MOST_PROCESSES) if processes > 0 else os.cpu_count() or 1, host)
    return None if getattr(options, "master", False) else Need(users, 1, host)


def limits(need: Need) -> list[Limit]:
    """Those of this machine, for what is needed."""
    found = (_descriptors, _ports, _backlog, _cores, _clock, _real_time, _memory)
    return [limit for each in found for limit in each(need)]


def _descriptors(need: Need) -> Iterator[Limit]:
    most = raise_limit()
    figure = "no limit" if most is None else f"{most:,} in a process"
    yield Limit("file descriptors", figure, shortage(need.users, need.processes) or "", prevents=True)


def _ports(need: Need) -> Iterator[Limit]:
    if (text := _read("/proc/sys/net/ipv4/ip_local_port_range")) is None:
        return
    low, high = map(int, text.split())
    free = high - low + 1
    remedy = (
        f"{need.users:,} connections to one address need as many: widen net.ipv4.ip_local_port_range, or make load "
        "from several machines"
    )
    yield Limit("local ports", f"{free:,} ({low} to {high})", "" if free >= need.users else remedy, prevents=True)


def _backlog(need: Need) -> Iterator[Limit]:
    if not on_masters_machine(need.host) or (text := _read("/proc/sys/net/core/somaxconn")) is None:
        return
    longest = int(text)
    remedy = (
        f"{need.users:,} users may connect at once, and the kernel lets no more than {longest:,} connections wait for "
        "a service here, whatever it asks for: raise net.core.somaxconn, or their connects are retried after 1 s"
    )
    yield Limit("backlog of listeners", f"{longest:,}", "" if longest >= need.users else remedy)


def _cores(need: Need) -> Iterator[Limit]:
    cores = usable_cores()
    shared = on_masters_machine(need.host)
    figure = f"{cores}, shared with the target" if shared else f"{cores}"
    remedy = ""
    if need.processes > cores:
        remedy = f"{need.processes} load processes share them: use --processes {cores}, or more machines"
    elif shared and need.processes >= cores:
        remedy = "nothing is left for the target: use fewer load processes, or another machine for the load"
    yield Limit("CPU cores", figure, remedy)


def _clock(_: Need) -> Iterator[Limit]:
    resolution_s = time.get_clock_info("monotonic").resolution
    source = (_read("/sys/devices/system/clocksource/clocksource0/current_clocksource") or "").strip()
    remedy = ""
    if resolution_s > COARSE_S:
        remedy = "too coarse for release skew and latencies of a millisecond"
    elif source and source not in CLOCKS:
        remedy = f"{source} is slow to read, which costs a load process CPU; choose tsc where the machine has it"
    yield Limit("clock", f"{source or 'monotonic'}, resolution {resolution_s:g} s", remedy)


def _real_time(_: Need) -> Iterator[Limit]:
    """A gate is released in the real-time class where that is permitted."""
    if not hasattr(os, "sched_setscheduler"):
        return
    usual = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        os.sched_setscheduler(0, *usual)
        yield Limit("real-time class", "permitted")
    except OSError:
        remedy = "other processes may come between the sends of a herd: permit it (CAP_SYS_NICE, or ulimit -r 1)"
        yield Limit("real-time class", "not permitted", remedy)


def _memory(need: Need) -> Iterator[Limit]:
    available = psutil.virtual_memory().available
    needed = need.users * USER_BYTES + need.processes * PROCESS_BYTES
    remedy = f"about {needed / 1e9:.1f} GB are needed: use fewer users, or more machines"
    yield Limit("memory", f"{available / 1e9:.1f} GB available", "" if available >= needed else remedy)


def _read(path: str) -> str | None:
    with contextlib.suppress(OSError):
        return Path(path).read_text(encoding="ascii")
    return None
