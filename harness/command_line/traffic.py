"""The commands that read what was seen of real traffic."""

from __future__ import annotations

from pathlib import Path

import click

from harness.safe_text import safe


@click.group(name="import", short_help="Write a scenario from a HAR file or access logs.")
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


@click.command(short_help="Learn spikes from real traffic.")
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
    from shapes._points import Wanted

    connection_guard.arm(allowed_hosts(allow_host))
    wanted = Wanted(time_column, level_column, option="-")
    click.echo(safe("\n".join(learn_from(files, output, window_s, offset_of(utc_offset), wanted, force))))


COMMANDS = (import_traffic, learn)
