"""`python -m target backup take | verify | restore | list | prune`: backups of the stack's database."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import click

from target.backup.catalogue import DUMP, KINDS, Backup, Catalogue
from target.errors import TargetError
from target.stack import state as states
from target.state_option import state_option

where_option = click.option(
    "--in",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="DIR",
    help="Directory of the backups.",
)


@click.group()
@state_option
@click.option(
    "--old-snapshot-s",
    type=click.FloatRange(0, 60),
    default=0.0,
    help="A defect on purpose: dumps are of a snapshot that is so old.",
)
@click.pass_context
def backup(context: click.Context, state: Path | None, old_snapshot_s: float) -> None:
    """Back up the stack's database under load, verify and restore it; each prints JSON."""
    context.obj = state, old_snapshot_s


@backup.command()
@where_option
@click.option("--kind", type=click.Choice(KINDS), default=DUMP, show_default=True, help="What to take.")
@click.option("--keep", type=click.IntRange(1), help="Then remove all but so many; never the last verified one.")
@click.pass_obj
def take(given: tuple[Path | None, float], directory: Path, kind: str, keep: int | None) -> None:
    """Take one: a compressed dump, a physical copy, or what changed since the last physical one."""
    from target.backup import take as taking  # the packages of the servers are slow to import

    catalogue = Catalogue(directory)
    state, old_snapshot_s = given
    running = states.read(state or states.default_path())
    taken = taking.take(catalogue, kind, running.postgres.admin, old_snapshot_s)
    removed = [] if keep is None else catalogue.prune(keep)
    click.echo(json.dumps({**_told(taken), "removed": removed}))


@backup.command()
@click.argument("name", default="latest")
@where_option
def verify(name: str, directory: Path) -> None:
    """Read all of NAME and compare its checksums; exit code 1 when it is damaged."""
    from target.backup.verify import verify as check

    catalogue = Catalogue(directory)
    found = catalogue.find(name)
    problems = check(catalogue, found)
    click.echo(json.dumps({"name": found.name, "whole": not problems, "problems": problems}))
    if problems:
        sys.exit(TargetError.exit_code)


@backup.command()
@click.argument("name", default="latest")
@where_option
def restore(name: str, directory: Path) -> None:
    """Restore NAME on a fresh server, print its address and what is in it, and keep it until standard input ends."""
    from target.backup.restore import restore as restoring

    catalogue = Catalogue(directory)
    restoring(
        catalogue, catalogue.find(name), lambda restored: print(json.dumps(dataclasses.asdict(restored)), flush=True)
    )


@backup.command(name="list")
@where_option
def list_(directory: Path) -> None:
    """List the complete ones, oldest first."""
    click.echo(json.dumps([_told(one) for one in Catalogue(directory).all()]))


@backup.command()
@where_option
@click.option("--keep", type=click.IntRange(1), required=True, help="How many to keep; the last verified one always.")
def prune(directory: Path, keep: int) -> None:
    """Remove old ones."""
    click.echo(json.dumps({"removed": Catalogue(directory).prune(keep)}))


def _told(one: Backup) -> dict[str, object]:
    document = dataclasses.asdict(one)
    return {**document, "seconds": round(one.ended_at - one.begun_at, 3)}
