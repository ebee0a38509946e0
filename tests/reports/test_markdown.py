"""report.md fits a job summary and shows names as they are."""

from __future__ import annotations

import dataclasses
import re

import pytest

from harness.findings import Finding, Outcome, Verdict
from harness.recording import CriterionSpec
from harness.verdict import judge
from reports import _facts, markdown
from tests import recordings
from tests.reports import runs


def test_the_verdict_and_its_reason_come_first() -> None:
    run = recordings.failing()
    verdict = judge(run)
    lines = markdown.render(run, verdict).splitlines()
    assert lines[0] == "## ❌ FAIL: login-herd"
    assert lines[2].startswith("error ratio in the spike: ")


@pytest.mark.parametrize("variant", runs.VARIANTS)
def test_every_row_of_a_table_has_as_many_cells_as_its_head(variant: str) -> None:
    _check_tables(markdown.render(*runs.judged(variant)))


def test_hostile_names_neither_split_cells_nor_make_markup() -> None:
    run = runs.hostile()
    text = markdown.render(run, runs.verdict(run))
    _check_tables(text)
    assert "<" not in text
    assert not re.search(r"(?<!\\)`", text)
    assert "@all" not in text
    assert not re.search("[\x00-\x09\x0b-\x1f\ud800-\udfff]", text)


def test_the_facts_have_the_limits_that_were_given_and_nothing_that_only_the_harness_reads() -> None:
    run = recordings.healthy()
    given = {"remedy": "name a gauge", "only_where_measured": True}
    specs = (CriterionSpec("metastability", given), CriterionSpec("memory_leak", {**given, "phase": "recovery"}))
    found = dict(_facts.facts(dataclasses.replace(run, header=dataclasses.replace(run.header, criteria=specs))))
    assert {name: value for name, value in found.items() if name.startswith("criterion")} == {
        "criterion memory_leak": "phase = recovery"
    }


def test_it_stays_below_a_mebibyte() -> None:
    finding = Finding("x", "t" * 5000, Outcome.FAIL, "r" * 5000)
    run = recordings.healthy()
    header = dataclasses.replace(run.header, notes=("note " * 1000,) * 2000)
    verdict = Verdict(Outcome.FAIL, "long", (finding,) * 5000, ("n" * 5000,) * 5000)
    text = markdown.render(dataclasses.replace(run, header=header), verdict)
    assert len(text.encode()) < 1024 * 1024
    assert "report.html" in text


def _check_tables(text: str) -> None:
    width = 0
    tables = 0
    for line in text.splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line)) - 1
        if not line.startswith("|"):
            width = 0
        elif width == 0:
            width, tables = cells, tables + 1
        else:
            assert cells == width, line
    assert tables >= 2
