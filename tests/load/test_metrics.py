"""``/metrics``: what the live state says, as Prometheus' own parser and tools read it."""

from __future__ import annotations

import math
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client.parser import text_string_to_metric_families

from harness.analysis import phases, tallies
from harness.analysis.histogram import bucket_bounds_us, bucket_index
from harness.criteria import with_defaults
from harness.live.request_durations import BOUNDS_S, LONGEST_NAME, MOST_NAMES, MOST_SERIES
from harness.live.state import LiveState
from harness.recording import ProbeSample, Recording, Slice
from harness.recording.values import OK, OTHER_NAMES
from harness.web.metrics import Metrics
from harness.web.status import Watch
from shapes._profile import Herd, Phase, Polyline, Profile
from tests import recordings

RECORDING = recordings.failing()
PROMTOOL = shutil.which("promtool")


@dataclass
class OneRun:
    """A run, as far as the page looks at it; ``t`` is how far it has come."""

    recording: Recording
    t: float = 0.0
    name: str = "20261127T000000Z-login-herd"
    scenario: str = "login-herd"
    level_unit: str = "starts/s"
    finished: bool = False

    def __post_init__(self) -> None:
        header = self.recording.header
        planned = tuple(Phase(phase.name, phase.start_s, phase.end_s) for phase in header.phases)
        herds = tuple(Herd(gate.gate, gate.t, gate.users) for gate in header.gates)
        self.level = Polyline(tuple(header.level))
        self.profile = Profile(planned, Polyline(()), self.level, herds, pool_users=510)
        self.live = LiveState(replace(header, criteria=with_defaults(header.criteria)))

    def elapsed_s(self) -> float | None:
        return self.t

    def add(self, lines: Any) -> None:
        for line in lines:
            self.live.add(line)


def metrics_of(run: OneRun | None, tmp_path: Path, host: str = "http://127.0.0.1:8000") -> Metrics:
    runner = SimpleNamespace(user_count=510)
    environment = cast(Any, SimpleNamespace(host=host, runner=runner, parsed_options=SimpleNamespace()))
    master = cast(
        Any, SimpleNamespace(current_run=run, refusal=(), ending=False, runs=[] if run is None else [run.name])
    )
    return Metrics(environment, master, Watch(environment, master, tmp_path), lambda: 0.0 if run is None else run.t)


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """By name and labels; the parser refuses what Prometheus would."""
    found: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation, family.name
        for each in family.samples:
            key = (each.name, frozenset(each.labels.items()))
            assert key not in found, f"twice: {key}"
            found[key] = each.value
    return found


def total(text: str, metric: str, /, **wanted: str) -> float:
    """The sum of all samples with these labels."""
    return sum(
        value for (each, labels), value in samples(text).items() if each == metric and set(wanted.items()) <= labels
    )


def lint(text: str) -> str:
    if PROMTOOL is None:
        pytest.skip("promtool is not installed: Debian's package prometheus")
    return subprocess.run(
        [PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True, check=False
    ).stderr


def test_the_figures_are_those_of_the_recording(tmp_path: Path) -> None:
    """Requests by phase and outcome; durations from the send, and latency from the intended start."""
    run = OneRun(RECORDING, t=45)
    run.add([*RECORDING.slices, *RECORDING.probes])
    text = metrics_of(run, tmp_path).text()
    for phase in RECORDING.header.phases:
        whole = phases.of_phase(RECORDING, phase)
        assert total(text, "springback_requests_total", phase=phase.name) == whole.intended
        assert total(text, "springback_requests_failed_total", phase=phase.name) == whole.failed
        for cause, count in whole.causes.items():
            assert total(text, "springback_failures_total", phase=phase.name, cause=cause) == count
    merged = tallies.tally(RECORDING.slices)
    assert total(text, "springback_latency_seconds_count") == merged.ok
    for bound in BOUNDS_S:
        within = sum(n for index, n in merged.latency.items() if bucket_bounds_us(index)[1] <= bound * 1e6)
        assert total(text, "springback_latency_seconds_bucket", le=f"{bound:g}") == within
    latency_s = sum(sum(bucket_bounds_us(index)) / 2e6 * n for index, n in merged.latency.items())
    assert total(text, "springback_latency_seconds_sum") == pytest.approx(latency_s)
    answered = sum(piece.count for piece in RECORDING.slices if piece.latency)
    assert total(text, "http_client_request_duration_seconds_count") == answered
    asked = {"http_request_method": "POST", "url_template": "/auth/login", "server_port": "8000"}
    assert 0 < total(text, "http_client_request_duration_seconds_count", **asked) < answered
    assert total(text, "springback_phase") == total(text, "springback_phase", phase="recovery") == 1
    assert total(text, "springback_planned_herd_users") == 500
    assert total(text, "springback_target_memory_bytes") > 0
    assert lint(text) == ""


def test_alerts_the_recovery_clock_and_how_criteria_look_so_far(tmp_path: Path) -> None:
    run = OneRun(RECORDING, t=40)
    run.add(RECORDING.slices)
    list(run.live.close_seconds(40))
    metrics = metrics_of(run, tmp_path)
    assert total(metrics.text(), "springback_alert", alert="error ratio") == 1
    assert total(metrics.text(), "springback_recovery_seconds") == 8
    run.t = 80
    list(run.live.close_seconds(80))
    text = metrics.text()
    assert total(text, "springback_alert", alert="error ratio") == 0
    assert 0 < total(text, "springback_recovery_normal_after_seconds") < 48
    assert total(text, "springback_recovered") == 1
    spike = phases.of_phase(RECORDING, RECORDING.header.phases[1])
    asked = {"criterion": "error ratio in the spike", "unit": "ratio"}
    assert total(text, "springback_criterion_figure", **asked) == pytest.approx(spike.error_ratio)
    assert total(text, "springback_criterion_info", **asked, state="beyond") == 1


def test_errors_are_said_as_the_convention_says(tmp_path: Path) -> None:
    """A status is the error's type; what has none is called by its cause; what is no HTTP is not among it."""
    pieces = [
        Slice(1, "a", "GET /x", OK, 1, 0, {5: 1}, status=200),
        Slice(1, "a", "GET /x", "http 503", 2, 0, {5: 2}, status=503),
        Slice(1, "a", "GET /x", "timeout", 3, 0, {5: 3}),
        Slice(1, "a", "GET /x", "wrong body", 4, 0, {5: 4}, status=200),
        Slice(1, "a", "GET /x", "unserved", 9, 0, {}),
        Slice(1, "a", "SQL select", OK, 5, 0, {5: 5}),
    ]
    run = OneRun(RECORDING, t=3)
    run.add(pieces)
    text = metrics_of(run, tmp_path).text()
    counted = {
        (dict(labels).get("http_response_status_code"), dict(labels).get("error_type")): value
        for (name, labels), value in samples(text).items()
        if name == "http_client_request_duration_seconds_count"
    }
    assert counted == {("200", None): 1, ("503", "503"): 2, (None, "timeout"): 3, ("200", "wrong body"): 4}
    assert total(text, "springback_operation_duration_seconds_count", operation="SQL select") == 5
    assert total(text, "springback_failures_total", cause="unserved") == 9


HOSTILE = (
    'GET /"}\n# TYPE x counter\nx{a="',
    "GET \\",
    "GET /\u202etxt.exe",
    "GET /\ud800",
    "GET http://me:pw@h/x",
    "",
    "%d %s",
)


def test_hostile_names_are_text_and_names_that_look_alike_are_one(tmp_path: Path) -> None:
    run = OneRun(RECORDING, t=3)
    names = [*HOSTILE, "GET /a  b", "GET /a b", "GET /" + "x" * 5000, "GET /" + "x" * 6000]
    run.add(Slice(1, "a", name, OK, 1, 0, {5: 1}) for name in names)
    run.add(Slice(1, "a", "GET /", f"cause {name}", 1, 0, {5: 1}) for name in names)
    run.add([ProbeSample(1.0, "http_json", name, {name: 1.0, "other": math.nan}) for name in names])
    text = metrics_of(run, tmp_path).text()
    assert "me:pw" not in text
    assert total(text, "springback_latency_seconds_count") == len(names)
    shown = {dict(labels).get("name") for (name, labels) in samples(text) if name == "springback_latency_seconds_count"}
    assert len(shown) == len(names) - 2
    assert max(len(name or "") for name in shown) <= LONGEST_NAME
    assert lint(text) == ""


def test_a_secret_stands_in_no_label_and_names_that_differ_in_it_are_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.web.secrets.values", lambda _: ("hush-4711", "hush-0815"))
    run = OneRun(RECORDING, t=3)
    for secret in ("hush-4711", "hush-0815"):
        run.add([Slice(1, "a", f"GET /?key={secret}", OK, 3, 0, {5: 3})])
        run.add([Slice(1, "a", "GET /", f"refused {secret}", 2, 0, {5: 2})])
    text = metrics_of(run, tmp_path).text()
    assert "hush" not in text
    assert total(text, "springback_latency_seconds_count", name="GET /?key=•••") == 6
    assert total(text, "springback_failures_total", cause="refused •••") == 4


def test_names_without_end_are_bounded_and_none_is_lost(tmp_path: Path) -> None:
    run = OneRun(RECORDING, t=3)
    run.add(Slice(1, "a", f"GET /{n}", f"cause {n % 700}" if n % 2 else OK, 1, 0, {5: 1}) for n in range(5000))
    text = metrics_of(run, tmp_path).text()
    series = [name for name, _ in samples(text) if name == "http_client_request_duration_seconds_count"]
    assert len(series) <= MOST_SERIES + 2
    assert (
        total(text, "http_client_request_duration_seconds_count")
        + total(text, "springback_operation_duration_seconds_count", operation=OTHER_NAMES)
        == 5000
    )
    latencies = [name for name, _ in samples(text) if name == "springback_latency_seconds_count"]
    assert len(latencies) <= MOST_NAMES + 1
    assert len(text.splitlines()) < 20_000


def test_around_a_herd_the_page_stays_as_it_was(tmp_path: Path) -> None:
    """Whoever asks then would spread the release; afterwards it is new."""
    run = OneRun(RECORDING, t=29)
    metrics = metrics_of(run, tmp_path)
    before = metrics.text()
    gate_s = RECORDING.header.gates[0].t
    run.t = gate_s
    assert metrics.text() is before
    run.t = gate_s + 1
    assert metrics.text() != before


def test_a_series_that_is_new_begins_at_0_unless_nobody_has_watched(tmp_path: Path) -> None:
    """Prometheus would not see a herd whose requests come with a name of their own, nor a cause that comes with many
    failures; and where it comes late itself, it must not see all of the past as one spike.
    """
    run = OneRun(RECORDING, t=3)
    herd = Slice(3, "a", "POST /herd", "timeout", 500, 0, {5: 500})
    run.add([Slice(2, "a", "GET /x", OK, 7, 0, {5: 7})])
    metrics = metrics_of(run, tmp_path)
    assert total(metrics.text(), "springback_latency_seconds_count") == 7
    run.add([herd])
    asked = {"cause": "timeout"}
    for t, shown in ((4.0, 0), (4.5, 0), (5.0, 500)):
        run.t = t
        text = metrics.text()
        assert total(text, "springback_failures_total", **asked) == shown
        assert total(text, "http_client_request_duration_seconds_count", url_template="/herd") == shown
        assert total(text, "springback_requests_total") == 507
    late = metrics_of(run, tmp_path)
    assert total(late.text(), "springback_failures_total", **asked) == 500


def test_without_a_run_it_says_so(tmp_path: Path) -> None:
    text = metrics_of(None, tmp_path).text()
    assert total(text, "springback_run_state", state="idle") == 1
    assert total(text, "springback_session_runs") == 0
    assert lint(text) == ""


def many_names() -> OneRun:
    """A hundred names, of a thousand different latencies each, with three outcomes."""
    run = OneRun(RECORDING, t=45)
    for n in range(100):
        latency = {bucket_index(1000 + 37 * n * k % 900_000): 1 for k in range(1000)}
        for outcome, status in ((OK, 200), ("http 503", 503), ("timeout", 0)):
            run.live.add(Slice(40, "a", f"GET /page/{n}", outcome, len(latency), 0, latency, status=status))
    return run


def test_a_page_of_a_hundred_names_has_all_of_their_requests(tmp_path: Path) -> None:
    text = metrics_of(many_names(), tmp_path).text()
    assert total(text, "springback_latency_seconds_count") == pytest.approx(100_000, rel=0.2)
