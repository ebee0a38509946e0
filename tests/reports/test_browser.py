"""report.html in headless Chromium: offline, drawn, readable in the dark, on a phone and on paper."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reports import suite_page
from reports._charts import palette
from tests import accessibility, recordings
from tests.chromium import CHROMIUM, FLAGS, MISSING
from tests.reports import runs
from tests.reports.test_names import page_of_many
from tests.reports.test_suite_page import part_of

PATIENCE_S = 120
"""This part of the tests gives way to the others, and Chromium with it."""

sync_api = pytest.importorskip("playwright.sync_api")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=MISSING),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield running
        running.close()


class Visit:
    """A report in a page whose every request but the file itself is refused and noted."""

    def __init__(self, browser: Any, directory: Path, text: str, **settings: Any) -> None:
        path = directory / "report.html"
        path.write_text(text, encoding="utf-8", errors="replace")
        settings.setdefault("viewport", {"width": 1200, "height": 900})
        self.context = browser.new_context(**settings)
        self.context.set_default_timeout(1000 * PATIENCE_S)
        self.page = self.context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._listen)
        self.page.route("**/*", lambda route: self._refuse(route, path.as_uri()))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html[data-charts]")
        self.until(DRAWN)

    @contextmanager
    def seen_otherwise(self, *, color_scheme: Any = None, width: int = 0) -> Iterator[None]:
        """In these colours, in a window of that width; afterwards as before."""
        before = self.page.viewport_size
        scheme = "dark" if self.page.evaluate(IS_DARK) else "light"
        self._show(color_scheme or scheme, {**before, "width": width or before["width"]})
        yield
        self._show(scheme, before)

    def _show(self, scheme: Any, size: Any) -> None:
        self.page.emulate_media(color_scheme=scheme)
        self.page.set_viewport_size(size)
        self.until(f"(dark) => ({IS_DARK})() === dark", scheme == "dark")
        self.until(FITTED, "load")

    def until(self, condition: str, argument: Any = None) -> None:
        """Waits until a function in the page returns something true; fails when it does not in time."""
        self.page.wait_for_function(condition, arg=argument)

    def point_at(self, chart: str) -> tuple[str, list[str]]:
        """Moves the pointer over a chart until its tooltip is there: its text and the tags in it.

        That of another chart has to be gone first.
        """
        self.page.mouse.move(1, 1)
        self.until(f"() => ({TOOLTIP})() === null")
        drawing = self.page.locator(f"#{chart}-drawing")
        self.page.evaluate(f"window.scrollBy(0, {drawing.bounding_box()['y'] - 200})")
        deadline = time.monotonic() + PATIENCE_S
        while (shown := self.page.evaluate(TOOLTIP)) is None:
            assert time.monotonic() < deadline, f"no tooltip on {chart}"
            box = drawing.bounding_box()
            for share in (2.6, 2.5):
                self.page.mouse.move(box["x"] + box["width"] / share, box["y"] + 120 + 10 * (share < 2.6))
                self.page.wait_for_timeout(20)
        return shown[0], shown[1]

    def _listen(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def _refuse(self, route: Any, own: str) -> None:
        if route.request.url == own:
            route.continue_()
            return
        self.requests.append(route.request.url)
        route.abort()

    def ink(self, chart: str, colour: str = palette.INK) -> dict[str, float]:
        """Size of the largest canvas of a chart, its share of painted pixels, and those of one colour."""
        found: dict[str, float] = self.page.evaluate(INK, [f"{chart}-drawing", colour])
        return found


SETTINGS: dict[str, dict[str, Any]] = {
    "failing": {"color_scheme": "light"},
    "healthy": {"color_scheme": "dark"},
    "lost node": {"viewport": {"width": 390, "height": 800}},
}


@pytest.fixture(scope="module")
def visited(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Visit]]:
    """A report that several tests look at: it is loaded once, with these settings, which takes most of such a test.
    Each leaves it as it was.
    """
    visits: dict[str, Visit] = {}

    def visit(variant: str) -> Visit:
        if variant not in visits:
            settings = SETTINGS[variant]
            visits[variant] = Visit(browser, tmp_path_factory.mktemp("visit"), runs.page(variant), **settings)
        return visits[variant]

    yield visit
    for each in visits.values():
        each.context.close()


IS_DARK = """() => matchMedia("(prefers-color-scheme: dark)").matches"""
DRAWN = "() => !window.Bokeh || Bokeh.documents.every((each) => each.is_idle)"
INK = """([identity, colour]) => {
  const found = [], visit = (node) => {
    if (node instanceof HTMLCanvasElement) found.push(node);
    if (node.shadowRoot) node.shadowRoot.childNodes.forEach(visit);
    node.childNodes.forEach(visit);
  };
  visit(document.getElementById(identity));
  const canvas = found.sort((a, b) => b.width - a.width)[0];
  if (!canvas || !canvas.width) return {width: 0, height: 0, painted: 0, coloured: 0};
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  const near = (value, other) => Math.abs(value - other) < 3;
  let painted = 0, coloured = 0;
  for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 200) {
    painted += 1;
    if (near(data[i], red) && near(data[i + 1], green) && near(data[i + 2], blue)) coloured += 1;
  }
  return {width: canvas.width, height: canvas.height, painted: painted / (data.length / 4), coloured};
}"""


def test_it_loads_without_a_request_and_without_a_complaint(visited: Callable[[str], Visit]) -> None:
    visit = visited("failing")
    assert visit.requests == []
    assert visit.complaints == []
    for chart in ("load", "throughput", "latency", "errors", "memory", "cpu", "generator-lag", "skew"):
        ink = visit.ink(chart)
        assert ink["width"] > 800
        assert ink["height"] > 150
        assert ink["painted"] > 0.001, chart


def test_the_charts_follow_the_colour_scheme_at_load_and_at_change(visited: Callable[[str], Visit]) -> None:
    visit = visited("healthy")
    for scheme, shown in (("dark", True), ("light", False), ("dark", True)):
        visit.page.emulate_media(color_scheme=scheme)
        for light in (palette.BLUE, palette.MUTED):  # a line, and the letters on the axes
            dark = palette.DARK[light]
            there, gone = (dark, light) if shown else (light, dark)
            visit.until(COLOURED, ["latency-drawing", there, gone])


COLOURED = f"""([identity, there, gone]) => {{
  const ink = {INK};
  return ink([identity, there]).coloured > 20 && ink([identity, gone]).coloured === 0;
}}"""


def test_it_fits_a_phone(visited: Callable[[str], Visit]) -> None:
    visit = visited("lost node")
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert 250 < visit.ink("latency")["width"] <= 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wrong_for_a_screen_reader_and_nothing_too_faint(
    browser: Any, visited: Callable[[str], Visit], tmp_path: Path, scheme: Any
) -> None:
    """By axe-core: a report with a FAIL, and the page of a suite with it, on a phone, where tables are narrowest."""
    visit = visited("failing")
    with visit.seen_otherwise(color_scheme=scheme, width=390):
        assert accessibility.violations(visit.page) == []
    suite_page.write(
        [part_of(recordings.failing(), tmp_path), part_of(recordings.healthy(), tmp_path, "other")], tmp_path
    )
    page = browser.new_page(color_scheme=scheme, viewport={"width": 390, "height": 800})
    page.goto((tmp_path / "index.html").as_uri(), timeout=1000 * PATIENCE_S)
    assert accessibility.violations(page) == []
    page.close()


def test_on_paper_it_is_white_with_pictures_of_the_charts(visited: Callable[[str], Visit]) -> None:
    visit = visited("failing")
    with visit.seen_otherwise(color_scheme="dark"):
        is_on_paper(visit)
    assert visit.complaints == []


def is_on_paper(visit: Visit) -> None:
    visit.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    visit.page.emulate_media(media="print")
    pictures = visit.page.locator(".paper canvas").count()
    background = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
    hidden = visit.page.evaluate("getComputedStyle(document.querySelector('.drawing')).display")
    opened = visit.page.evaluate("[...document.querySelectorAll('details.short')].every((each) => each.open)")
    assert (pictures, background, hidden, opened) == (10, "rgb(255, 255, 255)", "none", True)
    visit.page.emulate_media(media="screen")
    visit.page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    pdf = visit.page.pdf(format="A4", print_background=True)
    assert pdf.startswith(b"%PDF")


def test_labels_of_phases_and_marks_do_not_touch(visited: Callable[[str], Visit]) -> None:
    visit = visited("lost node")
    for width in (1200, 700, 390):
        with visit.seen_otherwise(width=width):
            visit.until(APART)
            spans = visit.page.evaluate(LABELS)
            assert {"baseline", "recovery"} <= {text for _, _, _, text in spans}


LABELS = """() => {
  const context = document.createElement("canvas").getContext("2d");
  const view = [...Bokeh.index].find((each) => each.model.name === "load");
  return [...view.model.references()].filter((each) => each.tags.length && each.visible).map((label) => {
    context.font = `${label.text_font_size} ${label.text_font}`;
    const left = view.frame.x_scale.compute(label.x) + label.x_offset;
    return [label.tags[0], left, left + context.measureText(label.text.text).width, label.text.text];
  });
}"""
APART = f"""() => {{
  const spans = ({LABELS})().sort((one, other) => one[0] - other[0] || one[1] - other[1]);
  return spans.every((span, at) => at === 0 || spans[at - 1][0] !== span[0] || span[1] >= spans[at - 1][2] - 0.5);
}}"""
FITTED = """(name) => {
  const view = [...Bokeh.index].find((each) => each.model.name === name);
  const room = document.getElementById(`${name}-drawing`).clientWidth;
  return Math.abs(view.bbox.width - room) < 8 && Bokeh.documents.every((each) => each.is_idle);
}"""


RANGES = """() => [...Bokeh.index].filter((each) => each.frame && each.model.name !== "skew")
    .map((each) => each.model.x_range.start)"""


def test_dragging_zooms_all_charts_and_the_button_undoes_it(visited: Callable[[str], Visit]) -> None:
    visit = visited("healthy")
    ranges = f"({RANGES})()"
    before = visit.page.evaluate(ranges)
    box = visit.page.locator("#latency-drawing").bounding_box()
    visit.page.evaluate(f"window.scrollTo(0, {box['y'] - 200})")
    box = visit.page.locator("#latency-drawing").bounding_box()
    visit.page.mouse.move(box["x"] + 400, box["y"] + 100)
    visit.page.mouse.down()
    visit.page.mouse.move(box["x"] + 700, box["y"] + 110, steps=5)
    visit.page.mouse.up()
    visit.until(f"() => {{ const all = ({RANGES})(); return all[0] > 10 && new Set(all).size === 1; }}")
    visit.page.click("#reset-zoom")
    visit.until(f"() => ({RANGES})().every((start) => start === -2)")
    assert visit.page.get_attribute("#reset-zoom", "aria-pressed") == "true"
    visit.page.click("#zoom-spike")
    visit.until(f"(before) => ({RANGES})().every((start, at) => start === before[at])", before)
    assert visit.page.get_attribute("#zoom-spike", "aria-pressed") == "true"
    assert before[0] == 26, "it opens on the spike, which begins at 30 s"


def test_hostile_names_do_nothing_not_even_under_the_pointer(browser: Any, tmp_path: Path) -> None:
    visit = Visit(browser, tmp_path, runs.hostile_page())
    for chart in ("errors", "memory", "generator-lag", "by-name"):
        text, elements = visit.point_at(chart)
        assert "window.hacked" in text, chart
        assert set(elements) <= {"STYLE", "DIV", "SPAN"}, chart
    assert visit.page.evaluate("window.hacked") is None
    assert visit.requests == []
    assert visit.complaints == []
    visit.context.close()


TOOLTIP = """() => {
  let shown = null;
  const visit = (node) => {
    if (node instanceof Element && node.matches(".bk-tooltip-content") && node.getBoundingClientRect().width) {
      shown = [node.textContent, [...node.querySelectorAll("*")].map((each) => each.tagName)];
    }
    if (node.shadowRoot) node.shadowRoot.childNodes.forEach(visit);
    node.childNodes.forEach(visit);
  };
  visit(document.body);
  return shown;
}"""


@pytest.mark.parametrize("variant", ["empty", "never started", "zero requests", "many of everything", "open model"])
def test_runs_with_parts_missing_load_without_a_complaint(browser: Any, tmp_path: Path, variant: str) -> None:
    visit = Visit(browser, tmp_path, runs.page(variant))
    assert visit.requests == []
    assert visit.complaints == []
    visit.context.close()


def test_the_table_of_all_names_can_be_searched(browser: Any, tmp_path: Path) -> None:
    """Every word has to occur, in the name, the phase or the cause."""
    visit = Visit(browser, tmp_path, page_of_many())
    visible = "() => [...document.querySelectorAll('#name-table tbody tr')].filter((row) => !row.hidden).length"
    assert visit.page.evaluate(visible) == 61 * 3
    visit.page.fill("#name-filter", "500 SPIKE")
    assert visit.page.evaluate(visible) == 1
    assert visit.page.locator("#name-count").inner_text() == "1 of 183 rows"
    visit.page.fill("#name-filter", "")
    assert visit.page.evaluate(visible) == 61 * 3
    assert not visit.complaints
