"""Master: the part of the local runner or the master. It begins and ends runs."""

from __future__ import annotations

import logging
import signal
import socket
from typing import Any, Never

import gevent
from locust.env import Environment
from locust.exception import StopTest
from locust.runners import STATE_STOPPED, LocalRunner, MasterRunner

from harness.config.scenario import Scenario
from harness.errors import ConfigurationError
from harness.findings import EXIT_USAGE, Outcome
from harness.load.users.class_problems import spread_problems
from harness.run import messages, plan_text
from harness.run.exit_code import ExitCode
from harness.run.local_node import LocalNode
from harness.run.locust_output import NothingNew
from harness.run.nodes import Nodes
from harness.run.parent_watch import when_launcher_is_gone
from harness.run.report_process import write_reports
from harness.run.request import RunRequest
from harness.run.run import ALL_LOST, Run
from harness.run.worker_nodes import WorkerNodes
from harness.safe_text import say

logger = logging.getLogger(__name__)

STOPPED_BY_USER = "stopped by the user"
WATCH_S = 0.5


class Master:
    """One for each session; it serves every run of it."""

    def __init__(
        self, environment: Environment, runner: LocalRunner | MasterRunner, scenario: Scenario, rules_of_this_run: bool
    ) -> None:
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
        self.request = RunRequest(environment, scenario, rules_of_this_run)
        self._closing: gevent.Greenlet[[], None] | None = None
        self._nodes: Nodes = (
            WorkerNodes(environment, runner, scenario)
            if isinstance(runner, MasterRunner)
            else LocalNode(environment, scenario)
        )
        self.exit_code = ExitCode(environment, self._end_with_process)
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
            nodes = self._nodes.choose()
            shape = self.request.shape()
            if few := list(spread_problems(shape.profile(), len(nodes))):
                raise ConfigurationError(few)
            run = Run(
                self._environment,
                self.scenario,
                settings,
                shape,
                len(nodes),
                self._nodes.send_plan,
                self._nodes.tell_connect_early,
                self._nodes.halt,
            )
        except ConfigurationError as error:
            self._refuse(error)
        self.current_run = run
        self.exit_code.set(Outcome.INCONCLUSIVE.exit_code)
        self.runs.append(run.name)
        parsed: Any = self._environment.parsed_options
        setattr(parsed, messages.RUN, run.name)
        setattr(parsed, messages.NODES, nodes)
        setattr(parsed, messages.MASTER_HOST, socket.gethostname())
        self._environment.stop_timeout = parsed.stop_timeout or settings.drain_timeout_s
        self._nodes.begin(run)
        shape.clock = run.elapsed_s
        try:
            for line in plan_text.summary(self.scenario.name, shape):
                run.display.tell(line, {"event": "plan"})
            for line in (*self.request.disturbing, *settings.idle_rules):
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

    def test_stopping(self) -> None:
        """Locust is about to stop all users: the nodes deliver first, while answers can still come."""
        run = self.current_run
        if run is None or run.finished:
            return
        self.ending = True
        self._nodes.note_lost()
        if self._nodes.all_gone and self.stop_reason == STOPPED_BY_USER:
            self.stop_reason = ALL_LOST  # it is Locust that stops a run when the last one is gone
        run.begin_stopping()
        self._nodes.stop(self.request.shape().parked)

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
            self._nodes.wait_for_users_gone()
            run.finish(self.stop_reason)
            self.exit_code.set(write_reports(run.directory, run.report_formats, run.console))
        finally:
            self.ending = False
            self._nodes.close()

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
        self._nodes.stop_waiting()

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

    def _watch(self, run: Run) -> None:
        while not run.finished:
            self._nodes.take_reports()
            gevent.sleep(WATCH_S)

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
