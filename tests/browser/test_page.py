"""Locust's page in headless Chromium: the live page, the list of runs and the report behind it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.analysis import time_series
from harness.recording.file import read
from tests.browser.made_up_run import PANEL, TAKE, names, opened, plan, second, state
from tests.browser.page import PATIENCE_MS, PLANNED, start, start_without_page, until
from tests.browser.session import Session, session
from tests.run import runs

pytestmark = pytest.mark.browser


def test_ours_is_the_first_tab(page: Any, ui: Session) -> None:
    if not ui.status()["run"]:
        ui.run_once(**PLANNED)  # Locust shows tabs only after a run
        page.goto(ui.url)
    page.get_by_role("tab", name="Springback").wait_for()
    lefts = {tab.inner_text().lower(): tab.bounding_box()["x"] for tab in page.get_by_role("tab").all()}
    assert len(lefts) > 5
    assert min(lefts, key=lambda name: lefts[name]) == "springback"


HEADINGS = """(() => {
  window.headings = [];
  const note = () => {
    const heading = document.querySelector("springback-panel")?.shadowRoot?.querySelector("h2")?.textContent;
    if (heading && heading !== window.headings.at(-1)) window.headings.push(heading);
  };
  setInterval(note, 50);
})()"""
"""Notes what the panel says, one after the other: who watches from outside may come too late for what lasts seconds."""

DRAWN = """() => {
  const { data } = document.querySelector("springback-panel"), found = [];
  const columns = [data.made, data.ok, data.failed, data.p95];
  for (let t = 0; t <= data.newest; t += 1) found.push(columns.map((column) => column.at(t) || 0));
  return found;
}"""


def test_a_run_is_followed_through_its_spike_to_its_verdict_and_its_report(page: Any, ui: Session) -> None:
    """The tab shows parked users, each phase, its figures; every second of its charts, and so the peak, is that of the
    recording; then the verdict, with links that open.
    """
    before = ui.status()["runs"]
    page.add_init_script(HEADINGS)  # the first run of a session is followed on a page that is loaded when it has begun
    page.evaluate(HEADINGS)
    start(page, baseline_s="8", host=ui.target.url)
    ui.wait("ended", before)
    until(page, "() => (window.headings ?? []).includes('Running: recovery')")
    panel = page.locator("springback-panel")
    panel.locator(".verdict").wait_for()
    headings = page.evaluate("window.headings")
    running = [heading for heading in headings if heading.startswith("Running: ")]
    assert running == [f"Running: {phase}" for phase in ("baseline", "spike", "recovery")], headings
    assert panel.locator(".names tbody tr").first.locator("td").first.inner_text() != "0"
    assert panel.locator(".verdict .word").inner_text() in ("PASS", "INCONCLUSIVE", "FAIL")
    assert panel.locator(".findings tr").count() >= 5
    series = time_series.of(read(ui.run.runs_dir / ui.status()["run"]))
    drawn = page.evaluate(DRAWN)
    seen = series.requests
    for t, (made, ok, failed, p95_s) in enumerate(drawn):
        at = t - int(series.t[0])
        told = (seen.starts[at], seen.ok[at], seen.intended[at] - seen.ok[at])
        assert (made, ok, failed) == told, f"second {t}"
        assert p95_s == pytest.approx(float(np.nan_to_num(seen.p95_s[at])))
    assert max(made for made, *_ in drawn) == seen.starts.max() >= 20
    panel.locator("canvas[data-chart=answers]").focus()
    page.keyboard.press("Home")
    assert panel.locator("figure[data-chart=answers] .readout").inner_text().startswith("0 s: ok ")
    assert panel.locator(".marks li").first.inner_text().startswith("A 8 s – gate herd: 20 users are due together")
    page.get_by_role("button", name="New").wait_for()
    with page.context.expect_page() as opening:
        panel.get_by_text("Open the report").click()
    report = opening.value
    report.wait_for_selector("html[data-charts]")
    assert panel.locator(".verdict .word").inner_text() in report.locator(".verdict .word").inner_text()
    assert "/springback/runs/" in report.url


def test_what_holds_just_now_is_on_the_page_and_a_connection_that_is_lost_is_told_until_it_is_back(
    browser: Any, tmp_path: Path
) -> None:
    """Alerts and faults while the run goes, on a narrow dark page by itself; a master that says nothing for seconds;
    and the load ends at once when it is killed.
    """
    options = ("--fault", "noop at=1 for=60", "--alert-p95-s", "0.000001")
    with session(tmp_path, *options) as ui:
        context = browser.new_context(viewport={"width": 400, "height": 800}, color_scheme="dark")
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        start_without_page(ui, baseline_s="60", host=ui.target.url)
        page.goto(f"{ui.url}/springback/live")
        panel = page.locator("springback-panel[dark]")
        panel.locator(".marks", has_text="fault noop injected: nothing was disturbed").wait_for()
        row = panel.locator("table.alerts tr.holds", has_text="p95 latency")
        row.wait_for()
        assert row.locator("td").nth(1).inner_text() == "holds"
        panel.locator(".tile.beyond", has_text="p95 latency").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        ui.run.send(runs.SIGSTOP)
        panel.locator(".stale", has_text="No connection: what is shown is").wait_for()
        ui.run.send(runs.SIGCONT)
        panel.locator(".stale").wait_for(state="hidden")
        known = page.evaluate(NEWEST)
        until(page, f"before => ({NEWEST})() > before", known)
        page.reload()
        until(page, f"before => {PANEL}.data && ({NEWEST})() >= before", known)
        assert page.evaluate("document.querySelector('springback-panel').data.made.at(1)") > 0, "from the beginning"
        panel.get_by_role("button", name="Kill load").click()
        panel.locator(".verdict").wait_for()
        assert "load killed in the web UI" in panel.locator(".view").text_content()
        run = read(ui.run.runs_dir / ui.status()["run"])
        assert run.end is not None and not run.end.completed
        assert panel.locator(".controls").is_hidden()
        context.close()


NEWEST = f"() => {PANEL}.data.newest"


def test_before_the_first_run_the_page_says_where_one_is_started(page: Any, ui: Session) -> None:
    opened(page, ui)
    idle = {"state": "idle", "words": "no run yet", "run": "", "target": "", "phases": [], "verdict": None}
    message = state(ui, 0.0)
    page.evaluate(TAKE, [{**message, "status": {**message["status"], **idle}}])
    panel = page.locator("springback-panel")
    panel.get_by_role("heading", name="No run yet").wait_for()
    assert panel.get_by_role("link", name="the form").evaluate("link => link.href") == f"{ui.url}/"
    assert panel.get_by_role("link", name="This page by itself").count() == 0


def test_hostile_names_are_text_and_the_table_sorts_what_fails_first(page: Any, ui: Session) -> None:
    """As names of requests and processes, as causes, alerts, problems; also when many come."""
    hostile = "<img src=x onerror=window.hacked=1>"
    opened(page, ui)
    messages = [
        plan(10, hostile, hostile),
        *(second(t, hostile, hostile) for t in range(5)),
        names(200, hostile, cause=hostile),
        state(ui, 5.9, hostile, hostile),
    ]
    page.evaluate(TAKE, messages)
    panel = page.locator("springback-panel")
    first = panel.locator("table.names tbody tr").first
    assert first.locator("th").inner_text() == "GET /7"
    assert hostile in first.inner_text()
    panel.get_by_role("button", name="Requests", exact=True).click()
    panel.get_by_role("button", name="Name", exact=True).click()
    assert panel.locator("th[aria-sort=ascending]").inner_text().startswith("Name")
    panel.get_by_label("Search").fill("/13")
    assert panel.locator("table.names tbody tr").count() == 11
    assert hostile in panel.locator(".marks").inner_text() and hostile in panel.locator("table.alerts").inner_text()
    for chart in ("memory", "throttling"):
        figure = panel.locator(f"figure[data-chart={chart}]")
        figure.scroll_into_view_if_needed()
        figure.locator(".legend li", has_text=hostile).wait_for()
    assert page.evaluate("window.hacked") is None
    assert panel.locator("img").count() == 0


def test_why_a_start_was_refused_is_in_the_tab(page: Any, ui: Session) -> None:
    """Each problem a line, as text whatever is in it."""
    problems = ["no such file: <b>x</b>", "--seed y: give a number"]
    opened(page, ui)
    told = ui.status() | {"state": "refused", "words": "not started", "problems": problems}
    page.evaluate(TAKE, [{"kind": "state", "status": told}])
    refused = page.locator("springback-panel .box.refused")
    refused.wait_for()
    assert refused.locator("li").all_inner_texts() == problems


def test_two_runs_have_a_directory_each_and_the_list_shows_both(page: Any, ui: Session, browser: Any) -> None:
    """The earlier run stays as it was; the list, newest first, needs no script."""
    first = ui.status() if ui.status()["run"] else ui.run_once(**PLANNED)
    before = {path: path.read_bytes() for path in (ui.run.runs_dir / first["run"]).iterdir()}
    start(page, host=ui.target.url)
    second = ui.wait("ended", first["runs"])
    assert second["run"] > first["run"]
    assert {path: path.read_bytes() for path in (ui.run.runs_dir / first["run"]).iterdir()} == before
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto(f"{ui.url}/springback/")
    links = [link.get_attribute("href") for link in plain.query_selector_all("tbody th a")]
    assert links[:2] == [f"runs/{second['run']}/report.html", f"runs/{first['run']}/report.html"]
    assert plain.locator(".badge").first.inner_text() in ("PASS", "INCONCLUSIVE", "FAIL")
    plain.locator("tbody th a").first.click()
    assert plain.locator(".verdict .word").count() == 1
    context.close()


def test_stop_ends_the_run_with_a_report_that_says_so(page: Any, ui: Session) -> None:
    """The button ends it early: recording closed, verdict INCONCLUSIVE, and the next run can start."""
    before = ui.status()["runs"]
    start(page, recovery_s="300", host=ui.target.url)
    ui.wait("running", before)
    panel = page.locator("springback-panel")
    panel.get_by_role("heading", name="Running: recovery").wait_for()
    panel.get_by_role("button", name="Stop").click()
    panel.locator(".verdict.INCONCLUSIVE").wait_for()
    assert "stopped in the web UI" in panel.locator(".view").text_content()
    page.get_by_role("button", name="New").wait_for()
    start_without_page(ui)


def test_a_page_that_is_opened_in_mid_run_shows_it(page: Any, ui: Session) -> None:
    """Another browser, or a reload, finds the run and not the form."""
    start_without_page(ui, recovery_s="300")
    page.goto(ui.url)
    page.locator("header").get_by_role("link", name="Runs").wait_for()
    page.locator("springback-panel").get_by_role("heading", name=re.compile("Running|Warm-up")).wait_for()
    ui.post("/stop")
    page.locator("springback-panel .verdict").wait_for()


def test_the_panel_follows_the_theme(page: Any, ui: Session) -> None:
    """Locust's switch between light and dark reaches the tab."""
    if ui.status()["runs"] == 0:
        ui.run_once(**PLANNED)
        page.reload()
    panel = page.wait_for_selector("springback-panel:not([dark])")
    page.locator("header button").last.click()
    page.wait_for_selector("springback-panel[dark]")
    assert panel.evaluate("panel => getComputedStyle(panel).color") == "rgb(232, 234, 237)"
