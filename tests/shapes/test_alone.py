"""Every shape works in anybody's locustfile, with stock users and without the harness: real Locust, real requests."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from shapes._phased import PhasedShape
from tests import service
from tests.run import runs
from tests.shapes import every

LOCUSTFILE = """
import os
import gevent
from locust import HttpUser, constant, events, task
from shapes import {name}

class Visitor(HttpUser):
    wait_time = constant(0.2)

    @task
    def visit(self):
        self.client.get("/visit")

class Load({name}.{cls}):
    {values}

@events.test_start.add_listener
def watch(environment, **_):
    def count():
        while True:
            print("users", environment.runner.user_count, flush=True)
            gevent.sleep(0.1)
    if type(environment.runner).__name__ != "WorkerRunner":
        gevent.spawn(count)
"""

SHORT = {
    "baseline_s": 1, "recovery_s": 1, "base": 1.0, "peak": 6.0, "spike_s": 4, "ramp_s": 1, "hold_s": 3, "steps": 2,
    "period_s": 6, "pulses": 2, "duty_ratio": 0.5, "teeth": 2, "soak_s": 4, "gap_s": 2, "ramp_up_s": 1,
    "plateau_s": 3, "ramp_down_s": 1, "mean": 4.0, "days": 1, "bursts": 1, "burst_s": 3, "burst": 5.0,
    "phases": "baseline 1 at 1, spike 3 at 6, recovery 1 at 1",
    "herd_users": 5, "canary_users": 1, "canary_per_s": 1.0, "steady_s": 1, "drop_s": 1,
}  # fmt: skip

SHORT_S = 2
"""Of a time that only a shape has which came later."""
SEEN_S = 2
"""Locust asks a shape once a second, so what lasts shorter, as the tip of a slope does, may be missed."""
DISTRIBUTED: dict[str, dict[str, object]] = {
    "pulse_train": {"base": 0.0},
    "double_spike": {"spike_kind": "herd"},
}


def short(name: str, **other: object) -> PhasedShape:
    """The shape with short times and few users."""
    shape = every.shape(name)
    values = {option: SHORT_S for option in shape.parameters if option.endswith("_s")} | SHORT | other
    if name == "trace":
        values |= {"trace_file": every.trace_file([(0, 1), (1, 6), (4, 6), (4, 1), (5, 1)])}
    for option, value in values.items():
        if option in shape.parameters:
            setattr(shape, option, value)
    assert shape.problems() == []
    assert shape.profile().duration_s <= 14
    return shape


def started(directory: Path, name: str, site: service.Service, *arguments: str, **other: object) -> runs.Run:
    shape = short(name, **other)
    values = {option: value for option, value in vars(shape).items() if option in shape.parameters}
    text = "; ".join(f"{option} = {value!r}" for option, value in values.items())
    file = directory / f"{name}_alone.py"
    file.write_text(LOCUSTFILE.format(name=name, cls=type(shape).__name__, values=text))
    command = [str(runs.BIN / "locust"), "-f", str(file), "--headless", "--only-summary", "--host", site.url]
    return runs.start(directory, [*command, *arguments], forked=True)


def check(finished: runs.Finished, name: str) -> None:
    """Ended by itself without an error."""
    finished.ended_well(0)
    users = [int(line.removeprefix("users ")) for line in finished.out.splitlines() if line.startswith("users ")]
    points = short(name, **DISTRIBUTED.get(name, {})).profile().users.points
    peak = max(level for _, level in points)
    lasts = any(a == b == peak and end_s - from_s >= SEEN_S for (from_s, a), (end_s, b) in pairwise(points))
    assert max(users) == peak if lasts else 1 < max(users) <= 12, (name, users)


BY_CLASS = """
import gevent
from locust import User, constant, events, task
from shapes.timeline import Level, Timeline

class Buyer(User):
    wait_time = constant(0.2)

    @task
    def buy(self):
        pass

class Reader(Buyer):
    pass

class Load(Timeline):
    phases = "one 4, two 4"

    def class_levels(self):
        return {"Buyer": Level(0, {"one": 6, "two": 2}), "Reader": Level(0, {"one": 2, "two": 6})}

@events.test_start.add_listener
def watch(environment, **_):
    def count():
        while True:
            print("users", sorted(environment.runner.reported_user_classes_count.items()), flush=True)
            gevent.sleep(0.1)
    if type(environment.runner).__name__ != "WorkerRunner":
        gevent.spawn(count)
"""


@pytest.mark.spike_testing
def test_stock_users_of_two_classes_follow_their_own_levels_over_two_workers(tmp_path: Path) -> None:
    """The sum is the same all the time, so that Locust by itself would change nothing."""
    file = tmp_path / "by_class.py"
    file.write_text(BY_CLASS)
    command = [str(runs.BIN / "locust"), "-f", str(file), "--headless", "--only-summary", *runs.processes(2)]
    finished = runs.start(tmp_path, command, forked=True).wait(gone_within_s=5)
    finished.ended_well(0)
    for buyers, readers in ((6, 2), (2, 6)):
        assert f"users [('Buyer', {buyers}), ('Reader', {readers})]" in finished.out


AT_ONCE = 8
"""Runs that share the machine."""


@pytest.mark.spike_testing
def test_every_shape_alone_drives_stock_users(tmp_path: Path) -> None:
    """It ends by itself, without an error, and the users reach its peak; some at once, because they mostly wait.

    Some in two processes: one whose level is 0 in between, and one with two spikes.
    """
    (tmp_path / "two").mkdir()
    with service.running() as site, ThreadPoolExecutor(AT_ONCE) as pool:

        def alone(name: str) -> runs.Finished:
            return started(tmp_path, name, site).wait(gone_within_s=5)

        def in_two_processes(name: str) -> runs.Finished:
            run = started(tmp_path / "two", name, site, *runs.processes(2), **DISTRIBUTED[name])
            return run.wait(gone_within_s=5)

        going = [(name, pool.submit(in_two_processes, name)) for name in DISTRIBUTED]
        going += [(name, pool.submit(alone, name)) for name in every.NAMES]
        for name, done in going:
            check(done.result(), name)
        assert site.requests > 100
