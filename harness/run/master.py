"""Master: the part of the local runner or the master. It begins and ends runs, and hears the workers."""

from __future__ import annotations

import logging
import signal
import socket
import time
from typing import Any, Never

import gevent
from locust.env import Environment
from locust.exception import StopTest
from locust.runners import STATE_STOPPED, LocalRunner, MasterRunner

from harness.config.options import secret_values
from harness.config.scenario import Scenario
from harness.errors import ConfigurationError
from harness.findings import EXIT_USAGE, Outcome
from harness.load.clock import Clock
from harness.load.node import Node
from harness.load.node_reporter import NodeReporter
from harness.load.report import Report
from harness.load.run_plan import Plan
from harness.load.users.class_counts import spread_problems
from harness.load.users.csv_rows import RowDealer, RowsError
from harness.recording_marks import ExceptionMark
from harness.run import messages, plan_text
from harness.run.exit_code import ExitCode
from harness.run.locust_output import NothingNew
from harness.run.parent_watch import when_launcher_is_gone
from harness.run.report_process import write_reports
from harness.run.request import RunRequest
from harness.run.run import ALL_LOST, Run
from harness.run.workers import ProcessDescription, Workers
from harness.safe_text import say

logger = logging.getLogger(__name__)

LOCAL = "local"
STOPPED_BY_USER = "stopped by the user"
WATCH_S = 0.5


class Master:
    """One for each session; it serves every run of it."""

    def __init__(self, environment: Environment, runner: LocalRunner | MasterRunner, scenario: Scenario) -> None:
        self.current_run: Run | None = None
        self.runs: list[str] = []
        """Names of the runs of this session, in their order."""
        self.refusal: tuple[str, ...] = ()
        """Why the last start was refused; empty when it was not."""
        self.ending = False
        """Users are being stopped, or the reports written: nothing can be started or stopped just now."""
        self.stop_reason = STOPPED_BY_USER
        self._environment = environment
        self._runner = runner
        self.scenario = scenario
        self.request = RunRequest(environment, scenario)
        self._reporter: NodeReporter | None = None
        self._closing: gevent.Greenlet[[], None] | None = None
        self._plans: dict[str, Plan] = {}
        self._rows = RowDealer()
        """Of the present run, for all its workers."""
        self._workers: Workers | None = None
        """None in the local runner."""
        self.exit_code = ExitCode(environment, self._end_with_process)
        if isinstance(runner, MasterRunner):
            runner.register_message(messages.PING, self._on_ping)
            runner.register_message(messages.PARKED, self._on_parked)
            runner.register_message(messages.FINAL, self._on_final)
            runner.register_message(messages.ROW_WANTED, self._on_row_wanted)
            self._workers = Workers(runner, self._on_late)
        self._log_filter = NothingNew()
        logging.getLogger("locust.runners").addFilter(self._log_filter)
        # A start that is refused is said in words; gevent would add a traceback.
        gevent.get_hub().NOT_ERROR += (StopTest,)
        if self.request.starts_by_itself:
            self._handle_signals()  # first: others may run while servers are asked
            self.request.settings()  # a problem is said now, before anything is started
            self.exit_code.set(Outcome.INCONCLUSIVE.exit_code)  # until there is a verdict
        else:
            self.request.shape()  # one with the locustfile cannot be mended in the web UI
        console = str(getattr(environment.parsed_options, "console", ""))
        if (when_launcher_is_gone(self._launcher_is_gone) and self.request.is_headless) or console in (
            "quiet",
            "json",
        ):
            # Locust's tables would stand between the progress and the verdict.
            logging.getLogger("locust.stats_logger").disabled = True

    # What Locust's events call

    def test_start(self) -> None:
        """Begins a run. Raises StopTest when it cannot: then no load is made."""
        self.stop_reason, self.refusal, self._log_filter.said = STOPPED_BY_USER, (), None
        try:
            settings = self.request.settings()
            nodes = [LOCAL]
            if self._workers is not None:
                nodes = self._workers.choose(ProcessDescription.of(self._environment, self.scenario))
            shape = self.request.shape()
            if few := list(spread_problems(shape.profile(), len(nodes))):
                raise ConfigurationError(few)
            run = Run(
                self._environment,
                self.scenario,
                settings,
                shape,
                len(nodes),
                self._send_plan,
                self._tell_connect_early,
                self._halt_nodes,
            )
        except ConfigurationError as error:
            self._refuse(error)
        self.current_run, self._plans, self._rows = run, {}, RowDealer()
        self.exit_code.set(Outcome.INCONCLUSIVE.exit_code)
        self.runs.append(run.name)
        parsed: Any = self._environment.parsed_options
        setattr(parsed, messages.RUN, run.name)
        setattr(parsed, messages.NODES, nodes)
        setattr(parsed, messages.MASTER_HOST, socket.gethostname())
        self._environment.stop_timeout = parsed.stop_timeout or settings.drain_timeout_s
        if isinstance(self._runner, LocalRunner):
            node = Node(run.name, Clock(exact=True))
            node.exceptions.secrets = secret_values(self.scenario, parsed)
            self._reporter = NodeReporter(self._environment, LOCAL, node, self._deliver_local)
        shape.clock = run.elapsed_s
        try:
            for line in plan_text.summary(self.scenario.name, shape):
                run.display.tell(line, {"event": "plan"})
            for line in self.request.disturbing:
                say(line)
            run.start()
        except Exception as error:
            # Locust swallows what its listeners raise, and would spawn users whom nobody conducts.
            run.failure = f"the run could not begin: {type(error).__name__}: {error}"
        if run.failure:
            # Reporting takes a while, in which Locust would ask the shape, find more users due, and start again.
            shape.clock = lambda: 0.0
            self.test_stop()
            self._not_started(run.failure)
        gevent.spawn(self._watch, run)

    def worker_report(self, client_id: str, data: dict[str, Any]) -> None:
        if self.current_run is not None and messages.REPORT in data:
            self.current_run.take_report(self._name(client_id), Report.from_message(data[messages.REPORT]))

    def test_stopping(self) -> None:
        """Locust is about to stop all users: the nodes deliver first, while answers can still come."""
        run = self.current_run
        if run is None or run.finished:
            return
        self.ending = True
        self._note_lost_workers(run)
        if self._workers is not None and not self._workers.present and self.stop_reason == STOPPED_BY_USER:
            self.stop_reason = ALL_LOST  # it is Locust that stops a run when the last one is gone
        run.begin_stopping()
        if self._reporter is not None:
            if self.request.shape().parked:
                self._reporter.settle(wait=True)
            else:
                self._reporter.stopping()
        elif not run.live.nodes.all_settled:
            self._send(messages.STOP)
            timeout_s: Any = self._environment.stop_timeout
            run.stopping.wait_for_last_reports(timeout_s + 5)

    def test_stop(self) -> None:
        """The users are gone: ends the run, writes the reports and sets Locust's exit code."""
        run = self.current_run
        if run is not None and not run.finished and (self._closing is None or self._closing.ready()):
            # Not in the caller: when the last worker is lost that is a greenlet which Locust kills as soon as it quits.
            self._closing = gevent.spawn(lambda: self._close(run))
        if self._closing is not None:
            self._closing.get()

    def _close(self, run: Run) -> None:
        self.ending = True
        try:
            if self._reporter is not None:
                self._reporter.settle(wait=False)
                run.take_report(LOCAL, self._reporter.users_gone())
            else:
                self._send(messages.STOP_USERS)
                run.wait_for_users_gone()
            run.finish(self.stop_reason)
            self.exit_code.set(write_reports(run.directory, run.report_formats, run.console))
        finally:
            self.ending = False
            if self._reporter is not None:
                self._reporter.users_gone()  # whatever has happened, it listens no more

    def quitting(self) -> None:
        """Locust ends. A run that is still going is stopped first."""
        if self.current_run is not None:
            self.test_stopping()
            self.test_stop()

    def stop_waiting(self) -> None:
        """No answer is waited for any more: whoever stops the run ends its load at once."""
        run = self.current_run
        if run is None or run.finished:
            return
        run.begin_stopping()  # first: a last report that comes before is that of a process that is lost
        run.stopping.stop_waiting()
        if self._reporter is not None:
            self._reporter.stop_waiting()
            self._environment.stop_timeout = 0.0
        else:
            for _ in range(2):  # told a second time, a worker does not wait
                self._send(messages.STOP)

    @property
    def verdict_code(self) -> int | None:
        """Exit code of the latest verdict; None when there is none, or while a run goes."""
        done = self.current_run is not None and self.current_run.finished and not self.ending
        return self.exit_code.code if done else None

    def _end_with_process(self) -> None:
        """The process ends without Locust's saying so: a run that is still going is closed, and reported."""
        if self.current_run is None and self.exit_code.code == Outcome.INCONCLUSIVE.exit_code:
            why = (
                self.stop_reason
                if self.stop_reason != STOPPED_BY_USER
                else "ended by the locustfile, or by Locust itself,"
            )
            say(f"{why} before there was a run; nothing is proven")
        if self.stop_reason == STOPPED_BY_USER:
            self.stop_reason = "the locustfile ended the process"
        self.quitting()

    def _refuse(self, error: ConfigurationError) -> Never:
        if self.request.starts_by_itself:
            self.exit_code.set(EXIT_USAGE)
        for message in error.messages:
            logger.error(message)
        self.refusal = error.messages
        self._not_started(str(error))

    def _not_started(self, why: str) -> Never:
        """``why`` has been told. Locust's master would stay in the state of a start for ever, and its web UI offer no
        other start.
        """
        if isinstance(self._runner, MasterRunner):
            self._runner.update_state(STATE_STOPPED)
        self._log_filter.said = why
        raise StopTest(why)

    # Nodes

    def _name(self, client_id: str) -> str:
        assert self._workers is not None  # it is a worker who speaks
        return self._workers.name(client_id)

    def _on_late(self, node: str) -> None:
        if self.current_run is not None and not self.current_run.finished:
            self.current_run.note_late(node)

    def _tell_connect_early(self, connect_early: bool | None) -> None:
        if self._reporter is not None:
            self._reporter.node.set_connect_early(connect_early)
        else:
            self._send(messages.CONNECT_EARLY, connect_early=connect_early)

    def _halt_nodes(self) -> None:
        self._environment.stop_timeout = 0.0
        if self._reporter is not None:
            self._reporter.halt()
        else:
            self._send(messages.STOP, at_once=True)

    def _send(self, message: str, **more: Any) -> None:
        """To all workers, about the present run: one that is late for another must not take it for its own."""
        if self.current_run is not None:
            self._runner.send_message(message, {"run": self.current_run.name, **more})

    def _send_plan(self, whole: Plan) -> tuple[str, ...]:
        if self._reporter is not None:
            self._reporter.begin(whole.for_node(0, 1))
            return (LOCAL,)
        assert self._workers is not None
        # In the order in which the dispatcher deals out users: each node's part of a level has to fit its users.
        workers = sorted(set(self._workers.present) & set(self._workers.taking_part))
        self._plans = {worker: whole.for_node(k, len(workers)) for k, worker in enumerate(workers)}
        for worker, part in self._plans.items():
            self._runner.send_message(messages.PLAN, part.to_message(), worker)
        return tuple(sorted(self._name(worker) for worker in workers))

    def _deliver_local(self, report: Report) -> None:
        if self.current_run is not None:
            self.current_run.take_report(LOCAL, report)

    def _watch(self, run: Run) -> None:
        """While the run goes: takes the local node's reports, and notices workers that are gone."""
        while not run.finished:
            if self._reporter is not None:
                node = self._reporter.node
                run.readiness.note_parked(LOCAL, node.parked, node.exceptions.prevents, node.connect_early)
                if self._reporter.node.plan is not None:
                    run.take_report(LOCAL, self._reporter.report())
            self._note_lost_workers(run)
            gevent.sleep(WATCH_S)

    def _note_lost_workers(self, run: Run) -> None:
        for node, why in self._workers.lost() if self._workers is not None else ():
            run.note_lost(node, why)

    def _on_ping(self, msg: Any, **_: Any) -> None:
        answer = {"sent_s": msg.data["sent_s"], "master_s": time.monotonic()}
        self._runner.send_message(messages.PONG, answer, msg.node_id)

    def _on_parked(self, msg: Any, **_: Any) -> None:
        run = self.current_run
        if run is None or run.finished or msg.data["run"] != run.name:
            return
        prevents = msg.data["prevents"]
        mark = None if prevents is None else ExceptionMark(**prevents)
        run.readiness.note_parked(self._name(msg.node_id), msg.data["parked"], mark, msg.data["connect_early"])
        if msg.node_id in self._plans:
            self._runner.send_message(messages.PLAN, self._plans[msg.node_id].to_message(), msg.node_id)

    def _on_row_wanted(self, msg: Any, **_: Any) -> None:
        run = self.current_run
        if run is None or run.finished or msg.data["run"] != run.name:
            return
        row, problem = None, ""
        try:
            row = self._rows.deal(msg.data["option"], msg.data["digest"])
        except RowsError as error:
            problem = f"{error} ({self._name(msg.node_id)})"
        answer = {"number": msg.data["number"], "row": row, "problem": problem}
        self._runner.send_message(messages.ROW, answer, msg.node_id)

    def _on_final(self, msg: Any, **_: Any) -> None:
        if self.current_run is not None:
            self.current_run.take_report(self._name(msg.node_id), Report.from_message(msg.data))

    def _handle_signals(self) -> None:
        """SIGTERM ends a headless run like Ctrl-C, with its report; a shell's ``&`` must not switch Ctrl-C off."""
        # By way of the event loop: a handler of Python's would raise in whatever greenlet runs, in mid-release even.
        gevent.signal_handler(signal.SIGINT, self._stop, "stopped by Ctrl-C (SIGINT)")
        gevent.signal_handler(signal.SIGTERM, self._stop, "stopped by SIGTERM")

    def _launcher_is_gone(self) -> None:
        """Nobody waits for a run whose launcher was killed: it ends, with its report; and so does the web UI."""
        if not self.ending:
            self.stop_reason = STOPPED_BY_USER
        self._stop("stopped because its launcher was killed")

    def _stop(self, why: str) -> None:
        """Ends a run that was started from the command line; asked again, it does not wait for answers any more."""
        main, run = gevent.get_hub().parent, self.current_run
        assert main is not None  # the hub's parent is the greenlet in which Locust's main waits
        if run is None:
            # Still waiting for workers, say: there is nothing to record, and Locust would end with a traceback.
            self.stop_reason = why
            self.exit_code.set(Outcome.INCONCLUSIVE.exit_code)
            self._runner.quit()
            gevent.kill(main, SystemExit(Outcome.INCONCLUSIVE.exit_code))
        elif self.stop_reason == STOPPED_BY_USER:
            self.stop_reason = why
            gevent.kill(main, KeyboardInterrupt)
        elif not run.finished:
            self.stop_waiting()
        elif not self.ending and not self.request.is_headless:
            gevent.kill(main, KeyboardInterrupt)
