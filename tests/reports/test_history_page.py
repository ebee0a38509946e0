"""The trend page: every figure with interval, limit and changes, without script or network, and no text of others in it
that is not escaped.
"""

from __future__ import annotations

import dataclasses
import html
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np

from harness.history.stored_run import HistoryRun
from reports import history_page
from tests import stored_runs

NOISE = 1 + 0.03 * np.random.default_rng(4).standard_normal(30)


def runs() -> list[HistoryRun]:
    values = NOISE.copy()
    values[20:] *= 1.5
    return stored_runs.history(values.tolist())


def test_every_run_has_a_mark_that_leads_to_its_report() -> None:
    page = history_page.page(runs(), Path("runs"), "../runs/")
    marks = re.findall(r'<a href="\.\./runs/(\S+)/report\.html" class="PASS"><title>', page)
    assert marks == [run.path for run in runs()]
    assert page.count('class="limit"') == 30


def test_a_change_is_drawn_and_told() -> None:
    page = history_page.page(runs(), Path("runs"))
    assert page.count('class="change"') == 1
    assert re.search(rf"{stored_runs.LATENCY} \+[45]\d\S* % since 9 runs ago", page)


def test_another_plan_or_machine_begins_a_history_of_its_own() -> None:
    values = runs()
    values[20:] = [dataclasses.replace(run, plan={"python": "3.12"}) for run in values[20:]]
    page = history_page.page(values, Path("runs"))
    assert page.count('class="plan"') == 1
    assert 'class="change"' not in page


def test_what_others_wrote_is_escaped_and_nothing_is_loaded() -> None:
    evil = '"><script>alert(1)</script>\u202e'
    (run,) = stored_runs.history([1.0], branch=evil)
    finding = dataclasses.replace(run.findings[0], title=evil, reason=evil)
    run = dataclasses.replace(run, scenario=evil, target=evil, reason=evil, tags=(evil,), findings=(finding,))
    page = history_page.page([run], Path(evil))
    tags: list[str] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append(tag)
            assert not any(name in ("src", "onload", "onerror") for name, _ in attrs)

    Tags().feed(page)
    assert "script" not in tags and "\u202e" not in page
    assert "default-src 'none'" in html.unescape(page)


def test_runs_without_figures_or_verdict_are_listed() -> None:
    (run,) = stored_runs.history([1.0])
    page = history_page.page([dataclasses.replace(run, outcome=None, findings=())], Path("runs"))
    assert "NOT JUDGED" in page and "No run of it has a figure yet" in page
    assert "There is no run here yet" in history_page.page([], Path("runs"))
