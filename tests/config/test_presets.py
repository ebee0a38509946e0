"""Presets: found by listing, refused with all that is wrong, and below everything that is given."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness import criteria
from harness.config import options, preset_file, presets, settings
from harness.config.scenario import Scenario
from harness.errors import ConfigurationError
from harness.findings import Outcome
from harness.plugins import parameters_of
from harness.recording.header import CriterionSpec
from shapes.herd import Herd
from tests import recordings
from tests.config.test_options import HOST, Parser

OWN = """
summary = "mine"

[options]
health_path = "/healthz"
without = ["memory_growth"]

[criteria.error_ratio]
limit = 0.02

[criteria.hit_ratio]
lower_limit = 0.9

[scenarios.one.options]
keys = 7

[scenarios.one.criteria.rate]
criterion = "throughput"
lower_limit_per_s = 5.0

[scenarios.other.criteria.rate]
criterion = "throughput"
lower_limit_per_s = 50.0
"""


class Small(Herd):
    herd_users = 7


class Options:
    keys: int = 20


SCENARIO = Scenario("one", criteria=("error_ratio", "memory_growth"), options=parameters_of(Options))


@pytest.fixture
def own(tmp_path: Path) -> str:
    path = tmp_path / "own.toml"
    path.write_text(OWN)
    return str(path)


def judged(*arguments: str) -> tuple[Any, dict[str, CriterionSpec]]:
    """The options, and the criteria by the names of their findings."""
    parser, kept = Parser(), [SCENARIO]
    options.declare(parser, SCENARIO, lambda changed: kept.append(changed))
    values: Any = parser.parse_args(list(arguments))
    read = settings.read(values, kept[-1], Small(), HOST)
    return values, {str(spec.parameters.get("name") or spec.criterion): spec for spec in read.criteria}


def refused(*arguments: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        judged(*arguments)
    return list(caught.value.messages)


def test_a_preset_sets_options_and_criteria_and_adds_those_of_its_scenario(own: str) -> None:
    values, specs = judged("--preset", own)
    assert (values.keys, values.health_path) == (7, "/healthz")
    assert specs["error_ratio"].parameters["limit"] == 0.02
    assert specs["rate"] == CriterionSpec("throughput", {"lower_limit_per_s": 5.0, "name": "rate"})
    assert "memory_growth" not in specs and "hit_ratio" not in specs


def test_what_is_given_goes_before_the_preset_and_that_before_the_scenario(own: str) -> None:
    values, specs = judged(
        "--preset", own, "--keys", "9", "--error-ratio-limit", "0.5", "--rate-lower-limit-per-s", "6"
    )
    assert values.keys == 9
    assert specs["error_ratio"].parameters["limit"] == 0.5
    assert specs["rate"].parameters["lower_limit_per_s"] == 6.0
    assert judged()[0].keys == 20


def test_every_problem_is_told_at_once_beside_those_of_other_options(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(
        "sumary = 'x'\n[options]\nhots = 1\n[criteria.error_rate]\nlimit = 1\n[criteria.error_ratio]\nlimits = 5\n"
        "limit = 7\n[criteria.run_complete]\n[scenarios.one.criteria.hit_ratio]\nlike = 'stale_reads'\n"
        "[scenarios.two.criterias]\n"
    )
    problems = refused("--preset", str(path), "--keys", "many")
    assert [line.removeprefix(f"--preset {path}: ") for line in problems] == [
        "sumary: there is no such key; did you mean summary?",
        "scenarios.two.criterias: there is no such key; did you mean criteria?",
        "criteria.error_rate: there is no criterion error_rate; did you mean error_ratio?",
        "criteria.error_ratio: there is no parameter 'limits'. "
        "Valid ones: limit, phase, requests, remedy, shorter_ratio, shorter_than, name, part, confidence",
        "criteria.error_ratio: limit 7: give a number from 0 to 1",
        "criteria.run_complete: a guard is judged in every run; set its limits under [options], as run_complete_…",
        "scenarios.one.criteria.hit_ratio.like stale_reads: the scenario has no such criterion; "
        "it has error_ratio, memory_growth",
        "options.hots: this scenario has no such option; a preset has only Springback's options; "
        "`springback plan FILE -h` lists them",
        "--keys many: give a whole number",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "[options]\nhost = 'http://x'",
            "options.host: this scenario has no such option; a preset has only Springback's",
        ),
        ("[options]\nkey = 1", "options.key: this scenario has no such option; did you mean keys?"),
        ("[options]\nkeys = 'many'", "options.keys many: give a whole number"),
        ("[options]\npreset = 'other'", "options.preset: this scenario has no such option"),
        ("[options.keys]\na = 1", "options.keys"),
        ("options = 5", "options: give a table, [options]"),
        ("[criteria]\nerror_ratio = 5", "criteria.error_ratio: give a table, [criteria.error_ratio]"),
        ("summary = 5", "summary: give one line of text"),
        ("keys 5", "mend the file"),
        ("\x00", "mend the file"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_remedy(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    (line,) = refused("--preset", str(path))
    assert line.startswith(f"--preset {path}: ") and problem in line


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("source-suit", "did you mean source-suite?"),
        ("nothing/here.toml", "cannot be read (No such file or directory); correct the path"),
        ("/dev/zero", "correct the path"),
    ],
)
def test_what_is_no_preset_is_refused(word: str, problem: str) -> None:
    (line,) = refused("--preset", word)
    assert line.startswith(f"--preset {word}: ") and problem in line


def test_one_takes_the_parameters_of_another_criterion(tmp_path: Path) -> None:
    path = tmp_path / "like.toml"
    path.write_text("[scenarios.one.criteria.late]\ncriterion = 'recovery_time'\nlike = 'error_ratio'\nlimit_s = 9.0\n")
    scenario = Scenario("one", criteria=(CriterionSpec("error_ratio", {"requests": "GET *", "limit": 0.5}),))
    (_, late) = options.with_preset(str(path), scenario).specs(argparse.Namespace())
    assert late == CriterionSpec("recovery_time", {"requests": "GET *", "limit_s": 9.0, "name": "late"})


def test_the_lines_say_what_was_given_otherwise_and_what_is_not_judged(own: str) -> None:
    values, specs = judged("--preset", own, "--error-ratio-limit", "0.5", "--keys", "9")
    lines = list(options.with_preset(own, SCENARIO).preset.lines(specs.values(), values))
    assert lines == [
        f"preset {own}: mine",
        "  health_path = /healthz",
        "  without = memory_growth",
        "  keys = 7 (given: 9)",
        "  error_ratio: limit = 0.02 (given: 0.5)",
        "  hit_ratio: lower_limit = 0.9 (not judged in this scenario)",
        "  rate: lower_limit_per_s = 5",
    ]


def test_a_preset_has_all_of_the_one_that_it_extends_and_goes_before_it(own: str, tmp_path: Path) -> None:
    path = tmp_path / "sale.toml"
    sale = ('summary = "sale"', "[criteria.error_ratio]", "limit = 0.01", "[scenarios.one.options]", "keys = 9")
    path.write_text("\n".join((f'extends = "{Path(own).name}"', *sale)))
    values, specs = judged("--preset", str(path))
    assert (values.keys, values.health_path) == (9, "/healthz")
    assert specs["error_ratio"].parameters["limit"] == 0.01
    assert specs["rate"].parameters["lower_limit_per_s"] == 5.0
    assert presets.summary_of(str(path)) == "sale"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("extends = 'source-suit'", "extends source-suit: there is no such preset; did you mean source-suite?"),
        ("extends = 'gone.toml'", "extends gone.toml: cannot be read (No such file or directory); correct the path"),
        ("extends = 'wrong.toml'", "extends wrong.toml: they extend each other; end the circle"),
        ("extends = ['a', 'b']", "extends: give one name, or one path"),
        ("extend = 'source-suite'", "extend: there is no such key; did you mean extends?"),
    ],
)
def test_what_cannot_be_extended_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    (line,) = refused("--preset", str(path))
    assert line.startswith(f"--preset {path}: {problem}")


def test_the_memory_limit_of_the_source_suite_holds_for_a_large_process_as_well() -> None:
    """Of 4 GB, 250 MB more: within a quarter, which is our own limit, and beyond 200 MB."""
    grown = recordings.login_herd(leak_bytes=250e6)
    probes = (
        replace(each, values={**each.values, "rss_bytes": each.values["rss_bytes"] + 2e9})
        if "rss_bytes" in each.values
        else each
        for each in grown.probes
    )
    large = replace(grown, probes=tuple(probes))
    found = {}
    for arguments in ((), ("--preset", "source-suite")):
        values, specs = judged(*arguments)
        found[arguments] = criteria.load(specs["memory_growth"]).judge(large), values.alert_memory_growth_ratio
    (ours, usual_ratio), (theirs, ratio) = found.values()
    assert (ours.outcome, theirs.outcome, theirs.limit) == (Outcome.PASS, Outcome.FAIL, 200e6), theirs.reason
    assert (float(usual_ratio), float(ratio)) == (0.25, 0)


def test_the_loads_of_the_source_suite_have_its_limits() -> None:
    """What a small machine cannot make is in a preset of its own, with all limits of the other."""
    limits, loads = (preset_file.read(name) for name in ("source-suite", "source-suite-load"))
    assert loads["criteria"] == limits["criteria"]
    stairs = loads["scenarios"]["autoscaling"]
    assert stairs["criteria"] == limits["scenarios"]["autoscaling"]["criteria"]
    assert (stairs["options"]["base"], stairs["options"]["peak"]) == (50, 1500)
    assert stairs["options"]["hold_s"] > stairs["criteria"]["scaling_lag"]["limit_s"]
    assert loads["scenarios"]["cache-coherence"]["criteria"]["throughput"]["lower_limit_per_s"] == 1000


@pytest.mark.parametrize("name", presets.available())
def test_a_built_in_preset_says_what_it_is(name: str) -> None:
    assert presets.summary_of(name)
