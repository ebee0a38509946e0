"""The commands of ``springback`` and their options, as Click has them; what they do is in :mod:`harness.commands`, and
is imported when it is asked for.
"""

from __future__ import annotations

import click

from harness.command_line import earlier_runs, running, traffic


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="springback")
def cli() -> None:
    """When a spike hits, what breaks, and does the service come back, how fast, and at what cost?

    Exit codes: 0 PASS, 2 usage or configuration, 3 FAIL, 4 INCONCLUSIVE, 5 stopped early. (1 is Locust's own.)
    """


@click.command(short_help="List criteria, probes, faults, shapes, report formats or presets.")
@click.argument(
    "kind", required=False, type=click.Choice(["criteria", "probes", "faults", "shapes", "reports", "presets"])
)
def plugins(kind: str | None) -> None:
    """List what there is of one KIND, with its parameters and their defaults; without it, the names of all. One of your
    own is one more file.
    """
    from harness.commands.plugins import listing, overview

    click.echo(listing(kind) if kind else overview())


@click.command(short_help="Print a dashboard for Grafana.")
def grafana() -> None:
    """Print, as JSON, a dashboard of what a run shows at /metrics. Import it, and choose your Prometheus."""
    from harness.commands.grafana import text

    click.echo(text())


for _command in (*running.COMMANDS, plugins, *earlier_runs.COMMANDS, grafana, *traffic.COMMANDS):
    cli.add_command(_command)
