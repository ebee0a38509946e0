"""The documents for programs, to the letter: who reads them knows every key, and each figure is that of the run."""

from __future__ import annotations

import dataclasses
import json
import math
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from harness.analysis.alert_episodes import Condition, Episode
from harness.analysis.amplification import Amplification
from harness.findings import RECOVERY_TIME, Basis, Finding, Outcome, Verdict
from harness.recording import End, Recording, Slice
from harness.recording.header import CriterionSpec, Header, Phase
from harness.recording.marks import TraceMark
from harness.recording.values import OK
from reports import _rows, github, junit, verdict_json

SHOP = "GET /shop"
FAIL, INCONCLUSIVE, PASS = Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS
RATIO = Finding(
    *("errors_login", "error ratio", FAIL, "7 of 11 failed", 7 / 11, "ratio", 0.05, (0.3, 0.9), Basis.ESTIMATE, 0.99),
    evidence={"requests": 11, "all": False, "worst": math.inf, "unknown": math.nan, "cause": "http 503", "none": None},
    kind="error_ratio",
    part="login",
)
GUARD = Finding(
    *("clocks", "clocks agree", INCONCLUSIVE, "nobody knows"), kind="clocks", voids=("clients",), is_guard=True
)
VOID = Finding(*("p95", "p95", INCONCLUSIVE, "had been PASS"), kind="latency_quantile", voided_by="clocks")
VERDICT = Verdict(FAIL, "too many failed", (RATIO, VOID, GUARD), ("a note",))


def run(**changes: Any) -> Recording:
    header = Header(
        *("shop-herd", "2026-03-14T09:26:53Z", "herd", {}, (Phase("baseline", 0, 10), Phase("spike", 10, 20))),
        *((), "starts/s", (), (CriterionSpec("error_ratio", {"part": "login"}),), "http://shop", 2, {}),
        branch="main",
        commit="c0ffee",
        tags=("nightly", "v2"),
    )
    slices = (
        Slice(5, "w", SHOP, OK, 9, 0, {900: 9}, status=200),
        Slice(12, "w", SHOP, OK, 4, 0, {900: 4}, status=302),
        Slice(13, "w", SHOP, "http 503", 7, 0, {900: 7}, status=503),
        Slice(14, "w", "POST /cart", "timeout", 2, 0, {}),
    )
    trace = TraceMark(12.5, "w", SHOP, "0af7651916cd43dd8448eb211c80319c", "http 503", 2_500_000)
    whole = Recording(header, slices, (), (trace,), End(20.25, "completed", True, 22, 0), (), ("line 7 is cut off",))
    return dataclasses.replace(whole, **changes)


def rendered(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> Any:
    worst = Condition("error ratio", True, 0.5, 0.05, "ratio", "http 503")
    monkeypatch.setattr(verdict_json, "episodes", lambda _: [Episode("error ratio", 13, None, worst)])
    monkeypatch.setattr(verdict_json, "by_phase", lambda _: {"spike": Amplification(33, 22)})
    text = verdict_json.render(recording, VERDICT)
    assert text == json.dumps(json.loads(text), indent=2) + "\n", "a line a value, and ASCII"
    return json.loads(text)


RATIO_BODY = {
    "criterion": "errors_login",
    "kind": "error_ratio",
    "title": "error ratio",
    "outcome": "FAIL",
    "reason": "7 of 11 failed",
    "figure": 7 / 11,
    "unit": "ratio",
    "limit": 0.05,
    "interval": {"low": 0.3, "low_open": False, "high": 0.9, "high_open": False, "beyond": False},
    "basis": "estimate",
    "confidence": 0.99,
    "censored": False,
    "evidence": {"requests": 11, "all": False, "worst": "inf", "unknown": "nan", "cause": "http 503", "none": None},
    "is_guard": False,
    "voids": [],
    "voided_by": None,
    "part": "login",
}


def test_the_verdict_for_programs_is_this_document(monkeypatch: pytest.MonkeyPatch) -> None:
    body = rendered(run(), monkeypatch)
    first, void, guard = body.pop("findings")
    assert first == RATIO_BODY
    assert (void["voided_by"], void["figure"], void["interval"]) == ("clocks", None, None)
    assert (guard["is_guard"], guard["voids"], guard["basis"]) == (True, ["clients"], "measured")
    assert body == {
        "format": 1,
        "outcome": "FAIL",
        "exit_code": 3,
        "reason": "too many failed",
        "scenario": "shop-herd",
        "shape": "herd",
        "target": "http://shop",
        "reference_target": False,
        "started_utc": "2026-03-14T09:26:53Z",
        "branch": "main",
        "commit": "c0ffee",
        "tags": ["nightly", "v2"],
        "load_began": True,
        "stopped_early": False,
        "completed": True,
        "end_reason": "completed",
        "notes": ["a note"],
        "damage": ["line 7 is cut off"],
        "parts": {"login": "FAIL"},
        "statuses": [
            {"phase": "baseline", "name": SHOP, "statuses": {"200": 9}},
            {"phase": "spike", "name": SHOP, "statuses": {"302": 4, "503": 7}},
        ],
        "amplification": [{"phase": "spike", "attempts": 33, "requests": 22, "ratio": 1.5}],
        "traces": [
            {
                "phase": "spike",
                "trace_id": "0af7651916cd43dd8448eb211c80319c",
                "name": SHOP,
                "outcome": "http 503",
                "t_s": 12.5,
                "latency_s": 2.5,
            }
        ],
        "alerts": [
            {
                "alert": "error ratio",
                "start_s": 13,
                "end_s": None,
                "worst": 0.5,
                "unit": "ratio",
                "limit": 0.05,
                "detail": "http 503",
            }
        ],
    }


@pytest.mark.parametrize(
    ("end", "slices", "began", "completed", "reason"),
    [
        (None, 1, True, False, None),
        (None, 0, False, False, None),
        (End(3, "it was away", False, 0, 0), 0, False, False, "it was away"),
        (End(20, "completed", True, 0, 0), 0, True, True, "completed"),
    ],
)
def test_whether_there_was_any_load_and_how_it_ended(
    end: End | None, slices: int, began: bool, completed: bool, reason: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = rendered(run(end=end, slices=run().slices[:slices]), monkeypatch)
    assert (body["load_began"], body["completed"], body["end_reason"]) == (began, completed, reason)


def test_the_events_are_the_findings_and_then_the_verdict_with_its_files() -> None:
    first, *_, last = map(json.loads, verdict_json.events(run(), VERDICT, (Path("a/b.html"), Path("c"))))
    assert first == {"event": "finding", **RATIO_BODY}
    assert last == {
        "event": "verdict",
        "outcome": "FAIL",
        "exit_code": 3,
        "stopped_early": False,
        "reason": "too many failed",
        "scenario": "shop-herd",
        "target": "http://shop",
        "files": ["a/b.html", "c"],
    }


def properties(element: ElementTree.Element) -> dict[str, str]:
    return {each.attrib["name"]: each.attrib["value"] for each in element.findall("properties/property")}


@pytest.mark.parametrize(("end_s", "time"), [(20.25, 20.25), (20.12345, 20.123), (-3.0, 0.0), (None, 0.0)])
def test_the_suite_for_build_servers_has_the_facts_of_the_run(end_s: float | None, time: float) -> None:
    end = None if end_s is None else End(end_s, "completed", True, 22, 0)
    (suite,) = ElementTree.fromstring(junit.render(run(end=end), VERDICT)).iter("testsuite")
    assert suite.attrib["name"] == "springback shop-herd"
    assert suite.attrib["timestamp"] == "2026-03-14T09:26:53"
    assert float(suite.attrib["time"]) == time
    assert properties(suite) == {
        "target": "http://shop",
        "shape": "herd",
        "load processes": "2",
        "verdict": "FAIL",
        f"statuses of {SHOP}, baseline": "200",
        f"statuses of {SHOP}, spike": "503 (7), 302 (4)",
    }


def test_the_demo_is_named_by_build_servers() -> None:
    demo = dataclasses.replace(run().header, reference_target=True)
    (suite,) = ElementTree.fromstring(junit.render(run(header=demo), VERDICT)).iter("testsuite")
    assert suite.attrib["name"] == "springback shop-herd on the built-in demo"


def test_each_case_for_build_servers_has_its_kind_its_words_and_its_figures() -> None:
    failed, void, guard = ElementTree.fromstring(junit.render(run(), VERDICT)).iter("testcase")
    assert (failed.attrib["name"], failed.attrib["classname"]) == ("errors_login: error ratio", "springback.shop-herd")
    (said,) = failed.findall("failure")
    assert (said.attrib["type"], said.attrib["message"], said.text) == ("FAIL", "7 of 11 failed", "7 of 11 failed")
    assert properties(failed) == {
        "outcome": "FAIL",
        "unit": "ratio",
        "basis": "estimate",
        "confidence": "0.99",
        "figure": str(7 / 11),
        "limit": "0.05",
        "low": "0.3",
        "high": "0.9",
        "requests": "11",
        "all": "False",
        "worst": "inf",
        "cause": "http 503",
    }
    (said,) = void.findall("error")
    words = "had been PASS (void because of clocks)"
    assert (said.attrib["type"], said.attrib["message"]) == ("INCONCLUSIVE", words)
    assert properties(void) == {"outcome": "INCONCLUSIVE", "unit": "", "basis": "measured", "voided_by": "clocks"}
    assert "voided_by" not in properties(guard)


@pytest.mark.parametrize(
    ("changes", "figure", "limit", "interval"),
    [
        ({}, "63.6 %", "5 %", "30 – 90 % (99 %)"),
        ({"confidence": 0.95}, "63.6 %", "5 %", "30 – 90 %"),
        ({"confidence": None}, "63.6 %", "5 %", "30 – 90 %"),
        ({"interval": None}, "63.6 %", "5 %", "–"),
        ({"figure": 0.049996}, "4.9996 %", "5 %", "30 – 90 % (99 %)"),
        ({"figure": None}, "30 – 90 %", "5 %", "30 – 90 % (99 %)"),
        ({"figure": math.inf}, "30 – 90 %", "5 %", "30 – 90 % (99 %)"),
        ({"figure": None, "interval": None, "limit": None}, "–", "–", "–"),
        ({"basis": Basis.CENSUS, "interval": (0.5, 0.5)}, "63.6 %", "5 %", "census"),
        ({"basis": Basis.CENSUS, "interval": (0.5, 0.6)}, "63.6 %", "5 %", "50 – 60 % (99 %)"),
        ({"interval": (0.5, 0.5)}, "63.6 %", "5 %", "50 % (99 %)"),
        ({"censored": True}, "63.6 %", "5 %", "30 – 90 % (99 %)"),
        (
            {"censored": True, "kind": RECOVERY_TIME, "unit": "s", "interval": (60.0, math.inf), "confidence": None},
            *("never recovered: > 60 s", "50 ms", "> 60 s"),
        ),
        ({"kind": RECOVERY_TIME}, "63.6 %", "5 %", "30 – 90 % (99 %)"),
    ],
)
def test_a_row_has_the_figure_its_limit_and_how_well_it_is_known(
    changes: dict[str, Any], figure: str, limit: str, interval: str
) -> None:
    row = _rows.row(dataclasses.replace(RATIO, **changes))
    assert (row.figure, row.limit, row.interval) == (figure, limit, interval)


@pytest.mark.parametrize(
    ("reason", "voided_by", "told"),
    [
        ("slow", None, "slow"),
        ("slow", "clocks", "slow (void because of clocks)"),
        ("void because of the guard", "clocks", "void because of the guard"),
    ],
)
def test_a_void_finding_names_its_guard_once(reason: str, voided_by: str | None, told: str) -> None:
    assert _rows.row(dataclasses.replace(RATIO, reason=reason, voided_by=voided_by)).reason == told


def test_findings_are_told_by_part_in_the_order_of_the_scenario() -> None:
    """What belongs to none comes last, and a heading without a finding is left out, but where there are no parts."""
    parts = {name: dataclasses.replace(RATIO, part=name, outcome=PASS) for name in ("logout", "login", "")}
    verdict = Verdict(PASS, "", (GUARD, *parts.values()))

    def told(*findings: Finding) -> list[tuple[str, int]]:
        found = _rows.groups(run(), dataclasses.replace(verdict, findings=findings), "Findings")
        return [(heading, len(rows)) for heading, rows in found]

    both = ("✓ login: PASS", 1), ("✓ logout: PASS", 1)
    assert told(GUARD, *parts.values()) == [*both, ("Findings", 1)]
    assert told(parts["logout"], parts["login"]) == [*both]
    assert told(GUARD, parts[""], VOID) == [("Findings", 2)]
    assert told(GUARD) == [("Findings", 0)]


def test_the_worst_is_told_first_and_guards_apart() -> None:
    good = dataclasses.replace(RATIO, outcome=PASS)
    verdict = Verdict(FAIL, "", (good, VOID, GUARD, RATIO))
    assert [row.finding for row in _rows.judged(verdict)] == [RATIO, VOID, good]
    assert [row.finding for row in _rows.guards(verdict)] == [GUARD]


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("100 %", "100 %25"),
        ("a\nb", "a b"),
        ("a\r\nb", "a b"),
        ("x" * 1001, "x" * 1000),
        ("%" * 1001, "%25" * 1000),
    ],
)
def test_what_github_is_told_is_one_bounded_line(text: str, escaped: str) -> None:
    assert str(github.Annotation(FAIL, "t:1, 2", text)) == f"::error title=t%3A1%2C 2::{escaped}"


def test_the_variables_are_those_of_github() -> None:
    assert github.VARIABLES == ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY")
