"""``springback grafana``: a dashboard of ``/metrics`` for Grafana, as the JSON that it imports."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

INTERVAL = "$__rate_interval"
"""Grafana's word for a window that holds a few scrapes."""
WIDTH, HEIGHT = 24, 8
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True)
class Panel:
    title: str
    about: str
    queries: Sequence[tuple[str, str]]
    """Expression, and how its series are called."""
    unit: str = "short"
    """In Grafana's words: ``s``, ``reqps``, ``percentunit``, ``bytes``."""
    kind: str = "timeseries"
    width: int = 12
    stacked: bool = False


def _quantile(q: float, by: str = "") -> str:
    sums = f"sum by (le{by}) (rate(springback_latency_seconds_bucket[{INTERVAL}]))"
    return f"histogram_quantile({q}, {sums})"


PANELS = (
    Panel("Phase", "In which the run is.", [("springback_phase == 1", "{{phase}}")], kind="stat", width=6),
    Panel(
        "Run",
        "What is run, and against what.",
        [("springback_run_info", "{{scenario}} against {{target}}")],
        kind="stat",
        width=12,
    ),
    Panel("Verdict", "Of a run that has ended.", [("springback_verdict == 1", "{{outcome}}")], kind="stat", width=6),
    Panel(
        "Requests",
        "Requests a second that ended between two scrapes: a herd shows at its full height where scrapes are a second "
        "apart.",
        [
            (f"sum(irate(springback_requests_total[{INTERVAL}]))", "all"),
            (f"sum(irate(springback_requests_failed_total[{INTERVAL}]))", "failed"),
        ],
        unit="reqps",
    ),
    Panel(
        "Error ratio",
        "Requests that failed, by all.",
        [
            (
                f"sum(rate(springback_requests_failed_total[{INTERVAL}])) / "
                f"(sum(rate(springback_requests_total[{INTERVAL}])) > 0)",
                "error ratio",
            )
        ],
        unit="percentunit",
    ),
    Panel(
        "Failures by cause",
        "A cause that has not been seen before shows a scrape late.",
        [(f"sum by (cause) (irate(springback_failures_total[{INTERVAL}]))", "{{cause}}")],
        unit="reqps",
        stacked=True,
    ),
    Panel(
        "Latency from the intended start",
        "Quantiles of the answers that were ok, as far as the buckets tell.",
        [(_quantile(q), f"p{q * 100:g}") for q in (0.5, 0.95, 0.99)],
        unit="s",
    ),
    Panel(
        "Latency, heat map",
        "How many answers took how long.",
        [("sum by (le) (increase(springback_latency_seconds_bucket[$__interval]))", "{{le}}")],
        unit="s",
        kind="heatmap",
    ),
    Panel("p95 by name", "From the intended start.", [(_quantile(0.95, ", name"), "{{name}}")], unit="s"),
    Panel(
        "HTTP requests by status",
        "Of the client, from their sending.",
        [
            (
                "sum by (http_response_status_code, error_type) "
                f"(rate(http_client_request_duration_seconds_count[{INTERVAL}]))",
                "{{http_response_status_code}} {{error_type}}",
            )
        ],
        unit="reqps",
    ),
    Panel("Alerts", "Those of the run, 1 while one holds.", [("springback_alert", "{{alert}}")]),
    Panel(
        "Recovery clock",
        "Time since the spike, and after which of it the target was normal again.",
        [
            ("springback_recovery_seconds", "since the spike"),
            ("springback_recovery_normal_after_seconds", "normal again after"),
        ],
        unit="s",
    ),
    Panel(
        "Criteria so far",
        "1 is the limit; none is judged before the end.",
        [("springback_criterion_figure / (springback_criterion_limit > 0)", "{{criterion}}")],
        unit="percentunit",
    ),
    Panel("Waiting", "Requests without an answer yet.", [("springback_requests_waiting", "requests")]),
    Panel("Planned load", "Without herds, in users or starts a second.", [("springback_planned_level", "{{unit}}")]),
    Panel("Users", "Of the run.", [("springback_users", "{{state}}")]),
    Panel(
        "Memory of the target",
        "Resident, of each process.",
        [("springback_target_memory_bytes", "{{process}}")],
        unit="bytes",
    ),
    Panel("CPU of the target", "1 is a core.", [("springback_target_cpu_ratio", "{{process}}")], unit="percentunit"),
    Panel(
        "Load generator",
        "How late its event loops are, and their CPU: a generator that is late measures itself.",
        [
            ("springback_generator_loop_lag_seconds", "loop lag, {{node}}"),
            ("springback_generator_cpu_ratio", "cores, {{node}}"),
        ],
    ),
    Panel(
        "Faults and load processes",
        "Faults that are injected, and load processes that are lost.",
        [
            ("springback_faults_injected", "faults"),
            ('springback_load_processes{state="lost"}', "lost load processes"),
        ],
    ),
    Panel("Other probes", "Newest figures, in their own units.", [("springback_probe_value", "{{source}} {{figure}}")]),
    Panel(
        "Findings",
        "Of a run that has ended.",
        [("springback_finding_info", "{{outcome}}: {{finding}}")],
        kind="table",
        width=24,
    ),
)


def dashboard() -> dict[str, Any]:
    """With its data source as a variable, so that it can be imported as it is."""
    placed: list[dict[str, Any]] = []
    x = y = 0
    for number, panel in enumerate(PANELS, 1):
        if x + panel.width > WIDTH:
            x, y = 0, y + HEIGHT
        placed.append({"id": number, "gridPos": {"x": x, "y": y, "w": panel.width, "h": HEIGHT}, **_panel(panel)})
        x += panel.width
    variable = {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}
    return {
        "uid": "springback",
        "title": "Springback",
        "description": "A spike, and whether the service comes back.",
        "tags": ["springback"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "5s",
        "time": {"from": "now-15m", "to": "now"},
        "timepicker": {"refresh_intervals": ["1s", "5s", "30s"]},
        "templating": {"list": [variable]},
        "annotations": {"list": [_phases()]},
        "panels": placed,
    }


def text() -> str:
    return json.dumps(dashboard(), indent=2)


def _panel(panel: Panel) -> dict[str, Any]:
    targets = [
        {
            "refId": chr(ord("A") + number),
            "datasource": SOURCE,
            "expr": expression,
            "legendFormat": legend,
            "instant": panel.kind in ("stat", "table"),
            "range": panel.kind not in ("stat", "table"),
            "format": panel.kind if panel.kind in ("heatmap", "table") else "time_series",
        }
        for number, (expression, legend) in enumerate(panel.queries)
    ]
    drawn: dict[str, Any] = {"drawStyle": "line", "fillOpacity": 10, "showPoints": "never"}
    if panel.stacked:
        drawn |= {"stacking": {"mode": "normal", "group": "A"}, "fillOpacity": 60}
    options: dict[str, Any] = {}
    if panel.kind == "stat":
        options = {"textMode": "name", "reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "none"}
    elif panel.kind == "heatmap":
        options = {"calculate": False, "yAxis": {"unit": panel.unit}, "cellGap": 1}
    custom = drawn if panel.kind == "timeseries" else {}
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "interval": "1s",
        "targets": targets,
        "options": options,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0, "custom": custom}, "overrides": []},
    }


def _phases() -> dict[str, Any]:
    """A mark on every panel where a phase begins."""
    return {
        "name": "Phases",
        "enable": True,
        "datasource": SOURCE,
        "iconColor": "blue",
        "expr": "springback_phase == 1 unless springback_phase offset 5s == 1",
        "step": "1s",
        "titleFormat": "{{phase}}",
    }
