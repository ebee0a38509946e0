"""WorkerNodes: the load processes of a run that has workers, from the master's side: what it tells them, and what they
report.
"""

from __future__ import annotations

import time
from typing import Any

from locust.env import Environment
from locust.runners import MasterRunner

from harness.config.scenario import Scenario
from harness.load.report import Report
from harness.load.run_plan import Plan
from harness.load.users.csv_rows import RowDealer, RowsError
from harness.recording.marks import ExceptionMark
from harness.run import messages
from harness.run.nodes import Nodes
from harness.run.run import Run
from harness.run.workers import ProcessDescription, Workers


class WorkerNodes(Nodes):
    """Told by messages."""

    def __init__(self, environment: Environment, runner: MasterRunner, scenario: Scenario) -> None:
        self._environment = environment
        self._runner = runner
        self._scenario = scenario
        self._run: Run | None = None
        self._plans: dict[str, Plan] = {}
        self._rows = RowDealer()
        """Of the present run, for all its workers."""
        runner.register_message(messages.PING, self._on_ping)
        runner.register_message(messages.PARKED, self._on_parked)
        runner.register_message(messages.FINAL, self._on_final)
        runner.register_message(messages.ROW_WANTED, self._on_row_wanted)
        self._workers = Workers(runner, self._on_late)
        environment.events.worker_report.add_listener(self._on_report)

    def choose(self) -> list[str]:
        return self._workers.choose(ProcessDescription.of(self._environment, self._scenario))

    def begin(self, run: Run) -> None:
        self._run, self._plans, self._rows = run, {}, RowDealer()

    def send_plan(self, whole: Plan) -> tuple[str, ...]:
        # In the order in which the dispatcher deals out users: each node's part of a level has to fit its users.
        workers = sorted(set(self._workers.present) & set(self._workers.taking_part))
        self._plans = {worker: whole.for_node(k, len(workers)) for k, worker in enumerate(workers)}
        for worker, part in self._plans.items():
            self._runner.send_message(messages.PLAN, part.to_message(), worker)
        return tuple(sorted(self._workers.name(worker) for worker in workers))

    def tell_connect_early(self, connect_early: bool | None) -> None:
        self._send(messages.CONNECT_EARLY, connect_early=connect_early)

    def take_reports(self) -> None:
        self.note_lost()

    def note_lost(self) -> None:
        assert self._run is not None
        for node, why in self._workers.lost():
            self._run.note_lost(node, why)

    @property
    def all_gone(self) -> bool:
        return not self._workers.present

    def stop(self, parked: bool) -> None:  # noqa: ARG002  each of them knows
        assert self._run is not None
        if not self._run.live.nodes.all_settled:
            self._send(messages.STOP)
            timeout_s: Any = self._environment.stop_timeout
            self._run.stopping.wait_for_last_reports(timeout_s + 5)

    def stop_waiting(self) -> None:
        for _ in range(2):  # told a second time, a worker does not wait
            self._send(messages.STOP)

    def halt(self) -> None:
        self._environment.stop_timeout = 0.0
        self._send(messages.STOP, at_once=True)

    def wait_for_users_gone(self) -> None:
        assert self._run is not None
        self._send(messages.STOP_USERS)
        self._run.wait_for_users_gone()

    def close(self) -> None:
        """They are there for the next one."""

    def _send(self, message: str, **more: Any) -> None:
        """To all workers, about the present run: one that is late for another must not take it for its own."""
        if self._run is not None:
            self._runner.send_message(message, {"run": self._run.name, **more})

    def _on_late(self, node: str) -> None:
        if self._run is not None and not self._run.finished:
            self._run.note_late(node)

    def _on_report(self, client_id: str, data: dict[str, Any], **_: Any) -> None:
        if self._run is not None and messages.REPORT in data:
            self._run.take_report(self._workers.name(client_id), Report.from_message(data[messages.REPORT]))

    def _on_ping(self, msg: Any, **_: Any) -> None:
        answer = {"sent_s": msg.data["sent_s"], "master_s": time.monotonic()}
        self._runner.send_message(messages.PONG, answer, msg.node_id)

    def _on_parked(self, msg: Any, **_: Any) -> None:
        run = self._run
        if run is None or run.finished or msg.data["run"] != run.name:
            return
        prevents = msg.data["prevents"]
        mark = None if prevents is None else ExceptionMark(**prevents)
        run.readiness.note_parked(self._workers.name(msg.node_id), msg.data["parked"], mark, msg.data["connect_early"])
        if msg.node_id in self._plans:
            self._runner.send_message(messages.PLAN, self._plans[msg.node_id].to_message(), msg.node_id)

    def _on_row_wanted(self, msg: Any, **_: Any) -> None:
        run = self._run
        if run is None or run.finished or msg.data["run"] != run.name:
            return
        row, problem = None, ""
        try:
            row = self._rows.deal(msg.data["option"], msg.data["digest"])
        except RowsError as error:
            problem = f"{error} ({self._workers.name(msg.node_id)})"
        answer = {"number": msg.data["number"], "row": row, "problem": problem}
        self._runner.send_message(messages.ROW, answer, msg.node_id)

    def _on_final(self, msg: Any, **_: Any) -> None:
        if self._run is not None:
            self._run.take_report(self._workers.name(msg.node_id), Report.from_message(msg.data))
