"""The reports of a search for the limit: page, Markdown, JSON and terminal say the same, and lead to the runs."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from xml.etree import ElementTree

import pytest

from harness.findings import Basis, Finding, Outcome
from harness.limit.result import Limit, Searched
from harness.limit.search import Bounds, End, Tried
from harness.limit.step import Step
from reports import limit_page
from reports._page import limit_picture
from reports.limit_page import Found

SEARCHED = Searched("latency_quantile", "latency_quantile", 0.95, "--peak", "starts/s", 20)
BOUNDS = Bounds(10, 20, 1000, 0.2)


def step(number: int, level: float, outcome: Outcome, figure: float | None, voided_by: str | None = None) -> Step:
    interval = None if figure is None else (figure * 0.9, figure * 1.1)
    found = Finding(
        "latency_quantile", "p95 latency in the spike", outcome, f"p95 is <{figure}> s", figure, "s", 0.5, interval,
        Basis.ESTIMATE, 0.95, kind="latency_quantile", voided_by=voided_by,
    )  # fmt: skip
    return Step(level, f"step-{number}", (found,), f"20261128T03000{number}Z-visit", "the verdict", 41.0)


STEPS = (
    step(1, 80, Outcome.PASS, 0.05),
    step(2, 160, Outcome.FAIL, 3.0),
    step(3, 113, Outcome.INCONCLUSIVE, 0.06, "generator_health"),
    step(4, 113, Outcome.FAIL, 1.0),
    step(5, 100, Outcome.PASS, 0.1),
)


def found(steps: Sequence[Step], ended: End | None = End.FOUND, looks: Sequence[Step] = ()) -> Found:
    tried = Tried([each.about("latency_quantile") for each in steps])
    limit = Limit(SEARCHED, tried, BOUNDS, ended, "" if ended else "the search was stopped")
    return Found("visit", "20261128T030000Z-limit", "--peak", "starts/s", 40, steps, looks, [limit], 205.0)


def test_the_page_has_the_limit_the_picture_and_every_step_with_its_report() -> None:
    page = limit_page.page(found(STEPS, looks=(Step(10, "cool-down-1", (), "20261128T030009Z-visit", "was well"),)))
    for each in STEPS:
        assert f'href="{each.run}/report.html">{each.label}<' in page
    assert 'href="20261128T030009Z-visit/report.html">cool-down-1<' in page
    assert "largest --peak that keeps the limit of: p95 latency in the spike" in page
    assert "with 95 % confidence" in page
    assert page.count("<circle") == len(STEPS)
    assert "<0.05>" not in page


def test_the_picture_is_whole_and_a_step_that_does_not_count_is_hollow() -> None:
    told = found(STEPS)
    picture = str(limit_picture.picture(STEPS, told.limits[0]))
    marks = [each for each in ElementTree.fromstring(picture).iter() if each.tag == "circle"]
    assert [each.get("class") for each in marks] == ["mark", "mark", "mark hollow", "mark", "mark"]
    across = [float(each.get("cx", "nan")) for each in marks]
    assert across[0] < across[4] < across[3] == across[2] < across[1]
    down = [float(each.get("cy", "nan")) for each in marks]
    assert down[1] < down[3] < down[4] < down[0]  # the larger figure is higher up
    assert all(0 < y < limit_picture.HEIGHT for y in down)


@pytest.mark.parametrize("figure", [None, math.inf, 0.0])
def test_a_step_without_a_figure_is_drawn_all_the_same(figure: float | None) -> None:
    only = (step(1, 80, Outcome.INCONCLUSIVE, figure, "generator_health"),)
    told = found(only, None)
    assert str(limit_picture.picture(only, told.limits[0])).count("<circle") == 1
    assert "no step said anything for sure" in told.verdict.reason
    assert json.loads(limit_page.summary(told))["outcome"] == "INCONCLUSIVE"


def test_json_has_each_step_and_whether_it_counts() -> None:
    said = json.loads(limit_page.summary(found(STEPS)))
    (limit,) = said["limits"]
    assert said["exit_code"] == 0
    assert [each["counts"] for each in limit["steps"]] == [True, True, False, True, True]
    assert limit["steps"][2]["says"] == "generator"
    assert limit["steps"][2]["guard"] == "generator_health"
    bounds = limit["finding"]["interval"]
    assert bounds["low"] < 100 < 113 <= bounds["high"]  # 100 held, 113 broke
    assert limit["finding"]["unit"] == "starts/s"


def test_markdown_and_terminal_have_every_step() -> None:
    for text in (limit_page.as_markdown(found(STEPS)), limit_page.text(found(STEPS))):
        assert text.count("160 starts/s") == 1
        assert text.count("113 starts/s") >= 2
        assert "breaks" in text
    assert "&lt;0.05&gt;" in limit_page.as_markdown(found(STEPS))


def test_a_search_before_its_first_step_says_so() -> None:
    nothing = Found("visit", "20261128T030000Z-limit", "--peak", "starts/s", 40, (), (), (), 1.0)
    assert nothing.verdict.outcome is Outcome.INCONCLUSIVE
    assert "before its first step" in limit_page.page(nothing)
    assert "before its first step" in limit_page.text(nothing)
