"""Options and arguments that several commands have."""

from __future__ import annotations

from typing import Any

import click

from harness.errors import ConfigurationError

ABOVE_NOTHING = click.FloatRange(0, min_open=True)
PASS_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": ["--help"]}
"""Of commands whose other options are those of a run, and ``-h`` among them."""
PASS_ON_BUT_H = {**PASS_ON, "help_option_names": ["-h", "--help"]}
"""The same, where ``-h`` is the command's own."""

QUIET = click.option("--quiet", is_flag=True, help="Print the verdict on one line, and nothing before it but problems.")
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document a line, for programs.")


def shown_as(quiet: bool, as_json: bool) -> str:
    """How the verdict is wanted: ``quiet``, ``json``, or empty."""
    if quiet and as_json:
        raise ConfigurationError("--quiet and --json: leave out one of them")
    return "quiet" if quiet else "json" if as_json else ""


class ScenarioFile(click.ParamType[str]):
    """A file, the name of one of our own, or -h in its place, which these commands leave to the locustfile."""

    name = "scenario"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:  # noqa: ARG002
        from harness.commands.scenario_files import find

        if value == "-h" and context is not None:
            click.echo(context.get_help())
            context.exit()
        return find(value)
