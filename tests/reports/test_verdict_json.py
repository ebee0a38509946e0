"""verdict.json is strictly valid, whatever the figures are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.verdict import judge
from reports import verdict_json
from tests import recordings
from tests.reports import runs


def _strict(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_the_verdict_is_in_it_with_its_exit_code_and_format_number() -> None:
    run = recordings.failing()
    body = _strict(verdict_json.render(run, judge(run)))
    assert (body["format"], body["outcome"], body["exit_code"]) == (1, "FAIL", 3)
    failed = next(finding for finding in body["findings"] if finding["criterion"] == "error_ratio")
    assert failed["limit"] == 0.05
    assert failed["interval"]["low"] > 0.05
    assert not failed["interval"]["high_open"]


def test_never_recovered_is_an_open_interval() -> None:
    run = recordings.never_recovering()
    body = _strict(verdict_json.render(run, judge(run)))
    recovery = next(finding for finding in body["findings"] if finding["criterion"] == "recovery_time")
    assert recovery["interval"] == {"low": 60.0, "low_open": False, "high": None, "high_open": True, "beyond": False}


@pytest.mark.parametrize("variant", runs.VARIANTS)
def test_it_is_strict_json_for_every_run(variant: str) -> None:
    _strict(verdict_json.render(*runs.judged(variant)))


def test_numbers_that_are_not_finite_have_a_documented_form() -> None:
    run = runs.hostile()
    odd = _strict(verdict_json.render(run, runs.verdict(run)))["findings"][-1]
    assert odd["figure"] is None
    assert odd["limit"] is None
    assert odd["interval"] == {"low": None, "low_open": True, "high": None, "high_open": True, "beyond": False}
    assert odd["evidence"]["nan"] == "nan"
    assert odd["evidence"][runs.SCRIPT] == "inf"
