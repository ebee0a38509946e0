"""Of several runs together: one page that leads to their reports, one JUnit file, one table for the terminal.

It stands for no single run, so it is no format in the sense of this folder and has no ``FILE_NAME``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import ParseError

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from junitparser import Error, JUnitXml, TestCase, TestSuite
from markupsafe import Markup

from harness.findings import Outcome
from reports import _rows
from reports._quantity import with_units
from reports._safe_text import one_line, safe

_PAGE = Path(__file__).parent / "_page"
INDEX, JUNIT, SUMMARY = "index.html", "junit.xml", "suite.json"


@dataclass(frozen=True)
class Part:
    """What became of one scenario."""

    scenario: str
    outcome: Outcome
    reason: str
    lasted_s: float
    run: str = ""
    """Name of its run directory, inside the suite's; empty when it left no verdict."""
    findings: tuple[int, int, int] = (0, 0, 0)
    """About the target, guards left out: PASS, INCONCLUSIVE, FAIL."""


def write(parts: Sequence[Part], directory: Path) -> tuple[Path, ...]:
    """Writes the page, the JUnit file and the summary into the suite's directory, and returns their paths."""
    texts = {INDEX: page(parts, directory.name), JUNIT: junit(parts, directory), SUMMARY: summary(parts)}
    for name, text in texts.items():
        temporary = directory / f".{name}"
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(directory / name)
    return tuple(directory / name for name in texts)


def page(parts: Sequence[Part], name: str) -> str:
    templates = Environment(loader=FileSystemLoader(_PAGE), autoescape=True, undefined=StrictUndefined)
    templates.filters["with_units"] = with_units
    worst = _worst(parts)
    text: str = templates.get_template("suite.html.j2").render(
        name=name,
        outcome=worst,
        symbols=_rows.SYMBOLS,
        reason=_reason(parts),
        parts=[(part, safe(part.reason)) for part in parts],
        lasted=_duration(sum(part.lasted_s for part in parts)),
        duration=_duration,
        style=Markup((_PAGE / "page.css").read_text(encoding="utf-8")),
    )
    return text


def junit(parts: Sequence[Part], directory: Path) -> str:
    """Every run's test cases in one file; a scenario without a verdict is an error, never left out."""
    document = JUnitXml("springback suite")
    for part in parts:
        try:
            suites = list(JUnitXml.fromfile(str(directory / part.run / "junit.xml"))) if part.run else []
        except (OSError, ParseError):
            suites = []
        if not suites:
            suites = [TestSuite(safe(f"springback {part.scenario}"))]
            case = TestCase(safe("verdict of the run"), safe(f"springback.{part.scenario}"), round(part.lasted_s, 3))
            case.result = [Error(safe(part.reason), part.outcome.value)]
            suites[0].add_testcase(case)
        for suite in suites:
            document.add_testsuite(suite)
    text: bytes = document.tostring()  # type: ignore[no-untyped-call]
    return text.decode("utf-8")


def summary(parts: Sequence[Part]) -> str:
    worst = _worst(parts)
    body = {
        "outcome": worst.value,
        "exit_code": worst.exit_code,
        "scenarios": [
            {
                "scenario": part.scenario,
                "outcome": part.outcome.value,
                "reason": part.reason,
                "lasted_s": round(part.lasted_s, 1),
                "run": part.run or None,
            }
            for part in parts
        ],
    }
    return json.dumps(body, indent=2) + "\n"


def table(parts: Sequence[Part], lasted_s: float) -> str:
    """For the terminal: one line a scenario, and the verdict."""
    width = max(len(part.scenario) for part in parts)
    lines = [
        f"  {part.outcome.value:<12}  {part.scenario:<{width}}  {part.lasted_s:4.0f} s  {one_line(part.reason)}"
        for part in parts
    ]
    return "\n".join(
        ["", f"{_worst(parts).value}  {_reason(parts)}, {_duration(lasted_s)}", "", *lines, "", "Reports:"]
    )


def _worst(parts: Sequence[Part]) -> Outcome:
    """No scenario is no evidence."""
    return max((part.outcome for part in parts), key=lambda outcome: outcome.rank, default=Outcome.INCONCLUSIVE)


def _reason(parts: Sequence[Part]) -> str:
    counts = [(sum(part.outcome is outcome for part in parts), outcome.value) for outcome in Outcome]
    words = ", ".join(f"{count} {word}" for count, word in counts if count)
    return f"{len(parts)} scenario{'' if len(parts) == 1 else 's'}: {words}" if parts else "no scenario was run"


def _duration(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"
