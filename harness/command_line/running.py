"""The commands that make runs, or prepare them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from harness.command_line.options import ABOVE_NOTHING, AS_JSON, PASS_ON, PASS_ON_BUT_H, QUIET, ScenarioFile, shown_as
from harness.errors import ConfigurationError

MOST_USERS, MOST_PROCESSES, MOST_REPEATS = 1_000_000, 1000, 1000
"""More is a slip of the finger."""


@click.command(context_settings=PASS_ON_BUT_H, short_help="Run a scenario and judge it.")
@click.argument("locustfile", type=ScenarioFile())
@click.option("--web", is_flag=True, help="Show Locust's web UI instead of starting at once.")
@click.option(
    "--repeat",
    default=1,
    type=click.IntRange(1, MOST_REPEATS),
    help="Make the run so many times, and judge all together.",
)
@click.option("--runs-dir", default=None, type=click.Path(path_type=Path), help="Where runs go [runs].")
@QUIET
@AS_JSON
@click.pass_context
def run(
    context: click.Context, locustfile: str, web: bool, repeat: int, runs_dir: Path | None, quiet: bool, as_json: bool
) -> None:
    """Run the scenario LOCUSTFILE, a file or the name of one of Springback's own (login-herd), and judge it.

    \b
    springback run login-herd
    springback run my_service.py --host http://127.0.0.1:8000 --wait-for-target 60

    Without --host the reference target is started on this machine, and stopped at the end. All other options are
    Locust's (``locust --help``) and ours: ``springback plan LOCUSTFILE -h`` lists these.
    """
    shown = shown_as(quiet, as_json)
    if repeat > 1:
        if web:
            raise ConfigurationError("--web and --repeat: a run from the web UI is made once; leave out one of them")
        if shown:
            raise ConfigurationError(f"--{shown} and --repeat: several runs have one page; leave out one of them")
        from harness.commands.repeat import repeat as run_again

        sys.exit(run_again(Path(locustfile), context.args, runs_dir or Path("runs"), repeat))
    from harness.commands.run import launch

    directory = [] if runs_dir is None else ["--runs-dir", str(runs_dir)]
    console = ["--console", shown] if shown else []
    sys.exit(launch(locustfile, [*context.args, *directory, *console], web))


@click.command(context_settings=PASS_ON, short_help="Show what a run would do, without load.")
@click.argument("locustfile", type=ScenarioFile())
@click.option("--repeat", type=click.IntRange(1), default=1, metavar="N", help="As for ``run``: how long N runs take.")
@click.pass_context
def plan(context: click.Context, locustfile: str, repeat: int) -> None:
    """Show the phases, the level over time and the totals of a run of LOCUSTFILE, with the options of ``run``.

    Nothing is started, and no host is needed. Whatever would be refused at the start of a run is refused here.
    With -h it lists the options of a run that are not Locust's own.
    """
    from harness.commands.plan import plan as show

    show(locustfile, list(context.args), repeat)


@click.command(context_settings=PASS_ON, hidden=True)
@click.argument("locustfile", type=ScenarioFile())
@click.pass_context
def host(context: click.Context, locustfile: str) -> None:
    """Print, as JSON, the host that a run of LOCUSTFILE would load and how its reference target has to be.

    The host is "" where none is named. Refuses what ``run`` would; what is known of the scenario is printed all the
    same.
    """
    from harness.commands.plan import known_of_refused, target_of

    try:
        print(json.dumps(target_of(locustfile, list(context.args))))
    except ConfigurationError as error:
        print(json.dumps(known_of_refused(error)))
        raise


@click.command(context_settings=PASS_ON_BUT_H, short_help="Run several scenarios.")
@click.argument("words", nargs=-1, metavar="[FILE | FOLDER | GROUP]…", type=click.UNPROCESSED)
@click.option("--runs-dir", default="runs", show_default=True, type=click.Path(path_type=Path), help="Where runs go.")
def suite(words: tuple[str, ...], runs_dir: Path) -> None:
    """Run several scenarios one after another: FILES, FOLDERS of them, and GROUPS.

    A scenario names its GROUP in its file (suite="ha"; "spike" where it names none); a group takes its scenarios from
    the folders beside it, or from locustfiles/. With nothing named all scenarios of locustfiles/ are run.

    Further options are those of ``springback run``, and every scenario gets them; options of a single scenario are
    given as environment variables (SPRINGBACK_…). One page has every finding and leads to all reports; there is one
    Markdown file and one JUnit file, and the exit code is that of the worst verdict. What could not be run stands
    there as NOT RUN, and then the suite does not pass.
    """
    from harness.commands.suite import suite as run_all

    first_option = next((place for place, word in enumerate(words) if word.startswith("-")), len(words))
    sys.exit(run_all(words[:first_option], words[first_option:], runs_dir))


@click.command(
    name="find-limit", context_settings=PASS_ON_BUT_H, short_help="Find the load up to which a criterion holds."
)
@click.argument("locustfile", type=ScenarioFile())
@click.option(
    "--criterion", default="latency_quantile", show_default=True, help="Of the scenario; several with commas."
)
@click.option("--vary", default="", metavar="OPTION", help="Option of the shape that is the level [its peak or herd].")
@click.option(
    "--from", "first", type=ABOVE_NOTHING, help="First level [twice the base load, or --max-rate ÷ 64 if that is more]."
)
@click.option(
    "--max-rate",
    "highest",
    type=ABOVE_NOTHING,
    help="Highest level that is tried [1000, or twice --at-least; of a scale 16 times what the scenario has].",
)
@click.option("--at-least", type=ABOVE_NOTHING, help="Fail where the limit is lower; stop when that is known.")
@click.option(
    "--resolution",
    default=0.2,
    show_default=True,
    type=click.FloatRange(0.01, 10),
    help="Width of the interval to reach, upper ÷ lower end less 1.",
)
@click.option("--max-steps", default=14, show_default=True, type=click.IntRange(1, 200), help="How many runs at most.")
@click.option(
    "--max-duration", default=1800.0, show_default=True, type=ABOVE_NOTHING, help="Seconds after which none begins."
)
@click.option(
    "--cool-down", default=120.0, show_default=True, type=click.FloatRange(0), help="Seconds without load, at most."
)
@click.option("--reset", default="", metavar="COMMAND", help="Restarts a service that does not come back by itself.")
@click.option("--short", is_flag=True, help="Shorter steps: less time, and less sure.")
@click.option("--runs-dir", default="runs", show_default=True, type=click.Path(path_type=Path), help="Where runs go.")
@click.pass_context
def find_limit(
    context: click.Context,
    locustfile: str,
    criterion: str,
    vary: str,
    first: float | None,
    highest: float | None,
    at_least: float | None,
    resolution: float,
    max_steps: int,
    max_duration: float,
    cool_down: float,
    reset: str,
    short: bool,
    runs_dir: Path,
) -> None:
    """Run the scenario LOCUSTFILE at one level after another, and find up to which one a criterion holds.

    The level doubles until the criterion breaks, then the steps close in on the limit, which is told with a 95 %
    interval. Between two steps the service has to be as it was before the first. With --criterion recovery_time it is
    the largest spike from which the service comes back. All further options are those of ``springback run``.
    """
    from harness.commands.find_limit import find_limit as search
    from harness.commands.limit_plan import Wanted

    names = tuple(dict.fromkeys(name.strip() for name in criterion.split(",") if name.strip()))
    wanted = Wanted(names, vary, first, highest, at_least, resolution, max_steps, max_duration, cool_down, reset, short)
    sys.exit(search(Path(locustfile), context.args, runs_dir, wanted))


@click.command(short_help="Write a scenario of your own to begin with.")
@click.argument("name")
@click.option(
    "--kind",
    default="http",
    show_default=True,
    help="What it loads: http, login (JSON), form-login, websocket or grpc.",
)
@click.option("--host", default="http://127.0.0.1:8000", show_default=True, help="Your service.")
@click.option("--into", default=".", type=click.Path(path_type=Path), help="Folder to write into [.].")
def new(name: str, kind: str, host: str, into: Path) -> None:
    """Write NAME.py, NAME.conf and .github/workflows/NAME.yml: a scenario, its options and its CI job.

    They run as they are, and are yours to change.
    """
    from harness.commands.new import has_password, kinds, write
    from harness.errors import nearest

    if kind not in kinds():
        meant = nearest(kind, kinds())
        raise ConfigurationError(
            f"--kind {kind}: " + (f"did you mean {meant}?" if meant else f"give one of {', '.join(kinds())}")
        )
    written = write(name, kind, host, into)
    for path in written:
        click.echo(f"wrote {path}")
    scenario, config, _ = written
    click.echo()
    if has_password(kind):  # every login would be refused
        click.echo("Password of its users: export SPRINGBACK_PASSWORD=…")
    click.echo(f"See what it would do:  springback plan {scenario} --config {config}")
    click.echo(f"Run it:                springback run {scenario} --config {config}")


@click.command(short_help="Show whether this machine can make the load.")
@click.option(
    "--users", default=1000, show_default=True, type=click.IntRange(1, MOST_USERS), help="Users parked at once."
)
@click.option(
    "--processes", default=1, show_default=True, type=click.IntRange(1, MOST_PROCESSES), help="Load processes on it."
)
@click.option("--host", default="http://127.0.0.1", show_default=True, help="The service that is to be loaded.")
def doctor(users: int, processes: int, host: str) -> None:
    """Show the limits of this machine that a run would meet, and what to do about each.

    Exit code 0 where nothing is in the way, 2 otherwise. A run says by itself what concerns it.
    """
    from harness.commands.doctor import examine

    sys.exit(examine(users, processes, host))


COMMANDS = (run, plan, host, suite, find_limit, new, doctor)
