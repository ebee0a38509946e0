"""attach(): the one call a scenario makes."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from gevent.event import Event
from locust import events
from locust.env import Environment
from locust.runners import LocalRunner, MasterRunner, WorkerRunner
from locust.web import WebUI

from harness.config import options as run_options
from harness.config.scenario import STANDARD, ChecksOf, FaultsOf, ProbesOf, Scenario
from harness.errors import ConfigurationError
from harness.faults import PlannedFault
from harness.findings import EXIT_USAGE
from harness.probes import Probe
from harness.recording import CriterionSpec
from harness.run.master import Master
from harness.run.parent_watch import MasterWatch
from harness.run.worker import Worker
from harness.web import form
from harness.web.install import install

INITIALISED_S = 10.0

_attached: Attachment | None = None


def attach(
    name: str,
    *,
    criteria: Iterable[CriterionSpec] = STANDARD,
    probes: Iterable[Probe] | ProbesOf = (),
    faults: Iterable[PlannedFault] | FaultsOf = (),
    health_path: str = "",
    options: Mapping[str, tuple[str, str]] | None = None,
    reference: Mapping[str, str] | None = None,
    checks: ChecksOf | None = None,
) -> None:
    """Makes a locustfile a scenario: its runs are recorded, judged and reported.

    ``options`` are the users' own: name → (default, help). Each becomes a flag, an environment variable
    ``SPRINGBACK_…``, a line of the config file and a field of the web form, and is read as
    ``self.environment.parsed_options.name``. Where ``probes`` or ``faults`` depend on options, they
    are functions of these, which are also called before the target is up, without its addresses.
    ``reference`` says how the reference target is to be started for this scenario, see
    :class:`harness.config.scenario.Scenario`. ``checks`` looks, before any load, for what makes a run with these
    options impossible (a number that is none, a password that the database refuses), one line each. Calling it again
    for the same scenario changes nothing.
    """
    global _attached
    if _attached is not None:
        if _attached.scenario.name != name:
            _give_up(
                ConfigurationError(f"two scenarios, {_attached.scenario.name} and {name}: load one file at a time")
            )
        return
    sampled = probes if callable(probes) else tuple(probes)
    disturbed = faults if callable(faults) else tuple(faults)
    _attached = Attachment(
        Scenario(
            name, tuple(criteria), sampled, disturbed, health_path, dict(options or {}), dict(reference or {}), checks
        )
    )
    _attached.register()


def attached_scenario() -> Scenario | None:
    """The scenario that the locustfile of this process has attached, if it has."""
    return _attached.scenario if _attached is not None else None


class Attachment:
    """Listens to Locust's events for one scenario, and passes them on to the part that this process plays."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._part: Master | Worker | None = None
        self._watch = MasterWatch()
        self._initialised = Event()

    def register(self) -> None:
        # At import, not in ``init``: listeners of ``quitting`` run in reverse order, and ours has to come last.
        events.init_command_line_parser.add_listener(self._declare)
        events.init.add_listener(self._init)
        events.test_start.add_listener(self._test_start)
        events.test_stopping.add_listener(self._test_stopping)
        events.test_stop.add_listener(self._test_stop)
        events.quitting.add_listener(self._quitting)
        events.report_to_master.add_listener(self._report)
        events.worker_report.add_listener(self._worker_report)

    def _declare(self, parser: Any, **_: Any) -> None:
        try:
            run_options.declare(parser, self.scenario)
        except ConfigurationError as error:
            _give_up(error)
        # Anybody who reaches the web UI can start load, so it is for this machine unless the user says otherwise.
        parser.set_defaults(web_host="127.0.0.1")
        form.hide(parser)

    def _init(self, environment: Environment, runner: Any, web_ui: WebUI | None = None, **_: Any) -> None:
        self._watch.met()
        try:
            if isinstance(runner, WorkerRunner):
                self._part = Worker(environment, runner, self._watch.is_forked)
            elif isinstance(runner, LocalRunner | MasterRunner):
                self._part = master = Master(environment, runner, self.scenario)
                if web_ui is not None:
                    install(web_ui, master)
        except ConfigurationError as error:
            _give_up(error)
        self._initialised.set()

    def _test_start(self, **_: Any) -> None:
        # A worker that joins a run which is under way may be told to start before Locust has come to ``init``.
        self._initialised.wait(INITIALISED_S)
        if self._part is not None:
            self._part.test_start()

    def _test_stopping(self, **_: Any) -> None:
        if self._part is not None:
            self._part.test_stopping()

    def _test_stop(self, **_: Any) -> None:
        if self._part is not None:
            self._part.test_stop()

    def _quitting(self, **_: Any) -> None:
        if self._part is not None:
            self._part.quitting()

    def _report(self, data: dict[str, Any], **_: Any) -> None:
        if isinstance(self._part, Worker):
            self._part.report(data)

    def _worker_report(self, client_id: str, data: dict[str, Any], **_: Any) -> None:
        if isinstance(self._part, Master):
            self._part.worker_report(client_id, data)


def _give_up(error: ConfigurationError) -> None:
    for message in error.messages:
        print(f"springback: {message}", file=sys.stderr)
    sys.exit(EXIT_USAGE)
