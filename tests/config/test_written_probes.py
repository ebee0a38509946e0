"""``--probe``: what is written, and what is wrong with it, all at once."""

from __future__ import annotations

from pathlib import Path

import yaml  # type: ignore[import-untyped]

from harness.config import run_probes
from harness.probes import Probe, load, name_of

CONFIGURATION = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes" / "configuration.yaml"


def read(text: str) -> tuple[list[Probe], list[str]]:
    problems: list[str] = []
    return list(run_probes.written(text, problems)), problems


def test_several_with_semicolons() -> None:
    found, problems = read("docker_container containers=api1,db timeout_s=1; cgroup paths=system.slice/nginx.service;")
    assert problems == []
    assert found == [
        load("docker_container", containers=("api1", "db"), timeout_s=1.0),
        load("cgroup", paths=("system.slice/nginx.service",)),
    ]
    assert read("") == ([], [])


def test_every_problem_is_told_and_the_others_are_read() -> None:
    found, problems = read("cgrop paths=a; containers=api1; cgroup ports=x paths; cgroup ports=0; cgroup ports=8000")
    assert found == [load("cgroup", ports=(8000,))]
    assert len(problems) == 4
    assert all(problem.startswith("--probe: ") for problem in problems)
    assert "Did you mean cgroup?" in problems[0]
    assert "a probe has no name" in problems[1]
    assert "cgroup: word 3 is no key=value" in problems[2]
    assert "ports" in problems[3]


def test_a_quotation_without_an_end() -> None:
    assert read('cgroup paths="a')[1] == [
        '--probe: no closing quotation: close every quotation, e.g. --probe "docker_container containers=api1,db"'
    ]


def test_what_the_configuration_for_kubernetes_asks_for_is_read() -> None:
    texts = [each["data"]["run.conf"] for each in yaml.safe_load_all(CONFIGURATION.read_text()) if "data" in each]
    (line,) = (line for text in texts for line in text.splitlines() if line.startswith("probe"))
    found, problems = read(line.partition(" = ")[2])
    assert ([name_of(probe) for probe in found], problems) == (["kubernetes_pods"], [])
