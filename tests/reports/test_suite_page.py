"""The document over several scenarios: what was not run never passes, nothing is left out, and text is only text."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from junitparser import JUnitXml

from harness.findings import Finding, Outcome
from harness.recording import Recording
from harness.verdict import judge
from reports import _rows, junit, suite_page, verdict_json
from reports.suite_part import Part, of_verdict
from tests import recordings
from tests.reports import runs

HOSTILE = ["<script>alert(1)</script>", 'a"b', "\x1b[31m", "](javascript:alert(1))"]


def part_of(run: Recording, directory: Path, name: str = "login-herd") -> Part:
    place = directory / f"20261121T223005Z-{name}"
    place.mkdir(parents=True)
    verdict = judge(run)
    (place / "verdict.json").write_text(verdict_json.render(run, verdict))
    (place / "junit.xml").write_text(junit.render(run, verdict))
    part = of_verdict(place / "verdict.json", name, 61.0, "spike")
    assert part is not None
    return part


@pytest.mark.parametrize("variant", runs.VARIANTS)
def test_a_finding_that_was_read_again_is_shown_as_before(variant: str) -> None:
    for finding in judge(runs.VARIANTS[variant]()).findings:
        again = verdict_json.finding_of(json.loads(json.dumps(verdict_json.finding(finding))))
        assert verdict_json.finding(again) == verdict_json.finding(finding)
        before, after = _rows.row(finding), _rows.row(again)
        assert (before.figure, before.limit, before.interval) == (after.figure, after.limit, after.interval)


def test_every_finding_stands_on_the_page_with_figure_limit_interval_evidence_and_time(tmp_path: Path) -> None:
    part = part_of(recordings.failing(), tmp_path)
    suite_page.write([part], tmp_path)
    page = (tmp_path / "index.html").read_text()
    text = (tmp_path / "report.md").read_text()
    for row in part.judged:
        for words in (row.finding.title, row.figure, row.limit):
            assert words.replace("%", "").strip() in page.replace("\u00a0", " ")
        assert row.finding.title in text
    assert "1 min 1 s" in page and "1 min 1 s" in text
    assert "<summary>Evidence</summary>" in page and "requests: " in text
    assert f'href="{part.run}/report.html"' in page
    assert f"{len(part.guards)} guards" in page


def test_a_run_that_did_not_end_by_its_verdict_is_an_error_for_build_servers_too(tmp_path: Path) -> None:
    """Its own file has only what passed."""
    killed = replace(part_of(recordings.healthy(), tmp_path), outcome=Outcome.INCONCLUSIVE, reason="it was killed")
    suite_page.write([killed], tmp_path)
    (own, added) = JUnitXml.fromfile(str(tmp_path / "junit.xml"))
    assert (own.errors, added.errors) == (0, 1)


def test_at_a_glance_are_the_key_figures_against_their_limits_the_worst_first(tmp_path: Path) -> None:
    part = part_of(recordings.failing(), tmp_path)
    suite_page.write([part], tmp_path)
    overview = (tmp_path / "index.html").read_text().replace("\u00a0", " ").partition('id="findings"')[0]
    shown = suite_page.key_figures(part)
    assert 0 < len(shown) <= suite_page.MOST_KEY_FIGURES
    assert shown[0].outcome is Outcome.FAIL
    for row in shown:
        assert f"<dt>{row.finding.title}</dt><dd>{row.figure} <span>limit {row.limit}</span>" in overview
    assert suite_page.key_figures(Part.not_run("a", "away")) == []


def test_what_was_not_run_is_said_everywhere_and_never_passes(tmp_path: Path) -> None:
    well = part_of(recordings.healthy(), tmp_path)
    assert well.outcome is Outcome.PASS
    parts = [well, Part.not_run("game-day", "the database is away", "ha")]
    suite_page.write(parts, tmp_path)
    said = json.loads((tmp_path / "suite.json").read_text())
    assert (said["outcome"], said["exit_code"]) == ("INCONCLUSIVE", 4)
    assert said["reason"] == "2 scenarios: 1 PASS, 1 NOT RUN"
    page, text = (tmp_path / "index.html").read_text(), (tmp_path / "report.md").read_text()
    for document in (page, text, suite_page.table(parts, 70)):
        assert "NOT RUN" in document and "the database is away" in document
    suites = list(JUnitXml.fromfile(str(tmp_path / "junit.xml")))
    assert [suite.errors for suite in suites] == [0, 1]
    assert sum(suite.skipped for suite in suites) == 0


def test_a_part_that_was_not_run_cannot_pass() -> None:
    part = Part("a", Outcome.PASS, "all is well", 1.0, was_run=False, findings=(_finding("p95", Outcome.PASS),))
    assert (part.outcome, part.word, part.judged) == (Outcome.INCONCLUSIVE, "NOT RUN", [])


def test_a_run_without_load_was_not_run_unless_it_failed(tmp_path: Path) -> None:
    part = part_of(recordings.healthy(), tmp_path)
    file = tmp_path / part.run / "verdict.json"
    for outcome, word in (("INCONCLUSIVE", "NOT RUN"), ("PASS", "NOT RUN"), ("FAIL", "FAIL")):
        file.write_text(json.dumps({**json.loads(file.read_text()), "outcome": outcome, "load_began": False}))
        found = of_verdict(file, "a", 1.0, "spike")
        assert found is not None and found.word == word


@pytest.mark.parametrize("body", ["", "[]", "{}", "[" * 5000, '{"outcome": "GREAT"}', '{"findings": 5}'])
def test_a_verdict_that_cannot_be_read_is_none(body: str, tmp_path: Path) -> None:
    (tmp_path / "verdict.json").write_text(body)
    assert of_verdict(tmp_path / "verdict.json", "a", 1.0, "spike") is None


def test_no_scenario_is_no_pass() -> None:
    assert json.loads(suite_page.summary([]))["exit_code"] == 4
    assert "no scenario was run" in suite_page.page([], "x")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_name_reason_or_finding_is_text(text: str, tmp_path: Path) -> None:
    parts = [
        Part(text, Outcome.FAIL, text, 1.0, target=text, findings=(_finding(text, Outcome.FAIL),)),
        Part.not_run(text, text),
    ]
    suite_page.write(parts, tmp_path)
    page = (tmp_path / "index.html").read_text()
    assert "<script" not in page and "\x1b" not in page
    assert 'a"b' not in page
    markdown = (tmp_path / "report.md").read_text()
    assert "\x1b" not in markdown and "<script" not in markdown and "](java" not in markdown.replace("\\]", "")
    assert [suite.errors for suite in JUnitXml.fromfile(str(tmp_path / "junit.xml"))] == [1, 1]
    assert "\x1b" not in suite_page.table(parts, 1.0)


def _finding(text: str, outcome: Outcome) -> Finding:
    return Finding(text, text, outcome, text, 1.0, "s", 2.0, (0.5, 1.5), evidence={text: text})
