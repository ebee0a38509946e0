"""Options of a run: declared to Locust's parser, so that each is a command-line flag, an environment variable, a line
of the config file and a field of the web form. :mod:`harness.config.settings` reads them back.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from harness import criteria as criteria_folder
from harness.config.scenario import GUARDS, Scenario
from harness.errors import ConfigurationError
from harness.plugins import flag
from shapes._phased import PhasedShape

PREFIX = "SPRINGBACK_"


@dataclass(frozen=True)
class Option:
    name: str
    """As in Python; the flag has dashes in place of underscores."""
    default: str
    help: str

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        text = f"{self.help} (default: {self.default or 'none'})".replace("%", "%%")
        # Postgres and Valkey: addresses that hold a password. A fault may have a token among its parameters.
        secret = self.name == "fault" or any(
            word in self.name for word in ("password", "token", "secret", "postgres", "valkey")
        )
        locust_only: dict[str, Any] = {"env_var": PREFIX + self.name.upper(), "is_secret": secret}
        parser.add_argument(
            flag(self.name), dest=self.name, default=self.default, metavar="<value>", help=text, **locust_only
        )

    def lines(self) -> list[str]:
        """Two lines of help."""
        default = f" [{self.default}]" if self.default else ""
        return [f"  {flag(self.name)} VALUE{default}", f"      {self.help}"]


CLOSE = 0.93
"""How alike two names must be for one to be a slip of the other: a letter or two."""

GENERAL = (
    Option("runs_dir", "runs", "directory in which each run gets a directory of its own"),
    Option("allow_host", "", "host name outside this machine that load may go to; several with commas"),
    Option("health_path", "", "path asked before and after the load, e.g. /healthz; empty: only the port"),
    Option("health_timeout_s", "5", "how long a health check may take, in seconds"),
    Option("back_within_s", "10", "how long the target may take to be healthy after the load, in seconds"),
    Option("ready_timeout_s", "60", "how long all users may take to be parked, in seconds"),
    Option("drain_timeout_s", "10", "how long to wait for answers that are out at the end, in seconds"),
    Option("arrivals", "even", "how starts of the open model are spread: even, or random (Poisson)"),
    Option("seed", "1", "of random arrivals: the same seed gives the same starts on any number of nodes"),
    Option("without", "", "criteria to leave out, several with commas; the report says so"),
    Option("alert_p95_s", "2", "alert when p95 of the last 10 s is above so many seconds; 0: never"),
    Option("alert_error_ratio", "0.05", "alert when more of the last 10 s' requests failed; 0: never"),
    Option("alert_memory_growth_bytes", "200000000", "alert when the target has grown by so many bytes; 0: never"),
    Option("alert_pool_use_ratio", "0.9", "alert when more of a connection pool is in use; 0: never"),
    Option("alert_pool_names", "in_use/size", "how the sampled figures of a pool are called, e.g. active/max"),
    Option("alert_replicas_name", "ready,servers_up", "sampled figure whose changes are scaling events"),
    Option("target_state", "", "state file of the reference target: its API processes are sampled"),
    Option("probe_ports", "", "sample the processes that listen on these ports; default: the host's, on loopback"),
    Option("probe_pids", "", "sample these processes, several with commas"),
    Option("probe_prometheus", "", "sample these Prometheus endpoints, several URLs with commas"),
    Option("probe_json", "", "sample the numbers of these JSON endpoints, several URLs with commas"),
    Option("fault", "", "faults, several with semicolons: name key=value … at=spike+5 for=10; see docs/faults.md"),
)


def declare(parser: argparse.ArgumentParser, scenario: Scenario) -> None:
    """Adds every option of the harness, of the scenario, of its shapes and of its criteria to Locust's parser."""
    # Straight to the parser: Locust leaves the options of an argument group out of its web form.
    known = {action.dest for action in parser._actions}
    for option in (option for _, options in sections(scenario) for option in options):
        if option.name in known:
            raise ConfigurationError(
                f"{flag(option.name)} exists already; give the option another name in the scenario"
            )
        known.add(option.name)
        option.add_to(parser)


def sections(scenario: Scenario) -> list[tuple[str, list[Option]]]:
    """All options of a run that are not Locust's own, by what they belong to, those asked for most first."""
    return [
        (f"of the scenario {scenario.name}", list(_of_scenario(scenario))),
        ("of the shape", list(_of_shapes())),
        ("of the criteria", list(_of_criteria(scenario))),
        ("of every run", list(GENERAL)),
    ]


def listing(scenario: Scenario) -> str:
    """The options for people, with their defaults."""
    lines = []
    for title, options in sections(scenario):
        lines += [f"Options {title}:", *(line for option in options for line in option.lines()), ""]
    return "\n".join(lines)


def misspelt(environment: Mapping[str, str], scenario: Scenario) -> list[str]:
    """Variables that no option reads, but that look so much like one that somebody may have meant it."""
    known = [PREFIX + option.name.upper() for _, options in sections(scenario) for option in options]
    given = [name for name in environment if name.startswith(PREFIX) and name not in known]
    close = {name: get_close_matches(name, known, 1, CLOSE) for name in given}
    return [f"{name} is read by no option; did you mean {found[0]}?" for name, found in close.items() if found]


def _of_scenario(scenario: Scenario) -> Iterator[Option]:
    for name, (default, text) in scenario.options.items():
        yield Option(name, default, text)


def _of_shapes() -> Iterator[Option]:
    shapes = list(_concrete(PhasedShape))
    texts = {name: text for shape in shapes for name, text in shape.options.items()}
    for name, text in texts.items():
        defaults = {str(getattr(shape, name)) for shape in shapes if name in shape.options}
        # Where shapes differ there is no default to show: empty means the chosen shape's own.
        yield Option(name, defaults.pop() if len(defaults) == 1 else "", text)


def _concrete(shape: type[PhasedShape]) -> Iterator[type[PhasedShape]]:
    for child in shape.__subclasses__():
        if not child.abstract:
            yield child
        yield from _concrete(child)


def _of_criteria(scenario: Scenario) -> Iterator[Option]:
    for spec in (*scenario.criteria, *GUARDS):
        for parameter in criteria_folder.parameters(spec.criterion):
            if "limit" in parameter.name:
                value = spec.parameters.get(parameter.name, parameter.default)
                name = f"{criteria_folder.name_of(spec)}_{parameter.name}"
                yield Option(name, f"{value:g}" if isinstance(value, int | float) else str(value), parameter.help)
