"""The run: one run, from the faults that are prepared before it to the last line of its recording, on the master or
the local runner.

Locust spawns the users and stops them, so a run has three parts, which follow each other below: ``start`` before there
are users, ``_conduct`` while there are, and ``finish`` when they are gone. Everything that happens in between goes into
the recording, and into the live state, which is what others see of it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import gevent
from locust.env import Environment
from locust.runners import MasterRunner

from harness import criteria
from harness.clients.remedies import with_remedy
from harness.config.scenario import Scenario
from harness.config.settings import RunSettings
from harness.live.state import SETTLES_S, LiveState
from harness.live.stop_rules import TARGET_DOWN
from harness.load.report import Report
from harness.load.run_plan import Plan
from harness.probes import Probe
from harness.probes.run_cpu import RunCpu
from harness.recording import ProbeSample
from harness.recording.marks import (
    FINISHED,
    JOINED,
    LATE,
    LOST,
    STOPPING,
    FaultMark,
    Mark,
    NodeMark,
)
from harness.run.console import display
from harness.run.console.plan import ShownPlan
from harness.run.header import header
from harness.run.health_check import TLS_FAILED, HealthResult, TargetHealth
from harness.run.live_alerts import raise_and_clear
from harness.run.readiness import BrokenOffError, Readiness
from harness.run.recording_writer import RecordingWriter, make_run_directory
from harness.run.stopping import Stopping
from harness.run.workers import LEFT
from harness.sidecar.injector import PREPARED, Injector
from harness.sidecar.sampler import RawReading, Sampler
from shapes._phased import PhasedShape

PLAN_AHEAD_S = 1.5
"""The plan goes out this long before the origin: a message can be held up, and none may be needed in time."""
TICK_S = 0.2
OVERTIME_S = 5.0
"""After the last phase and the wait for answers: a node that has not reported by then will not any more."""
ALL_LOST = "every load process was lost"


class Run:
    """``nodes`` are the load processes that take part; ``send_plan`` hands the plan to all of them, and returns their
    names; ``set_connect_early`` tells all of them how users are to be parked, and ``halt`` to end their load at once.
    """

    def __init__(
        self,
        environment: Environment,
        scenario: Scenario,
        settings: RunSettings,
        shape: PhasedShape,
        nodes: int,
        send_plan: Callable[[Plan], tuple[str, ...]],
        set_connect_early: Callable[[bool | None], None],
        halt: Callable[[], None],
    ) -> None:
        self.directory, started_utc = make_run_directory(Path(settings.runs_dir), scenario.name)
        self.name = self.directory.name
        self.scenario = scenario.name
        self.profile = shape.profile()
        self.level, self.level_unit = self.profile.level(shape.parked), self.profile.level_unit(shape.parked)
        """The planned load, without herds."""
        self.report_formats = settings.report_formats
        self.console = settings.console
        self.finished = False
        self.failure: str | None = None
        """Why the run was broken off, if it was."""
        self.stopped_early = ""
        """By which rule, if by any."""
        self._settings = settings
        self._shape = shape
        self._send_to_nodes = send_plan
        self._halt_nodes = halt
        self._requests = self._unfinished = 0
        users, host = environment.user_classes, environment.host or ""
        self.header = header(scenario.name, started_utc, settings, shape, host, nodes, users)
        judged = criteria.with_defaults(self.header.criteria)
        titles = {spec.criterion: criteria.title_of(spec.criterion) for spec in judged}
        self.live = LiveState(replace(self.header, criteria=judged), settings.stop_rules, titles)
        self._writer = RecordingWriter(self.directory, self.header, self.live.add)
        probes = settings.probes
        if isinstance(environment.runner, MasterRunner):
            probes = _with_master(probes)
        self._sampler = Sampler(probes, 1.0, self._take_reading) if probes else None
        self._injector = Injector(settings.faults, self._take_fault_mark)
        shown = ShownPlan(self.name, self.scenario, self.header.target, self.profile, self.level, self.level_unit)
        self.display = display(settings.console, shown, self.live)
        verified = all(getattr(user, "verify_tls", False) and not getattr(user, "ca_file", "") for user in users)
        self._target = TargetHealth(host, settings.health_path, settings.health_timeout_s, self.mark, verified)
        self.readiness = Readiness(
            self.live.nodes,
            self.profile.pool_users,
            settings,
            users,
            self._target,
            set_connect_early,
            self.mark,
            lambda: self.display.show(None),
        )
        self.stopping = Stopping(self.live.nodes, self.profile.duration_s)
        self._conducting: gevent.Greenlet[..., Any] | None = None
        self._watching: gevent.Greenlet[..., Any] | None = None

    # A run from top to bottom

    def start(self) -> None:
        """Before Locust spawns the users. When ``failure`` is set there must be none."""
        with self._breaking_off():
            self._prepare_faults()  # first: the target may be reached through a proxy of a fault
            self._start_sampling()
            self._check_health_before()
            if not self._shape.parked:
                self._send_plan()  # these users begin as soon as they are there
            self._conducting = gevent.spawn(self._conduct)

    def _conduct(self) -> None:
        """While Locust has users."""
        with self._ending_users(), self._breaking_off():
            if self._shape.parked:
                self.readiness.wait()
                self._send_plan()
            self._watch_target()
            self._watch_phases()
            if self.stopped_early:
                self._stop_early()

    def begin_stopping(self) -> None:
        """Locust is about to stop the users, of its own accord or because somebody wishes it."""
        if not self.stopping.has_begun:
            self.stopping.begin(self.elapsed_s())
            self._injector.begin_undoing()  # a target that is stopped cannot give its last answers

    def wait_for_users_gone(self) -> None:
        for node in self.stopping.wait_for_users_gone(self._settings.drain_timeout_s):
            self.mark(NodeMark(0, node, STOPPING, "what its users did then is not known"))

    def finish(self, stopped_because: str) -> None:
        """When Locust has no users any more. ``stopped_because`` holds only if the run had not come to its end."""
        if self._conducting is not None:
            self._conducting.kill()
        if self._watching is not None:
            self._watching.kill()
        self.begin_stopping()
        self._give_up_on_silent_nodes()
        self._injector.stop()
        if self._completed:
            self._target.check_after(self._settings.back_within_s)
        self._stop_sampling()
        self._write_end(stopped_because)
        self.finished = True

    # What comes from elsewhere while it goes

    def mark(self, mark: Mark, instant_s: float | None = None) -> None:
        """Records a mark at an instant of the monotonic clock, or at the present one."""
        self.live.add(replace(mark, t=self._writer.t_of(instant_s)))
        self._writer.write(mark, instant_s)

    def take_report(self, node: str, report: Report) -> None:
        """The only place where what the nodes measure comes in."""
        if report.run != self.name or self.finished:
            return
        self._writer.report(node, report.slices, report.lines, at_once=report.final or report.users_gone)
        if report.users_gone:
            self.live.nodes.without_users.add(node)
            self._requests += report.requests
        for piece in report.slices:
            self.live.add(piece)
        for told in report.unanswered:
            self.live.add(told)
        for mark in report.gates:
            self.live.add(mark)
        for sample in report.samples:
            self.live.add(sample)
        if report.final and node not in self.live.nodes.finished:
            # Whoever has no plan, because there was no run, has left nothing.
            if not self.stopping.has_begun and not report.whole and node in self.live.nodes.joined:
                self.note_lost(node, LEFT)
            self._requests += report.requests
            self._unfinished += report.unfinished
            self.mark(NodeMark(0, node, FINISHED, f"{report.requests} requests"))

    def note_late(self, node: str) -> None:
        """A worker has joined when the run had begun."""
        if node not in self.live.nodes.late:
            why = "joined when the run had begun and takes no part; --expect-workers lets the master wait for it"
            self.mark(NodeMark(0, node, LATE, why))

    def note_lost(self, node: str, why: str) -> None:
        if node not in self.live.nodes.lost and node not in self.live.nodes.finished:
            self.mark(NodeMark(0, node, LOST, why))

    def elapsed_s(self) -> float | None:
        """Seconds after the origin; None before there is one."""
        return self._writer.elapsed_s()

    def _take_fault_mark(self, mark: FaultMark) -> None:
        words = f"fault {mark.fault} {mark.event}: {mark.detail}".rstrip(": ")
        self.display.tell(words, {"event": "fault", "fault": mark.fault, "state": mark.event, "number": mark.number})
        if mark.event != PREPARED:
            self.mark(mark, mark.t)

    def _take_reading(self, reading: RawReading) -> None:
        values = {key: round(value, 6) for key, value in reading.values.items()}
        self._writer.write(ProbeSample(0, reading.probe, reading.source, values, reading.error), reading.monotonic_s)

    # The steps of a run, in order

    @contextmanager
    def _breaking_off(self) -> Iterator[None]:
        """A step that cannot be done ends the steps, and is the ``failure``."""
        try:
            yield
        except BrokenOffError as why:
            self.failure = str(why)

    @contextmanager
    def _ending_users(self) -> Iterator[None]:
        """Whatever happens, Locust stops the users afterwards."""
        try:
            yield
        except Exception as error:
            self.failure = f"the run could not be conducted: {type(error).__name__}: {error}"
            raise
        finally:
            self._shape.ended = True

    def _prepare_faults(self) -> None:
        if failures := self._injector.start():
            raise BrokenOffError(f"a fault is {'; '.join(failures)}")

    def _start_sampling(self) -> None:
        if self._sampler is not None:
            self._sampler.start()

    def _check_health_before(self) -> None:
        """A target that is down gets no load."""
        result = self._target.check_before(self._settings.wait_for_target)
        if not result.ok:
            remedy = " (start it, correct --host or --health-path, or wait for it with --wait-for-target 60)"
            detail = with_remedy(result.detail) if result.detail.startswith(TLS_FAILED) else result.detail + remedy
            raise BrokenOffError(f"the target was not healthy before the start: {result.check}: {detail}")

    def _send_plan(self) -> None:
        """Fixes the origin, and sends the plan to the nodes."""
        origin_s = time.monotonic() + (PLAN_AHEAD_S if self._shape.parked else 0.0)
        self._writer.set_origin(origin_s)
        self._injector.begin(origin_s)
        plan = Plan.of(
            self.profile,
            run=self.name,
            origin_s=origin_s,
            paced=self._shape.parked,
            seed=self._settings.arrival_seed,
            drain_s=self._settings.drain_timeout_s,
        )
        for node in self._send_to_nodes(plan):
            self.mark(NodeMark(0, node, JOINED))

    def _watch_phases(self) -> None:
        """Until the last phase is over, and the nodes have reported on it."""
        end_s = self.profile.duration_s
        while True:
            t = self.elapsed_s() or 0.0
            self.display.show(t)
            raise_and_clear(self.live, min(t, end_s + SETTLES_S), self.mark, self.display)
            if self._writer.failure:
                raise BrokenOffError(f"the recording cannot be written: {self._writer.failure}")
            if t < end_s and (why := self.live.why_to_stop(t)):
                self.stopped_early = why
                return
            if t >= end_s and (self.live.nodes.all_settled or not self._shape.parked):
                return
            if self.live.nodes.all_lost:
                raise BrokenOffError(ALL_LOST)
            if t >= end_s + self._settings.drain_timeout_s + OVERTIME_S:
                return
            gevent.sleep(TICK_S)

    def _watch_target(self) -> None:
        """Where a rule wants to know whether it is down: it costs the target a request a second."""

        def note(began_s: float, result: HealthResult) -> None:
            age_s = time.monotonic() - began_s
            self.live.stop_watch.set_target(
                (self.elapsed_s() or 0.0) - age_s, result.ok, f"{result.check}: {result.detail}"
            )

        if any(rule.metric == TARGET_DOWN for rule in self._settings.stop_rules):
            self._watching = gevent.spawn(self._target.watch, note)

    def _stop_early(self) -> None:
        event = {"event": "stopped_early", "rule": self.stopped_early}
        self.display.tell(f"stopping early: {self.stopped_early}", event)
        self.stopping.begin(self.elapsed_s())
        self._halt_nodes()  # first: the load is what has to be gone at once
        self._injector.begin_undoing()

    def _give_up_on_silent_nodes(self) -> None:
        for node in self.live.nodes.joined:
            self.note_lost(node, "no last report")

    @property
    def _completed(self) -> bool:
        return not self.failure and self.stopping.came_after_the_last_phase

    def _stop_sampling(self) -> None:
        if self._sampler is not None:
            self._sampler.stop()

    def _write_end(self, stopped_because: str) -> None:
        broken_off = self.failure or self._writer.failure or self.stopped_early
        reason = "completed" if self._completed else broken_off or stopped_because
        early = bool(self.stopped_early) and reason == self.stopped_early
        self._writer.close(reason, self._completed, self._requests, self._unfinished, early)
        self.display.close()
        self.failure = self.failure or self._writer.failure


def _with_master(probes: tuple[Probe, ...]) -> tuple[Probe, ...]:
    """The master makes no load, and takes CPU as well."""
    found = next((probe for probe in probes if isinstance(probe, RunCpu)), RunCpu())
    return (*(probe for probe in probes if probe is not found), replace(found, alone=(os.getpid(),)))
