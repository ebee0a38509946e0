"""The findings as rows of text, the same in every format that people read."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from harness.findings import RECOVERY_TIME, Basis, Finding, Outcome, Verdict
from harness.recording import Recording
from harness.verdict import VOID
from reports import _quantity

SYMBOLS = {Outcome.PASS: "✓", Outcome.FAIL: "✗", Outcome.INCONCLUSIVE: "?"}
"""Said beside the colour, never instead of the word."""


@dataclass(frozen=True)
class FindingRow:
    finding: Finding
    figure: str
    limit: str
    interval: str

    @property
    def outcome(self) -> Outcome:
        return self.finding.outcome

    @property
    def symbol(self) -> str:
        return SYMBOLS[self.finding.outcome]

    @property
    def reason(self) -> str:
        """Why, and which guard took the finding's value where the reason does not say that one did."""
        voided_by = self.finding.voided_by
        if not voided_by or self.finding.reason.startswith(VOID):
            return self.finding.reason
        return f"{self.finding.reason} ({VOID} {voided_by})"


def row(finding: Finding) -> FindingRow:
    figure, limit = finding.figure, finding.limit
    if figure is not None and limit is not None and math.isfinite(figure):
        figure_text, limit_text = _quantity.against(figure, limit, finding.unit)
    else:
        figure_text = _quantity.quantity(figure, finding.unit)
        limit_text = _quantity.quantity(limit, finding.unit)
    if finding.interval is not None and (figure is None or not math.isfinite(figure)):
        figure_text = _quantity.interval(finding.interval, finding.unit)
    if is_censored(finding):
        figure_text = f"never recovered: {_quantity.interval(finding.interval, finding.unit)}"
    return FindingRow(finding, figure_text, limit_text, _interval(finding))


def _interval(finding: Finding) -> str:
    """``2.1 – 3.4 s``; ``census`` where all there were is known; with its confidence where that is not 95 %."""
    low, high = finding.interval or (math.nan, math.nan)
    if finding.basis is Basis.CENSUS and low == high:
        return "census"
    text = _quantity.interval(finding.interval, finding.unit)
    if finding.confidence in (None, 0.95) or finding.interval is None:
        return text
    return f"{text} ({finding.confidence * 100:g} %)"


def is_censored(finding: Finding) -> bool:
    """Whether this is a recovery that did not come inside the observation."""
    return finding.censored and finding.kind == RECOVERY_TIME


def judged(verdict: Verdict) -> list[FindingRow]:
    """The findings about the target, worst first."""
    return _worst_first(finding for finding in verdict.findings if not finding.is_guard)


def groups(recording: Recording, verdict: Verdict, heading: str) -> list[tuple[str, list[FindingRow]]]:
    """The findings about the target by part of the run, in the order in which the scenario names the parts; what
    belongs to none under ``heading``.
    """
    rows, outcomes = judged(verdict), verdict.parts
    named = [str(spec.parameters.get("part", "")) for spec in recording.header.criteria]
    order = dict.fromkeys(part for part in (*named, *outcomes) if part in outcomes)
    parts = [(f"{SYMBOLS[outcomes[part]]} {part}: {outcomes[part].value}", part) for part in order]
    found = [(words, [each for each in rows if each.finding.part == part]) for words, part in (*parts, (heading, ""))]
    return [(words, of_part) for words, of_part in found if of_part or (words == heading and not parts)]


def guards(verdict: Verdict) -> list[FindingRow]:
    """The findings about the measurement itself, worst first."""
    return _worst_first(finding for finding in verdict.findings if finding.is_guard)


def _worst_first(findings: Iterable[Finding]) -> list[FindingRow]:
    return sorted((row(finding) for finding in findings), key=lambda each: -each.outcome.rank)
