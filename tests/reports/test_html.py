"""report.html: one offline file, well-formed, accessible, and hostile names stay text."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re

import pytest

from harness.verdict import judge
from reports import html
from tests import recordings
from tests.reports import runs
from tests.reports.page import parse

CHARTS = (
    "load",
    "by-name",
    "throughput",
    "latency",
    "errors",
    "memory",
    "cpu",
    "generator-lag",
    "generator-cpu",
    "skew",
)
LARGEST_BYTES = 2_000_000


@pytest.fixture(scope="module")
def failing() -> str:
    return runs.page("failing")


def test_the_verdict_stands_before_the_findings_and_these_before_the_charts(failing: str) -> None:
    body = failing[failing.index("<body>") :]
    places = [body.index(text) for text in ('class="verdict FAIL"', 'id="findings"', 'id="timeline"')]
    assert places == sorted(places)


def test_it_is_one_file_that_asks_for_nothing(failing: str) -> None:
    page = parse(failing)
    assert all("src" not in element.attributes for element in page.elements)
    links = [element.attributes["href"] or "" for element in page.elements if "href" in element.attributes]
    assert all(link.startswith(("#", "data:")) for link in links)
    assert "@import" not in failing[: failing.index("</style>")]
    assert "url(" not in failing[: failing.index("</style>")]
    assert len(failing.encode()) < LARGEST_BYTES


def test_the_policy_allows_our_two_scripts_and_nothing_else(failing: str) -> None:
    page = parse(failing)
    policy = next(str(meta.attributes["content"]) for meta in page.all("meta") if "http-equiv" in meta.attributes)
    assert "default-src 'none'" in policy
    code = [script for script in page.all("script") if "type" not in script.attributes]
    for script in code:
        digest = base64.b64encode(hashlib.sha256(script.text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert policy.count("sha256-") == len(code)
    assert "unsafe-eval" not in policy


def test_every_chart_is_there_with_a_label_and_a_table(failing: str) -> None:
    page = parse(failing)
    for chart in CHARTS:
        assert page.by_id(f"{chart}-drawing").attributes["aria-label"]
    assert len(page.all("caption")) == len(page.all("table"))
    drawn = json.loads(page.by_id("render-items").text)[0]["roots"]
    assert set(drawn.values()) == {f"{chart}-drawing" for chart in CHARTS}


def test_all_charts_over_time_share_one_axis(failing: str) -> None:
    document = json.loads(parse(failing).by_id("charts-json").text)["report"]
    ranges = [json.dumps(root["attributes"]["x_range"]) for root in document["roots"]]
    first = json.loads(ranges[0])["id"]
    assert [json.loads(each)["id"] for each in ranges].count(first) == len(CHARTS) - 1


def test_headings_are_in_order_and_identities_unique(failing: str) -> None:
    page = parse(failing)
    levels = [int(element.tag[1]) for element in page.elements if re.fullmatch(r"h[1-6]", element.tag)]
    assert levels[0] == 1
    assert all(later <= earlier + 1 for earlier, later in itertools.pairwise(levels))
    identities = [element.attributes["id"] for element in page.elements if "id" in element.attributes]
    assert len(identities) == len(set(identities))
    assert page.all("html")[0].attributes["lang"] == "en"


def test_figures_are_written_for_people(failing: str) -> None:
    text = parse(failing).all("body")[0].words
    assert "42 %" in text
    assert "250 ms" in text
    assert "http 503" in text
    assert "gate herd released: 500 of 500 sent" in text


def test_figures_in_reasons_stay_with_their_units(failing: str) -> None:
    reasons = [each.text for each in parse(failing).elements if each.attributes.get("class") == "reason"]
    assert len(reasons) > 5
    assert any("\u00a0s" in reason for reason in reasons) and any("5\u00a0%" in reason for reason in reasons)
    assert not [reason for reason in reasons if re.search(r"\d (?:s|ms|%|MB)(?!\w)", reason)]


def test_the_recovery_is_marked_where_the_finding_puts_it() -> None:
    run = recordings.slow(10)
    verdict = judge(run)
    finding = next(each for each in verdict.findings if each.criterion == "recovery_time")
    marks = [item.words for item in parse(html.render(run, verdict)).all("li") if "recovered" in item.text]
    assert finding.figure is not None
    assert [mark for mark in marks if f"{31 + finding.figure:g} s" in mark]


def test_a_run_that_did_not_recover_says_so_and_has_no_such_mark() -> None:
    page = parse(runs.page("never recovering"))
    assert "never recovered: > 60 s" in page.all("main")[0].words
    assert not [item for item in page.all("li") if item.attributes.get("class") == "recovery"]


@pytest.mark.parametrize("variant", runs.VARIANTS)
def test_a_chart_without_data_says_why(variant: str) -> None:
    page = parse(runs.page(variant))
    for chart in CHARTS[:-1]:
        section = next(each for each in page.elements if each.attributes.get("data-chart") == chart)
        drawn = any(each.attributes.get("id") == f"{chart}-drawing" for each in page.elements)
        why = [
            each for each in page.elements if each.attributes.get("class") == "missing" and each.text in section.text
        ]
        assert drawn or why, chart


def test_the_reason_for_a_missing_series_is_that_of_the_probe() -> None:
    assert "No memory was read: no such process" in runs.page("silent probes")


def test_hostile_strings_stay_text() -> None:
    text = runs.hostile_page()
    page = parse(text)
    assert len(page.all("script")) == len(parse(runs.page("failing")).all("script"))
    assert not page.all("img")
    assert not [each for each in page.elements for name in each.attributes if name.startswith("on")]
    assert runs.SCRIPT in page.all("main")[0].words
    assert "<script>window.hacked" not in text


def test_bokeh_is_given_hostile_strings_as_plain_text_only() -> None:
    raw = parse(runs.hostile_page()).by_id("charts-json").text
    assert "<" not in raw
    for label in _texts(json.loads(raw)):
        assert not label.startswith("$$"), "Bokeh would set this as mathematics"


def _texts(value: object) -> list[str]:
    """Every ``text`` and ``axis_label`` that is a bare string, which Bokeh takes for markup."""
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    if not isinstance(value, dict):
        return []
    if value.get("name") == "PlainText":
        return []
    own = [value[key] for key in ("text", "axis_label", "title") if isinstance(value.get(key), str)]
    return own + [text for each in value.values() for text in _texts(each)]
