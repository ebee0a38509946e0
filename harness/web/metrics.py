"""``/metrics``: how the session stands and what was measured, for Prometheus.

Names and units of HTTP requests are those of OpenTelemetry's conventions for HTTP clients
(https://opentelemetry.io/docs/specs/semconv/http/http-metrics/), as Prometheus writes them; all else is
``springback_…``. Every figure is of the live state; the counters begin anew with each run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from importlib import metadata
from urllib.parse import urlsplit

from locust.env import Environment

from harness.analysis import generator
from harness.analysis.target_memory import PROCESS, memory_bytes
from harness.findings import Outcome
from harness.live.request_durations import Durations
from harness.load.http.request import DEFAULT_PORTS
from harness.recording.values import OK
from harness.run.master import Master
from harness.run.run import Run
from harness.web import secrets
from harness.web.exposition import Births, Histogram, Page, Sample, Samples
from harness.web.status import WORDS, Status, Watch

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
"""A request whose name begins with none of these is no request of HTTP."""
MOST_SAMPLES = 200
"""Of one family: sources, or figures of probes."""


class Metrics:
    """One for each session. Costs nothing as long as nobody asks."""

    def __init__(
        self, environment: Environment, master: Master, watch: Watch, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._environment = environment
        self._master = master
        self._watch = watch
        self._clock = clock
        self._last = ""
        self._births = Births()
        self._page = Page((), self._births)
        self._requests: _RequestHistograms | None = None

    def text(self) -> str:
        """The whole page. Around a herd's instant it is the last one, so that watching does not spread the release."""
        run = self._master.current_run
        if self._last and self._watch.quiet_s() is not None:
            return self._last
        self._births.turn_page(self._clock())
        if run is not None and (self._requests is None or self._requests.run is not run):
            self._page = Page(secrets.values(self._environment), self._births)
            self._births.begin_anew()
            self._requests = _RequestHistograms(run, self._page, self._environment.host or "")
        status = self._watch.status()
        self._last = "".join([*_of_session(self._page, status), *self._families(run, status)])
        return self._last

    def _families(self, run: Run | None, status: Status) -> Iterator[str]:
        if run is not None and self._requests is not None:
            yield from _of_plan(self._page, run, status)
            yield from _of_state(self._page, run)
            yield from _of_criteria(self._page, run)
            yield from _of_requests(self._page, run)
            yield from _of_probes(self._page, run)
            yield from self._requests.text()
            yield from _of_verdict(self._page, status)


def _of_session(page: Page, status: Status) -> Iterator[str]:
    version = metadata.version("springback")
    yield from page.gauge("springback_build_info", "Version of Springback.", [({"version": version}, 1)])
    states = (({"state": state}, state == status.state) for state in WORDS)
    yield from page.gauge("springback_run_state", "1 for the state in which the run is, 0 for the others.", states)
    yield from page.gauge("springback_session_runs", "Runs of this session.", [({}, status.runs)])


def _of_plan(page: Page, run: Run, status: Status) -> Iterator[str]:
    about = {"run": run.name, "scenario": run.scenario, "target": status.target}
    yield from page.gauge("springback_run_info", "The run, 1.", [(about, 1)])
    elapsed_s = run.elapsed_s()
    yield from page.gauge("springback_run_planned_seconds", "Length of all phases.", [({}, status.duration_s)])
    about_time = "Time since the first phase began."
    yield from page.gauge("springback_run_elapsed_seconds", about_time, [({}, status.elapsed_s)])
    phases = (({"phase": phase.name}, phase.name == status.phase) for phase in run.profile.phases)
    yield from page.gauge("springback_phase", "1 for the phase in which the run is, 0 for the others.", phases)
    if elapsed_s is not None and not run.finished:
        level = ({"unit": run.level_unit}, run.level.at(elapsed_s))
        yield from page.gauge("springback_planned_level", "Load that is planned for now, without herds.", [level])
    herds = (({"gate": herd.name}, herd.users) for herd in run.profile.herds[:MOST_SAMPLES])
    yield from page.gauge("springback_planned_herd_users", "Users that are to start at one instant.", herds)
    users = (
        ({"state": "wanted"}, status.users_wanted),
        ({"state": "parked"}, status.users_parked),
        ({"state": "connected"}, status.users_connected),
    )
    yield from page.gauge("springback_users", "Users of the run; parked: ready before the first phase.", users)


def _of_state(page: Page, run: Run) -> Iterator[str]:
    live = run.live
    joined = len(live.nodes.joined)
    nodes = (("wanted", live.nodes.wanted), ("joined", joined), ("lost", len(live.nodes.lost)))
    states = (({"state": state}, count) for state, count in nodes)
    yield from page.gauge("springback_load_processes", "Load processes of the run.", states)
    yield from page.gauge("springback_faults_injected", "Faults that are injected just now.", [({}, len(live.faults))])
    about = "Requests that have no answer yet, or no user."
    yield from page.gauge("springback_requests_waiting", about, [({}, live.series.waiting)])
    holding = {each.alert: each.end_s is None for each in live.episodes[-MOST_SAMPLES:]}  # the newest of each counts
    alerts = (({"alert": alert}, holds) for alert, holds in holding.items())
    yield from page.gauge("springback_alert", "1 for an alert that holds, 0 for one that has held.", alerts)
    if (recovery := live.recovery) is not None:
        about = "Time since the spike ended."
        yield from page.gauge("springback_recovery_seconds", about, [({}, recovery.since_spike_s)])
        about = "So long after the spike the target was normal again, and has been since."
        yield from page.gauge("springback_recovery_normal_after_seconds", about, [({}, recovery.normal_after_s)])
        about = "1 when it has been normal for as long as it has to."
        yield from page.gauge("springback_recovered", about, [({}, recovery.has_recovered)])


def _of_criteria(page: Page, run: Run) -> Iterator[str]:
    """How they look so far; the findings come when the run has been judged."""
    known = [({"criterion": each.title, "unit": each.unit}, each) for each in run.live.criteria_so_far()[:MOST_SAMPLES]]
    states = (({**about, "state": each.state}, 1) for about, each in known)
    yield from page.gauge("springback_criterion_info", "How a criterion looks so far, 1; none is judged yet.", states)
    figures = ((about, each.figure) for about, each in known)
    yield from page.gauge("springback_criterion_figure", "Its figure so far, in its own unit.", figures)
    limits = ((about, each.limit) for about, each in known)
    yield from page.gauge("springback_criterion_limit", "Its limit, in the same unit.", limits)


def _of_requests(page: Page, run: Run) -> Iterator[str]:
    totals = [(tally.phase.name, tally.total) for tally in run.live.phases]
    requests = [({"phase": phase}, total.intended) for phase, total in totals]
    failed = [({"phase": phase}, total.failed) for phase, total in totals]
    causes = [
        ({"phase": phase, "cause": cause}, count)
        for phase, total in totals
        for cause, count in list(total.causes.items())[:MOST_SAMPLES]
    ]
    about = "by the phase in which they should have begun."
    yield from page.counter("springback_requests_total", f"Requests that ended, {about}", requests)
    yield from page.counter("springback_requests_failed_total", f"Those that failed, {about}", failed)
    yield from page.counter("springback_failures_total", f"Failed requests by cause, {about}", causes)


def _of_probes(page: Page, run: Run) -> Iterator[str]:
    samples = [sample for sample in run.live.samples.values() if not sample.error][:MOST_SAMPLES]

    def of(probe: str, label: str, figure: str) -> Samples:
        return (({label: each.source}, each.values.get(figure)) for each in samples if each.probe == probe)

    def others() -> Iterator[Sample]:
        for each in samples:
            if each.probe not in (PROCESS, generator.PROBE):
                for figure, value in list(each.values.items())[:MOST_SAMPLES]:
                    yield {"probe": each.probe, "source": each.source, "figure": figure}, value

    lag, cpu = generator.LOOP_LAG, generator.CPU
    yield from page.gauge(
        "springback_generator_loop_lag_seconds",
        "How late the event loop of a load process is.",
        of(generator.PROBE, "node", lag),
    )
    yield from page.gauge(
        "springback_generator_cpu_ratio", "CPU of a load process, 1 is a core.", of(generator.PROBE, "node", cpu)
    )
    yield from page.gauge(
        "springback_target_memory_bytes",
        "Resident memory of a process of the target, working set of a container.",
        (({"process": each.source}, memory_bytes(each.probe, each.values)) for each in samples),
    )
    yield from page.gauge(
        "springback_target_cpu_ratio",
        "CPU of a process of the target, 1 is a core.",
        of(PROCESS, "process", "cpu_ratio"),
    )
    yield from page.gauge("springback_probe_value", "Newest figures of all other probes, in their own units.", others())


def _of_verdict(page: Page, status: Status) -> Iterator[str]:
    verdict = status.verdict
    if verdict is None:
        return
    outcomes = (({"outcome": each.value}, each.value == verdict.outcome) for each in Outcome)
    about = "1 for the verdict of the run that has ended, 0 for the others."
    yield from page.gauge("springback_verdict", about, outcomes)
    findings = (
        ({"finding": row.title, "outcome": row.outcome, "kind": "guard" if row.is_guard else "criterion"}, 1)
        for row in verdict.findings[:MOST_SAMPLES]
    )
    yield from page.gauge("springback_finding_info", "What each criterion and guard found, 1.", findings)


class _RequestHistograms:
    def __init__(self, run: Run, page: Page, host: str) -> None:
        self.run = run
        self._page = page
        parts = urlsplit(host)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme)
        self._server = {"server_address": parts.hostname or "", "server_port": port or ""}
        self._labels: dict[object, str] = {}
        """Of what is measured, made once."""
        self._http = Histogram(
            "http_client_request_duration_seconds", "Duration of HTTP client requests, from their sending."
        )
        self._others = Histogram(
            "springback_operation_duration_seconds", "Duration of what is no request of HTTP, from its sending."
        )
        self._latency = Histogram(
            "springback_latency_seconds",
            "From the instant at which a request should have begun to the end of its answer; of those answered ok.",
        )

    def text(self) -> Iterator[str]:
        durations, births = self.run.live.durations, self._page.births
        http: list[tuple[str, Durations]] = []
        others: list[tuple[str, Durations]] = []
        for key, measured in durations.service.items():
            is_http = key[0].partition(" ")[0] in METHODS
            (http if is_http else others).append((self._of_request(key, is_http), measured))
        names = ((self._of_name(name), measured) for name, measured in durations.latency.items())
        yield from self._http.text(http, births)
        yield from self._others.text(others, births)
        yield from self._latency.text(names, births)

    def _of_name(self, name: str) -> str:
        if name not in self._labels:
            self._labels[name] = self._page.labels({"name": name})
        return self._labels[name]

    def _of_request(self, key: tuple[str, str, int], is_http: bool) -> str:
        if key not in self._labels:
            name, outcome, status = key
            method, _, template = name.partition(" ")
            values: dict[str, object] = {"operation": name}
            if is_http:
                values = {"http_request_method": method, "url_template": template}
                values["http_response_status_code"] = status or ""
            error = "" if outcome == OK else str(status) if outcome == f"http {status}" else outcome
            self._labels[key] = self._page.labels({**values, "error_type": error, **self._server})
        return self._labels[key]
