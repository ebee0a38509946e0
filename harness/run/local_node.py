"""LocalNode: the one load process of a run without workers, which is the process of the run itself."""

from __future__ import annotations

from locust.env import Environment

from harness.config.options import secret_values
from harness.config.scenario import Scenario
from harness.load.clock import Clock
from harness.load.node import Node
from harness.load.node_reporter import NodeReporter
from harness.load.report import Report
from harness.load.run_plan import Plan
from harness.run.nodes import Nodes
from harness.run.run import Run

NAME = "local"


class LocalNode(Nodes):
    """Asked directly."""

    @property
    def all_gone(self) -> bool:
        return False

    def __init__(self, environment: Environment, scenario: Scenario) -> None:
        self._environment = environment
        self._scenario = scenario
        self._run: Run | None = None
        self._reporter: NodeReporter | None = None

    def choose(self) -> list[str]:
        return [NAME]

    def begin(self, run: Run) -> None:
        self._run = run
        node = Node(run.name, Clock(exact=True))
        node.exceptions.secrets = secret_values(self._scenario, self._environment.parsed_options)
        self._reporter = NodeReporter(self._environment, NAME, node, self._deliver)

    def send_plan(self, whole: Plan) -> tuple[str, ...]:
        self._present.begin(whole.for_node(0, 1))
        return (NAME,)

    def tell_connect_early(self, connect_early: bool | None) -> None:
        self._present.node.set_connect_early(connect_early)

    def take_reports(self) -> None:
        reporter, run = self._present, self._run
        assert run is not None
        node = reporter.node
        run.readiness.note_parked(NAME, node.parked, node.exceptions.prevents, node.connect_early)
        if node.plan is not None:
            run.take_report(NAME, reporter.report())

    def note_lost(self) -> None:
        """It is lost with the run."""

    def stop(self, parked: bool) -> None:
        if parked:
            self._present.settle(wait=True)
        else:
            self._present.stopping()

    def stop_waiting(self) -> None:
        self._present.stop_waiting()
        self._environment.stop_timeout = 0.0

    def halt(self) -> None:
        self._environment.stop_timeout = 0.0
        self._present.halt()

    def wait_for_users_gone(self) -> None:
        assert self._run is not None
        self._present.settle(wait=False)
        self._run.take_report(NAME, self._present.users_gone())

    def close(self) -> None:
        self._present.users_gone()  # whatever has happened, it listens no more

    @property
    def _present(self) -> NodeReporter:
        assert self._reporter is not None  # the run has begun
        return self._reporter

    def _deliver(self, report: Report) -> None:
        if self._run is not None:
            self._run.take_report(NAME, report)
