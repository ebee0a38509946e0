"""NodeReporter: what a load process does for a run besides making load. It owns the node, turns what the node counted
into lines of the recording, and settles the account at the end. The local runner and every worker have one."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import gevent
from gevent.event import Event
from locust.env import Environment
from locust.user.task import LOCUST_STATE_RUNNING

from harness.load.generator_monitor import GeneratorMonitor, GeneratorSample
from harness.load.http.expectation import DEFAULT_STATUSES, statuses
from harness.load.node import Node, set_node
from harness.load.outcomes import ExpectedStatuses
from harness.load.run_plan import Plan
from harness.recording import UNFINISHED, Line, Operations, ProbeSample, Slice, StartsMark
from harness.recording_file import encode

SETTLE_S = 2.0
"""For the last report to be made, once the answers are waited for."""


@dataclass(frozen=True)
class Report:
    """What a node sends: lines of the recording, and, in its last report, its totals."""

    run: str
    lines: str = ""
    """As they go into the recording's file."""
    slices: tuple[Slice, ...] = ()
    """Those that are among the lines: a master with hundreds of nodes would be busy reading them back."""
    samples: tuple[ProbeSample, ...] = ()
    """Those that are among the lines."""
    final: bool = False
    requests: int = 0
    unfinished: int = 0
    users_gone: bool = False
    """Whether it comes after the last one: the node has no users any more."""

    def to_message(self) -> dict[str, Any]:
        """Slices and samples as rows, in the order of their fields."""
        rows = {name: [tuple(vars(line).values()) for line in vars(self)[name]] for name in ("slices", "samples")}
        return {**vars(self), **rows}

    @staticmethod
    def from_message(body: Mapping[str, Any]) -> Report:
        slices = tuple(Slice(*row) for row in body["slices"])
        samples = tuple(ProbeSample(*row) for row in body["samples"])
        return Report(**{**body, "slices": slices, "samples": samples})


class NodeReporter:
    """``name`` is the node's name in the recording. ``deliver_final`` is called once, with the last report."""

    def __init__(
        self, environment: Environment, name: str, node: Node, deliver_final: Callable[[Report], None]
    ) -> None:
        self.node = node
        self._environment = environment
        self._name = name
        self._deliver_final = deliver_final
        self._monitor = GeneratorMonitor(node.recorder)
        self._settled = False
        self._closed = Event()
        self.delivered = False
        """Whether the last report is on its way, so that nothing is lost with this process."""
        self._running_at_stop = 0
        self._requests_at_stop = 0
        self._watcher: gevent.Greenlet[..., Any] | None = None
        set_node(environment, node)
        node.recorder.expected = _expected_statuses(environment)
        environment.events.request.add_listener(node.recorder.on_request)
        node.exceptions.listen(environment)
        # What is there now stays for the whole run: no collection has to look at it again while load is made.
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        self._monitor.start()

    def begin(self, plan: Plan) -> None:
        """The plan has come: pacers go, and a paced node settles by itself after the last phase."""
        if self.node.plan is None:
            self.node.begin(plan)
            if plan.paced:
                self._watcher = gevent.spawn(self._settle_at_end)

    def report(self) -> Report:
        """What came since the last report. Empty until the origin is known, because lines carry times."""
        if self.node.plan is None:
            return Report(self.node.run)
        slices = tuple(self.node.recorder.drain(self._name))
        marks, self.node.gate_marks[:] = list(self.node.gate_marks), []
        operations, self.node.operations[:] = tuple(self.node.operations), []
        samples = tuple(self._sample(measured) for measured in self._monitor.take())
        lines: list[Line] = [*slices, *(replace(mark, node=self._name) for mark in marks)]
        lines += self._starts()
        lines += self.node.exceptions.take(self.node.t_of, self._name)
        if operations:
            lines.append(Operations(self._name, round(self.node.operation_uncertainty_s(), 6), operations))
        text = "".join(encode(line) for line in [*lines, *samples])
        return Report(self.node.run, text, slices, samples)

    def stopping(self) -> None:
        """Locust is about to stop the users: remember how many are in mid-iteration, for users without a pacer."""
        runner: Any = self._environment.runner
        users = [greenlet.args[0] for greenlet in runner.user_greenlets if greenlet.args]
        self._running_at_stop = sum(user._state == LOCUST_STATE_RUNNING for user in users)
        self._requests_at_stop = self.node.recorder.requests

    def settle(self, wait: bool) -> None:
        """Ends the node's part in the run, once: drains it, counts what has no answer, delivers the last report."""
        if self._settled:
            # By another greenlet, which may still be waiting for answers: what it delivers must not be lost.
            drain_s = self.node.plan.drain_s if self.node.plan is not None else 0.0
            self._closed.wait(drain_s + SETTLE_S)
            return
        self._settled = True
        self.node.drain(wait)
        if self.node.plan is not None and not self.node.plan.paced:
            answered = self.node.recorder.requests - self._requests_at_stop
            now_t = int((self.node.elapsed_s() or 0.0) // 1)
            for _ in range(max(0, self._running_at_stop - answered)):
                self.node.recorder.without_answer(now_t, "", UNFINISHED)
                self.node.unfinished += 1
        requests, unfinished = self.node.recorder.requests, self.node.unfinished
        final = replace(self.report(), final=True, requests=requests, unfinished=unfinished)
        self.close()
        self._deliver_final(final)
        self.delivered = True
        self._closed.set()
        if self.node.plan is not None and self.node.plan.paced:
            # The account is closed: whoever is still in mid-request is not waited for a second time.
            self._environment.stop_timeout = 0.0

    def users_gone(self) -> Report:
        """A report after the last one: what users raised while they were stopped."""
        marks = self.node.exceptions.take(self.node.t_of, self._name) if self.node.plan is not None else []
        self.node.exceptions.close()
        return Report(self.node.run, "".join(encode(mark) for mark in marks), users_gone=True)

    def stop_waiting(self) -> None:
        """Whoever has no answer yet will not get one."""
        self.node.stop_draining = True
        if self.node.plan is None or not self.node.plan.paced:
            runner: Any = self._environment.runner
            runner.user_greenlets.kill(block=False)

    def close(self) -> None:
        """Lets go of everything without a report."""
        if not self._settled:
            self._closed.set()  # closed without a report: nobody has to wait for one
        self._settled = True
        self._monitor.stop()
        if self._watcher is not None and self._watcher is not gevent.getcurrent():
            self._watcher.kill(block=False)
        listeners = self._environment.events.request
        if self.node.recorder.on_request in listeners._handlers:
            listeners.remove_listener(self.node.recorder.on_request)

    def _starts(self) -> list[StartsMark]:
        counts, self.node.starts = self.node.starts, Counter()
        by_second: dict[int, dict[str, int]] = {}
        for (t, kind), count in sorted(counts.items()):
            by_second.setdefault(t, {})[kind] = count
        return [StartsMark(t, self._name, starts) for t, starts in by_second.items()]

    def _settle_at_end(self) -> None:
        plan = self.node.plan
        assert plan is not None
        while (elapsed_s := self.node.elapsed_s()) is not None and elapsed_s < plan.duration_s:
            gevent.sleep(min(0.2, plan.duration_s - elapsed_s))
        self.settle(wait=True)

    def _sample(self, measured: GeneratorSample) -> ProbeSample:
        return ProbeSample(
            t=round(self.node.t_of(measured.monotonic_s), 3),
            probe="generator",
            source=self._name,
            values={
                "loop_lag_s": round(measured.loop_lag_s, 6),
                "cpu_ratio": round(measured.cpu_ratio, 4),
                "rss_bytes": measured.rss_bytes,
                "answered_per_s": round(measured.answered_per_s, 2),
                "failed_per_s": round(measured.failed_per_s, 2),
            },
        )


def _expected_statuses(environment: Environment) -> ExpectedStatuses:
    """By the options of the run, for clients that are not ours."""
    options: Any = environment.parsed_options
    expect, shed = (getattr(options, name, "") for name in ("expect", "shed"))
    return ExpectedStatuses(statuses(expect or DEFAULT_STATUSES), statuses(shed))
