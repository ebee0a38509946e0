"""``--state``: the file by which a command finds the stack."""

from __future__ import annotations

from pathlib import Path

import click

state_option = click.option(
    "--state",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    metavar="FILE",
    help="The stack's state file; by default one a user, in the temporary directory.",
)
