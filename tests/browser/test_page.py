"""Locust's page in headless Chromium: the form, the live tab, the list of runs and the report behind it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.session import Session, session

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
PATIENCE_MS = 30_000

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Chromium: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with session(tmp_path_factory.mktemp("ui"), "--report-formats", "html") as opened:
        yield opened


@pytest.fixture
def page(browser: Any, ui: Session) -> Iterator[Any]:
    ui.wait_idle()
    context = browser.new_context(color_scheme="light")
    context.set_default_timeout(PATIENCE_MS)
    opened = context.new_page()
    opened.complaints = []
    opened.on("pageerror", lambda error: opened.complaints.append(str(error)))
    opened.on("request", lambda request: _same_site(request.url, ui.url, opened.complaints))
    opened.goto(ui.url)
    opened.wait_for_selector("text=/^(START|NEW)$/i")
    yield opened
    assert not opened.complaints
    context.close()


def _same_site(url: str, own: str, complaints: list[str]) -> None:
    if not url.startswith((own, "data:", "blob:")):
        complaints.append(f"asked for {url}")


def _open_form(page: Any) -> None:
    """The form of the first run, or the one behind the button of all later runs, with every field to be seen."""
    if page.get_by_role("button", name="New").count():
        page.get_by_role("button", name="New").click()
    page.get_by_text("Custom parameters").click()
    page.wait_for_selector("input[name=baselineS]", state="visible")


PLANNED = {"baseline_s": "3", "spike_s": "3", "recovery_s": "2", "herd_users": "20", "greeting": "hello"}
"""Named in every start, because a field that is not keeps the value of the run before; phases long enough to be seen,
whatever else the machine does."""


def _start(page: Any, **fields: str) -> None:
    """Fills the form and starts; ``fields`` are named as those of the page, in which words have humps."""
    _open_form(page)
    planned = {_humped(name): value for name, value in PLANNED.items()}
    for name, value in {**planned, **fields}.items():
        page.fill(f"input[name={name}]", value)
    page.click("button[type=submit]")


def _humped(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _start_without_page(ui: Session, **fields: str) -> None:
    """The same from elsewhere; returns when the new run, and not the one before, makes load."""
    before = ui.status()["runs"]
    answer = ui.start(**{**PLANNED, **fields})
    assert answer["success"], answer["message"]
    ui.wait("running", before)


def test_the_form_has_every_option_with_its_value_and_none_that_is_the_operators(page: Any) -> None:
    """Options of shape, users and criteria are fields; where load may go and where files are written is not."""
    _open_form(page)
    values = {field.get_attribute("name"): field.input_value() for field in page.query_selector_all("input[name]")}
    assert values["herdUsers"] == "20"
    assert values["greeting"] == "hello"
    assert values["errorRatioLimit"] == "0.3"
    assert values["alertP95S"] == "2"
    assert not {"allowHost", "runsDir", "targetState", "probePids", "probePorts", "probeJson"} & set(values)


def test_the_form_shows_no_field_that_the_shape_makes_void_and_advertises_nothing(page: Any) -> None:
    _open_form(page)
    page.get_by_text("Advanced options").click()
    page.wait_for_selector("input[name=host]", state="visible")
    hidden = page.locator("input:disabled")
    assert {field.get_attribute("name") for field in hidden.all()} == {"userCount", "spawnRate", "runTime"}
    assert not any(field.is_visible() for field in hidden.all())
    assert [link.inner_text() for link in page.locator("main a").all() if link.is_visible()] == []


def test_ours_is_the_first_tab(page: Any, ui: Session) -> None:
    if not ui.status()["run"]:
        ui.run_once(**PLANNED)  # Locust shows tabs only after a run
        page.goto(ui.url)
    page.get_by_role("tab", name="Springback").wait_for()
    lefts = {tab.inner_text().lower(): tab.bounding_box()["x"] for tab in page.get_by_role("tab").all()}
    assert len(lefts) > 5
    assert min(lefts, key=lambda name: lefts[name]) == "springback"


def test_bad_values_are_refused_all_at_once_and_the_form_keeps_them(page: Any, ui: Session) -> None:
    """Nothing starts, every fault is listed on a line of its own, and the fields hold what was typed."""
    runs = ui.status()["runs"]
    _start(page, baselineS="soon", herdUsers="-5", host="")
    alert = page.locator(".MuiAlert-message", has_text="Not started")
    alert.wait_for()
    lines = alert.inner_text().splitlines()
    assert lines[0] == "Not started, 3 things to put right:"
    assert [any(word in line for line in lines[1:]) for word in ("--baseline-s", "--herd-users", "host")] == [True] * 3
    assert page.input_value("input[name=baselineS]") == "soon"
    assert page.input_value("input[name=herdUsers]") == "-5"
    assert ui.status()["runs"] == runs


def test_a_run_is_followed_to_its_verdict_and_its_report(page: Any, ui: Session) -> None:
    """The tab shows parked users, each phase, its figures, and then the verdict with links that open."""
    _start(page, host=ui.target.url)
    panel = page.locator("springback-panel")
    for phase in ("baseline", "spike", "recovery"):
        panel.get_by_role("heading", name=f"Running: {phase}").wait_for()
    assert int(panel.locator(".phases tbody tr").first.locator("td").first.inner_text()) > 0
    panel.locator(".verdict").wait_for()
    assert panel.locator(".verdict .word").inner_text() in ("PASS", "INCONCLUSIVE", "FAIL")
    assert panel.locator(".findings tr").count() >= 5
    page.get_by_role("button", name="New").wait_for()
    with page.context.expect_page() as opening:
        panel.get_by_text("Open the report").click()
    report = opening.value
    report.wait_for_selector("html[data-charts]")
    assert panel.locator(".verdict .word").inner_text() in report.locator(".verdict .word").inner_text()
    assert "/springback/runs/" in report.url


def test_what_holds_just_now_is_in_the_tab_and_not_after_the_end(browser: Any, tmp_path: Path) -> None:
    """Alerts and faults, each as it is told on the terminal, while the run goes."""
    options = ("--fault", "noop at=1 for=60", "--alert-p95-s", "0.000001")
    with session(tmp_path, *options) as ui:
        context = browser.new_context()
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        _start_without_page(ui, baseline_s="60", host=ui.target.url)
        page.goto(ui.url)
        panel = page.locator("springback-panel")
        panel.locator(".box", has_text="Injected just now").get_by_text("noop: nothing was disturbed").wait_for()
        panel.locator(".box", has_text="Alert").get_by_text("p95 latency: ").wait_for()
        assert ui.status()["faults"] == ["noop: nothing was disturbed"]
        ui.post("/stop")
        panel.locator(".verdict").wait_for()
        assert panel.get_by_text("Injected just now").count() == panel.locator(".box", has_text="Alert").count() == 0
        context.close()


def test_why_a_start_was_refused_is_in_the_tab(page: Any, ui: Session) -> None:
    """Each problem a line, as text whatever is in it."""
    problems = ["no such file: <b>x</b>", "--seed y: give a number"]
    told = ui.status() if ui.status()["run"] else ui.run_once(**PLANNED)  # Locust shows tabs only after a run
    assert told["problems"] == []
    told |= {"state": "refused", "words": "not started", "problems": problems}
    page.route("**/springback/status", lambda route: route.fulfill(json=told))
    page.reload()
    refused = page.locator("springback-panel .box.refused")
    refused.wait_for()
    assert refused.locator("li").all_inner_texts() == problems


def test_two_runs_have_a_directory_each_and_the_list_shows_both(page: Any, ui: Session, browser: Any) -> None:
    """The earlier run stays as it was; the list, newest first, needs no script."""
    first = ui.status() if ui.status()["run"] else ui.run_once(**PLANNED)
    before = {path: path.read_bytes() for path in (ui.run.runs_dir / first["run"]).iterdir()}
    _start(page, host=ui.target.url)
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
    _start(page, recoveryS="300", host=ui.target.url)
    ui.wait("running", before)
    panel = page.locator("springback-panel")
    panel.get_by_role("heading", name="Running: recovery").wait_for()
    page.get_by_role("button", name="Stop").click()
    panel.locator(".verdict.INCONCLUSIVE").wait_for()
    assert "stopped in the web UI" in panel.locator("section").inner_text()
    page.get_by_role("button", name="New").wait_for()
    _start_without_page(ui)


def test_a_page_that_is_opened_in_mid_run_shows_it(page: Any, ui: Session) -> None:
    """Another browser, or a reload, finds the run and not the form."""
    _start_without_page(ui, recovery_s="300")
    page.goto(ui.url)
    page.get_by_role("button", name="Stop").wait_for()
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
