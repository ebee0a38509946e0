"""The command line: ``springback COMMAND``; each is a file of ``harness/commands``."""

# ruff: noqa: E402

from __future__ import annotations

import signal

_on_interrupt = signal.getsignal(signal.SIGINT)
if _on_interrupt is signal.default_int_handler:
    # What is imported here takes a moment, in which a Ctrl-C would show a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import gc
import json
import sys
import tempfile
import traceback
from importlib import metadata
from pathlib import Path
from typing import Any, Never

import click

from harness.errors import ConfigurationError
from harness.findings import EXIT_USAGE, Outcome
from harness.safe_text import safe, say
from harness.standard_streams import kept

signal.signal(signal.SIGINT, _on_interrupt)

PROGRAM = "springback"
MOST_USERS, MOST_PROCESSES, MOST_REPEATS = 1_000_000, 1000, 1000
"""More is a slip of the finger."""
ABOVE_NOTHING = click.FloatRange(0, min_open=True)
PASS_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": ["--help"]}

QUIET = click.option("--quiet", is_flag=True, help="Print the verdict on one line, and nothing before it but problems.")
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document a line, for programs.")
RUN = click.argument("run_directory", metavar="RUN", type=click.Path(path_type=Path))
RUNS_DIR = click.option(
    "--runs-dir", default="runs", show_default=True, type=click.Path(path_type=Path), help="Where runs lie."
)
PRINTED = {"": "table", "quiet": "line", "json": "json"}
"""What is wanted → how the verdict is printed."""


def _shown(quiet: bool, as_json: bool) -> str:
    if quiet and as_json:
        raise ConfigurationError("--quiet and --json: leave out one of them")
    return "quiet" if quiet else "json" if as_json else ""


class _Scenario(click.ParamType[str]):
    """A file, the name of one of our own, or -h in its place, which these commands leave to the locustfile."""

    name = "scenario"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:  # noqa: ARG002
        from harness.commands.scenario_files import find

        if value == "-h" and context is not None:
            click.echo(context.get_help())
            context.exit()
        return find(value)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="springback")
def cli() -> None:
    """When a spike hits, what breaks, and does the service come back, how fast, and at what cost?

    Exit codes: 0 PASS, 2 usage or configuration, 3 FAIL, 4 INCONCLUSIVE, 5 stopped early. (1 is Locust's own.)
    """


@cli.command(
    context_settings={**PASS_ON, "help_option_names": ["-h", "--help"]}, short_help="Run a scenario and judge it."
)
@click.argument("locustfile", type=_Scenario())
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

    Without --host the reference target is started on this machine, and stopped at the end. All other options are
    Locust's (``locust --help``) and ours: ``springback plan LOCUSTFILE -h`` lists these.
    """
    shown = _shown(quiet, as_json)
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


@cli.command(context_settings=PASS_ON, short_help="Show what a run would do, without load.")
@click.argument("locustfile", type=_Scenario())
@click.option("--repeat", type=click.IntRange(1), default=1, metavar="N", help="As for ``run``: how long N runs take.")
@click.pass_context
def plan(context: click.Context, locustfile: str, repeat: int) -> None:
    """Show the phases, the level over time and the totals of a run of LOCUSTFILE, with the options of ``run``.

    Nothing is started, and no host is needed. Whatever would be refused at the start of a run is refused here.
    With -h it lists the options of a run that are not Locust's own.
    """
    from harness.commands.plan import plan as show

    show(locustfile, list(context.args), repeat)


@cli.command(context_settings=PASS_ON, hidden=True)
@click.argument("locustfile", type=_Scenario())
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


@cli.command(context_settings={**PASS_ON, "help_option_names": ["-h", "--help"]}, short_help="Run several scenarios.")
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


@cli.command(
    name="find-limit",
    context_settings={**PASS_ON, "help_option_names": ["-h", "--help"]},
    short_help="Find the load up to which a criterion holds.",
)
@click.argument("locustfile", type=_Scenario())
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


@cli.command(short_help="Write a scenario of your own to begin with.")
@click.argument("name")
@click.option("--kind", default="http", show_default=True, help="What it loads: http, login, websocket or grpc.")
@click.option("--host", default="http://127.0.0.1:8000", show_default=True, help="Your service.")
@click.option("--into", default=".", type=click.Path(path_type=Path), help="Folder to write into [.].")
def new(name: str, kind: str, host: str, into: Path) -> None:
    """Write NAME.py, NAME.conf and .github/workflows/NAME.yml: a scenario, its options and its CI job.

    They run as they are, and are yours to change.
    """
    from harness.commands.new import kinds, write
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
    click.echo(f"\nSee what it would do:  springback plan {scenario} --config {config}")
    click.echo(f"Run it:                springback run {scenario} --config {config}")


@cli.command(short_help="List criteria, probes, faults, shapes, report formats or presets.")
@click.argument("kind", type=click.Choice(["criteria", "probes", "faults", "shapes", "reports", "presets"]))
def plugins(kind: str) -> None:
    """List what there is of one KIND, with its parameters and their defaults. One of your own is one more file."""
    from harness.commands.plugins import listing

    click.echo(listing(kind))


@cli.command(short_help="Show whether this machine can make the load.")
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


@cli.command(short_help="Judge an earlier run again.")
@RUN
@RUNS_DIR
@click.option(
    "--against", default=None, type=click.Choice(["history"]), help="Judge it beside the runs before it, too."
)
@click.option("--worse-than", default="10%", show_default=True, help="How much worse than them a figure may become.")
@click.option("--branch", default="", help="Only runs of this branch before it are its history [all].")
@QUIET
@AS_JSON
def check(
    run_directory: Path,
    runs_dir: Path,
    against: str | None,
    worse_than: str,
    branch: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Judge the recording of RUN and print the verdict.

    RUN is its directory, its recording.jsonl, or its name in --runs-dir, as ``springback history`` lists it.
    With ``--against history`` it also fails where a figure has changed for the worse by more than --worse-than, over
    the runs of the same plan and machine in its runs directory.
    """
    from harness import runs
    from harness.commands import check

    run = runs.located(run_directory, runs_dir)
    sys.exit(check.check(run, PRINTED[_shown(quiet, as_json)], against or "", worse_than, branch))


@cli.command(short_help="Judge an earlier run again and write its reports.")
@RUN
@RUNS_DIR
@click.option("--report-formats", default="", help="Formats to write beside verdict.json, with commas [all].")
@QUIET
@AS_JSON
def report(run_directory: Path, runs_dir: Path, report_formats: str, quiet: bool, as_json: bool) -> None:
    """Judge the recording of RUN, write its reports beside it and print the verdict.

    RUN is its directory, its recording.jsonl, or its name in --runs-dir.
    """
    from harness import runs
    from harness.commands import check

    run = runs.located(run_directory, runs_dir)
    formats = [name.strip() for name in report_formats.split(",") if name.strip()]
    sys.exit(check.report(run, formats, PRINTED[_shown(quiet, as_json)]))


@cli.command(short_help="Print a dashboard for Grafana.")
def grafana() -> None:
    """Print, as JSON, a dashboard of what a run shows at /metrics. Import it, and choose your Prometheus."""
    from harness.commands.grafana import text

    click.echo(text())


@cli.command(short_help="Say whether one run, or several, are worse than others.")
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option("--worse-than", default="10%", show_default=True, help="How much worse a figure may become.")
@click.option("--anyway", is_flag=True, help="Compare though plan or environment differ; the report says so.")
@RUNS_DIR
@click.option("--output", default=None, type=click.Path(path_type=Path), help="Where the page goes [beside B's last].")
def compare(first: str, second: str, worse_than: str, anyway: bool, runs_dir: Path, output: Path | None) -> None:
    """Say whether B is worse than A: each a run, several with commas, or a directory of runs.

    Of one run each only what is an estimate over requests can be told; four against four show what differs from run to
    run, too. Exit code 3 where a figure of B is worse by more than --worse-than, 0 where none is, 4 where the evidence
    does not tell. The page has all timelines over one axis.
    """
    from harness.commands import compare as command

    sys.exit(command.compare(first, second, worse_than, anyway, runs_dir, output))


@cli.command(short_help="List the runs there were, and how their figures went.")
@RUNS_DIR
@click.option("--scenario", default="", help="Only runs of this scenario.")
@click.option("--branch", default="", help="Only runs of this branch.")
@click.option("--commit", default="", help="Only runs of this commit, or that begins so.")
@click.option("--tag", default="", help="Only runs with this tag.")
@click.option("--verdict", default="", help="Only runs with this verdict.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many are listed.")
@click.option("--page", default="", metavar="FILE", help="Write the trend page (- for standard output).")
@click.option("--base", default="", hidden=True, help="What leads from the page to the runs directory.")
@click.option("--csv", default="", metavar="FILE", help="Write one row a figure (- for standard output).")
@click.option("--json", "as_json", default="", metavar="FILE", help="Write one object a run (- for standard output).")
@click.option("--keep", default=None, type=click.IntRange(1), help="Delete all but the newest N of each scenario.")
@click.option("--dry-run", is_flag=True, help="Say what --keep would delete, and delete nothing.")
@click.option("--rebuild", is_flag=True, help="Read all runs anew.")
def history(
    runs_dir: Path,
    scenario: str,
    branch: str,
    commit: str,
    tag: str,
    verdict: str,
    limit: int,
    page: str,
    base: str,
    csv: str,
    as_json: str,
    keep: int | None,
    dry_run: bool,
    rebuild: bool,
) -> None:
    """List the runs of a runs directory, the newest first, or write their trends as a page, as CSV or as JSON.

    They are indexed in history.sqlite beside the runs, which may be deleted at any time: it is made anew from them.
    """
    from harness.commands import history as command
    from harness.history.stored_run import Filter

    wanted = Filter(scenario, branch, commit, tag, verdict)
    sys.exit(
        command.history(
            runs_dir,
            wanted,
            limit=limit,
            page=page,
            base=base,
            csv=csv,
            json=as_json,
            keep=keep,
            dry_run=dry_run,
            rebuild=rebuild,
        )
    )


@cli.command(short_help="Print the lines of a recording as text.")
@RUN
@RUNS_DIR
def dump(run_directory: Path, runs_dir: Path) -> None:
    """Print the recording of RUN as JSON lines that can be read and searched.

    RUN is its directory, its recording.jsonl, or its name in --runs-dir.

    Slices, which are packed in the file, are one a line; all other lines are as they are. Nothing is checked.
    """
    from harness import runs
    from harness.commands.dump import lines

    sys.stdout.writelines(lines(runs.located(run_directory, runs_dir)))


@cli.group(name="import", short_help="Write a scenario from a HAR file or access logs.")
def import_traffic() -> None:
    """Write a scenario from what was seen of real traffic. Secrets are taken out of it, and it says what was."""


@import_traffic.command(short_help="Write a scenario from a HAR file.")
@click.argument("file", metavar="FILE")
@click.option("--host", default="", help="Whose requests to take, e.g. https://shop.example [that of the first one].")
@click.option("--output", type=click.Path(path_type=Path), help="Scenario to write [NAME_visit.py].")
@click.option("--force", is_flag=True, help="Write over what is there.")
def har(file: str, host: str, output: Path | None, force: bool) -> None:
    """Write a scenario that makes the visit of the HAR file FILE again: its GET requests to one host, in their order.

    Headers, cookies, query strings and bodies are not taken over.
    """
    from harness.commands.import_traffic import import_har

    click.echo(safe("\n".join(import_har(file, host, output, force))))


@import_traffic.command(short_help="Write a scenario from access logs.")
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option("--utc-offset", default="", metavar="±HH:MM", help="Of times without a zone: how far ahead of UTC.")
@click.option("--output", type=click.Path(path_type=Path), help="Scenario to write [NAME_mix.py].")
@click.option("--force", is_flag=True, help="Write over what is there.")
def log(files: tuple[str, ...], utc_offset: str, output: Path | None, force: bool) -> None:
    """Write a scenario with the requests of access logs, each as often as it was seen.

    nginx and Apache (common, combined), HAProxy, AWS load balancers and JSON lines, plain, gzip, bzip2 or xz.
    """
    from harness.commands.import_traffic import import_log
    from harness.learn.log_file import offset_of

    click.echo(safe("\n".join(import_log(files, offset_of(utc_offset), output, force))))


@cli.command(short_help="Learn spikes from real traffic.")
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option("--output", type=click.Path(path_type=Path), help="Directory to write into [learned-NAME].")
@click.option("--window-s", type=click.IntRange(1, 86_400), help="Length of a window [by how much there is].")
@click.option("--utc-offset", default="", metavar="±HH:MM", help="Of times without a zone: how far ahead of UTC.")
@click.option("--time-column", default="", help="Of a CSV file, by name or number [found by its name].")
@click.option("--level-column", default="", help="Of a CSV file, by name or number [the only one that it can be].")
@click.option("--allow-host", default="", metavar="NAME", help="Host outside this machine to read from.")
@click.option("--force", is_flag=True, help="Write over what is there.")
def learn(
    files: tuple[str, ...],
    output: Path | None,
    window_s: int | None,
    utc_offset: str,
    time_column: str,
    level_column: str,
    allow_host: str,
    force: bool,
) -> None:
    """Learn from access logs, or from a level over time (CSV, Locust's history, Grafana, Prometheus), how much traffic
    there is and what its spikes look like.

    Writes a page, the data for --learned, and two scenarios: one replays the largest spike, one generalises it.
    """
    from harness.clients import connection_guard
    from harness.clients.address import allowed_hosts
    from harness.commands.learn import learn_from
    from harness.learn.log_file import offset_of
    from shapes._series import Wanted

    connection_guard.arm(allowed_hosts(allow_host))
    wanted = Wanted(time_column, level_column, option="-")
    click.echo(safe("\n".join(learn_from(files, output, window_s, offset_of(utc_offset), wanted, force))))


def main() -> None:
    signal.signal(signal.SIGTERM, _end)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)
    with kept():
        _main()


def _main() -> None:
    try:
        cli.main(prog_name=PROGRAM, standalone_mode=False)
    except ConfigurationError as error:
        for message in error.messages:
            say(message)
        sys.exit(EXIT_USAGE)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(EXIT_USAGE)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else PROGRAM
        say(f"{error.format_message()} (`{command} --help` says what there is)")
        sys.exit(EXIT_USAGE)
    except (click.Abort, KeyboardInterrupt):
        say("ended before it was done; nothing is proven")
        sys.exit(Outcome.INCONCLUSIVE.exit_code)
    except Exception as error:
        try:
            what = f"with the file {_noted(error)}"
        except OSError as failure:  # nowhere to write it: a full disk may be the cause of all
            what = f"a {type(error).__name__} (no file could be written for it: {failure.strerror})"
        say(f"a defect of Springback, please report it, {what}; nothing is proven")
        sys.exit(Outcome.INCONCLUSIVE.exit_code)


class _EndedError(KeyboardInterrupt):
    """The interpreter remembers a KeyboardInterrupt that a library has passed on while it was imported, and would end
    by it in the end, whatever the exit code: one of this kind it does not.
    """


def _end(*_: object) -> Never:
    raise _EndedError


def _noted(error: Exception) -> str:
    """A file with what a report of the defect needs: where it arose and by which options, without their values and the
    error's message, which may be secret.
    """
    with tempfile.NamedTemporaryFile("w", prefix="springback-defect-", suffix=".txt", delete=False) as file:
        options = " ".join(argument.partition("=")[0] for argument in sys.argv[1:] if argument.startswith("--"))
        file.write(f"springback {metadata.version('springback')}, Python {sys.version}\n{options}\n\n")
        file.writelines(traceback.format_tb(error.__traceback__))
        file.write(f"{type(error).__name__}\n")
    return file.name


if __name__ == "__main__":
    # This is how a run starts its steps, a verdict and its reports among them. They are over in a second or two, of
    # which a fifth would go into looking for garbage while they work, and once more as they end.
    gc.disable()
    try:
        main()
    finally:
        gc.freeze()
