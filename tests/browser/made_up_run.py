"""What the live page is sent of a run that nobody makes: it is looked at without the minutes that a run would take.

The messages are those of ``harness/web/messages.py``; :func:`shown` gives them to a page whose connection is closed.
"""

from __future__ import annotations

from typing import Any

from tests.browser.page import until
from tests.browser.session import Session

PANEL = "document.querySelector('springback-panel')"
TAKE = f"messages => messages.forEach((message) => {PANEL}.take(message))"
RUN = "20260101T000000Z-made-up"


def opened(page: Any, ui: Session) -> None:
    """The live page by itself, which from now on is told nothing but what a test tells it."""
    page.goto(f"{ui.url}/springback/live")
    until(page, f"() => Boolean({PANEL}.state)")
    page.evaluate(f"{PANEL}.disconnect(); {PANEL}.connect = {PANEL}.watch = () => {{}}")


def plan(duration_s: int, spike: str = "spike", gate: str = "herd") -> dict[str, Any]:
    begins_s, ends_s = duration_s // 3, duration_s // 2
    return {
        "kind": "plan",
        "run": RUN,
        "phases": [["baseline", 0, begins_s], [spike, begins_s, ends_s], ["recovery", ends_s, duration_s]],
        "planned": [0, [10] * duration_s],
        "gates": [[begins_s, 9, gate]],
        "faults": [],
        "limits": {"p95_s": 2, "error_ratio": 0.05},
        "heat": {"floor_s": 64e-6, "rows": 4},
        "most_seconds": 7200,
    }


def second(t: int, cause: str = "http 503", source: str = "api") -> dict[str, Any]:
    """Ten starts, of which one fails, and what six probes sample."""
    figures = [
        ["process", source, "rss_bytes", "memory", [[t, 1e8 + t]]],
        ["process", source, "memory_limit_bytes", "memory limit", [[t, 3e8]]],
        ["process", source, "cpu_ratio", "cpu", [[t, 0.5]]],
        ["docker_container", source, "cpu_throttled_ratio", "throttling", [[t, 0.1 + t % 2]]],
        ["pool", source, "in_use", "pool", [[t, t % 7]]],
        ["generator", "all load processes", "loop_lag_s", "generator lag", [[t, 0.002]]],
    ]
    point = [t, 10, 9, 1, 0, 0, 0.1, 0.2, 0.3 + 0.1 * (t % 5), {cause: 1}, [40, 4, 44, 5]]
    return {"kind": "points", "run": RUN, "points": [point], "figures": figures}


def names(count: int, phase: str = "spike", name: str = "GET /", cause: str = "http 503") -> dict[str, Any]:
    """Of which the eighth fails."""
    rows = [[phase, f"{name}{n}", 10, 5 * (n == 7), 1.0, 2.0, 3.0, cause if n == 7 else ""] for n in range(count)]
    return {"kind": "names", "run": RUN, "names": rows}


def state(ui: Session, elapsed_s: float, phase: str = "spike", words: str = "p95 latency") -> dict[str, Any]:
    """One alert holds, one fault is injected, one criterion is within its limit; ``words`` are of the target."""
    running = {"state": "running", "words": "running", "run": RUN, "phase": phase, "elapsed_s": elapsed_s}
    phases = [
        {"phase": "baseline", "start_s": 0, "end_s": 20},
        {"phase": phase, "start_s": 20, "end_s": 30},
        {"phase": "recovery", "start_s": 30, "end_s": 60},
    ]
    nobody = {"problems": [], "verdict": None, "nodes": 2, "nodes_lost": ["worker-2"]}
    return {
        "kind": "state",
        "status": {**ui.status(), **running, **nobody, "phases": phases, "duration_s": 60},
        "alerts": [[words, 1, None, "s", 3.0, 2.0, words]],
        "moments": [[1.5, "fault", words]],
        "conditions": {"p95 latency": [3.0, 2.0, "s", True], "error ratio": [0.01, 0.05, "ratio", False]},
        "criteria_so_far": [[words, 1.0, 2.0, "s", "within"]],
        "recovery": None,
        "waiting": 0,
    }


def shown(page: Any, ui: Session, seconds: int = 25, duration_s: int = 60) -> None:
    """The live page in the spike of such a run."""
    opened(page, ui)
    page.evaluate(TAKE, [plan(duration_s), *map(second, range(seconds)), names(20), state(ui, seconds + 0.9)])


def ended(ui: Session) -> dict[str, Any]:
    """The state after the run, with a verdict."""
    findings = [
        {"outcome": outcome, "title": title, "reason": f"because of {title}", "is_guard": title == "run complete"}
        for outcome, title in (("FAIL", "p95 latency"), ("PASS", "error ratio"), ("INCONCLUSIVE", "run complete"))
    ]
    verdict = {"outcome": "FAIL", "reason": "p95 latency", "notes": ["a note"], "findings": findings}
    told = state(ui, 60)
    told["status"] |= {"state": "ended", "words": "ended", "phase": "", "verdict": verdict, "files": ["report.html"]}
    return told
