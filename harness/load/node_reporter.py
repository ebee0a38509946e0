"""NodeReporter: what a load process does for a run besides making load. It owns the node, turns what the node counted
into lines of the recording, and settles the account at the end. The local runner and every worker have one."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import gevent
from gevent.event import Event
from locust.env import Environment

from harness.analysis import generator, machine
from harness.clients import connection_guard
from harness.load.generator_monitor import GeneratorMonitor, GeneratorSample
from harness.load.http.expectation import DEFAULT_STATUSES, statuses
from harness.load.locust_statistics import count_together
from harness.load.node import Node
from harness.load.outcomes import ExpectedStatuses
from harness.load.present_node import set_node
from harness.load.report import Report
from harness.load.request_log import RequestLog
from harness.load.run_plan import Plan
from harness.load.short_collections import ShortCollections
from harness.load.started_users import StartedUsers
from harness.load.traces import traces_of
from harness.load.unanswered import UnansweredRequests
from harness.recording import Line, Operations, ProbeSample
from harness.recording.line import encode
from harness.recording.marks import CUT_OFF, BlockedMark, NodeMark, UsersMark

CONNECT_EARLY = {"yes": True, "no": False}
"""What the option says; ``auto``: as the users say."""
SETTLE_S = 2.0
"""For the last report to be made, once the answers are waited for."""


@dataclass(frozen=True)
class Place:
    """On which machine a load process is."""

    machine: int = 0
    """0: the machine of the master; the others are numbered from 1."""
    tells: bool = True
    """Whether it is the one load process that samples the machine."""

    @staticmethod
    def of_worker(client_id: str, client_ids: Sequence[str], master_host: str) -> Place:
        """From Locust's ids of the workers, which begin with the names of their hosts."""
        hosts = [each.rpartition("_")[0] for each in client_ids]
        host = client_id.rpartition("_")[0]
        first = hosts.index(host)
        return Place(0 if host == master_host else first + 1, client_ids[first] == client_id)


class NodeReporter:
    """``name`` is the node's name in the recording. ``deliver_final`` is called once, with the last report."""

    _has_frozen = False
    """Whether a run of this process has been begun."""

    def __init__(
        self,
        environment: Environment,
        name: str,
        node: Node,
        deliver_final: Callable[[Report], None],
        place: Place = Place(),
    ) -> None:
        self.node = node
        self._environment = environment
        self._name = name
        self._deliver_final = deliver_final
        self._place = place
        self._monitor = GeneratorMonitor(place.tells, self._users_there)
        self._collections = ShortCollections()
        self._settled = False
        self._closed = Event()
        self.delivered = False
        """Whether the last report is on its way, so that nothing is lost with this process."""
        self._started = StartedUsers()
        self._unanswered = UnansweredRequests(environment, name, node)
        self._told_requests = 0
        self._watcher: gevent.Greenlet[..., Any] | None = None
        set_node(environment, node)
        options: Any = environment.parsed_options
        node.connect_early = CONNECT_EARLY.get(getattr(options, "connect_early", ""))
        node.recorder.by_class = len(environment.user_classes) > 1
        node.recorder.expected = _expected_statuses(environment)
        node.recorder.traces = traces_of(options)
        environment.events.request.add_listener(node.recorder.on_request)
        if (statistics := count_together(environment)) is not None:
            node.request_log = RequestLog(environment, statistics, node.recorder)
        node.exceptions.listen(environment)
        self._freeze_what_is_there()
        self._monitor.start()

    @staticmethod
    def _freeze_what_is_there() -> None:
        """It stays for the whole run: no collection has to look at it again while load is made.

        What was frozen before the first run stays so. To look through it would copy, in a load process that is a fork,
        all that it shares with its master; what was frozen for an earlier run may have become garbage.
        """
        if NodeReporter._has_frozen:
            gc.unfreeze()
        gc.collect()
        gc.freeze()
        NodeReporter._has_frozen = True

    def begin(self, plan: Plan) -> None:
        """The plan has come: pacers go, and a paced node settles by itself after the last phase."""
        if self.node.plan is None:
            self._collections.begin()  # the users are ready by now
            self.node.begin(plan)
            if plan.paced:
                self._watcher = gevent.spawn(self._settle_at_end)

    def report(self) -> Report:
        """What came since the last report. Empty until the origin is known, because lines carry times."""
        if self.node.plan is None:
            return Report(self.node.run)
        slices = tuple(self.node.recorder.drain(self._name))
        marks, self.node.gate_marks[:] = list(self.node.gate_marks), []
        samples = tuple(sample for measured in self._monitor.take() for sample in self._samples(measured))
        unanswered = tuple(self._unanswered.take(self._settled))
        gates = tuple(replace(mark, node=self._name) for mark in marks)
        lines: list[Line] = [*unanswered, *gates]
        lines += self.node.streams.take(self._name)
        lines += self._users_of_classes()
        lines += self._cut_off()
        lines += self.node.attempts.take(self._name)
        lines += self.node.recorder.traces.take(self._name) if self.node.recorder.traces is not None else ()
        lines += self.node.exceptions.take(self.node.t_of, self._name)
        lines += [
            BlockedMark(self.node.t_of(second_s + 0.5) // 1, self._name, place, count)
            for second_s, place, count in connection_guard.take()
        ]
        lines += self._operations()
        text = "".join(encode(line) for line in [*lines, *samples])
        return Report(self.node.run, text, slices, samples, unanswered, gates)

    def _users_of_classes(self) -> Iterator[UsersMark]:
        self._note_users()
        return self._started.take(round(self.node.elapsed_s() or 0.0, 3), self._name)

    def _users_there(self) -> int | None:
        """In the closed model; nobody asks in the place of those who have ended by themselves (``StopUser``)."""
        plan, runner = self.node.plan, self._environment.runner
        if plan is None or plan.paced or runner is None:
            return None if plan is None else self.node.active_users()
        return len(runner.user_greenlets)

    def _note_users(self) -> None:
        """Of users without a pacer: those with one say themselves when they begin."""
        plan, runner = self.node.plan, self._environment.runner
        if plan is not None and not plan.paced and runner is not None and self.node.recorder.by_class:
            self._started.note(runner.user_greenlets)

    def _cut_off(self) -> Iterator[NodeMark]:
        cut_off, self.node.cut_off = self.node.cut_off, set()
        for user_class in sorted(cut_off):
            detail = f"on_stop of users of {user_class}"
            yield NodeMark(round(self.node.elapsed_s() or 0.0, 3), self._name, CUT_OFF, detail)

    def _operations(self) -> Iterator[Operations]:
        """Those that have ended since they were asked for last."""
        operations, self.node.operations[:] = tuple(self.node.operations), []
        if operations:
            yield Operations(self._name, round(self.node.operation_uncertainty_s(), 6), operations)

    def stopping(self) -> None:
        """Locust is about to stop the users."""
        self._unanswered.note_stop()
        self._note_users()

    def settle(self, wait: bool) -> None:
        """Ends the node's part in the run, once: drains it, counts what has no answer, delivers the last report."""
        if self._settled:
            # By another greenlet, which may still be waiting for answers: what it delivers must not be lost.
            drain_s = self.node.plan.drain_s if self.node.plan is not None else 0.0
            self._closed.wait(drain_s + SETTLE_S)
            return
        self._settled = True
        elapsed_s = self.node.elapsed_s()
        whole = elapsed_s is not None and self.node.plan is not None and elapsed_s >= self.node.plan.duration_s
        self.node.drain(wait)
        self._unanswered.count_stuck()
        last, requests = self.report(), self._new_requests()
        final = replace(last, final=True, whole=whole, requests=requests, unfinished=self.node.unfinished)
        self.node.recorder.wind_down()
        self.close()
        self._deliver_final(final)
        self.delivered = True
        self._closed.set()
        if self.node.plan is not None and self.node.plan.paced:
            # The account is closed: whoever is still in mid-request is not waited for a second time.
            self._environment.stop_timeout = 0.0

    def users_gone(self) -> Report:
        """A report after the last one: what users sent, kept and raised while they were stopped. Nothing is listened to
        any more.
        """
        slices = tuple(self.node.recorder.drain(self._name))
        marks = self.node.exceptions.take(self.node.t_of, self._name) if self.node.plan is not None else []
        kept: list[Line] = [*marks, *self._operations(), *self._cut_off()]
        self.node.exceptions.close()
        listeners = self._environment.events.request
        if self.node.recorder.on_request in listeners._handlers:
            listeners.remove_listener(self.node.recorder.on_request)
        lines = "".join(map(encode, kept))
        report = Report(self.node.run, lines, slices, requests=self._new_requests(), users_gone=True)
        traces, self.node.recorder.traces = self.node.recorder.traces, None
        if traces is not None:
            traces.close()
        return report

    def _new_requests(self) -> int:
        """Those that have ended since this was asked last."""
        new = self.node.recorder.requests - self._told_requests
        self._told_requests += new
        return new

    def stop_waiting(self) -> None:
        """Whoever has no answer yet will not get one."""
        self.node.stop_draining = True
        if self.node.plan is None or not self.node.plan.paced:
            runner: Any = self._environment.runner
            runner.user_greenlets.kill(block=False)

    def halt(self) -> None:
        """Ends the load at once, with the last report: whoever is in mid-request is stopped there."""
        runner: Any = self._environment.runner
        self._environment.stop_timeout = 0.0
        self.node.stop_draining = True  # settling may have begun
        self.stopping()
        self.settle(wait=False)
        runner.user_greenlets.kill(block=False)

    def close(self) -> None:
        """Lets go, without a report, of everything but what users do while they are stopped: see users_gone()."""
        if not self._settled:
            self._closed.set()  # closed without a report: nobody has to wait for one
        self._settled = True
        self._collections.end()
        self._monitor.stop()
        if self._watcher is not None and self._watcher is not gevent.getcurrent():
            self._watcher.kill(block=False)

    def _settle_at_end(self) -> None:
        plan = self.node.plan
        assert plan is not None
        while (elapsed_s := self.node.elapsed_s()) is not None and elapsed_s < plan.duration_s:
            gevent.sleep(min(0.2, plan.duration_s - elapsed_s))
        self.settle(wait=True)

    def _samples(self, measured: GeneratorSample) -> Iterator[ProbeSample]:
        t = round(self.node.t_of(measured.monotonic_s), 3)
        yield ProbeSample(
            t=t,
            probe=generator.PROBE,
            source=self._name,
            values={
                generator.LOOP_LAG: round(measured.loop_lag_s, 6),
                generator.CPU: round(measured.cpu_ratio, 4),
                "rss_bytes": measured.rss_bytes,
                machine.MACHINE: self._place.machine,
                **({} if measured.users is None else {generator.USERS: measured.users}),
            },
        )
        if measured.machine:
            values = {name: round(value, 4) for name, value in measured.machine.items()}
            yield ProbeSample(t, machine.PROBE, machine.source(self._place.machine), values)


def _expected_statuses(environment: Environment) -> ExpectedStatuses:
    """By the options of the run, for clients that are not ours."""
    options: Any = environment.parsed_options
    expect, shed = (getattr(options, name, "") for name in ("expect", "shed"))
    return ExpectedStatuses(statuses(expect or DEFAULT_STATUSES), statuses(shed))
