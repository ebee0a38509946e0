"""Of several scenarios that were run together: every finding of every one of them in one document, as a page, as
Markdown, for build servers, for programs and for the terminal. What was not run stands there with the reason.

It stands for no single run, so it is no format in the sense of this folder and has no ``FILE_NAME``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from junitparser import Error, JUnitXml, TestCase, TestSuite

from harness.findings import EXIT_STOPPED_EARLY, Outcome
from harness.safe_text import one_line, safe
from harness.verdict import DEMO
from reports import _quantity, _rows, _whole_file, markdown, verdict_json
from reports._page import gauge, templates
from reports.suite_part import NOT_RUN, Part

INDEX, MARKDOWN, JUNIT, SUMMARY = "index.html", "report.md", "junit.xml", "suite.json"
WORDS = (*(outcome.value for outcome in Outcome), NOT_RUN)
"""All that can become of a scenario, in the order in which they are counted."""
SYMBOLS = {**{outcome.value: symbol for outcome, symbol in _rows.SYMBOLS.items()}, NOT_RUN: "–"}
MOST_TARGETS = 2
"""That are named at the top; of more it is said how many, and each report has its own."""
MOST_KEY_FIGURES = 4
ON_DEMO = f"{DEMO}; it says nothing about a service of your own."


def write(parts: Sequence[Part], directory: Path) -> tuple[Path, ...]:
    """Writes all of them but the terminal's into the suite's directory, and returns their paths."""
    texts = {
        INDEX: page(parts, directory.name),
        MARKDOWN: as_markdown(parts),
        JUNIT: junit(parts, directory),
        SUMMARY: summary(parts),
    }
    return tuple(_whole_file.write(directory / name, text) for name, text in texts.items())


def page(parts: Sequence[Part], name: str) -> str:
    text: str = templates.template("suite.html.j2").render(
        name=name,
        outcome=worst(parts),
        symbols=SYMBOLS,
        reason=counted(parts),
        on_demo=ON_DEMO if any(part.on_demo for part in parts) else "",
        groups=groups(parts),
        parts=parts,
        about=_about(parts),
        duration=duration,
        gauge=gauge.gauge,
        nothing=_quantity.NOTHING,
        evidence=evidence,
        in_counts=in_counts,
        key_figures=key_figures,
        style=templates.style("page.css", "suite.css"),
    )
    return text


def groups(parts: Sequence[Part]) -> list[tuple[str, list[Part]]]:
    """The scenarios by the group that they belong to, in their order."""
    return [(group, list(found)) for group, found in groupby(parts, key=lambda part: part.suite)]


def key_figures(part: Part) -> list[_rows.FindingRow]:
    """The first findings about the target that have a figure and a limit, the worst first."""
    measured = [row for row in part.judged if _quantity.NOTHING not in (row.figure, row.limit)]
    return measured[:MOST_KEY_FIGURES]


def evidence(row: _rows.FindingRow) -> list[tuple[str, str]]:
    """What the figure was made of, (what, how much)."""
    return [(str(key), _scalar(value)) for key, value in row.finding.evidence.items()]


def in_counts(rows: Sequence[_rows.FindingRow]) -> str:
    """``8 PASS, 1 FAIL``."""
    counts = Counter(row.outcome.value for row in rows)
    return ", ".join(f"{counts[word]} {word}" for word in WORDS if counts[word]) or "none"


def as_markdown(parts: Sequence[Part]) -> str:
    whole = worst(parts)
    lines = [f"## {markdown.SIGNS[whole]} {whole.value}: {markdown.escaped(counted(parts))}"]
    lines += [
        "",
        f"{markdown.escaped(_about(parts))}. The verdict is the worst of them; what was not run proves nothing.",
    ]
    if any(part.on_demo for part in parts):
        lines += ["", f"> {ON_DEMO}"]
    heads = ("outcome", "scenario", "group", "findings", "took", "reason")
    rows = [
        (_signed(part), part.scenario, part.suite, in_counts(part.judged), duration(part.lasted_s), part.own_reason)
        for part in parts
    ]
    lines += markdown.section("Scenarios", heads, rows)
    for part in parts:
        doubtful = [row for row in part.guards if row.outcome is not Outcome.PASS]
        lines += markdown.section(
            f"{markdown.escaped(part.scenario)}: {part.word}, {duration(part.lasted_s)}",
            ("outcome", "finding", "figure", "limit", "95 % interval", "evidence", "reason"),
            [
                (
                    f"{markdown.SIGNS[row.outcome]} {row.outcome.value}",
                    row.finding.title,
                    row.figure,
                    row.limit,
                    row.interval,
                    "; ".join(f"{key}: {value}" for key, value in evidence(row)),
                    row.reason,
                )
                for row in (*part.judged, *doubtful)
            ],
        )
        if part.guards:
            lines += ["", f"Guards of the measurement: {in_counts(part.guards)}."]
    return markdown.bounded(lines)


def junit(parts: Sequence[Part], directory: Path) -> str:
    """Every run's test cases in one file; a scenario without a verdict is an error, never left out."""
    document = JUnitXml("springback suite")
    for suite in junit_suites(parts, directory):
        document.append(suite)  # type: ignore[no-untyped-call]  # add_testsuite puts two of one name together, and counts only the first
    text: bytes = document.tostring()  # type: ignore[no-untyped-call]
    return text.decode("utf-8")


def junit_suites(parts: Sequence[Part], directory: Path) -> list[TestSuite]:
    """The test suites of all runs; one with an error for a run without a verdict, or that did not end by its own."""
    found: list[TestSuite] = []
    for part in parts:
        try:
            suites = list(JUnitXml.fromfile(str(directory / part.run / "junit.xml"))) if part.run else []
        except (OSError, ParseError):
            suites = []
        if part.outcome is not Outcome.PASS and not any(case.result for suite in suites for case in suite):
            suites.append(TestSuite(safe(f"springback {part.scenario}")))
            case = TestCase(safe("verdict of the run"), safe(f"springback.{part.scenario}"), round(part.lasted_s, 3))
            case.result = [Error(safe(part.reason), part.word)]
            suites[-1].add_testcase(case)
        found += suites
    return found


def summary(parts: Sequence[Part]) -> str:
    whole = worst(parts)
    body: dict[str, Any] = {
        "outcome": whole.value,
        "exit_code": exit_code(parts),
        "reason": counted(parts),
        "scenarios": [
            {
                "scenario": part.scenario,
                "suite": part.suite or None,
                "outcome": part.outcome.value,
                "was_run": part.was_run,
                "reason": part.reason,
                "lasted_s": round(part.lasted_s, 1),
                "run": part.run or None,
                "target": part.target or None,
                "findings": [verdict_json.finding(finding) for finding in part.findings],
            }
            for part in parts
        ],
    }
    return json.dumps(body, indent=2, allow_nan=False) + "\n"


def table(parts: Sequence[Part], lasted_s: float) -> str:
    """For the terminal: the verdict, one line a scenario, and below it what did not pass in it."""
    width = max((len(part.scenario) for part in parts), default=0)
    lines = ["", f"{worst(parts).value}  {counted(parts)}, {duration(lasted_s)}"]
    if any(part.on_demo for part in parts):
        lines.append(ON_DEMO)
    for group, found in groups(parts):
        lines += ["", group or "of no group"]
        for part in found:
            reason = one_line(part.own_reason)
            lines.append(f"  {part.word:<12}  {one_line(part.scenario):<{width}}  {part.lasted_s:4.0f} s  {reason}")
            rows = [row for row in (*part.judged, *part.guards) if row.outcome is not Outcome.PASS]
            lines += [f"      {row.outcome.value}  {one_line(row.finding.title)}: {_figures(row)}" for row in rows]
    return "\n".join([*lines, "", "Reports:"])


def exit_code(parts: Sequence[Part]) -> int:
    """That of the worst, unless one was stopped early."""
    return EXIT_STOPPED_EARLY if any(part.stopped_early for part in parts) else worst(parts).exit_code


def worst(parts: Sequence[Part]) -> Outcome:
    """No scenario is no evidence."""
    return max((part.outcome for part in parts), key=lambda outcome: outcome.rank, default=Outcome.INCONCLUSIVE)


def counted(parts: Sequence[Part]) -> str:
    """``6 scenarios: 4 PASS, 1 FAIL, 1 NOT RUN``."""
    counts = Counter(part.word for part in parts)
    words = ", ".join(f"{counts[word]} {word}" for word in WORDS if counts[word])
    return f"{len(parts)} scenario{'' if len(parts) == 1 else 's'}: {words}" if parts else "no scenario was run"


def duration(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"


def _about(parts: Sequence[Part]) -> str:
    targets = dict.fromkeys("the built-in demo" if part.on_demo else part.target for part in parts if part.target)
    started = min((part.started_utc for part in parts if part.started_utc), default="")
    named = ", ".join(targets) if len(targets) <= MOST_TARGETS else f"{len(targets)} targets"
    words = [f"against {named}"] if targets else []
    words += [f"started {started.removesuffix('Z').replace('T', ' ')} UTC"] if started else []
    return safe(" · ".join([*words, f"took {duration(sum(part.lasted_s for part in parts))}"]))


def _signed(part: Part) -> str:
    return f"{markdown.SIGNS[part.outcome] if part.was_run else '⬜'} {part.word}"


def _figures(row: _rows.FindingRow) -> str:
    if row.figure == _quantity.NOTHING:
        return one_line(row.reason)
    return f"{row.figure}, limit {row.limit}, interval {row.interval}"


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _quantity.number(float(value), 6)
    return _quantity.NOTHING if value is None else str(value)
