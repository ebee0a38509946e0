"""The commands that read what earlier runs have left."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from harness.command_line.options import AS_JSON, QUIET, shown_as

PRINTED = {"": "table", "quiet": "line", "json": "json"}
"""What is wanted → how the verdict is printed."""
RUN = click.argument("run_directory", metavar="RUN", type=click.Path(path_type=Path))
RUNS_DIR = click.option(
    "--runs-dir", default="runs", show_default=True, type=click.Path(path_type=Path), help="Where runs lie."
)


@click.command(short_help="Judge an earlier run again.")
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
    run_directory: Path, runs_dir: Path, against: str | None, worse_than: str, branch: str, quiet: bool, as_json: bool
) -> None:
    """Judge the recording of RUN and print the verdict.

    RUN is its directory, its recording.jsonl, or its name in --runs-dir, as ``springback history`` lists it.
    With ``--against history`` it also fails where a figure has changed for the worse by more than --worse-than, over
    the runs of the same plan and machine in its runs directory.
    """
    from harness import runs
    from harness.commands import check

    run = runs.located(run_directory, runs_dir)
    sys.exit(check.check(run, PRINTED[shown_as(quiet, as_json)], against or "", worse_than, branch))


@click.command(short_help="Judge an earlier run again and write its reports.")
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
    sys.exit(check.report(run, formats, PRINTED[shown_as(quiet, as_json)]))


@click.command(short_help="Say whether one run, or several, are worse than others.")
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


@click.command(short_help="List the runs there were, and how their figures went.")
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


@click.command(short_help="Print the lines of a recording as text.")
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


COMMANDS = (check, report, compare, history, dump)
