"""The page says no more than its runs."""

from __future__ import annotations

import re

from harness import criteria
from tests.ground_truth.__main__ import CRITERION_OF, DOCUMENT, NOT_RUN, WITHOUT, page, rows_of, scenarios

NAMED = 80
"""So many criteria the page names at least: one that is dropped from it is told from one that came after it."""


def test_the_page_is_drawn_from_its_runs_and_cases_as_they_are() -> None:
    """A criterion that is newer than the page may be missing there: to add one is to add one file."""
    text = DOCUMENT.read_text()
    of_page = sorted({*criteria.available()} & set(re.findall(r"\w+", text)))
    assert len(of_page) >= NAMED
    assert page(rows_of(text), of_page) == text, "draw it anew: python -m tests.ground_truth --runs 0"


def test_criteria_that_no_run_found_are_named() -> None:
    rows = rows_of(DOCUMENT.read_text())
    assert "`lost_writes`" not in page(rows).partition(WITHOUT)[2]
    del rows["database_failover"], rows["cache_failover"]
    assert "`lost_writes`" in page(rows).partition(WITHOUT)[2]


def test_cases_that_were_not_run_are_named() -> None:
    rows = rows_of(DOCUMENT.read_text())
    del rows["instance_loss"]
    assert "instance_loss kill, instance_loss freeze" in " ".join(page(rows).partition(NOT_RUN)[2].split())


def test_each_finding_that_a_case_expects_is_of_a_criterion() -> None:
    names = {name for module in scenarios().values() for case in module.CASES for name in case.expected}
    assert names <= {*criteria.available(), *CRITERION_OF}
    assert not CRITERION_OF.keys() & set(criteria.available())
