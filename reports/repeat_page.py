"""Of one plan that was run several times: the verdict over all runs as a page, as Markdown, for build servers and for
programs, and the way to the reports of each run.

It stands for no single run, so it is no format in the sense of this folder and has no ``FILE_NAME``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from junitparser import JUnitXml, TestSuite

from harness.findings import Verdict
from harness.safe_text import one_line
from reports import _rows, _whole_file, junit, markdown, suite_page, verdict_json
from reports._page import templates
from reports.suite_part import Part

INDEX, MARKDOWN, JUNIT, SUMMARY = "index.html", "report.md", "junit.xml", "repeat.json"


def write(verdict: Verdict, parts: Sequence[Part], directory: Path) -> tuple[Path, ...]:
    """Writes all of them into the directory of the runs, and returns their paths."""
    texts = {
        INDEX: page(verdict, parts, directory.name),
        MARKDOWN: as_markdown(verdict, parts),
        JUNIT: as_junit(verdict, parts, directory),
        SUMMARY: summary(verdict, parts),
    }
    return tuple(_whole_file.write(directory / name, text) for name, text in texts.items())


def page(verdict: Verdict, parts: Sequence[Part], name: str) -> str:
    text: str = templates.template("repeat.html.j2").render(
        name=name,
        verdict=verdict,
        symbols=_rows.SYMBOLS,
        rows=_findings(verdict),
        parts=parts,
        duration=suite_page.duration,
        style=templates.style("page.css"),
    )
    return text


def as_markdown(verdict: Verdict, parts: Sequence[Part]) -> str:
    lines = [f"## {verdict.word}: {len(parts)} runs", "", markdown.escaped(verdict.reason)]
    heads = ("outcome", "finding", "figure", "limit", "95 % interval", "reason")
    findings = [
        (row.outcome.value, row.finding.title, row.figure, row.limit, row.interval, row.reason)
        for row in _findings(verdict)
    ]
    lines += markdown.section("Over all runs", heads, findings)
    runs = [(part.word, part.scenario, f"{part.lasted_s:.0f} s", part.reason) for part in parts]
    lines += markdown.section("Runs", ("outcome", "run", "took", "reason"), runs)
    return "\n".join(lines) + "\n"


def as_junit(verdict: Verdict, parts: Sequence[Part], directory: Path) -> str:
    """A suite with the findings over all runs, then those of every run."""
    document = JUnitXml("springback")
    whole = TestSuite("springback over all runs")
    for finding in verdict.findings:
        whole.add_testcase(junit.case(finding, "all-runs"))
    document.add_testsuite(whole)
    for suite in suite_page.junit_suites(parts, directory):
        document.add_testsuite(suite)
    text: bytes = document.tostring()  # type: ignore[no-untyped-call]
    return text.decode("utf-8")


def summary(verdict: Verdict, parts: Sequence[Part]) -> str:
    body = {
        "outcome": verdict.outcome.value,
        "exit_code": verdict.exit_code,
        "reason": verdict.reason,
        "findings": [verdict_json.finding(finding) for finding in verdict.findings],
        "runs": [
            {
                "run": part.run or None,
                "outcome": part.outcome.value,
                "was_run": part.was_run,
                "reason": part.reason,
                "lasted_s": part.lasted_s,
            }
            for part in parts
        ],
    }
    return json.dumps(body, indent=2, allow_nan=False) + "\n"


def text(verdict: Verdict, parts: Sequence[Part], lasted_s: float) -> str:
    """For the terminal: the verdict, its findings, and one line a run."""
    lines = ["", f"{verdict.word}  {len(parts)} runs, {suite_page.duration(lasted_s)}", "", "Over all runs"]
    for row in _findings(verdict):
        lines.append(f"  {row.outcome.value:<12}  {one_line(row.finding.title)}: {row.figure}, limit {row.limit}")
        lines.append(f"      {one_line(row.reason)}")
    lines += ["", "Runs", *(f"  {part.word:<12}  {part.scenario}: {one_line(part.reason)}" for part in parts)]
    return "\n".join([*lines, "", "Reports:"])


def _findings(verdict: Verdict) -> list[_rows.FindingRow]:
    return [*_rows.judged(verdict), *_rows.guards(verdict)]
