"""junit.xml is valid XML, and nothing that was not proven looks green."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from harness.findings import Outcome, Verdict
from harness.verdict import judge
from reports import junit
from tests import recordings
from tests.reports import runs


def _cases(text: str) -> dict[str, ElementTree.Element]:
    return {case.attrib["name"].split(":")[0]: case for case in ElementTree.fromstring(text).iter("testcase")}


def test_one_test_case_a_finding_with_its_reason_and_figures() -> None:
    run = recordings.failing()
    verdict = judge(run)
    cases = _cases(junit.render(run, verdict))
    assert set(cases) == {finding.criterion for finding in verdict.findings}
    failure = cases["error_ratio"].find("failure")
    assert failure is not None
    assert "http 503" in (failure.text or "")
    properties = {each.attrib["name"]: each.attrib["value"] for each in cases["error_ratio"].iter("property")}
    assert float(properties["limit"]) == 0.05
    assert float(properties["low"]) > 0.05
    assert cases["run_complete"].find("failure") is None


def test_inconclusive_is_an_error_and_never_skipped() -> None:
    run = recordings.lost_worker()
    root = ElementTree.fromstring(junit.render(run, judge(run)))
    assert not list(root.iter("skipped"))
    suite = next(root.iter("testsuite"))
    assert int(suite.attrib["errors"]) >= 4
    assert suite.attrib["failures"] == "0"


def test_a_verdict_that_no_finding_shows_is_a_case_of_its_own() -> None:
    text = junit.render(recordings.healthy(), Verdict(Outcome.INCONCLUSIVE, "nothing was judged", ()))
    error = _cases(text)["verdict"].find("error")
    assert error is not None
    assert error.text == "nothing was judged"


@pytest.mark.parametrize("variant", runs.VARIANTS)
def test_it_is_valid_for_every_run(variant: str) -> None:
    ElementTree.fromstring(junit.render(*runs.judged(variant)))


def test_control_characters_and_markup_in_names_stay_text() -> None:
    run = runs.hostile()
    root = ElementTree.fromstring(junit.render(run, runs.verdict(run)).encode())
    assert not list(root.iter("script"))
    assert any("\ufffd" in case.attrib["name"] for case in root.iter("testcase"))
