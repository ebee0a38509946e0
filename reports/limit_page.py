"""Of a search for the limit: what was found, and each step with what it said, as a page with a picture, as Markdown,
for programs and for the terminal, and the way to the report of each run.

It stands for no single run, so it is no format in the sense of this folder and has no ``FILE_NAME``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.findings import Outcome, Verdict
from harness.limit.result import Limit
from harness.limit.step import Said, Step
from harness.safe_text import one_line
from reports import _quantity, _rows, _whole_file, markdown, suite_page, verdict_json
from reports._page import limit_picture, templates

INDEX, MARKDOWN, SUMMARY = "index.html", "report.md", "limit.json"
HEADS = ("step", "level", "says", "figure", "95 % interval", "limit", "why")


@dataclass(frozen=True)
class Found:
    scenario: str
    name: str
    """Of its directory."""
    option: str
    """That was changed from step to step, as a flag."""
    unit: str
    step_s: float
    """How long the phases of a step are."""
    steps: Sequence[Step]
    looks: Sequence[Step]
    """Runs without a spike, which looked whether the service was as before."""
    limits: Sequence[Limit]
    lasted_s: float

    @property
    def verdict(self) -> Verdict:
        findings = tuple(limit.finding() for limit in self.limits)
        if not findings:
            return Verdict(Outcome.INCONCLUSIVE, "The search was stopped before its first step.", ())
        worst = max(findings, key=lambda finding: finding.outcome.rank)
        return Verdict(worst.outcome, f"{worst.title}: {worst.reason}.", findings)


@dataclass(frozen=True)
class Row:
    """A step, for people."""

    step: Step
    said: Said
    level: str
    figure: str
    interval: str
    limit: str

    @property
    def outcome(self) -> Outcome:
        return self.said.outcome

    @property
    def cells(self) -> tuple[str, ...]:
        return (
            self.step.label,
            self.level,
            self.said.says.value,
            self.figure,
            self.interval,
            self.limit,
            self.said.reason,
        )


def write(found: Found, directory: Path) -> tuple[Path, ...]:
    """Writes all of them into the directory of the search, and returns their paths."""
    texts = {INDEX: page(found), MARKDOWN: as_markdown(found), SUMMARY: summary(found)}
    return tuple(_whole_file.write(directory / name, text) for name, text in texts.items())


def page(found: Found) -> str:
    text: str = templates.template("limit.html.j2").render(
        found=found,
        verdict=found.verdict,
        symbols=_rows.SYMBOLS,
        limits=[
            (_rows.row(limit.finding()), list(rows(found, limit)), limit_picture.picture(found.steps, limit))
            for limit in found.limits
        ],
        looks=found.looks,
        duration=suite_page.duration,
        style=templates.style("page.css", "limit.css"),
    )
    return text


def rows(found: Found, limit: Limit) -> Iterator[Row]:
    """Every step as far as the criterion of this limit goes."""
    for step in found.steps:
        said = step.about(limit.searched.criterion)
        told = None if said.finding is None else _rows.row(said.finding)
        yield Row(
            step,
            said,
            _quantity.quantity(step.level, found.unit, 4),
            _quantity.NOTHING if told is None else told.figure,
            _quantity.NOTHING if told is None else told.interval,
            _quantity.NOTHING if told is None else told.limit,
        )


def as_markdown(found: Found) -> str:
    verdict = found.verdict
    lines = [
        f"## {markdown.SIGNS[verdict.outcome]} {verdict.word}: the limit of {markdown.escaped(found.scenario)}",
        "",
    ]
    lines += [markdown.escaped(verdict.reason)]
    limits = [_rows.row(limit.finding()) for limit in found.limits]
    cells = [(row.outcome.value, row.finding.title, row.figure, row.interval, row.reason) for row in limits]
    lines += markdown.section("Limits", ("verdict", "limit", "figure", "95 % interval", "why"), cells)
    for limit in found.limits:
        steps = [row.cells for row in rows(found, limit)]
        lines += markdown.section(f"Steps, by {limit.searched.criterion}", HEADS, steps)
    looks = [(look.label, look.run, look.reason) for look in found.looks]
    lines += markdown.section("Was it back? Runs without a spike", ("run", "directory", "the service was"), looks)
    return markdown.bounded(lines)


def summary(found: Found) -> str:
    body = {
        "outcome": found.verdict.outcome.value,
        "exit_code": found.verdict.exit_code,
        "reason": found.verdict.reason,
        "scenario": found.scenario,
        "option": found.option,
        "unit": found.unit,
        "lasted_s": round(found.lasted_s, 1),
        "limits": [_limit(found, limit) for limit in found.limits],
        "cool_downs": [{"run": look.run or None, "reason": look.reason} for look in found.looks],
    }
    return json.dumps(body, indent=2, allow_nan=False) + "\n"


def _limit(found: Found, limit: Limit) -> dict[str, Any]:
    said = [step.about(limit.searched.criterion) for step in found.steps]
    return {
        "finding": verdict_json.finding(limit.finding()),
        "ended": limit.ended.value if limit.ended is not None else None,
        "steps": [
            {
                "run": step.run or None,
                "level": step.level,
                "says": each.says.value,
                "counts": each.answer is not None,
                "guard": each.guard or None,
                "reason": each.reason,
                "finding": None if each.finding is None else verdict_json.finding(each.finding),
            }
            for step, each in zip(found.steps, said, strict=True)
        ],
    }


def text(found: Found) -> str:
    """For the terminal: the limits, and one line a step."""
    verdict = found.verdict
    steps = "1 step" if len(found.steps) == 1 else f"{len(found.steps)} steps"
    lines = ["", f"{verdict.word}  {steps}, {suite_page.duration(found.lasted_s)}"]
    for limit in found.limits:
        told = _rows.row(limit.finding())
        lines += ["", f"  {told.outcome.value:<12}  {one_line(told.finding.title)}: {told.figure}"]
        lines += [f"      {one_line(told.reason)}", "", f"Steps, by {limit.searched.criterion}"]
        lines += [
            f"  {row.level:>14}  {row.said.says.value:<16} {row.interval:<18} {one_line(row.said.reason)}"
            for row in rows(found, limit)
        ]
    if not found.limits:
        lines += ["", f"  {verdict.reason}"]
    return "\n".join([*lines, "", "Reports:"])
