"""The dashboard, the rules and the alerts, asked of a real Prometheus that holds what a whole run showed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

import reports
from harness.commands import grafana
from harness.recording import ProbeSample, Recording
from harness.recording.marks import INJECTED, FaultMark, NodeMark
from harness.recording.values import OK
from harness.verdict import judge
from tests import recordings
from tests.load.test_metrics import OneRun, metrics_of
from tests.ports import free_port

OBSERVE = Path(__file__).resolve().parents[2] / "deploy" / "observe"
FAILING = recordings.failing()
POOL = tuple(ProbeSample(t + 0.1, "pool", "api1", {"in_use": 1.0}) for t in range(90))
MARKS = (FaultMark(40.0, "noop", INJECTED, "", 1), NodeMark(20.0, "worker-2", "lost"))
RECORDING = replace(FAILING, probes=(*FAILING.probes, *POOL), marks=(*FAILING.marks, *MARKS))
BEGAN_S = 1_764_000_000
"""When the run began, in Unix time: any whole second."""
needs_prometheus = pytest.mark.skipif(
    not shutil.which("prometheus") or not shutil.which("promtool"),
    reason="Debian's package prometheus is not installed",
)


def pages(recording: Recording, runs_dir: Path) -> Iterator[tuple[float, str]]:
    """What the run would have shown at each second, and afterwards with its verdict."""
    run = OneRun(recording)
    metrics = metrics_of(run, runs_dir)
    lines = sorted([*recording.slices, *recording.probes, *recording.marks], key=lambda line: line.t)
    end_s = recording.header.phases[-1].end_s
    for t in range(end_s + 2):
        run.t = t + 0.9
        run.add(line for line in lines if t - 1 <= line.t < t)
        list(run.live.close_seconds(run.t))
        yield t, metrics.text()
    (runs_dir / run.name).mkdir(parents=True)
    reports.write(recording, judge(recording), runs_dir / run.name, ["verdict_json"])
    run.finished = True
    for t in range(end_s + 2, end_s + 8):
        yield t, metrics.text()


def as_openmetrics(scraped: Iterator[tuple[float, str]]) -> str:
    """The samples of all pages with their times, series by series, as promtool takes them."""
    series: dict[str, list[str]] = {}
    for t, text in scraped:
        for line in text.splitlines():
            if not line.startswith("#"):
                key, _, value = line.rpartition(" ")
                series.setdefault(key, []).append(f"{key} {value} {BEGAN_S + t}\n")
    return "".join(line for lines in series.values() for line in lines) + "# EOF\n"


@dataclass
class Prometheus:
    url: str
    end_s: int

    def series(self, expression: str) -> list[dict[str, Any]]:
        """At each second of the run, and some after it."""
        asked = {"query": expression, "start": str(BEGAN_S), "end": str(BEGAN_S + self.end_s + 7), "step": "1"}
        with urllib.request.urlopen(
            f"{self.url}/api/v1/query_range?{urllib.parse.urlencode(asked)}", timeout=20
        ) as answer:
            told = json.load(answer)
        assert told["status"] == "success", told
        found: list[dict[str, Any]] = told["data"]["result"]
        return found

    def highest(self, expression: str) -> float:
        return max(float(value) for each in self.series(expression) for _, value in each["values"])


@contextmanager
def answering(directory: Path, end_s: int) -> Iterator[Prometheus]:
    address = f"127.0.0.1:{free_port()}"
    (directory / "prometheus.yml").write_text("{}")
    process = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={directory / 'data'}",
            "--storage.tsdb.retention.time=100y",
            f"--web.listen-address={address}",
        ],
        stderr=subprocess.DEVNULL,
    )
    try:
        asked = Prometheus(f"http://{address}", end_s)
        deadline_s = time.monotonic() + 30
        while True:
            try:
                urllib.request.urlopen(f"{asked.url}/-/ready", timeout=5).close()
                break
            except OSError:
                assert time.monotonic() < deadline_s and process.poll() is None
                time.sleep(0.05)
        yield asked
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    directory = tmp_path_factory.mktemp("prometheus")
    (directory / "run.txt").write_text(as_openmetrics(pages(RECORDING, directory / "runs")))
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics"]
    made = [*command, str(directory / "run.txt"), str(directory / "data")]
    subprocess.run(made, check=True, capture_output=True)
    with answering(directory, RECORDING.header.phases[-1].end_s) as asked:
        yield asked


def expressions_of(panel: str) -> list[str]:
    return [expression for title, expression in expressions() if title == panel]


def expressions() -> list[tuple[str, str]]:
    """Of every panel, and of the marks, with Grafana's words replaced as it does at scrapes of a second."""
    shown = grafana.dashboard()
    found = [(panel["title"], target["expr"]) for panel in shown["panels"] for target in panel["targets"]]
    found += [(mark["name"], mark["expr"]) for mark in shown["annotations"]["list"]]
    words = {"$__rate_interval": "4s", "$__interval": "1s"}
    return [(title, re.sub(r"\$\w+", lambda word: words[word[0]], text)) for title, text in found]


@needs_prometheus
@pytest.mark.parametrize(("title", "expression"), expressions())
def test_every_expression_of_the_dashboard_is_answered(title: str, expression: str, prometheus: Prometheus) -> None:
    found = prometheus.series(expression)
    assert found, title
    assert any(value not in ("NaN", "+Inf") for each in found for _, value in each["values"]), title


@needs_prometheus
def test_the_spike_shows_at_its_full_height(prometheus: Prometheus) -> None:
    """The busiest second of the recording, its share of errors, and its slowest answers."""
    seconds: dict[int, int] = {}
    for piece in RECORDING.slices:
        seconds[piece.t] = seconds.get(piece.t, 0) + piece.count
    assert prometheus.highest("sum(irate(springback_requests_total[4s]))") == max(seconds.values())
    assert "sum(irate(springback_requests_total[4s]))" in expressions_of("Requests")
    assert prometheus.highest("sum(springback_requests_total)") == sum(seconds.values())
    failed = sum(piece.count for piece in RECORDING.slices if piece.outcome != OK)
    # Counters that come with a figure have not grown, to Prometheus: this is all of them.
    assert prometheus.highest("sum(increase(springback_failures_total[100s]))") == pytest.approx(failed, rel=0.05)
    (p95,) = expressions_of("p95 by name")
    assert prometheus.highest(f'{p95} and on(name) springback_latency_seconds_count{{name="{recordings.LOGIN}"}}') > 0.1


@needs_prometheus
def test_the_verdict_is_there_afterwards(prometheus: Prometheus) -> None:
    (verdict,) = prometheus.series("springback_verdict == 1")
    assert verdict["metric"]["outcome"] == judge(RECORDING).outcome.value
    found = {each["metric"]["finding"] for each in prometheus.series("springback_finding_info")}
    assert found == {finding.title for finding in judge(RECORDING).findings}


def test_the_provisioned_dashboard_is_the_one_that_the_command_prints() -> None:
    """``springback grafana > deploy/observe/springback.json`` when this fails."""
    assert (OBSERVE / "springback.json").read_text() == grafana.text() + "\n"


def test_panels_lie_beside_each_other_and_ask_the_chosen_source() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in grafana.dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < grafana.WIDTH
        taken |= cells
        assert panel["datasource"] == panel["targets"][0]["datasource"] == grafana.SOURCE


@needs_prometheus
def test_prometheus_takes_the_configuration_and_the_rules() -> None:
    for what, file in (("config", "prometheus.yml"), ("rules", "rules.yml")):
        done = subprocess.run(
            ["promtool", "check", what, file], cwd=OBSERVE, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@needs_prometheus
def test_the_rules_and_alerts_say_what_they_should() -> None:
    """``rules_test.yml`` beside them: each alert is raised when it should be, and not before."""
    command = ["promtool", "test", "rules", "rules_test.yml"]
    done = subprocess.run(command, cwd=OBSERVE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rules = yaml.safe_load((OBSERVE / "rules.yml").read_text())
    tested = (OBSERVE / "rules_test.yml").read_text()
    alerts = [rule["alert"] for group in rules["groups"] for rule in group["rules"] if "alert" in rule]
    records = [rule["record"] for group in rules["groups"] for rule in group["rules"] if "record" in rule]
    assert all(f"alertname: {alert}" in tested for alert in alerts)
    assert all(record in tested for record in records)
