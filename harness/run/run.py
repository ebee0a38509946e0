"""The run: one run, from the faults that are prepared before it to the last line of its recording, on the master or
the local runner.

Locust spawns the users and stops them, so a run has three parts, which follow each other below: ``start`` before there
are users, ``_conduct`` while there are, and ``finish`` when they are gone. Everything that happens in between goes into
the recording, and into the live state, which is what others see of it.
"""

from __future__ import annotations

import math
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

from harness.config.scenario import Scenario
from harness.config.settings import RunSettings
from harness.live.state import SETTLES_S, LiveState
from harness.load.node_reporter import CONNECT_EARLY, Report
from harness.load.run_plan import Plan
from harness.probes import Probe
from harness.probes.run_cpu import RunCpu
from harness.recording import ProbeSample
from harness.recording_marks import (
    FINISHED,
    JOINED,
    LATE,
    LOST,
    PARKED,
    ExceptionMark,
    FaultMark,
    HealthMark,
    Mark,
    NodeMark,
)
from harness.run import health_check
from harness.run.header import header
from harness.run.live_alerts import raise_and_clear
from harness.run.parked_connections import WAIT_S, answered_in_s, are_held, check_name
from harness.run.progress import PhaseProgress, say
from harness.run.recording_writer import RecordingWriter, make_run_directory
from harness.run.workers import LEFT
from harness.sidecar.injector import PREPARED, Injector
from harness.sidecar.sampler import RawReading, Sampler
from shapes._phased import PhasedShape

PLAN_AHEAD_S = 1.5
"""The plan goes out this long before the origin: a message can be held up, and none may be needed in time."""
CHECK_S = 0.05
TICK_S = 0.2
LAST_REPORTS_S = 3.0
USERS_GONE_S = 3.0
OVERTIME_S = 5.0
"""After the last phase and the wait for answers: a node that has not reported by then will not any more."""
ALL_LOST = "every load process was lost"


class _BrokenOffError(Exception):
    """Why the run cannot begin, or cannot go on."""


class Run:
    """``nodes`` are the load processes that take part; ``send_plan`` hands the plan to all of them, and returns their
    names; ``set_connect_early`` tells all of them how users are to be parked.
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
    ) -> None:
        self.directory, started_utc = make_run_directory(Path(settings.runs_dir), scenario.name)
        self.name = self.directory.name
        self.profile = shape.profile()
        self.report_formats = settings.report_formats
        self.finished = False
        self.failure: str | None = None
        """Why the run was broken off, if it was."""
        self._settings = settings
        self._shape = shape
        self._send_to_nodes = send_plan
        self._tell_connect_early = set_connect_early
        self._connect_early = CONNECT_EARLY.get(settings.connect_early)
        self._may_starve = settings.connect_early == "auto" and are_held(environment.user_classes)
        self._host = environment.host or ""
        self._health_url = self._host.rstrip("/") + settings.health_path
        self._answers_new_connections = False
        """Whether it has been seen, before the load, that a request on a connection of its own is answered."""
        self._stopped_at_s: float | None = None
        """Seconds after the origin at which the nodes were told to stop, so that an early last report is no loss."""
        self._settle_until_s = math.inf
        self._requests = self._unfinished = 0
        planned = header(
            scenario.name,
            started_utc,
            settings,
            shape,
            self._host,
            nodes,
            environment.user_classes,
        )
        self.live = LiveState(planned)
        self._writer = RecordingWriter(self.directory, planned, self.live.add)
        probes = settings.probes
        if isinstance(environment.runner, MasterRunner):
            probes = _with_master(probes)
        self._sampler = Sampler(probes, 1.0, self._take_reading) if probes else None
        self._injector = Injector(settings.faults, self._take_fault_mark)
        self._progress = PhaseProgress(self.profile, self.live)
        self._conducting: gevent.Greenlet[..., Any] | None = None

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
        try:
            with self._breaking_off():
                if self._shape.parked:
                    self._wait_until_parked()
                    self._see_whether_parked_users_starve_others()
                    self._send_plan()
                self._watch_phases()
        except Exception as error:
            self.failure = f"the run could not be conducted: {type(error).__name__}: {error}"
            raise
        finally:
            self._shape.ended = True  # whatever happens here, Locust stops the users

    def begin_stopping(self) -> None:
        """Locust is about to stop the users, of its own accord or because somebody wishes it."""
        if self._stopped_at_s is None:
            elapsed_s = self.elapsed_s()
            self._stopped_at_s = -math.inf if elapsed_s is None else elapsed_s
            self._injector.begin_undoing()  # a target that is stopped cannot give its last answers

    def wait_for_last_reports(self, timeout_s: float) -> None:
        self._settle_until_s = time.monotonic() + timeout_s
        while not self.live.nodes.all_settled and time.monotonic() < self._settle_until_s:
            gevent.sleep(CHECK_S)

    def wait_for_users_gone(self) -> None:
        """What users raise while they are stopped is told after the last reports, when Locust waits for nobody."""
        nodes, deadline_s = self.live.nodes, time.monotonic() + USERS_GONE_S
        while not nodes.without_users.issuperset(nodes.finished - nodes.lost) and time.monotonic() < deadline_s:
            gevent.sleep(CHECK_S)

    def finish(self, stopped_because: str) -> None:
        """When Locust has no users any more. ``stopped_because`` holds only if the run had not come to its end."""
        if self._conducting is not None:
            self._conducting.kill()
        self.begin_stopping()
        self._give_up_on_silent_nodes()
        self._injector.stop()
        self._check_health_after()
        self._stop_sampling()
        self._write_end(stopped_because)
        self.finished = True

    # What comes from elsewhere while it goes

    def mark(self, mark: Mark, instant_s: float | None = None) -> None:
        """Records a mark at an instant of the monotonic clock, or at the present one."""
        self.live.add(mark)
        self._writer.write(mark, instant_s)

    def take_report(self, node: str, report: Report) -> None:
        """The only place where what the nodes measure comes in."""
        if report.run != self.name or self.finished:
            return
        self._writer.report(node, report.slices, report.lines, at_once=report.final or report.users_gone)
        if report.users_gone:
            self.live.nodes.without_users.add(node)
        for piece in report.slices:
            self.live.add(piece)
        for sample in report.samples:
            self.live.add(sample)
        if report.final and node not in self.live.nodes.finished:
            if self._stopped_at_s is None and (self.elapsed_s() or 0.0) < self.profile.duration_s:
                self.note_lost(node, LEFT)
            self._requests += report.requests
            self._unfinished += report.unfinished
            self.mark(NodeMark(0, node, FINISHED, f"{report.requests} requests"))

    def note_parked(self, node: str, parked: int, prevented: ExceptionMark | None, connect_early: bool | None) -> None:
        """A node says how many of its users are parked, and how; and what has prevented others from it."""
        nodes = self.live.nodes
        if connect_early is self._connect_early:  # otherwise they are about to get ready afresh
            nodes.parked[node] = parked
        if prevented:
            nodes.prevented = replace(prevented, node=node)

    def note_late(self, node: str) -> None:
        """A worker has joined when the run had begun."""
        if node not in self.live.nodes.late:
            why = "joined when the run had begun and takes no part; --expect-workers lets the master wait for it"
            self.mark(NodeMark(0, node, LATE, why))

    def note_lost(self, node: str, why: str) -> None:
        if node not in self.live.nodes.lost and node not in self.live.nodes.finished:
            self.mark(NodeMark(0, node, LOST, why))

    def stop_waiting(self) -> None:
        """Somebody does not want to wait for answers any more: the last reports have a moment to come."""
        self._settle_until_s = min(self._settle_until_s, time.monotonic() + LAST_REPORTS_S)

    def elapsed_s(self) -> float | None:
        """Seconds after the origin; None before there is one."""
        return self._writer.elapsed_s()

    def _take_fault_mark(self, mark: FaultMark) -> None:
        say(f"fault {mark.fault} {mark.event}: {mark.detail}".rstrip(": "))
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
        except _BrokenOffError as why:
            self.failure = str(why)

    def _prepare_faults(self) -> None:
        if failures := self._injector.start():
            raise _BrokenOffError(f"a fault is {'; '.join(failures)}")

    def _start_sampling(self) -> None:
        if self._sampler is not None:
            self._sampler.start()

    def _check_health_before(self) -> None:
        """A target that is down gets no load."""
        settings = self._settings
        result = health_check.wait_until_healthy(self._health_url, settings.wait_for_target, settings.health_timeout_s)
        self.mark(HealthMark(0, "before", result.check, result.ok, result.detail))
        if not result.ok:
            raise _BrokenOffError(
                f"the target was not healthy before the start: {result.check}: {result.detail} "
                "(start it, correct --host or --health-path, or wait for it with --wait-for-target 60)"
            )

    def _wait_until_parked(self) -> None:
        nodes, wanted = self.live.nodes, self.profile.pool_users
        within_s = self._settings.ready_timeout_s
        deadline_s = time.monotonic() + within_s
        while nodes.parked_users < wanted or len(nodes.parked) < nodes.wanted:
            self._progress.show(None)
            if nodes.lost:
                raise _BrokenOffError(f"lost before the first phase: {', '.join(sorted(nodes.lost))}")
            if nodes.prevented:
                self.mark(nodes.prevented)
                raise _BrokenOffError(f"users cannot get ready: {nodes.prevented}")
            if time.monotonic() > deadline_s:
                raise _BrokenOffError(
                    f"only {nodes.parked_users} of {wanted} users were parked within {within_s:g} s; "
                    "raise --ready-timeout-s or start fewer users"
                )
            gevent.sleep(CHECK_S)

    def _see_whether_parked_users_starve_others(self) -> None:
        """When nobody is answered beside parked connections, but is without them, users connect when they start."""
        path = self._settings.health_path
        if not self._may_starve:
            return
        self._answers_new_connections = answered_in_s(self._host, path) is not None
        if self._answers_new_connections:
            return
        self._park_afresh(False)
        alone_s = answered_in_s(self._host, path)
        if alone_s is None or alone_s > WAIT_S / 4:
            self._park_afresh(None)  # it is slow without them as well: that proves nothing
            return
        self._answers_new_connections = True
        check = check_name(path)
        detail = (
            f"no answer within {WAIT_S:g} s, and one in {alone_s * 1000:.0f} ms without them: the target serves few "
            "connections at a time, so users connect only when they start (--connect-early yes overrules this)"
        )
        say(f"{check}: {detail}")
        self.mark(HealthMark(0, PARKED, check, False, detail))

    def _park_afresh(self, connect_early: bool | None) -> None:
        self._connect_early = connect_early
        self.live.nodes.parked.clear()
        self._tell_connect_early(connect_early)
        self._wait_until_parked()

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
            self._progress.show(t)
            raise_and_clear(self.live, min(t, end_s + SETTLES_S), self.mark)
            if self._writer.failure:
                raise _BrokenOffError(f"the recording cannot be written: {self._writer.failure}")
            if t >= end_s and (self.live.nodes.all_settled or not self._shape.parked):
                return
            if self.live.nodes.all_lost:
                raise _BrokenOffError(ALL_LOST)
            if t >= end_s + self._settings.drain_timeout_s + OVERTIME_S:
                return
            gevent.sleep(TICK_S)

    def _give_up_on_silent_nodes(self) -> None:
        for node in self.live.nodes.joined:
            self.note_lost(node, "no last report")

    @property
    def _completed(self) -> bool:
        return not self.failure and self._stopped_at_s is not None and self._stopped_at_s >= self.profile.duration_s

    def _check_health_after(self) -> None:
        if self._completed:
            settings = self._settings
            result = health_check.wait_until_healthy(
                self._health_url, settings.back_within_s, settings.health_timeout_s
            )
            self.mark(HealthMark(0, "after", result.check, result.ok, result.detail))
            if result.ok and not settings.health_path and self._answers_new_connections:
                self._see_whether_new_connections_are_answered()

    def _see_whether_new_connections_are_answered(self) -> None:
        """A port answers also where nobody accepts any more, and users who keep their connections do not notice."""
        deadline_s = time.monotonic() + self._settings.back_within_s
        while answered_in_s(self._host, "") is None:
            if time.monotonic() >= deadline_s:
                detail = f"no answer within {WAIT_S:g} s, again and again; there was one before the load"
                self.mark(HealthMark(0, "after", "GET / on a new connection", False, detail))
                return
            gevent.sleep(CHECK_S)

    def _stop_sampling(self) -> None:
        if self._sampler is not None:
            self._sampler.stop()

    def _write_end(self, stopped_because: str) -> None:
        reason = "completed" if self._completed else self.failure or self._writer.failure or stopped_because
        self._writer.close(reason, self._completed, self._requests, self._unfinished)
        self._progress.close()
        self.failure = self.failure or self._writer.failure


def _with_master(probes: tuple[Probe, ...]) -> tuple[Probe, ...]:
    """The master makes no load, and takes CPU as well."""
    found = next((probe for probe in probes if isinstance(probe, RunCpu)), RunCpu())
    return (*(probe for probe in probes if probe is not found), replace(found, alone=(os.getpid(),)))
