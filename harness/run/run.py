"""The run: one run, from the health check before it to the verdict after it, on the master or local runner.

Order of a run: health check, header, sampler; users spawn and park; the plan goes out with an origin that lies
ahead; the nodes act on it by themselves; they drain and deliver their last reports; health check, end line, reports.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
from gevent.lock import RLock
from locust.env import Environment

from harness.config.scenario import Scenario
from harness.config.settings import RunSettings
from harness.load.node_reporter import Report
from harness.load.run_plan import Plan
from harness.recording import HealthMark, Mark, NodeMark
from harness.run import health_check
from harness.run.fault_control import FaultControl
from harness.run.header import header
from harness.run.live_alerts import SETTLES_S, LiveAlerts
from harness.run.progress import PhaseProgress
from harness.run.recording_writer import RecordingWriter, make_run_directory
from harness.sidecar.sampler import Sampler
from shapes._phased import PhasedShape
from shapes._profile import Profile

PLAN_AHEAD_S = 1.5
"""The plan goes out this long before the origin: a message can be held up, and none may be needed in time."""
TICK_S = 0.2
LAST_REPORTS_S = 3.0


class Run:
    """``nodes`` are the load processes that take part; ``send_plan`` hands the plan to all of them."""

    def __init__(
        self,
        environment: Environment,
        scenario: Scenario,
        settings: RunSettings,
        shape: PhasedShape,
        nodes: int,
        send_plan: Callable[[Plan], tuple[str, ...]],
    ) -> None:
        self.directory, started_utc = make_run_directory(Path(settings.runs_dir), scenario.name)
        self.name = self.directory.name
        self.report_formats = settings.report_formats
        self.finished = False
        self._stopped_at_s: float | None = None
        """Seconds after the origin at which the nodes were told to stop, so that an early last report is no loss."""
        self.failure: str | None = None
        """Why the run was broken off, if it was."""
        self._environment = environment
        self._settings = settings
        self._shape = shape
        self._profile = shape.profile()
        self._send_plan = send_plan
        self._nodes = nodes
        self._host = environment.host or ""
        self._settle_until_s = math.inf
        self._parked: dict[str, int] = {}
        self._taking_part: tuple[str, ...] = ()
        self._final: dict[str, Report] = {}
        self._lost: set[str] = set()
        self._late: set[str] = set()
        self._lock = RLock()
        planned = header(scenario.name, started_utc, settings, shape, self._host, nodes)
        baseline = next((phase for phase in planned.phases if phase.name == "baseline"), None)
        self._live_alerts = LiveAlerts(settings.alerts, baseline, self.mark)
        self._writer = RecordingWriter(self.directory, planned, self._live_alerts.take)
        self._sampler = Sampler(settings.probes, 1.0, self._writer.reading) if settings.probes else None
        self._fault_control = FaultControl(settings.faults, self._writer.record)
        self._progress = PhaseProgress(self._profile.phases)
        self._greenlet: gevent.Greenlet[..., Any] | None = None

    # ParentLink of a run, in order

    def start(self) -> None:
        """Checks the target; then the sampler and the conducting begin. A target that is down gets no load."""
        self.failure = self._fault_control.prepare()  # first: the target may be reached through a proxy of a fault
        if self.failure:
            return
        if self._sampler is not None:
            self._sampler.start()
        result = health_check.wait_until_healthy(
            self._health_url(), self._settings.wait_for_target, self._settings.health_timeout_s
        )
        self.mark(HealthMark(0, "before", result.check, result.ok, result.detail))
        if not result.ok:
            self.failure = f"the target was not healthy before the start: {result.check}: {result.detail}"
            return
        if not self._shape.parked:
            self._send_plan_out()
        self._greenlet = gevent.spawn(self._conduct)

    def node_parked(self, node: str, parked: int) -> None:
        """A node says how many of its users are parked."""
        self._parked[node] = parked
        if self._writer.has_origin and node not in (*self._taking_part, *self._late):
            self._late.add(node)
            self.node_event(node, "late", "joined after the plan had gone out and takes no part")

    def deliver(self, node: str, report: Report) -> None:
        """Takes a node's report into the recording."""
        if report.run != self.name or self.finished:
            return
        self._writer.write_text(report.lines)
        self._live_alerts.take_lines(report.lines)
        if report.final and node not in self._final:
            if self._stopped_at_s is None and (self.elapsed_s() or 0.0) < self._profile.duration_s:
                self.node_lost(node, "left before the end")
            self._final[node] = report
            self.node_event(node, "finished", f"{report.requests} requests")

    def node_lost(self, node: str, why: str) -> None:
        if node not in self._lost and node not in self._final:
            self._lost.add(node)
            self.node_event(node, "lost", why)

    def elapsed_s(self) -> float | None:
        """Seconds after the origin; None before there is one."""
        return self._writer.elapsed_s()

    # How the run stands, for those who watch it

    @property
    def profile(self) -> Profile:
        return self._profile

    @property
    def parked_users(self) -> int:
        """Users that were ready when the nodes last said so."""
        return sum(self._parked.values())

    @property
    def nodes_wanted(self) -> int:
        return self._nodes

    @property
    def alerts(self) -> tuple[str, ...]:
        """The alerts that hold just now."""
        return self._live_alerts.raised

    @property
    def disturbances(self) -> tuple[str, ...]:
        """The faults that are injected just now."""
        return self._fault_control.present

    @property
    def nodes_lost(self) -> tuple[str, ...]:
        return tuple(sorted(self._lost))

    @property
    def all_settled(self) -> bool:
        """Whether every node that took part has delivered its last report, or will never."""
        return all(node in self._final or node in self._lost for node in self._taking_part)

    def wait_settled(self, timeout_s: float) -> None:
        self._settle_until_s = time.monotonic() + timeout_s
        while not self.all_settled and time.monotonic() < self._settle_until_s:
            gevent.sleep(0.05)

    def stop_begins(self) -> float:
        """The nodes are about to be stopped: after how many seconds? What they take for it completes no run."""
        if self._stopped_at_s is None:
            elapsed_s = self.elapsed_s()
            self._stopped_at_s = -math.inf if elapsed_s is None else elapsed_s
            self._fault_control.begin_undoing()
        return self._stopped_at_s

    def stop_waiting(self) -> None:
        """Somebody does not want to wait for answers any more: the last reports have a moment to come."""
        self._settle_until_s = min(self._settle_until_s, time.monotonic() + LAST_REPORTS_S)

    def finish(self, stopped_because: str) -> None:
        """Closes the recording, once. ``stopped_because`` holds only when the run had not come to its end."""
        with self._lock:
            if self.finished:
                return
            if self._greenlet is not None:
                self._greenlet.kill()
            completed = self.stop_begins() >= self._profile.duration_s and not self.failure
            for node in self._taking_part:
                if node not in self._final:
                    self.node_lost(node, "no last report")
            self._fault_control.stop()
            if completed:
                within_s = self._settings.back_within_s
                after = health_check.wait_until_healthy(self._health_url(), within_s, self._settings.health_timeout_s)
                self.mark(HealthMark(0, "after", after.check, after.ok, after.detail))
            if self._sampler is not None:
                self._sampler.stop()
            reason = "completed" if completed else self.failure or self._writer.failure or stopped_because
            requests = sum(report.requests for report in self._final.values())
            unfinished = sum(report.unfinished for report in self._final.values())
            self._writer.close(reason, completed, requests, unfinished)
            self._progress.close()
            self.failure = self.failure or self._writer.failure
            self.finished = True

    # Inside

    def _conduct(self) -> None:
        try:
            self._watch_phases()
        except Exception as error:
            self.failure = f"the run could not be conducted: {type(error).__name__}: {error}"
            raise
        finally:
            self._shape.ended = True  # whatever happens here, the load comes to an end

    def _watch_phases(self) -> None:
        if not self._writer.has_origin:
            self._wait_parked()
            if self.failure:
                return
            self._send_plan_out()
        while True:
            t = self.elapsed_s() or 0.0
            self._progress.show(t if t >= 0 else None, self._note())
            self._live_alerts.look(min(t, self._profile.duration_s + SETTLES_S))
            if self._writer.failure:
                self.failure = f"the recording cannot be written: {self._writer.failure}"
                break
            if t >= self._profile.duration_s and (self.all_settled or not self._shape.parked):
                break
            if self._taking_part and self._lost.issuperset(self._taking_part):
                self.failure = "every load process was lost"
                break
            if t >= self._profile.duration_s + self._settings.drain_timeout_s + 5:
                break
            gevent.sleep(TICK_S)

    def _wait_parked(self) -> None:
        deadline_s = time.monotonic() + self._settings.ready_timeout_s
        wanted = self._profile.pool_users
        while sum(self._parked.values()) < wanted or len(self._parked) < self._nodes:
            self._progress.show(None, f"{sum(self._parked.values())} of {wanted} users parked")
            if time.monotonic() > deadline_s:
                self.failure = (
                    f"only {sum(self._parked.values())} of {wanted} users were parked within "
                    f"{self._settings.ready_timeout_s:g} s; raise --ready-timeout-s or start fewer users"
                )
                return
            gevent.sleep(0.05)

    def _send_plan_out(self) -> None:
        """Fixes the origin and sends the plan."""
        origin_s = time.monotonic() + (PLAN_AHEAD_S if self._shape.parked else 0.0)
        self._writer.set_origin(origin_s)
        self._fault_control.begin(origin_s)
        plan = Plan(
            run=self.name,
            origin_s=origin_s,
            duration_s=self._profile.duration_s,
            pacing=self._profile.pacing,
            level=self._profile.level(self._shape.parked),
            seed=self._settings.arrival_seed,
            herds=self._profile.herds,
            background_users=self._profile.background_users,
            paced=self._shape.parked,
            drain_s=self._settings.drain_timeout_s,
            phases=self._profile.phases,
        )
        self._taking_part = self._send_plan(plan)
        for node in self._taking_part:
            self.node_event(node, "joined")

    def _note(self) -> str:
        lost = f", {len(self._lost)} lost" if self._lost else ""
        return f"{len(self._taking_part)} load processes{lost}" if self._nodes > 1 else ""

    def _health_url(self) -> str:
        return self._host.rstrip("/") + self._settings.health_path

    def node_event(self, node: str, event: str, detail: str = "") -> None:
        self.mark(NodeMark(0, node, event, detail))

    def mark(self, mark: Mark) -> None:
        """Records a mark at the present instant."""
        self._writer.mark(mark)
