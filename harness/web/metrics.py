"""``/metrics``: how the session stands and what was measured, for Prometheus.

Names and units of HTTP requests are those of OpenTelemetry's conventions for HTTP clients
(https://opentelemetry.io/docs/specs/semconv/http/http-metrics/), as Prometheus writes them; all else is
``springback_…``. Every figure is of the live state; the counters begin anew with each run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from importlib import metadata
from typing import Any
from urllib.parse import urlsplit

from locust.env import Environment

from harness.analysis import generator
from harness.config.options import secret_values
from harness.config.scenario import attached_scenario
from harness.findings import Outcome
from harness.live.recovery_clock import recovery_clock
from harness.live.request_durations import Durations
from harness.recording_values import OK
from harness.run.locust_output import hidden
from harness.run.master import Master
from harness.run.run import Run
from harness.web import exposition
from harness.web.exposition import Births, counter, gauge, labels
from harness.web.status import WORDS, Status, Watch, quiet_s

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
"""A request whose name begins with none of these is no request of HTTP."""
MOST_SAMPLES = 200
"""Of one family: sources, or figures of probes."""

Samples = Iterator[tuple[Mapping[str, object], float | None]]


class Metrics:
    """One for each session. Costs nothing as long as nobody asks."""

    def __init__(
        self, environment: Environment, master: Master, watch: Watch, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._environment = environment
        self._master = master
        self._watch = watch
        self._last = ""
        self._of_run: _RequestFamilies | None = None
        self._clock = clock
        self._births = Births()

    def text(self) -> str:
        """The whole page. Around a herd's instant it is the last one, so that watching does not spread the release."""
        run = self._master.current_run
        if self._last and quiet_s(run) is not None:
            return self._last
        self._births.turn_page(self._clock())
        self._last = "".join(self._families(run, self._watch.status()))
        return self._last

    def _families(self, run: Run | None, status: Status) -> Iterator[str]:
        version = metadata.version("springback")
        yield from gauge("springback_build_info", "Version of Springback.", [({"version": version}, 1)])
        states = (({"state": state}, state == status.state) for state in WORDS)
        yield from gauge("springback_run_state", "1 for the state in which the run is, 0 for the others.", states)
        yield from gauge("springback_session_runs", "Runs of this session.", [({}, status.runs)])
        if run is None:
            return
        about = {"run": run.name, "scenario": run.scenario, "target": status.target}
        yield from gauge("springback_run_info", "The run, 1.", [(about, 1)])
        if self._of_run is None or self._of_run.run is not run:
            self._of_run = _RequestFamilies(run, self._environment)
            self._births.begin_anew()
        yield from _of_plan(run, status)
        yield from _of_state(run, status)
        yield from _of_requests(run, self._births)
        yield from _of_probes(run)
        yield from self._of_run.text(self._births)
        yield from _of_verdict(status)


def _of_plan(run: Run, status: Status) -> Iterator[str]:
    elapsed_s = run.elapsed_s()
    yield from gauge("springback_run_planned_seconds", "Length of all phases.", [({}, status.duration_s)])
    yield from gauge("springback_run_elapsed_seconds", "Time since the first phase began.", [({}, status.elapsed_s)])
    phases = (({"phase": phase.name}, phase.name == status.phase) for phase in run.profile.phases)
    yield from gauge("springback_phase", "1 for the phase in which the run is, 0 for the others.", phases)
    if elapsed_s is not None and not run.finished:
        level = ({"unit": run.level_unit}, run.level.at(elapsed_s))
        yield from gauge("springback_planned_level", "Load that is planned for now, without herds.", [level])
    herds = (({"gate": herd.name}, herd.users) for herd in run.profile.herds[:MOST_SAMPLES])
    yield from gauge("springback_planned_herd_users", "Users that are to start at one instant.", herds)
    users = (
        ({"state": "wanted"}, status.users_wanted),
        ({"state": "parked"}, status.users_parked),
        ({"state": "connected"}, status.users_connected),
    )
    yield from gauge("springback_users", "Users of the run; parked: ready before the first phase.", users)


def _of_state(run: Run, status: Status) -> Iterator[str]:
    live = run.live
    joined = len(live.nodes.joined)
    nodes = (("wanted", live.nodes.wanted), ("joined", joined), ("lost", len(live.nodes.lost)))
    states = (({"state": state}, count) for state, count in nodes)
    yield from gauge("springback_load_processes", "Load processes of the run.", states)
    yield from gauge("springback_faults_injected", "Faults that are injected just now.", [({}, len(live.faults))])
    waiting = [({}, live.series.waiting)]
    yield from gauge("springback_requests_waiting", "Requests that have no answer yet, or no user.", waiting)
    alerts = ({"alert": each.alert} for each in live.episodes[-MOST_SAMPLES:])
    holding = {each.alert for each in live.episodes if each.end_s is None}
    states = [(each, each["alert"] in holding) for each in alerts]
    yield from gauge("springback_alert", "1 for an alert that holds, 0 for one that has held.", states)
    clock = recovery_clock([tally.phase for tally in live.phases], live.episodes, status.elapsed_s)
    if clock is not None:
        since = [({}, clock.since_spike_s)]
        yield from gauge("springback_recovery_seconds", "Time since the spike, in the recovery.", since)
        calm = [({}, clock.calm_s or 0.0)]
        yield from gauge("springback_recovery_calm_seconds", "For how long no alert has held since the spike.", calm)


def _of_requests(run: Run, births: Births) -> Iterator[str]:
    totals = [(tally.phase.name, tally.total) for tally in run.live.phases]
    requests = [({"phase": phase}, total.intended) for phase, total in totals]
    failed = [({"phase": phase}, total.failed) for phase, total in totals]
    causes = [
        ({"phase": phase, "cause": cause}, count)
        for phase, total in totals
        for cause, count in list(total.causes.items())[:MOST_SAMPLES]
    ]
    about = "by the phase in which they should have begun."
    yield from counter("springback_requests_total", f"Requests that ended, {about}", requests, births)
    yield from counter("springback_requests_failed_total", f"Those that failed, {about}", failed, births)
    yield from counter("springback_failures_total", f"Failed requests by cause, {about}", causes, births)


def _of_probes(run: Run) -> Iterator[str]:
    samples = [sample for sample in run.live.samples.values() if not sample.error][:MOST_SAMPLES]

    def of(probe: str, label: str, figure: str) -> Samples:
        return (({label: each.source}, each.values.get(figure)) for each in samples if each.probe == probe)

    def others() -> Samples:
        for each in samples:
            if each.probe not in ("process", generator.PROBE):
                for figure, value in list(each.values.items())[:MOST_SAMPLES]:
                    yield {"probe": each.probe, "source": each.source, "figure": figure}, value

    lag, cpu = generator.LOOP_LAG, generator.CPU
    yield from gauge(
        "springback_generator_loop_lag_seconds",
        "How late the event loop of a load process is.",
        of(generator.PROBE, "node", lag),
    )
    yield from gauge(
        "springback_generator_cpu_ratio", "CPU of a load process, 1 is a core.", of(generator.PROBE, "node", cpu)
    )
    yield from gauge(
        "springback_target_memory_bytes",
        "Resident memory of a process of the target.",
        of("process", "process", "rss_bytes"),
    )
    yield from gauge(
        "springback_target_cpu_ratio",
        "CPU of a process of the target, 1 is a core.",
        of("process", "process", "cpu_ratio"),
    )
    yield from gauge("springback_probe_value", "Newest figures of all other probes, in their own units.", others())


def _of_verdict(status: Status) -> Iterator[str]:
    verdict = status.verdict
    if verdict is None:
        return
    outcomes = (({"outcome": each.value}, each.value == verdict.outcome) for each in Outcome)
    yield from gauge("springback_verdict", "1 for the verdict of the run that has ended, 0 for the others.", outcomes)
    findings = (
        ({"finding": row.title, "outcome": row.outcome, "kind": "guard" if row.is_guard else "criterion"}, 1)
        for row in verdict.findings[:MOST_SAMPLES]
    )
    yield from gauge("springback_finding_info", "What each criterion and guard found, 1.", findings)


class _RequestFamilies:
    """The histograms of one run."""

    def __init__(self, run: Run, environment: Environment) -> None:
        self.run = run
        scenario = attached_scenario()
        options: Any = environment.parsed_options
        self._secrets: Collection[str] = () if scenario is None else secret_values(scenario, options)
        parts = urlsplit(environment.host or "")
        self._server = {
            "server_address": parts.hostname or "",
            "server_port": parts.port or {"http": 80, "https": 443}.get(parts.scheme, ""),
        }
        self._labels: dict[object, str] = {}
        self._http = exposition.Histogram(
            "http_client_request_duration_seconds", "Duration of HTTP client requests, from their sending."
        )
        self._others = exposition.Histogram(
            "springback_operation_duration_seconds", "Duration of what is no request of HTTP, from its sending."
        )
        self._latency = exposition.Histogram(
            "springback_latency_seconds",
            "From the instant at which a request should have begun to the end of its answer; of those answered ok.",
        )

    def text(self, births: Births) -> Iterator[str]:
        durations = self.run.live.durations
        http: list[tuple[str, Durations]] = []
        others: list[tuple[str, Durations]] = []
        for key, measured in durations.service.items():
            is_http = key[0].partition(" ")[0] in METHODS
            (http if is_http else others).append((self._of_request(key, is_http), measured))
        yield from self._http.text(http, births)
        yield from self._others.text(others, births)
        yield from self._latency.text(self._of_names(durations.latency.items()), births)

    def _of_names(self, named: Iterable[tuple[str, Durations]]) -> Iterator[tuple[str, Durations]]:
        for name, measured in named:
            if name not in self._labels:
                self._labels[name] = labels({"name": hidden(name, self._secrets)})
            yield self._labels[name], measured

    def _of_request(self, key: tuple[str, str, int], is_http: bool) -> str:
        if key not in self._labels:
            name, outcome, status = key
            method, _, path = hidden(name, self._secrets).partition(" ")
            error = "" if outcome == OK else str(status) if outcome == f"http {status}" else outcome
            if is_http:
                values = {
                    "http_request_method": method,
                    "url_template": path,
                    "http_response_status_code": status or "",
                }
            else:
                values = {"operation": hidden(name, self._secrets)}
            self._labels[key] = labels({**values, "error_type": error, **self._server})
        return self._labels[key]
