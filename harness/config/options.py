"""Options of a run: declared to Locust's parser, so that each is a command-line flag, an environment variable, a line
of the config file and, where its declaration allows it, a field of the web form. :mod:`harness.config.settings` reads
them back.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, replace
from typing import Any

from harness import criteria as criteria_folder
from harness.analysis.alerts import Limits
from harness.config import presets
from harness.config.scenario import Scenario
from harness.errors import ConfigurationError, nearest
from harness.plugins import Parameter, parameter, parameters_of
from harness.recording.header import CriterionSpec
from harness.safe_text import SHORTEST_SECRET
from shapes._phased import PhasedShape

PREFIX = "SPRINGBACK_"
"""Of the environment variables."""
CLOSE = 0.92
"""How alike two variables must be, prefix and all, for one to be a slip of the other: a letter or two, or its unit."""
OF_PACERS = ("arrivals", "seed", "ready_timeout_s")
"""General options that only parked users heed."""


@dataclass(frozen=True, kw_only=True)
class GeneralOptions:
    """Those of every run."""

    runs_dir: str = parameter("runs", "directory in which each run gets a directory of its own")
    allow_host: tuple[str, ...] = parameter(
        (), "host name outside this machine that load may go to; several with commas"
    )
    run_tags: tuple[str, ...] = parameter((), "what to call the run by in the history; several with commas", web=True)
    run_branch: str = parameter("", "branch of the version that is tested; empty: as the build server or Git says")
    run_commit: str = parameter("", "its commit; empty: as the build server or Git says")
    health_path: str = parameter(
        "", "path asked before and after the load, e.g. /healthz; empty: only the port", web=True
    )
    ca_file: str = parameter("", "certificates of authorities to trust beside the usual ones, a file in PEM")
    client_cert: str = parameter("", "certificate to show to a service that asks for one, a file in PEM")
    client_key: str = parameter("", "its key, a file in PEM without a passphrase; empty: in the file of --client-cert")
    insecure: bool = parameter(False, "verify no certificate; the report says so", web=False)
    health_timeout_s: float = parameter(5.0, "how long a health check may take, in seconds")
    wait_for_target: float = parameter(0.0, "how many seconds to wait for the target to be healthy before the load")
    back_within_s: float = parameter(10.0, "how long the target may take to be healthy after the load, in seconds")
    ready_timeout_s: float = parameter(60.0, "how long all users may take to be parked, in seconds")
    connect_early: str = parameter(
        "auto",
        "whether parked HTTP users hold a connection open; auto: as they say, unless that starves the target",
        choices=("auto", "yes", "no"),
    )
    drain_timeout_s: float = parameter(10.0, "how long to wait for answers that are out at the end, in seconds")
    expect: str = parameter(
        "", "statuses of good answers, e.g. 2xx,404; empty: as the users say, 2xx where they do not", web=True
    )
    shed: str = parameter(
        "",
        "statuses with which the service turns requests away on purpose, e.g. 429; empty: the users', if any",
        web=True,
    )
    slo_objective: float = parameter(
        0.0,
        "share of requests that has to be good, e.g. 0.999: error_budget is judged and raises alerts; 0: it is not",
        highest=0.999999,
    )
    slo_window_days: float = parameter(30.0, "days for which the objective holds", lowest=1, highest=366)
    slo_latency_s: float = parameter(0.0, "an answer is good only within so many seconds; 0: whenever it comes")
    arrivals: str = parameter(
        "even", "how starts of the open model are spread: even, or random (Poisson)", choices=("even", "random")
    )
    seed: int = parameter(1, "of random arrivals: the same seed gives the same starts on any number of load processes")
    without: tuple[str, ...] = parameter((), "criteria to leave out, several with commas; the report says so", web=True)
    stop_when: str = parameter(
        "",
        "stop the run early when a rule holds, e.g. error_ratio > 0.5 for 10 s; also p95 > 2 s, memory > 2 GB, target "
        "down for 5 s; in the baseline: in that phase alone; several with semicolons",
        web=True,
    )
    max_users: int = parameter(100_000, "refuse a plan with more users", lowest=1, web=False)
    max_duration_s: float = parameter(86_400.0, "refuse a plan whose phases take longer", lowest=1, web=False)
    max_requests_per_s: float = parameter(
        100_000.0, "refuse a plan with more starts a second, and stop a run that makes more requests", web=False
    )
    max_bytes: float = parameter(1e12, "stop a run that has received more bytes of answers", web=False)
    preset: str = parameter(
        "", "limits and options under one name: a preset of Springback, e.g. source-suite, or the path of a TOML file"
    )
    report_formats: tuple[str, ...] = parameter(
        (), "report formats to write beside verdict.json, e.g. html,junit; empty: all there are"
    )
    console: str = parameter(
        "auto",
        "what is shown while a run goes; auto: a screen on a terminal, lines elsewhere",
        choices=("auto", "screen", "lines", "quiet", "json"),
    )
    metrics_port: int = parameter(
        0, "port of 127.0.0.1 on which the run shows /metrics for Prometheus; 0: none", highest=65535
    )
    trace_ratio: float = parameter(
        0.0, "share of requests of our own HTTP users that carry a sampled traceparent; 0: none", highest=1
    )
    target_state: str = parameter("", "state file of the reference target: its API processes are sampled")
    probe_ports: tuple[int, ...] = parameter(
        (), "sample the processes that listen on these ports; default: the host's, on loopback", highest=65535
    )
    probe_pids: tuple[int, ...] = parameter((), "sample these processes, several with commas")
    probe_prometheus: tuple[str, ...] = parameter((), "sample these Prometheus endpoints, several URLs with commas")
    probe_json: tuple[str, ...] = parameter((), "sample the numbers of these JSON endpoints, several URLs with commas")
    probe: str = parameter(
        "",
        "sample with these probes, several with semicolons: name key=value …, e.g. docker_container containers=api1; "
        "see docs/containers.md",
        secret=True,  # there may be a password in an address
    )
    queue_gauge: str = parameter(
        "",
        "length of the target's queue: URL#NAME or the NAME of a sampled value, or RECEIVED - HANDLED in place of "
        "NAME; several with semicolons",
    )
    fault: str = parameter(
        "",
        "faults, several with semicolons: name key=value … at=spike+5 for=10; see docs/faults.md",
        secret=True,  # there may be a token among its parameters
    )


GENERAL = parameters_of(GeneralOptions)
OF_BUDGET = "slo_"
"""How the limits of the alerts begin that come from a criterion."""
ALERTS = tuple(
    replace(each, name=f"alert_{each.name}") for each in parameters_of(Limits) if not each.name.startswith(OF_BUDGET)
)


def declare(
    parser: argparse.ArgumentParser, scenario: Scenario, changed: Callable[[Scenario], None] = lambda _: None
) -> None:
    """Adds every option of the harness, of the scenario, of its shapes and of its criteria to Locust's parser.

    Where a preset is named to the parser, it sets defaults, and ``changed`` gets the scenario as it is with it. Raises
    ConfigurationError for options of one name.
    """
    # Straight to the parser: Locust leaves the options of an argument group out of its web form.
    known = {action.dest for action in parser._actions}
    for option in _all(scenario):
        if option.name in known:
            raise ConfigurationError(f"{option.flag} exists already; give the option another name in the scenario")
        known.add(option.name)
        _add(option, parser)

    def apply(word: str) -> Mapping[str, str]:
        preset = with_preset(word, scenario)
        declared = _all(preset)
        for option in declared:
            if option.name not in known:
                known.add(option.name)
                _add(option, parser)
        changed(preset)
        return {**{option.name: option.text for option in declared}, **preset.preset.options}

    presets.obey(parser, apply)


def with_preset(word: str, scenario: Scenario) -> Scenario:
    """The scenario as it is with this preset, whichever it had. Raises ConfigurationError with all that is wrong."""
    bare = replace(scenario, preset=presets.NONE)
    judged = bare.default_specs(_of_shapes())
    preset = presets.load(word, bare.name, judged, lambda found: _all(replace(bare, preset=found)))
    return replace(bare, preset=preset)


def _all(scenario: Scenario) -> list[Parameter]:
    return [option for _, options in sections(scenario) for option in options]


def sections(scenario: Scenario) -> list[tuple[str, list[Parameter]]]:
    """All options of a run that are not Locust's own, by what they belong to, those asked for most first."""
    of_shape = list(_of_shapes())
    return [
        (f"of the scenario {scenario.name}", list(scenario.options)),
        ("of the shape", of_shape),
        ("of the criteria", list(limits_of(_usable_specs(scenario, of_shape)))),
        ("of every run", [*GENERAL, *ALERTS]),
    ]


def secret_values(scenario: Scenario, values: Any) -> tuple[str, ...]:
    """What was given for options that are secret, and is long enough to be one; the longest first. A default stands in
    the code, and is none.
    """
    secret = [option for _, options in sections(scenario) for option in options if option.secret]
    given = {str(getattr(values, option.name, None) or "") for option in secret} - {option.text for option in secret}
    return tuple(sorted((value for value in given if len(value) >= SHORTEST_SECRET), key=len, reverse=True))


def listing(scenario: Scenario, parked: bool) -> str:
    """The options for people, with their defaults; without those that such users do not heed."""
    ignored = unheeded(parked)
    lines = []
    for title, options in sections(scenario):
        heeded = [option for option in options if option.name not in ignored]
        lines += [f"Options {title}:", *(line for option in heeded for line in _help_lines(option)), ""]
    return "\n".join(lines)


def unheeded(parked: bool) -> set[str]:
    """The names of the options that such users do not heed."""
    shapes = [shape() for shape in _concrete(PhasedShape)]
    ignored = {name for shape in shapes for name in shape.parameters if name not in shape.options_of(parked)}
    return ignored | (set() if parked else set(OF_PACERS))


def misspelt(environment: Mapping[str, str], scenario: Scenario) -> list[str]:
    """Variables that no option reads, but that look so much like one that somebody has meant it. Others may be for
    another scenario.
    """
    known = [PREFIX + option.name.upper() for _, options in sections(scenario) for option in options]
    given = [name for name in environment if name.startswith(PREFIX) and name not in known]
    meant = {name: nearest(name, known, CLOSE) for name in given}
    return [f"{name} is read by no option; did you mean {each}?" for name, each in meant.items() if each]


def _usable_specs(scenario: Scenario, of_shape: Iterable[Parameter]) -> Iterator[CriterionSpec]:
    """The criteria, by default, whose limits can be options. What is wrong with the others is said when the options are
    read, beside all else that is wrong, and here it would be said alone.
    """
    known = criteria_folder.available()
    try:
        specs = scenario.default_specs(of_shape)
    except ConfigurationError:
        return
    yield from (spec for spec in specs if spec.criterion in known)


def limits_of(specs: Iterable[CriterionSpec]) -> Iterator[Parameter]:
    """The limits of these criteria, and of all guards, as options."""
    for spec in (*specs, *criteria_folder.guard_specs()):
        for each in criteria_folder.parameters(spec.criterion):
            if "limit" in each.name:
                default = spec.parameters.get(each.name, each.default)
                yield replace(each, name=limit_option(spec, each), default=default)


def limit_option(spec: CriterionSpec, limit: Parameter) -> str:
    """The name of the option that sets this limit of this criterion."""
    return f"{criteria_folder.name_of(spec)}_{limit.name}"


def _add(option: Parameter, parser: argparse.ArgumentParser) -> None:
    """As text, whatever its kind: the web form hands over text, and one path reads and checks all of it."""
    default = "not shown" if option.secret and option.text else option.text or "none"
    help_text = f"{option.help or option.name.replace('_', ' ')} (default: {default})".replace("%", "%%")
    locust_only: dict[str, Any] = {
        "env_var": PREFIX + option.name.upper(),
        "is_secret": option.secret,
        "include_in_web_ui": option.in_web_form,
    }
    if option.name == "insecure":  # as everywhere else it needs no value
        locust_only |= {"nargs": "?", "const": "yes"}
    parser.add_argument(
        option.flag, dest=option.name, default=option.text, metavar="<value>", help=help_text, **locust_only
    )


def _help_lines(option: Parameter) -> list[str]:
    default = f" [{option.text}]" if option.text and not option.secret else ""
    return [f"  {option.flag} VALUE{default}", f"      {option.help}"]


def _of_shapes() -> Iterator[Parameter]:
    """The options of all shapes in the locustfile. Where they differ in a default there is none to show: empty means
    the chosen shape's own.
    """
    shapes = list(_concrete(PhasedShape))
    for name, each in {name: each for shape in shapes for name, each in shape.parameters.items()}.items():
        defaults = {getattr(shape, name) for shape in shapes if name in shape.parameters}
        yield replace(each, default=defaults.pop() if len(defaults) == 1 else MISSING)


def _concrete(shape: type[PhasedShape]) -> Iterator[type[PhasedShape]]:
    for child in shape.__subclasses__():
        if not child.abstract:
            yield child
        yield from _concrete(child)
