"""``springback plan``: what a run would do, without any load and without a target."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
import traceback
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, TextIO

# Locust first: it patches the process, and whatever is imported before it would keep what is not patched.
from locust.argument_parser import get_locustfiles_locally, get_parser, parse_locustfile_option
from locust.main import merge_locustfiles_content
from rich.console import Console
from rich.table import Table

from harness.clients.address import consented, require_allowed
from harness.config import fault_schedule, options, settings
from harness.errors import ConfigurationError
from harness.findings import EXIT_USAGE
from harness.load.users.paced import all_paced
from harness.run.level_chart import BLOCKS, chart, marks_for
from shapes._phased import PhasedShape, flag
from shapes._profile import USERS, Phase, Profile

NARROWEST, WIDEST = 40, 120


def plan(locustfile: str, arguments: Sequence[str], stream: TextIO | None = None) -> None:
    """Prints the plan of a run of ``locustfile`` with ``arguments``, which are those of ``springback run``.

    Raises ConfigurationError with everything for which a run would be refused; only the host may be missing.
    """
    name, shape, _, disturbed = _loaded(locustfile, list(arguments))
    stream = stream or sys.stdout
    encoding = stream.encoding or "ascii"
    width = min(max(NARROWEST, shutil.get_terminal_size().columns), WIDEST)
    disturbed = [line for text in disturbed for line in _paragraph(text, width)]
    for line in (*_lines(name, shape, width, encoding), *disturbed):
        stream.write(line.rstrip().encode(encoding, "replace").decode(encoding) + "\n")


def target_of(locustfile: str, arguments: Sequence[str]) -> dict[str, Any]:
    """``host``: what a run would load, from wherever it is named; empty where it is not. ``reference``: how the
    reference target has to be started in its place. ``scenario`` and ``duration_s``: its name and how long its phases
    take. Raises as :func:`plan`.
    """
    name, shape, host, _ = _loaded(locustfile, list(arguments))
    # Not before: the package's own attach is the function, and importing the module would hide it.
    from harness.attach import attached_scenario

    scenario = attached_scenario()
    return {
        "scenario": name if scenario is not None else "",
        "duration_s": shape.profile().duration_s,
        "host": host,
        "reference": dict(scenario.reference) if scenario is not None else {},
    }


def summary(name: str, shape: PhasedShape) -> list[str]:
    """The plan in two lines, to be said before a run."""
    profile = shape.profile()
    phases = ", ".join(f"{phase.name} {phase.end_s - phase.start_s} s" for phase in profile.phases)
    if len(profile.phases) > 5:
        phases = f"{len(profile.phases)} phases"
    beside = " beside the herd" if shape.parked and profile.herds else ""
    level = f"at most {_number(profile.level(shape.parked).peak)} {profile.level_unit(shape.parked)}{beside}"
    amounts = [level, *_amounts(profile, shape.parked)]
    return [f"{name}: {_kind_of(shape)}, {profile.duration_s:,} s: {phases}", ", ".join(amounts)]


# Reading


def _loaded(locustfile: str, arguments: list[str]) -> tuple[str, PhasedShape, str, list[str]]:
    """Name of the scenario, its shape with the options of this run, the host, and the planned faults in words; read by
    Locust as for a run.
    """
    help_wanted = "-h" in arguments
    arguments = ["-f", locustfile, *(argument for argument in arguments if argument != "-h")]
    try:
        files = get_locustfiles_locally(parse_locustfile_option(arguments))
        users, _, _, shape = merge_locustfiles_content(files)
    except ConfigurationError:
        raise
    except Exception as error:
        raise ConfigurationError(f"{locustfile} cannot be loaded: {_where(error, locustfile)}") from error
    except SystemExit as told:
        raise SystemExit(EXIT_USAGE if told.code else 0) from None
    if help_wanted:
        _print_help()
        raise SystemExit(0)
    parser = get_parser()
    parsed, unknown = parser.parse_known_args(arguments)
    known = [text for action in parser._actions for text in action.option_strings]
    faults = [
        _no_such_option(argument.partition("=")[0], known, locustfile)
        for argument in unknown
        if argument.startswith("-")
    ]
    chosen = parsed.user_classes or list(users)
    if not faults:  # what follows an unknown option looks like the name of a user class
        faults += [f"{user}: the locustfile has no such user class" for user in chosen if user not in users]
    if not users:
        faults.append("the locustfile has no user class")
    parked = all_paced((users[user] for user in chosen if user in users), faults)
    if not isinstance(shape, PhasedShape):
        faults.append(
            "the locustfile has no shape of Springback: subclass one of the modules in shapes/, e.g. herd.Herd"
        )
        raise ConfigurationError(faults)
    shape.parked = parked
    name, disturbed = _read_options(locustfile, parsed, shape, faults)
    if faults:
        raise ConfigurationError(faults)
    hosts = {users[user].host for user in chosen if users[user].host}
    return name, shape, parsed.host or (hosts.pop() or "" if len(hosts) == 1 else ""), disturbed


def _print_help() -> None:
    """Our options by what they belong to; Locust's own --help is printed before the file is loaded, without them."""
    from harness.attach import attached_scenario

    scenario = attached_scenario()
    if scenario is None:
        get_parser().print_help()
        return
    print(options.listing(scenario))
    print(
        "Each is also an environment variable (SPRINGBACK_…), a line of a Locust config file, a field of the web form."
    )
    print("Locust's own options (--host, --processes, --master, --worker, …): locust --help")


def _no_such_option(given: str, known: Sequence[str], locustfile: str) -> str:
    close = get_close_matches(given, known, 1)
    remedy = f"did you mean {close[0]}?" if close else f"`springback plan {locustfile} -h` lists them"
    return f"{given}: no such option; {remedy}"


def _read_options(locustfile: str, parsed: Any, shape: PhasedShape, faults: list[str]) -> tuple[str, list[str]]:
    """Sets the shape's options, notes all that is wrong, and returns the scenario's name and its planned faults."""
    from harness.attach import attached_scenario

    scenario = attached_scenario()
    if scenario is None:  # a shape in anybody's locustfile: its class says everything
        faults += shape.problems()
        return locustfile, []
    host = parsed.host or ""
    planned: list[str] = []
    for warning in options.misspelt(os.environ, scenario):
        print(f"springback: {warning}", file=sys.stderr)
    try:
        planned = fault_schedule.lines(scenario, settings.read(parsed, scenario, shape, host).faults)
    except ConfigurationError as error:
        faults += error.messages
    if host:
        try:
            require_allowed(host, consented(parsed.allow_host))
        except ConfigurationError as error:
            faults += error.messages
    return scenario.name, planned


def _where(error: Exception, locustfile: str) -> str:
    """The error and its place in the user's own file, as far as there is one."""
    if isinstance(error, SyntaxError):
        return f"{error.msg} (line {error.lineno})"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(locustfile)]
    place = f" (line {lines[-1]})" if lines else ""
    return f"{type(error).__name__}: {error}{place}"


# Writing


def _lines(name: str, shape: PhasedShape, width: int, encoding: str) -> list[str]:
    profile, parked = shape.profile(), shape.parked
    level, unit = profile.level(parked), profile.level_unit(parked)
    marks = marks_for(encoding)
    parameters = [f"{flag(option)} {_told(getattr(shape, option))}" for option in shape.options]
    # A flag stays with its value where a line has room for both.
    parameters = [text.replace(" ", _TOGETHER) if len(text) < width - 2 else text for text in parameters]
    lines = [
        *_paragraph(f"{name}: {_kind_of(shape)}, {profile.duration_s:,} s", width),
        *_paragraph("  ".join(parameters), width, "  "),
        "",
        unit,
        *chart(level, profile.phases, profile.herds if parked else (), width, marks),
        "",
    ]
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False)
    table.add_column("phase", no_wrap=True)
    for column in ("from", "to", "level", *(["starts"] if unit != "users" else [])):
        table.add_column(column, justify="right", overflow="fold")
    for phase in profile.phases:
        table.add_row(*_row(profile, phase, parked, "–" if marks is BLOCKS else "-"))
    console = Console(width=width, color_system=None, highlight=False, legacy_windows=False)
    with console.capture() as captured:
        console.print(table)
    lines += [*captured.get().splitlines(), ""]
    for amount in _amounts(profile, parked):
        lines += _paragraph(amount, width)
    return lines


def _row(profile: Profile, phase: Phase, parked: bool, to: str) -> list[str]:
    level = profile.level(parked)
    # Just before its end: a step there belongs to what follows.
    inside = [level.at(phase.start_s), level.at(phase.end_s - 1e-9)]
    inside += [height for t, height in level.points if phase.start_s < t < phase.end_s]
    low, high = _number(min(inside)), _number(max(inside))
    row = [phase.name, f"{phase.start_s:,} s", f"{phase.end_s:,} s", low if low == high else f"{low}{to}{high}"]
    if profile.level_unit(parked) != "users":
        # Start number i is due where the area under the level reaches i + ½.
        first, last = (int(profile.starts.area_to(t) + 0.5) for t in (phase.start_s, phase.end_s))
        herds = sum(herd.users for herd in profile.herds if phase.start_s <= herd.t < phase.end_s)
        row.append(f"{last - first + herds:,}")
    return row


def _amounts(profile: Profile, parked: bool) -> list[str]:
    """What it comes to: starts or users, herds, pool."""
    if not parked:
        return [
            "Locust's own users, spawned once a second (closed model): the target's answers decide how many requests"
        ]
    pool = f"{profile.pool_users:,} users parked before the first phase"
    if profile.pacing == USERS:
        return ["closed model: the target's answers decide how many requests", pool]
    amounts = [f"{profile.total_starts:,} starts in all"]
    amounts += [f"{herd.name}: {herd.users:,} users at once at {herd.t:g} s" for herd in profile.herds]
    if profile.herds:
        pool += f", {profile.background_users:,} of them for the stream beside the herd"
    return [*amounts, pool]


def _kind_of(shape: PhasedShape) -> str:
    """Name of the shape, and of the one in shapes/ that it is made from."""
    made_from = next(cls.__module__ for cls in type(shape).__mro__ if cls.__module__.startswith("shapes."))
    return f"{type(shape).__name__} ({made_from.removeprefix('shapes.')})"


def _number(level: float) -> str:
    return f"{level:,.0f}" if level >= 1e4 else f"{level:,.4g}"


def _told(value: object) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value) or "''"


_TOGETHER = "\N{NO-BREAK SPACE}"


def _paragraph(text: str, width: int, indent: str = "") -> list[str]:
    lines = textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
    return [line.replace(_TOGETHER, " ") for line in lines]
