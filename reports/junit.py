"""``junit.xml``: the verdict for build servers, one test case a finding.

FAIL is a failure and INCONCLUSIVE an **error**, never "skipped": a check that could not be made must not
look green.
"""

from __future__ import annotations

import math

from junitparser import Error, Failure, JUnitXml, Properties, Property, TestCase, TestSuite

from harness.analysis import phases, tallies
from harness.findings import Finding, Outcome, Verdict
from harness.recording import Recording
from harness.safe_text import safe
from reports import _facts, _phase_table, _rows

FILE_NAME = "junit.xml"


def render(recording: Recording, verdict: Verdict) -> str:
    header = recording.header
    demo = " on the built-in demo" if header.reference_target else ""
    suite = TestSuite(safe(f"springback {header.scenario}{demo}"))
    suite.timestamp = safe(header.started_utc.removesuffix("Z"))
    for key, value in (
        ("target", _facts.target(header)),
        ("shape", header.shape),
        ("load processes", str(header.nodes)),
    ):
        suite.add_property(key, safe(value))
    suite.add_property("verdict", verdict.outcome.value)
    for phase, named in phases.by_phase_and_name(recording).items():
        for name, pieces in sorted(named.items()):
            if tallies.statuses(pieces):
                key = f"statuses of {name}, {phase}"
                suite.add_property(safe(key), _phase_table.statuses(pieces))
    for finding in verdict.findings:
        suite.add_testcase(case(finding, header.scenario))
    worst = max((finding.outcome.rank for finding in verdict.findings), default=-1)
    if verdict.outcome.rank > worst:  # a verdict that no finding shows: nothing was judged, or the run ended early
        whole = Finding("verdict", "verdict of the run", verdict.outcome, verdict.reason)
        suite.add_testcase(case(whole, header.scenario))
    if recording.end is not None:
        suite.time = round(max(0.0, recording.end.t), 3)
    document = JUnitXml("springback")
    document.add_testsuite(suite)
    text: bytes = document.tostring()  # type: ignore[no-untyped-call]
    return text.decode("utf-8")


def case(finding: Finding, scenario: str) -> TestCase:
    case = TestCase(safe(f"{finding.criterion}: {finding.title}"), safe(f"springback.{scenario}"), 0.0)
    properties = Properties()  # type: ignore[no-untyped-call]
    for key, value in _figures(finding):
        properties.add_property(Property(key, safe(value)))
    case.append(properties)  # type: ignore[no-untyped-call]
    reason = safe(_rows.row(finding).reason)
    if finding.outcome is Outcome.FAIL:
        case.result = [_with_text(Failure(reason, "FAIL"), reason)]
    elif finding.outcome is Outcome.INCONCLUSIVE:
        case.result = [_with_text(Error(reason, "INCONCLUSIVE"), reason)]
    else:
        case.system_out = reason
    return case


def _with_text(result: Failure | Error, text: str) -> Failure | Error:
    result.text = text
    return result


def _figures(finding: Finding) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = [("outcome", finding.outcome.value), ("unit", finding.unit)]
    rows.append(("basis", finding.basis.value))
    if finding.confidence is not None:
        rows.append(("confidence", str(finding.confidence)))
    low, high = finding.interval or (None, None)
    numbers = (("figure", finding.figure), ("limit", finding.limit), ("low", low), ("high", high))
    for key, value in (*numbers, *finding.evidence.items()):
        if value is not None and not (isinstance(value, float) and math.isnan(value)):
            rows.append((safe(str(key)), str(value)))
    if finding.voided_by:
        rows.append(("voided_by", finding.voided_by))
    return rows
