"""The verdict of a run as a test reads it: findings as attributes, and messages that read like the report."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.criteria._outcome import seconds
from harness.errors import nearest
from harness.findings import RECOVERY_TIME, TARGET_HEALTHY, Finding, Outcome, Verdict
from reports import _rows, verdict_json


class InconclusiveError(AssertionError):
    """The run proves nothing in one direction or the other. It says what would settle it."""


def inconclusive_line(error: InconclusiveError) -> str:
    """The first line of its message that says something."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "INCONCLUSIVE")


class SpikeFinding:
    """One finding: ``figure`` in ``unit``, ``limit``, ``interval``, ``outcome``, ``reason``, ``evidence``."""

    def __init__(self, finding: Finding) -> None:
        self.finding = finding
        self.outcome = finding.outcome.value
        """``PASS``, ``FAIL`` or ``INCONCLUSIVE``."""
        self.title = finding.title
        self.reason = finding.reason
        self.figure = finding.figure
        self.unit = finding.unit
        self.limit = finding.limit
        self.interval = finding.interval
        self.censored = finding.censored
        self.evidence = dict(finding.evidence)

    @property
    def passed(self) -> bool:
        return self.finding.outcome is Outcome.PASS

    def __repr__(self) -> str:
        row = _rows.row(self.finding)
        return (
            f"{self.outcome} {self.title}: {row.figure} (limit {row.limit}, 95 % interval {row.interval}): {row.reason}"
        )


class SpikeVerdict:
    """``outcome``, ``reason``, ``notes``, ``report`` (the page), ``directory`` (of the run), and each finding by its
    name: ``verdict.recovery_time.figure``, or ``verdict["login_p95"]``.
    """

    def __init__(self, verdict: Verdict, directory: Path, must_pass: bool) -> None:
        self.verdict = verdict
        self.outcome = verdict.outcome.value
        """``PASS``, ``FAIL`` or ``INCONCLUSIVE``."""
        self.reason = verdict.reason
        self.notes = verdict.notes
        self.directory = directory
        self.must_pass = must_pass
        self.findings: Mapping[str, SpikeFinding] = {each.criterion: SpikeFinding(each) for each in verdict.findings}

    @property
    def report(self) -> Path:
        page = self.directory / "report.html"
        return page if page.is_file() else self.directory / "index.html"

    @property
    def passed(self) -> bool:
        return self.verdict.outcome is Outcome.PASS

    @property
    def line(self) -> str:
        return f"{self.verdict.word} {self.report}"

    def __getattr__(self, name: str) -> SpikeFinding:
        if name.startswith("_"):  # copying and pickling ask for these before there are findings
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> SpikeFinding:
        if name in self.findings:
            return self.findings[name]
        meant = nearest(name, self.findings)
        known = f"did you mean {meant}?" if meant else f"there are {', '.join(self.findings)}"
        raise AttributeError(f"the run has no finding {name}; {known}")

    def __repr__(self) -> str:
        lines = [f"{self.verdict.word}: {self.reason}", ""]
        for heading, rows in (("Findings", _rows.judged(self.verdict)), ("Guards", _rows.guards(self.verdict))):
            shown = [row for row in rows if heading == "Findings" or row.outcome is not Outcome.PASS]
            for row in shown:
                lines.append(
                    f"  {row.symbol} {row.outcome.value:<12}  {row.finding.title}: {row.figure}, limit {row.limit}"
                )
                lines.append(f"      {row.reason}")
        lines += [f"  Note: {note}" for note in self.notes]
        return "\n".join([*lines, "", f"  Report: {self.report}"])

    def problem(self) -> AssertionError | None:
        """None of a PASS; else what a test fails with, with the whole verdict."""
        if self.passed:
            return None
        return (InconclusiveError if self.is_open else AssertionError)(repr(self))

    @property
    def is_open(self) -> bool:
        """A run that was stopped by a rule is not: that the rule held is what it has told."""
        return self.verdict.outcome is Outcome.INCONCLUSIVE and not self.verdict.stopped_early

    def assert_passed(self) -> None:
        """Raises AssertionError for a FAIL and for a run that was stopped early, InconclusiveError for an
        INCONCLUSIVE.
        """
        __tracebackhide__ = True
        if (problem := self.problem()) is not None:
            raise problem

    def assert_recovers(self, within_s: float, finding: str = RECOVERY_TIME) -> None:
        """The whole interval of the recovery time lies within so many seconds. Raises AssertionError where none of it
        does, where the service did not recover while it was watched for longer, or was away in the end;
        InconclusiveError otherwise, also where the watching was cut off. ValueError for what is no time.
        """
        __tracebackhide__ = True
        if not 0 <= within_s < math.inf:
            raise ValueError(f"within_s={within_s}: give seconds from 0 on")
        if finding not in self.findings:
            raise AssertionError(f"the run has no finding {finding}, so it does not tell whether the service recovers")
        found = self.findings[finding]
        low, high = found.interval or (-math.inf, math.inf)
        unproven = found.finding.outcome is Outcome.INCONCLUSIVE and not _is_about(found.limit, low, high)
        void = found.finding.voided_by is not None or found.interval is None or unproven
        message = f"{found!r}\n  wanted: recovery within {seconds(within_s)}\n  Report: {self.report}"
        if (health := self.findings.get(TARGET_HEALTHY)) is not None and health.finding.outcome is Outcome.FAIL:
            raise AssertionError(f"{health!r}\n{message}")
        if void or low <= within_s < high:
            raise InconclusiveError(f"INCONCLUSIVE: {message}")
        if low > within_s:
            raise AssertionError(message)


def _is_about(limit: float | None, low: float, high: float) -> bool:
    """Whether a finding is INCONCLUSIVE for no other reason than that its limit lies in the interval."""
    return limit is not None and low <= limit < high


def read(path: Path, must_pass: bool) -> SpikeVerdict:
    """From ``verdict.json`` of a run, or ``repeat.json`` of several. May raise ValueError and LookupError."""
    said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    findings = tuple(verdict_json.finding_of(body) for body in said["findings"])
    notes = tuple(map(str, said.get("notes", ())))
    is_early = bool(said.get("stopped_early", False))
    verdict = Verdict(Outcome(said["outcome"]), str(said["reason"]), findings, notes, is_early)
    return SpikeVerdict(verdict, path.parent, must_pass)
