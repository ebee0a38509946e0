"""Whatever a verdict and its findings are, every format says that and nothing better."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest

from harness.findings import Basis, Finding, Outcome, Verdict
from reports import _rows, github, junit, markdown, suite_page, terminal, verdict_json
from reports.suite_part import Part
from tests import recordings

P, I, F = Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.FAIL  # noqa: E741
SIGNS = {P: "✅", I: "⚠️", F: "❌"}
SYMBOLS = {P: "✓", I: "?", F: "✗"}
CODES = {P: 0, I: 4, F: 3}


def finding(outcome: Outcome, is_guard: bool = False) -> Finding:
    return Finding("errors", "error ratio", outcome, "counted", 0.5, "ratio", 0.1, is_guard=is_guard)


@pytest.mark.parametrize(
    ("found", "of_run", "failures", "errors", "passed"),
    [
        ((P,), P, 0, 0, 1),
        ((P,), I, 0, 1, 1),
        ((P,), F, 1, 0, 1),
        ((I,), I, 0, 1, 0),
        ((I,), F, 1, 1, 0),
        ((F,), F, 1, 0, 0),
        ((P, I, F), F, 1, 1, 1),
        ((F, F, I), F, 2, 1, 0),
        ((), I, 0, 1, 0),
        ((), F, 1, 0, 0),
        ((), P, 0, 0, 1),
    ],
)
@pytest.mark.parametrize("is_guard", [False, True])
def test_a_build_server_sees_each_fail_and_each_doubt(
    found: tuple[Outcome, ...], of_run: Outcome, failures: int, errors: int, passed: int, is_guard: bool
) -> None:
    """And a verdict that is worse than its findings, or has none, as a case of its own."""
    verdict = Verdict(of_run, "because of the run", tuple(finding(each, is_guard) for each in found))
    (suite,) = ElementTree.fromstring(junit.render(recordings.healthy(), verdict)).iter("testsuite")
    counts = tuple(int(suite.attrib[each]) for each in ("tests", "failures", "errors", "skipped"))
    assert counts == (failures + errors + passed, failures, errors, 0)
    said = [(len(case.findall("failure")), len(case.findall("error"))) for case in suite.iter("testcase")]
    assert sorted(said) == [(0, 0)] * passed + [(0, 1)] * errors + [(1, 0)] * failures
    words = {case.attrib["name"]: "".join(case.itertext()).strip() for case in suite.iter("testcase")}
    assert words.pop("verdict: verdict of the run", "because of the run") == "because of the run"
    assert set(words.values()) <= {"counted"}
    outcome = {each.attrib["name"]: each.attrib["value"] for each in suite.find("properties") or ()}["verdict"]
    assert outcome == of_run.value


@pytest.mark.parametrize("of_run", Outcome)
@pytest.mark.parametrize("stopped_early", [False, True])
def test_every_format_begins_with_the_verdict_and_has_the_outcome_of_each_finding(
    of_run: Outcome, stopped_early: bool
) -> None:
    run = recordings.healthy()
    verdict = Verdict(of_run, "because", (finding(of_run), finding(I, is_guard=True)), stopped_early=stopped_early)
    word = f"STOPPED EARLY, {of_run.value}" if stopped_early else of_run.value
    code = 5 if stopped_early else CODES[of_run]
    first, *_ = markdown.render(run, verdict).splitlines()
    assert first == f"## {SIGNS[of_run]} {word}: login-herd"
    assert f"| {SIGNS[of_run]} {of_run.value} | error ratio |" in markdown.render(run, verdict)
    assert f"| {SIGNS[I]} INCONCLUSIVE | error ratio |" in markdown.render(run, verdict)
    assert terminal.line(run, verdict).startswith(f"{word}  login-herd against ")
    assert [row.symbol for row in (*_rows.judged(verdict), *_rows.guards(verdict))] == [SYMBOLS[of_run], "?"]
    body = json.loads(verdict_json.render(run, verdict))
    assert (body["outcome"], body["exit_code"], body["stopped_early"]) == (of_run.value, code, stopped_early)
    assert [(each["outcome"], each["is_guard"]) for each in body["findings"]] == [
        (of_run.value, False),
        ("INCONCLUSIVE", True),
    ]
    *findings, last = map(json.loads, verdict_json.events(run, verdict, ()))
    assert [each["outcome"] for each in findings] == [of_run.value, "INCONCLUSIVE"]
    assert (last["event"], last["outcome"], last["exit_code"]) == ("verdict", of_run.value, code)


@pytest.mark.parametrize(
    ("of_run", "found", "levels"),
    [
        (P, (P, I), []),
        (I, (P, I), ["warning", "warning"]),
        (F, (I, F), ["error", "error", "warning"]),
        (F, (P,), ["error"]),
    ],
)
def test_github_is_told_of_a_fail_as_an_error_and_of_a_doubt_as_a_warning(
    of_run: Outcome, found: tuple[Outcome, ...], levels: list[str]
) -> None:
    verdict = Verdict(of_run, "because", tuple(map(finding, found)))
    said = [str(each) for each in github.of_verdict("shop", verdict)]
    assert [each.partition(" ")[0] for each in said] == [f"::{level}" for level in levels]


@pytest.mark.parametrize(
    ("outcomes", "whole"),
    [((P, P), P), ((P, I), I), ((I, F), F), ((P, F, P), F), ((), I)],
)
@pytest.mark.parametrize("stopped_early", [False, True])
def test_several_scenarios_are_as_good_as_the_worst(
    outcomes: tuple[Outcome, ...], whole: Outcome, stopped_early: bool
) -> None:
    parts = [Part(f"p{n}", each, "so", 1.0, stopped_early=stopped_early) for n, each in enumerate(outcomes)]
    assert suite_page.worst(parts) is whole
    code = 5 if stopped_early and outcomes else CODES[whole]
    assert suite_page.exit_code(parts) == code
    body: Any = json.loads(suite_page.summary(parts))
    assert (body["outcome"], body["exit_code"]) == (whole.value, code)


@pytest.mark.parametrize(
    ("interval", "written"),
    [
        (None, None),
        ((1.0, 2.0), {"low": 1.0, "low_open": False, "high": 2.0, "high_open": False, "beyond": False}),
        ((60.0, math.inf), {"low": 60.0, "low_open": False, "high": None, "high_open": True, "beyond": False}),
        ((-math.inf, 2.0), {"low": None, "low_open": True, "high": 2.0, "high_open": False, "beyond": False}),
        ((math.inf, math.inf), {"low": None, "low_open": True, "high": None, "high_open": True, "beyond": True}),
    ],
)
def test_a_finding_is_read_again_as_it_was_written(
    interval: tuple[float, float] | None, written: dict[str, float | bool | None] | None
) -> None:
    found = Finding(
        *("errors_p", "errors in the spike", F, "too many", 0.5, "ratio", 0.1, interval, Basis.ESTIMATE, 0.95),
        evidence={"requests": 500},
        kind="errors",
        censored=True,
        voids=("clients",),
        voided_by="baseline_healthy",
        is_guard=True,
        part="login",
    )
    body: Any = verdict_json.finding(found)
    assert body["interval"] == written
    assert verdict_json.finding_of(json.loads(json.dumps(body))) == found


def test_a_finding_of_an_earlier_release_lacks_what_there_was_not_yet() -> None:
    body: Any = verdict_json.finding(finding(P))
    for later in ("basis", "confidence", "kind", "censored", "voids", "voided_by", "part"):
        del body[later]
    assert verdict_json.finding_of(body) == finding(P)
