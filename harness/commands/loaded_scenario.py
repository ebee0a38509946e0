"""A scenario as Locust reads it for a run, and everything that is wrong with it, without any load."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

# Locust first: it patches the process, and whatever is imported before it would keep what is not patched.
from locust.argument_parser import get_locustfiles_locally, get_parser, parse_locustfile_option
from locust.main import merge_locustfiles_content

from harness import hidden_packages
from harness.clients import connection_guard, tls
from harness.clients.address import allowed_hosts, require_allowed
from harness.commands import locust_options
from harness.commands.slow_loading import told_when_slow
from harness.config import fault_schedule, options
from harness.config.option_places import OptionPlaces
from harness.config.scenario import attached_scenario
from harness.errors import ConfigurationError, UnavailableError, nearest
from harness.findings import EXIT_USAGE
from harness.live.stop_rules import FLAG
from harness.load.users.class_problems import class_problems
from harness.load.users.measured import Measured
from harness.load.users.paced import Paced, all_paced
from harness.recording.header import CriterionSpec
from harness.regular_file import regular
from harness.run.request import RunRequest, only_shape, target_host
from shapes._phased import PhasedShape

ALIKE = 0.9
OPTIONS_ALIKE = 0.7
"""Below this a slip in an option is answered with the list: ``--bogus`` is no ``--tags``."""
NO_USERS = "the locustfile has no user class: subclass one, e.g. harness.load.http.HerdHttpUser, or one of Locust's"
NOT_ATTACHED = 'the locustfile does not call harness.attach("NAME"): call it at its end, or nothing would be judged'


@dataclass(frozen=True)
class LoadedScenario:
    """A scenario as Locust reads it for a run."""

    name: str
    shape: PhasedShape
    """With the options of this run."""
    host: str
    planned_faults: Sequence[str]
    """In words, with the rules that stop the run and what a preset changes."""
    criteria: Sequence[CriterionSpec]


def load(locustfile: str, arguments: list[str], to_be_judged: bool = False) -> LoadedScenario:
    """``arguments`` are those of ``springback run``; with ``-h`` among them the options are listed, and the process
    ends. ``to_be_judged``: a file that attaches no scenario, which Locust alone would run, is refused.

    Raises ConfigurationError with everything for which a run would be refused; only the host may be missing.
    """
    help_wanted = "-h" in arguments
    arguments = ["-f", locustfile, *(argument for argument in arguments if argument != "-h")]
    if not locustfile.endswith(".py"):
        raise ConfigurationError(f"{locustfile}: give a file of Python, whose name ends with .py")
    try:
        regular(Path(locustfile))
    except OSError as error:
        raise ConfigurationError(f"{locustfile}: cannot be read ({error.strerror}); name a scenario file") from None
    option: Any
    option, arguments, problems = locust_options.read(parse_locustfile_option, arguments)
    if option is None:
        raise ConfigurationError(problems)
    if option.locustfile != locustfile:  # Locust takes the last one
        several = f"{locustfile} is named already; leave it out (`springback suite` runs several)"
        given = locust_options.without_its_value(str(option.locustfile))
        raise ConfigurationError([*problems, f"--locustfile {given}: {several}"])
    if hiding := hidden_packages.problems((Path.cwd(), Path(locustfile).resolve().parent)):
        raise ConfigurationError([*problems, *hiding])
    loading = False
    try:
        files = get_locustfiles_locally(option)
        loading = True
        with _catching_exits(), told_when_slow(locustfile):
            users, _, _, shape = merge_locustfiles_content(files)
    except ConfigurationError:
        raise
    except Exception as error:
        raise ConfigurationError(f"{locustfile} cannot be loaded: {_where(error, locustfile)}") from error
    except SystemExit as words:
        if loading and not words.code:  # which a pipeline would take for a PASS
            raise ConfigurationError(
                f"{locustfile} ends the process while it is loaded ({_where(words, locustfile)}), so nothing would be "
                "run: leave that out, or end with a message, sys.exit('what is missing')"
            ) from None
        raise SystemExit(EXIT_USAGE if words.code else 0) from None
    if help_wanted:
        _print_help(all_paced(users.values(), []))
        raise SystemExit(0)
    parser = get_parser()
    found, arguments, wrong = locust_options.read(parser.parse_known_args, arguments)
    of_arguments = [*problems, *(line for line in wrong if line not in problems)]
    if found is None:
        raise ConfigurationError(of_arguments)
    parsed, unknown = found
    places = OptionPlaces(parser)
    connection_guard.arm(allowed_hosts(getattr(parsed, "allow_host", "")))
    tls.arm(tls.RunTls.of(parsed))
    of_stock_users = locust_options.OF_THE_SHAPE.values()  # refused beside a shape, so nobody is to be led there
    known = [text for action in parser._actions for text in action.option_strings if text not in of_stock_users]
    unreadable = [
        _no_such_option(flag, known, locustfile) + ("" if argument in arguments else places.of(flag))
        for argument, flag in ((argument, argument.partition("=")[0]) for argument in unknown)
        if argument.startswith("-")
    ]
    unreadable += _misspelt_variables(action.env_var for action in parser._actions)
    of_arguments += unreadable
    problems = [*locust_options.conflicts(parsed, shape is not None), *locust_options.repeated(arguments)]
    chosen = parsed.user_classes or list(users)
    if not unreadable:  # what follows an unknown option looks like the name of a user class
        there = f"; it has {', '.join(users)}" if users else ""
        problems += [f"{user}: the locustfile has no such user class{there}" for user in chosen if user not in users]
    if not users:
        problems.append(NO_USERS)
    classes = [users[user] for user in chosen if user in users]
    environment = SimpleNamespace(
        parsed_options=parsed,
        parsed_locustfiles=files,
        host=parsed.host,
        user_classes=classes,
        shape_class=shape,
        worker=bool(parsed.worker),
    )
    away: list[str] = []
    name, planned_faults, criteria = _read_options(locustfile, environment, places, problems, away)
    if attached_scenario() is None and (to_be_judged or any(issubclass(user, (Paced, Measured)) for user in classes)):
        problems.append(NOT_ATTACHED)
    problems, away = [*of_arguments, *places.told(problems)], places.told(away)
    if problems:
        raise ConfigurationError([*problems, *away])
    if away:
        raise UnavailableError(away)
    assert isinstance(shape, PhasedShape)
    return LoadedScenario(name, shape, environment.host or "", planned_faults, criteria)


@contextmanager
def _catching_exits() -> Iterator[None]:
    """What would end this process at once raises SystemExit."""
    exit_at_once = os._exit

    def leave(status: int) -> None:
        raise SystemExit(status)

    os._exit = leave  # type: ignore[assignment]
    try:
        yield
    finally:
        os._exit = exit_at_once


def _print_help(parked: bool) -> None:
    """Our options by what they belong to; Locust's own --help is printed before the file is loaded, without them."""
    scenario = attached_scenario()
    if scenario is None:
        get_parser().print_help()
        return
    print(options.listing(scenario, parked))
    print(
        "Each is also an environment variable (SPRINGBACK_…), a line of a Locust config file, a field of the web form."
    )
    print("Locust's own options (--host, --processes, --master, --worker, …): locust --help")


def _no_such_option(given: str, known: Sequence[str], locustfile: str) -> str:
    meant = nearest(given, known, OPTIONS_ALIKE)
    remedy = f"did you mean {meant}?" if meant else f"`springback plan {locustfile} -h` lists them"
    return f"{given}: no such option; {remedy}"


def _misspelt_variables(known: Iterable[str | None]) -> Iterator[str]:
    """Of Locust: LOCUST_HOTS would leave the host to the demo. Ours are checked with our options."""
    names = [name for name in known if name and name.startswith("LOCUST_")]
    for name in os.environ:
        if name.startswith("LOCUST_") and name not in names and (meant := nearest(name, names, ALIKE)):
            yield f"{name}: Locust has no such variable; did you mean {meant}?"


def _read_options(
    locustfile: str, environment: Any, places: OptionPlaces, problems: list[str], away: list[str]
) -> tuple[str, Sequence[str], Sequence[CriterionSpec]]:
    """Sets the shape's options, notes all for which a run would be refused, and returns the scenario's name, its
    planned faults and its criteria. ``away``: what was found only by asking servers, where nothing else is wrong.
    """
    scenario = attached_scenario()
    try:
        if scenario is None:  # a shape in anybody's locustfile: its class says everything
            _check_unattached(environment, problems)
            return locustfile, [], ()
        request = RunRequest(environment, scenario, places.is_typed(FLAG))
        try:
            settings = request.settings(host_needed=False, ask=not environment.worker)  # its master has asked
        except ConfigurationError as error:
            (away if _is_well_by_itself(request) else problems).extend(error.messages)
            return scenario.name, [], ()
        rules = [f"stopped early when: {rule.words}" for rule in settings.stop_rules if rule.flag == FLAG]
        rules += places.told(settings.idle_rules)
        of_preset = scenario.preset.lines(settings.criteria, environment.parsed_options)
        planned_faults = [*fault_schedule.lines(scenario, settings.faults), *rules, *of_preset]
        return scenario.name, planned_faults, settings.criteria
    except ConfigurationError as error:
        problems += error.messages
        return "", [], ()


def _is_well_by_itself(request: RunRequest) -> bool:
    """Whether nothing is wrong that is known without asking any server."""
    try:
        request.settings(host_needed=False, ask=False)
    except ConfigurationError:
        return False
    return True


def _check_unattached(environment: Any, problems: list[str]) -> None:
    shape = only_shape(environment.shape_class, environment.parsed_locustfiles)
    shape.parked = all_paced(environment.user_classes, problems)
    problems += class_problems(environment.user_classes)
    environment.host = target_host(environment.host, environment.user_classes, problems)
    problems += shape.problems()
    if environment.host:
        require_allowed(environment.host, allowed_hosts(getattr(environment.parsed_options, "allow_host", "")))


def _where(error: BaseException, locustfile: str) -> str:
    """The error and its place in the user's own file, as far as there is one."""
    if isinstance(error, SyntaxError):
        return f"{error.msg} (line {error.lineno})"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(locustfile)]
    place = f" (line {lines[-1]})" if lines else ""
    remedy = "; install what has it where Springback is installed" if isinstance(error, ModuleNotFoundError) else ""
    return f"{type(error).__name__}: {error}{place}{remedy}"
