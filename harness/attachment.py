"""attach(): the one call a scenario makes."""

from __future__ import annotations

import inspect
import re
import signal
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Never

from gevent.event import Event
from locust import events
from locust.env import Environment
from locust.runners import LocalRunner, MasterRunner, WorkerRunner
from locust.web import WebUI

from harness.clients import connection_guard, tls
from harness.clients.address import allowed_hosts
from harness.config import options as run_options
from harness.config.option_places import OptionPlaces
from harness.config.presets import NONE
from harness.config.scenario import (
    DEFAULT_SUITE,
    STANDARD,
    ChecksOf,
    Criteria,
    CriteriaOf,
    FaultsOf,
    ProbesOf,
    Scenario,
    attached_scenario,
    list_problem,
    set_attached,
)
from harness.errors import ConfigurationError, nearest
from harness.faults import PlannedFault
from harness.findings import EXIT_USAGE
from harness.live.stop_rules import FLAG as STOP_WHEN
from harness.load.stock_clients import count_all_requests, lock_cookies_natively, use_run_tls
from harness.load.stop_caller import tell_stop_caller_at_once
from harness.load.user_stop import bound_on_stop
from harness.plugins import parameters_of, undeclared
from harness.probes import Probe, ProbeData
from harness.run import locust_output
from harness.run.exit_code import ExitsAtOnce
from harness.run.parent_watch import MasterWatch
from harness.safe_text import say

if TYPE_CHECKING:
    from harness.run.master import Master
    from harness.run.worker import Worker

INITIALISED_S = 10.0
LONGEST_NAME = 80
LONGEST_NAME_BYTES = 200
_GROUP = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")


def attach(
    name: str,
    *,
    criteria: Criteria | CriteriaOf = STANDARD,
    probes: Iterable[Probe | ProbeData] | ProbesOf = (),
    faults: Iterable[PlannedFault] | FaultsOf = (),
    health_path: str = "",
    options: type | None = None,
    reference: Mapping[str, str] | None = None,
    checks: ChecksOf | None = None,
    suite: str = DEFAULT_SUITE,
    **unknown: Never,
) -> None:
    """Makes a locustfile a scenario: its runs are recorded, judged and reported.

    ``criteria`` are names (``"error_ratio"``) or :class:`harness.recording.CriterionSpec`; a guard need not be
    named.

    ``options`` is a class whose attributes are the users' own options: ``keys: int = 20``, or, with more to say,
    ``login_path: str = parameter("/login", "path of the login", web=True)``, see
    :func:`harness.plugins.parameter`. Each becomes a flag, an environment variable ``SPRINGBACK_…``, a line of the
    config file and, where it may, a field of the web form, and is read, with its type, as
    ``self.environment.parsed_options.keys``.

    Where ``criteria``, ``probes`` or ``faults`` depend on options, they are functions of these, which are also called
    before the target is up, without its addresses. ``reference`` says how the reference target is to be started for
    this scenario, see :class:`harness.config.scenario.Scenario`. ``checks`` looks, before any load, for what makes a
    run with these options impossible (a password that the database refuses), one line each. ``suite`` is the group with
    which ``springback suite GROUP`` runs it; a name that no other scenario has makes a new group. Calling it again for
    the same scenario changes nothing.
    """
    known = attached_scenario()
    if known is not None:
        if known.name != name:
            remedy = "load one file at a time, and keep what both use in a file without harness.attach"
            _give_up(ConfigurationError(f"two scenarios, {known.name} and {name}: {remedy}"))
        return
    given = {"criteria": criteria, "probes": probes, "faults": faults}
    problems = [_unknown(name, keyword) for keyword in unknown]
    problems += [
        f"{what}= of {name} is {problem}"
        for what, value in given.items()
        if not callable(value) and (problem := list_problem(what, value))
    ]
    problems += _other_problems(name, health_path, options, reference, checks, suite)
    if problems:
        _give_up(ConfigurationError(problems))
    scenario = Scenario(
        name,
        criteria if callable(criteria) else tuple(criteria),
        probes if callable(probes) else tuple(probes),
        faults if callable(faults) else tuple(faults),
        health_path,
        parameters_of(options) if options is not None else (),
        dict(reference or {}),
        checks,
        suite,
    )
    set_attached(scenario)
    Attachment(scenario).register()


def _unknown(name: str, keyword: str) -> str:
    keywords = [each for each in inspect.signature(attach).parameters if each not in ("name", "unknown")]
    meant = nearest(keyword, keywords)
    return f"{keyword}= of {name}: there is no such argument; " + (
        f"did you mean {meant}=?" if meant else f"valid ones: {', '.join(keywords)}"
    )


def _other_problems(
    name: object, health_path: object, options: object, reference: object, checks: object, suite: object
) -> list[str]:
    """What is wrong with the arguments that are no lists."""
    text_of_text = isinstance(reference, Mapping) and all(
        isinstance(each, str) for pair in reference.items() for each in pair
    )
    wrong = (
        (
            not isinstance(name, str) or not _is_name(name),
            f"the scenario's name is {f'{name!r}'[:100]}: give text without a slash and control characters, at most "
            f"{LONGEST_NAME} letters, e.g. 'login-herd'; it is part of a file name",
        ),
        (
            not isinstance(health_path, str),
            f"health_path= of {name} is {health_path!r}: give the path of a page, e.g. '/healthz'",
        ),
        (
            options is not None and not isinstance(options, type),
            f"{name}: options= is no class; give one whose attributes are options, class Options: keys: int = 20",
        ),
        (
            reference is not None and not text_of_text,
            f"reference= of {name} is {reference!r}: give a dictionary of text, e.g. {{'processes': '1'}}",
        ),
        (
            checks is not None and not callable(checks),
            f"checks= of {name} is {checks!r}: give a function of the options that returns problems in words",
        ),
        (
            not isinstance(suite, str) or not _GROUP.fullmatch(suite),
            f"suite= of {name} is {suite!r:.100}: give the name of a group, letters, digits, - and _, e.g. 'spike'; it "
            "is a word of the command line",
        ),
    )
    problems = [words for is_wrong, words in wrong if is_wrong]
    return problems + (undeclared(options) if isinstance(options, type) else [])


def _is_name(name: str) -> bool:
    """Whether it can be a part of a file name: file systems take 255 bytes for it and what is put before."""
    fits = len(name) <= LONGEST_NAME and len(name.encode(errors="replace")) <= LONGEST_NAME_BYTES
    return fits and bool(name.strip()) and name.isprintable() and "/" not in name


class Attachment:
    """Listens to Locust's events for one scenario, and passes them on to the part that this process plays."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._master: Master | None = None
        self._worker: Worker | None = None
        self._watch = MasterWatch()
        self._parser: Any = None
        self._initialised = Event()

    def register(self) -> None:
        count_all_requests()
        bound_on_stop()
        tell_stop_caller_at_once()
        use_run_tls()
        lock_cookies_natively()
        self._exits = ExitsAtOnce()
        # At import, not in ``init``: listeners of ``quitting`` run in reverse order, and ours has to come last.
        events.init_command_line_parser.add_listener(self._declare)
        events.init.add_listener(self._init)
        events.test_start.add_listener(self._test_start)
        events.test_stopping.add_listener(self._test_stopping)
        events.test_stop.add_listener(self._test_stop)
        events.quitting.add_listener(self._quitting)
        events.report_to_master.add_listener(self._report)

    def _declare(self, parser: Any, **_: Any) -> None:
        self._parser = parser
        self._take_preset(replace(self.scenario, preset=NONE))  # it is this parser that says which
        try:
            run_options.declare(parser, self.scenario, self._take_preset)
        except ConfigurationError as error:
            _give_up(error)
        # An option that comes later would make a short form mean another one, or nothing.
        parser.allow_abbrev = False
        # Anybody who reaches the web UI can start load, so it is for this machine unless the user says otherwise.
        parser.set_defaults(web_host="127.0.0.1")

    def _take_preset(self, scenario: Scenario) -> None:
        self.scenario = scenario
        set_attached(scenario)

    def _init(self, environment: Environment, runner: Any, web_ui: WebUI | None = None, **_: Any) -> None:
        self._watch.met()
        self._exits.of_this_process()
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # as `springback run` has it until now
            signal.signal(signal.SIGINT, signal.default_int_handler)
        options: Any = environment.parsed_options
        connection_guard.arm(allowed_hosts(options.allow_host))
        tls.arm(tls.RunTls.of(options))
        locust_output.hide(lambda: run_options.secret_values(self.scenario, environment.parsed_options))
        try:
            if isinstance(runner, WorkerRunner):
                self._be_worker(environment, runner)
            elif isinstance(runner, LocalRunner | MasterRunner):
                self._be_master(environment, runner, web_ui)
        except ConfigurationError as error:
            if self._master is not None:
                self._master.exit_code.set(EXIT_USAGE)
            _give_up(ConfigurationError(OptionPlaces(self._parser).told(error.messages)))
        self._initialised.set()

    # Each part is loaded by the process that plays it: a worker needs nothing of the master's and of the web UI's.

    def _be_worker(self, environment: Environment, runner: WorkerRunner) -> None:
        from harness.run.worker import Worker

        self._worker = Worker(environment, runner, self.scenario, self._watch.is_forked)

    def _be_master(self, environment: Environment, runner: LocalRunner | MasterRunner, web_ui: WebUI | None) -> None:
        from harness.run.master import Master

        options: Any = environment.parsed_options
        # Whoever shortens the phases in the web form cannot take away a rule of the command line.
        rules_of_this_run = OptionPlaces(self._parser).is_typed(STOP_WHEN) and (options.headless or options.autostart)
        self._master = master = Master(environment, runner, self.scenario, rules_of_this_run)
        self._exits.verdict_code = lambda: master.verdict_code
        if options.metrics_port:
            from harness.web.metrics_port import serve

            serve(environment, master)
        if web_ui is not None:
            from harness.web.install import install

            install(web_ui, master)

    @property
    def _part(self) -> Master | Worker | None:
        return self._master or self._worker

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
        # A report that is due before Locust has added its own listener is without these, and its master would log a
        # traceback. Locust's comes after this one.
        data.setdefault("user_classes_count", {})
        data.setdefault("user_count", 0)
        if self._worker is not None:
            self._worker.report(data)


def _give_up(error: ConfigurationError) -> None:
    for message in error.messages:
        say(message)
    sys.exit(EXIT_USAGE)
