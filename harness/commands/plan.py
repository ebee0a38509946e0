"""``springback plan``: what a run would do, without any load and without a target."""

from __future__ import annotations

import os
import shutil
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TextIO

# Locust first: it patches the process, and whatever is imported before it would keep what is not patched.
from locust.argument_parser import get_locustfiles_locally, get_parser, parse_locustfile_option
from locust.main import merge_locustfiles_content

from harness import criteria as criteria_folder
from harness import hidden_packages
from harness.analysis.quality import MINIMUM_REQUESTS
from harness.clients import connection_guard, tls
from harness.clients.address import allowed_hosts, require_allowed
from harness.commands import adjustable, locust_options
from harness.config import fault_schedule, options
from harness.config.scenario import attached_scenario
from harness.errors import ConfigurationError, UnavailableError, nearest
from harness.findings import EXIT_USAGE
from harness.live.stop_rules import FLAG
from harness.load.users.class_problems import class_problems
from harness.load.users.measured import Measured
from harness.load.users.paced import Paced, all_paced
from harness.recording_header import STARTS_PER_S, CriterionSpec
from harness.regular_file import regular
from harness.run import plan_text
from harness.run.request import RunRequest, only_shape, target_host
from shapes._phased import PhasedShape

NARROWEST, WIDEST = 40, 120
RECOVERY = "recovery_time"
ALIKE = 0.9
OPTIONS_ALIKE = 0.7
"""Below this a slip in an option is answered with the list: ``--bogus`` is no ``--tags``."""
NO_USERS = "the locustfile has no user class: subclass one, e.g. harness.load.http.HerdHttpUser, or one of Locust's"
NOT_ATTACHED = 'the locustfile does not call harness.attach("NAME"): call it at its end, or nothing would be judged'


def plan(locustfile: str, arguments: Sequence[str], repeat: int = 1, stream: TextIO | None = None) -> None:
    """Prints the plan of a run of ``locustfile`` with ``arguments``, which are those of ``springback run``, and how
    long ``repeat`` of them take.

    Raises ConfigurationError with everything for which a run would be refused; only the host may be missing.
    """
    loaded = _loaded(locustfile, list(arguments))
    name, shape = loaded.name, loaded.shape
    stream = stream or sys.stdout
    encoding = stream.encoding or "ascii"
    width = min(max(NARROWEST, shutil.get_terminal_size().columns), WIDEST)
    planned_faults = [line for text in loaded.planned_faults for line in plan_text.paragraph(text, width)]
    again = [] if repeat == 1 else plan_text.paragraph(_of_all(repeat, shape.profile().duration_s), width)
    wanted = [line for text in _baselines_wanted(shape, loaded.criteria) for line in plan_text.paragraph(text, width)]
    for line in (*plan_text.lines(name, shape, width, encoding), *planned_faults, *wanted, *again):
        stream.write(line.rstrip().encode(encoding, "replace").decode(encoding) + "\n")


def _baselines_wanted(shape: PhasedShape, criteria: Iterable[CriterionSpec]) -> Iterator[str]:
    """What the plan lacks for a recovery to be judged, once each: nobody has to make a run to be told."""
    profile, told = shape.profile(), set()
    for spec in criteria:
        judged: Any = criteria_folder.load(spec) if spec.criterion == RECOVERY else None
        phase = next((each for each in profile.phases if judged is not None and each.name == judged.baseline), None)
        if phase is None:
            continue
        length_s, wanted_s = phase.end_s - phase.start_s, judged.baseline_windows * judged.window_s
        text = f"{phase.name}: {length_s} s are too few to judge the recovery by, {wanted_s} are needed"
        if length_s >= wanted_s:
            starts = profile.starts.area_to(phase.end_s) - profile.starts.area_to(phase.start_s)
            if (
                profile.level_unit(shape.parked) != STARTS_PER_S
                or starts * judged.window_s >= MINIMUM_REQUESTS * length_s
            ):
                continue
            text = (
                f"{phase.name}: {starts / length_s:.2g} starts/s are too few to judge the recovery by, unless each "
                f"makes several requests: {MINIMUM_REQUESTS} requests are needed every {judged.window_s} s"
            )
        if text not in told:
            told.add(text)
            yield text


def _of_all(repeat: int, duration_s: int) -> str:
    from harness.commands.runs_apart import AROUND_S, minutes  # with the reports: only where several are asked for

    whole_s = repeat * (duration_s + AROUND_S)
    return (
        f"{repeat} runs one after another: about {minutes(whole_s)}, {AROUND_S} s around the phases of each among them"
    )


def target_of(locustfile: str, arguments: Sequence[str]) -> dict[str, Any]:
    """``host``: what a run would load, from wherever it is named; empty where nobody names one. ``reference``: how the
    reference target has to be started in its place. ``scenario`` and ``duration_s``: its name and how long its phases
    take. ``suite``: its group. ``adjustable``: what a search may change about it. Raises as :func:`plan`, and where no
    scenario is attached.
    """
    loaded = _loaded(locustfile, list(arguments), to_be_judged=True)
    scenario = attached_scenario()
    return {
        "scenario": loaded.name,
        "suite": scenario.suite if scenario is not None else "",
        "duration_s": loaded.shape.profile().duration_s,
        "host": loaded.host,
        "adjustable": asdict(adjustable.of(loaded.shape, loaded.criteria)),
        "reference": dict(scenario.reference) if scenario is not None else {},
    }


def known_of_refused(error: ConfigurationError) -> dict[str, Any]:
    """Of a file that :func:`target_of` has refused: ``scenario`` and ``suite``, null where it did not come to attach
    one, and whether it was refused only because something that it needs is ``unavailable``.
    """
    scenario = attached_scenario()
    return {
        "scenario": scenario.name if scenario is not None else None,
        "suite": scenario.suite if scenario is not None else None,
        "unavailable": isinstance(error, UnavailableError),
    }


@dataclass(frozen=True)
class _Loaded:
    """A scenario as Locust reads it for a run."""

    name: str
    shape: PhasedShape
    """With the options of this run."""
    host: str
    planned_faults: Sequence[str]
    """In words, with the rules that stop the run and what a preset changes."""
    criteria: Sequence[CriterionSpec]


def _loaded(locustfile: str, arguments: list[str], to_be_judged: bool = False) -> _Loaded:
    """``to_be_judged``: a file that attaches no scenario, which Locust alone would run, is refused."""
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
        with _catching_exits():
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
    problems += [line for line in wrong if line not in problems]
    if found is None:
        raise ConfigurationError(problems)
    parsed, unknown = found
    connection_guard.arm(allowed_hosts(getattr(parsed, "allow_host", "")))
    tls.arm(tls.RunTls.of(parsed))
    known = [text for action in parser._actions for text in action.option_strings]
    unreadable = [
        _no_such_option(argument.partition("=")[0], known, locustfile)
        + ("" if argument in arguments else " (It stands in a config file.)")
        for argument in unknown
        if argument.startswith("-")
    ]
    unreadable += _misspelt_variables(action.env_var for action in parser._actions)
    problems += [*unreadable, *locust_options.conflicts(parsed, shape is not None), *locust_options.repeated(arguments)]
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
    name, planned_faults, criteria = _read_options(locustfile, environment, problems, away)
    if attached_scenario() is None and (to_be_judged or any(issubclass(user, (Paced, Measured)) for user in classes)):
        problems.append(NOT_ATTACHED)
    if problems:
        raise ConfigurationError([*problems, *away])
    if away:
        raise UnavailableError(away)
    assert isinstance(shape, PhasedShape)
    return _Loaded(name, shape, environment.host or "", planned_faults, criteria)


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
    locustfile: str, environment: Any, problems: list[str], away: list[str]
) -> tuple[str, Sequence[str], Sequence[CriterionSpec]]:
    """Sets the shape's options, notes all for which a run would be refused, and returns the scenario's name, its
    planned faults and its criteria. ``away``: what was found only by asking servers, where nothing else is wrong.
    """
    scenario = attached_scenario()
    try:
        if scenario is None:  # a shape in anybody's locustfile: its class says everything
            _check_unattached(environment, problems)
            return locustfile, [], ()
        request = RunRequest(environment, scenario)
        try:
            settings = request.settings(host_needed=False, ask=not environment.worker)  # its master has asked
        except ConfigurationError as error:
            (away if _is_well_by_itself(request) else problems).extend(error.messages)
            return scenario.name, [], ()
        rules = [f"stopped early when: {rule.words}" for rule in settings.stop_rules if rule.flag == FLAG]
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
