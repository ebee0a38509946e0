"""Worker: a worker's part. It measures its clock against the master's, waits for the plan, acts on it, reports."""

from __future__ import annotations

import functools
import itertools
import signal
from typing import Any

import gevent
from gevent.event import AsyncResult
from locust import argument_parser
from locust.env import Environment
from locust.runners import WorkerRunner

from harness.clients import connection_guard, tls
from harness.clients.address import allowed_hosts
from harness.config.options import secret_values
from harness.config.scenario import Scenario
from harness.findings import EXIT_USAGE, Outcome
from harness.load.clock import Clock, ClockPings
from harness.load.node import Node
from harness.load.node_reporter import NodeReporter, Place
from harness.load.report import Report
from harness.load.run_plan import Plan
from harness.load.users.csv_rows import RowsError
from harness.parameters import flag
from harness.run import messages
from harness.run.master_link import MasterLink
from harness.run.parent_watch import when_launcher_is_gone
from harness.run.workers import ProcessDescription
from harness.safe_text import say

READY_INTERVAL_S = 0.2
CTRL_C_GRACE_S = 30.0
ROW_WITHIN_S = 10.0


class Worker:
    """One for each worker process; it serves every run of the session."""

    def __init__(self, environment: Environment, runner: WorkerRunner, scenario: Scenario, forked: bool) -> None:
        self._environment = environment
        self._scenario = scenario
        self._runner = runner
        self._clock = Clock(exact=False)
        self._reporter: NodeReporter | None = None
        self._stopping: NodeReporter | None = None
        self._ending = False
        self._wanted_rows: dict[int, AsyncResult[dict[str, Any]]] = {}
        self._next_wanted = itertools.count()
        know_locusts_options_by_heart()
        runner.register_message(messages.PONG, self._on_pong)
        runner.register_message(messages.DESCRIBE, self._on_describe)
        runner.register_message(messages.PLAN, self._on_plan)
        runner.register_message(messages.STOP, self._on_stop, concurrent=True)
        runner.register_message(messages.CONNECT_EARLY, self._on_connect_early)
        runner.register_message(messages.STOP_USERS, self._on_stop_users, concurrent=True)
        runner.register_message(messages.ROW, self._on_row)
        self._master = MasterLink(runner, self._is_under_way, self._on_master_lost)
        self._pings = ClockPings(self._clock, lambda now_s: runner.send_message(messages.PING, {"sent_s": now_s}))
        gevent.spawn(self._pings.run)
        if forked:
            gevent.signal_handler(signal.SIGINT, self._interrupted)
        else:
            when_launcher_is_gone(self._leave)

    def test_start(self) -> None:
        if self._reporter is not None:
            self._reporter.close()
            self._reporter.users_gone()
        options: Any = self._environment.parsed_options
        connection_guard.arm(allowed_hosts(options.allow_host))  # the master's consents, which came with its options
        tls.arm(tls.RunTls.of(options))
        run, nodes = getattr(options, messages.RUN, ""), getattr(options, messages.NODES, ())
        if self._runner.client_id not in nodes:
            # These users would be parked for ever: no plan will come.
            say("the master runs plain Locust, or another locustfile: start it with this one. This worker ends")
            self._environment.process_exit_code = EXIT_USAGE
            gevent.spawn(self._runner.quit)
            return
        node = Node(run, self._clock, nodes.index(self._runner.client_id), len(nodes))
        node.exceptions.secrets = secret_values(self._scenario, options)
        node.deal_row = functools.partial(self._deal_row, run)
        name = messages.worker_name(self._runner.worker_index)
        place = Place.of_worker(self._runner.client_id, nodes, getattr(options, messages.MASTER_HOST, ""))
        self._reporter = NodeReporter(self._environment, name, node, self._deliver_final, place)
        gevent.spawn(self._say_parked, self._reporter)

    def report(self, data: dict[str, Any]) -> None:
        """Adds what came since the last report to Locust's own report to the master."""
        if self._reporter is not None:
            data[messages.REPORT] = self._reporter.report().to_message()

    def test_stopping(self) -> None:
        if self._reporter is not None:
            self._reporter.stopping()

    def test_stop(self) -> None:
        if self._reporter is not None:
            self._reporter.settle(wait=False)
            self._deliver_final(self._reporter.users_gone())

    def quitting(self) -> None:
        self._ending = True
        self.test_stop()

    def _deliver_final(self, report: Report) -> None:
        self._runner.send_message(messages.FINAL, report.to_message())

    def _on_pong(self, msg: Any, **_: Any) -> None:
        self._master.heard()
        self._pings.answered(msg.data["sent_s"], msg.data["master_s"])

    def _say_parked(self, reporter: NodeReporter) -> None:
        while reporter is self._reporter and reporter.node.plan is None:
            node = reporter.node
            prevents = node.exceptions.prevents
            ready = {
                "run": node.run,
                "parked": node.parked,
                "prevents": None if prevents is None else vars(prevents),
                "connect_early": node.connect_early,
            }
            self._runner.send_message(messages.PARKED, ready)
            gevent.sleep(READY_INTERVAL_S)

    def _on_describe(self, **_: Any) -> None:
        description = ProcessDescription.of(self._environment, self._scenario)
        self._runner.send_message(messages.DESCRIPTION, description.to_message())

    def _on_plan(self, msg: Any, **_: Any) -> None:
        plan = Plan.from_message(msg.data)
        if self._reporter is not None and self._reporter.node.run == plan.run:
            self._reporter.begin(plan)

    def _deal_row(self, run: str, option: str, digest: str) -> int:
        """As the master deals it out. Raises RowsError."""
        number = next(self._next_wanted)
        wanted = self._wanted_rows[number] = AsyncResult()
        asked = {"run": run, "number": number, "option": option, "digest": digest}
        self._runner.send_message(messages.ROW_WANTED, asked)
        try:
            answer: Any = wanted.get(timeout=ROW_WITHIN_S)
        except gevent.Timeout:
            raise RowsError(f"{flag(option)}: the master has not dealt out a row within {ROW_WITHIN_S:g} s") from None
        finally:
            del self._wanted_rows[number]
        if answer["problem"]:
            raise RowsError(answer["problem"])
        row: int = answer["row"]
        return row

    def _on_row(self, msg: Any, **_: Any) -> None:
        if (wanted := self._wanted_rows.get(msg.data["number"])) is not None:
            wanted.set(msg.data)

    def _is_about(self, msg: Any) -> bool:
        """Whether a message is about the run that goes here, and not late for one that is over."""
        return self._reporter is not None and self._reporter.node.run == msg.data["run"]

    def _on_stop(self, msg: Any, **_: Any) -> None:
        reporter = self._reporter
        if reporter is None or not self._is_about(msg):
            return
        if msg.data.get("at_once"):
            self._stopping = reporter
            reporter.halt()
            return
        if reporter is self._stopping:
            reporter.stop_waiting()
            return
        self._stopping = reporter
        if reporter.node.plan is not None and not reporter.node.plan.paced:
            # Users without a pacer go on until Locust stops them; the last report has to come after that.
            self._runner.stop()
        reporter.settle(wait=True)

    def _on_connect_early(self, msg: Any, **_: Any) -> None:
        if self._reporter is not None and self._is_about(msg) and self._reporter.node.plan is None:
            self._reporter.node.set_connect_early(msg.data["connect_early"])

    def _on_stop_users(self, msg: Any, **_: Any) -> None:
        if self._is_about(msg):
            self._runner.stop()

    def _interrupted(self) -> None:
        """Ctrl-C reaches forked workers as well as the master; they stay until the master has their last report."""
        if self._reporter is None or self._reporter.delivered:
            self._leave()
        else:
            gevent.spawn_later(CTRL_C_GRACE_S, self._leave)

    def _is_under_way(self) -> bool:
        """Whether there is a plan, and what came of it is not with the master yet."""
        reporter = self._reporter
        return reporter is not None and reporter.node.plan is not None and not reporter.delivered

    def _on_master_lost(self, why: str) -> None:
        """Nobody would record what this worker does, nor stop it: no phase begins any more, and no herd is released."""
        if self._ending:
            return
        if self._is_under_way():
            assert self._reporter is not None
            self._environment.process_exit_code = Outcome.INCONCLUSIVE.exit_code
            self._reporter.stop_waiting()
            self._reporter.settle(wait=False)
        say(f"{why}: this worker ends")
        self._environment.stop_timeout = 0.0
        self._runner.quit()

    def _leave(self) -> None:
        """Ends this process as Ctrl-C does, with its last report."""
        main = gevent.get_hub().parent
        assert main is not None  # the hub's parent is the greenlet in which Locust's main waits
        gevent.kill(main, KeyboardInterrupt)


def know_locusts_options_by_heart() -> None:
    """Locust asks for each option of each spawn message which ones are its own, and builds its whole parser to tell:
    some hundred times, in which the process hears and says nothing, and on a full machine is lost. They never change.
    """
    if not hasattr(argument_parser.default_args_dict, "cache_info"):
        argument_parser.default_args_dict = functools.cache(argument_parser.default_args_dict)
