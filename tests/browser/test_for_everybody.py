"""Our pages for those who see them otherwise: by ear, by keyboard alone, on paper, and after an hour."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

import psutil
import pytest

from tests import accessibility, stored_runs
from tests.browser.made_up_run import PANEL, TAKE, ended, names, opened, plan, second, shown, state
from tests.browser.page import FORM, open_form, until
from tests.browser.session import Session

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("scheme", "rules"),
    [("light", accessibility.STANDARDS), ("dark", accessibility.COLOURS)],
    ids=["light", "dark"],
)
def test_nothing_is_wrong_for_a_screen_reader_and_nothing_too_faint(
    page: Any, ui: Session, scheme: str, rules: tuple[str, ...]
) -> None:
    """By axe-core: the form with a problem told; at 400 px, where tables are narrowest, the live page in a spike and
    with a verdict, the list of runs, and the history.
    """
    for number in (1, 2):
        stored_runs.store(ui.run.runs_dir, number)
    page.emulate_media(color_scheme=scheme)
    found: dict[str, list[str]] = {}
    page.goto(ui.url)
    open_form(page)
    page.fill(f"{FORM} input[name=herd_users]", "-5")
    page.locator(f"{FORM} .problem", has_text="--herd-users").wait_for()
    found["form"] = accessibility.violations(page, FORM, rules)
    page.set_viewport_size({"width": 400, "height": 800})
    shown(page, ui)
    page.locator(".tile.beyond").first.wait_for()
    found["spike"] = accessibility.violations(page, rules=rules)
    page.evaluate(TAKE, [ended(ui)])
    page.locator(".verdict.FAIL").wait_for()
    found["verdict"] = accessibility.violations(page, rules=rules)
    page.goto(f"{ui.url}/springback/")
    found["runs"] = accessibility.violations(page, rules=rules)
    page.goto(f"{ui.url}/springback/history")
    page.locator("svg a").first.wait_for()
    found["history"] = accessibility.violations(page, rules=rules)
    assert found == {part: [] for part in found}


def test_by_keyboard_every_second_of_every_chart_is_said(page: Any, ui: Session) -> None:
    """Also of those out of view: what is newest and highest is their name, the second that the arrows choose their
    value. And the buttons come in their order, none twice.
    """
    shown(page, ui)
    page.set_viewport_size({"width": 400, "height": 300})
    slider = page.get_by_role("slider", name="Memory of the target")
    until(page, f"() => {PANEL}.shadowRoot.querySelector('[data-chart=memory] canvas').ariaLabel.includes('highest')")
    assert "api: now 100 MB, highest 100 MB at 24 s" in slider.get_attribute("aria-label")
    slider.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    until(page, f"() => {PANEL}.shadowRoot.activeElement.ariaValueNow === '1'")
    assert slider.get_attribute("aria-valuetext") == "1 s: api 100 MB"
    heat = page.get_by_role("slider", name="Latency heat map")
    heat.focus()
    page.keyboard.press("Home")
    assert heat.get_attribute("aria-valuetext") == "0 s: 9 answers took 65.5 ms to 156 ms"
    page.keyboard.press("Escape")
    assert heat.get_attribute("aria-valuetext") == "no second chosen"
    page.get_by_role("link", name="Locust").focus()
    reached = []
    for _ in range(5):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(f"{PANEL}.shadowRoot.activeElement?.textContent ?? document.activeElement.textContent")
        )
    assert reached == ["Stop", "Kill load", "Whole run", "Spike", "Last minute"]


def test_tiles_say_which_load_processes_are_left_and_that_too_little_was_begun(page: Any, ui: Session) -> None:
    """Over ten seconds: 4 of 10 in one of them may be chance."""
    shown(page, ui)
    starts = page.locator(".tile", has_text="Starts per second")
    starts.and_(page.locator(".within")).wait_for()
    lost = page.locator(".tile.beyond", has_text="Load processes")
    assert [text.strip() for text in lost.locator("dd").inner_text().splitlines()] == ["1", "of 2", "lost: worker-2"]
    few = second(24)
    few["points"] = [[t, 4, 4, *[0] * 3, 0.1, 0.2, 0.3, {}, []] for t in range(24, 34)]
    page.evaluate(TAKE, [{**few, "points": few["points"][:1]}, state(ui, 25.9)])
    starts.filter(has_text="4of 10 planned").wait_for()
    assert starts.locator(".sign").count() == 0
    page.evaluate(TAKE, [few, state(ui, 34.9)])
    starts.locator(".sign", has_text="below the plan of 10 s").wait_for()


def test_a_button_that_reached_nobody_says_why(page: Any, ui: Session) -> None:
    """Who is signed out is sent to the page of the login in place of an answer."""
    for answer, words in (
        ({"status": 302, "headers": {"Location": "/springback/"}}, "Not done: you are signed out. Sign in again"),
        ({"status": 403, "body": "Refused: of another site"}, "Not done: Refused: of another site"),
        (None, "Not done: Failed to fetch"),
    ):
        shown(page, ui)
        page.route("**/kill", partial(_answer, answer))
        page.get_by_role("button", name="Kill load").click()
        page.get_by_role("status").filter(has_text=words).wait_for()
        page.unroute("**/kill")


def _answer(answer: dict[str, Any] | None, route: Any) -> None:
    if answer is None:
        route.abort()
    else:
        route.fulfill(**answer)


ON_PAPER = f"""addEventListener("beforeprint", () => {{
  const inked = (canvas) => {{
    const {{ data }} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let i = 3; i < data.length; i += 4) count += data[i] > 200;
    return [canvas.dataset.chart, count > 2000, canvas.width / canvas.clientWidth];
  }};
  const charts = [...{PANEL}.shadowRoot.querySelectorAll("canvas")].map(inked);
  window.paper = {{ dark: {PANEL}.hasAttribute("dark"), charts }};
}})"""
STYLE = f"""() => {{
  const of = (name) => getComputedStyle({PANEL}.shadowRoot.querySelector(name));
  const behind = getComputedStyle(document.body).backgroundColor;
  return [of(".controls").display, of(".tall").maxHeight, of("h2").color, behind];
}}"""


def test_on_paper_it_is_white_and_has_the_charts_that_are_out_of_view(page: Any, ui: Session) -> None:
    """Printed in the run, from a small dark window; which is dark again afterwards, and goes on."""
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 400, "height": 300})
    shown(page, ui)
    page.locator("springback-panel[dark]").wait_for()
    page.evaluate(ON_PAPER)
    assert page.pdf(format="A4").startswith(b"%PDF")
    paper = page.evaluate("window.paper")
    assert not paper["dark"]
    assert len(paper["charts"]) >= 10
    assert paper["charts"] == [[chart, True, 3] for chart, *_ in paper["charts"]]
    page.locator("springback-panel[dark]:not([paper])").wait_for()
    page.emulate_media(media="print")
    page.evaluate(f"{PANEL}.print(true)")
    seen = page.evaluate(STYLE)
    assert seen == ["none", "none", "rgb(28, 32, 36)", "rgb(246, 247, 248)"]


HOUR_S = 3600


def test_after_an_hour_it_is_small_and_as_quick(page: Any, ui: Session) -> None:
    """Ten names and six figures a second: below 150 MB of its own, and drawn in less than a tenth of a second."""
    before = {process.pid for process in renderers()}
    context = page.context.browser.new_context(viewport={"width": 1280, "height": 2400})
    watched = context.new_page()
    opened(watched, ui)
    watched.evaluate(TAKE, [plan(HOUR_S), names(10)])
    told = state(ui, 0)
    for begin in range(0, HOUR_S, 600):
        now = {**told, "status": {**told["status"], "elapsed_s": begin + 600.9}}
        watched.evaluate(TAKE, [*map(second, range(begin, begin + 600)), names(10), now, *[{"kind": "beat"}] * 60])
    until(watched, f"() => {PANEL}.charts.element.dataset.drawn === '{HOUR_S - 1}'")
    # The quickest of many: others on the machine make the rest slower.
    paint = f"() => {{ {PANEL}.charts.paint(); return {PANEL}.charts.took_ms; }}"
    took_ms = watched.evaluate(f"() => Math.min(...Array.from({{ length: 20 }}, {paint}))")
    largest_bytes = max(process.memory_full_info().uss for process in renderers() if process.pid not in before)
    context.close()
    assert took_ms < 100
    assert largest_bytes < 150e6


def renderers() -> list[psutil.Process]:
    found = []
    for each in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it has ended since, of which a zombie is a kind
            found += [each] if "--type=renderer" in each.cmdline() else []
    return found
