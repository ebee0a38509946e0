"""report.html in headless Chromium: offline, drawn, readable in the dark, on a phone and on paper."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from reports import html
from reports._charts import palette
from tests.reports import runs

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]

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


class Visit:
    """A report in a page whose every request but the file itself is refused and noted."""

    def __init__(self, browser: Any, directory: Path, text: str, **settings: Any) -> None:
        path = directory / "report.html"
        path.write_text(text, encoding="utf-8", errors="replace")
        settings.setdefault("viewport", {"width": 1200, "height": 900})
        self.context = browser.new_context(**settings)
        self.page = self.context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._listen)
        self.page.route("**/*", lambda route: self._refuse(route, path.as_uri()))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html[data-charts]", timeout=30_000)
        self.page.wait_for_timeout(150)

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


def test_it_loads_without_a_request_and_without_a_complaint(browser: Any, tmp_path: Path) -> None:
    visit = Visit(browser, tmp_path, runs.page("failing"))
    assert visit.requests == []
    assert visit.complaints == []
    for chart in ("load", "throughput", "latency", "errors", "memory", "cpu", "generator-lag", "skew"):
        ink = visit.ink(chart)
        assert ink["width"] > 800
        assert ink["height"] > 150
        assert ink["painted"] > 0.001, chart
    visit.context.close()


def test_the_charts_follow_the_colour_scheme_at_load_and_at_change(browser: Any, tmp_path: Path) -> None:
    visit = Visit(browser, tmp_path, runs.page("healthy"), color_scheme="dark")
    for scheme, shown in (("dark", True), ("light", False), ("dark", True)):
        visit.page.emulate_media(color_scheme=scheme)
        visit.page.wait_for_timeout(300)
        for light in (palette.BLUE, palette.MUTED):  # a line, and the letters on the axes
            dark = palette.DARK[light]
            there, gone = (dark, light) if shown else (light, dark)
            assert visit.ink("latency", there)["coloured"] > 20
            assert visit.ink("latency", gone)["coloured"] == 0
    visit.context.close()


def test_it_fits_a_phone(browser: Any, tmp_path: Path) -> None:
    visit = Visit(browser, tmp_path, runs.page("lost node"), viewport={"width": 390, "height": 800})
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert 250 < visit.ink("latency")["width"] <= 390
    visit.context.close()


def test_on_paper_it_is_white_with_pictures_of_the_charts(browser: Any, tmp_path: Path) -> None:
    visit = Visit(browser, tmp_path, runs.page("failing"), color_scheme="dark")
    visit.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    visit.page.emulate_media(media="print")
    pictures = visit.page.locator(".paper canvas").count()
    background = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
    hidden = visit.page.evaluate("getComputedStyle(document.querySelector('.drawing')).display")
    opened = visit.page.evaluate("[...document.querySelectorAll('details.short')].every((each) => each.open)")
    assert (pictures, background, hidden, opened) == (9, "rgb(255, 255, 255)", "none", True)
    visit.page.emulate_media(media="screen")
    visit.page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    pdf = visit.page.pdf(format="A4", print_background=True)
    assert pdf.startswith(b"%PDF")
    assert visit.complaints == []
    visit.context.close()


def test_labels_of_phases_and_marks_do_not_touch(browser: Any, tmp_path: Path) -> None:
    visit = Visit(browser, tmp_path, runs.page("lost node"))
    for width in (390, 700, 1200):
        visit.page.set_viewport_size({"width": width, "height": 800})
        visit.page.wait_for_timeout(500)
        spans = visit.page.evaluate(LABELS)
        assert {"baseline", "recovery"} <= {text for _, _, _, text in spans}
        for row in {row for row, _, _, _ in spans}:
            ordered = sorted((left, right) for each, left, right, _ in spans if each == row)
            assert all(later[0] >= earlier[1] - 0.5 for earlier, later in pairwise(ordered))
    visit.context.close()


LABELS = """() => {
  const context = document.createElement("canvas").getContext("2d");
  const view = [...Bokeh.index].find((each) => each.model.name === "load");
  return [...view.model.references()].filter((each) => each.tags.length && each.visible).map((label) => {
    context.font = `${label.text_font_size} ${label.text_font}`;
    const left = view.frame.x_scale.compute(label.x) + label.x_offset;
    return [label.tags[0], left, left + context.measureText(label.text.text).width, label.text.text];
  });
}"""


def test_dragging_zooms_all_charts_and_the_button_undoes_it(browser: Any, tmp_path: Path) -> None:
    visit = Visit(browser, tmp_path, runs.page("healthy"))
    ranges = """[...Bokeh.index].filter((each) => each.frame && each.model.name !== "skew")
        .map((each) => each.model.x_range.start)"""
    before = visit.page.evaluate(ranges)
    box = visit.page.locator("#latency-drawing").bounding_box()
    visit.page.evaluate(f"window.scrollTo(0, {box['y'] - 200})")
    box = visit.page.locator("#latency-drawing").bounding_box()
    visit.page.mouse.move(box["x"] + 400, box["y"] + 100)
    visit.page.mouse.down()
    visit.page.mouse.move(box["x"] + 700, box["y"] + 110, steps=5)
    visit.page.mouse.up()
    visit.page.wait_for_timeout(200)
    during = visit.page.evaluate(ranges)
    assert len(set(during)) == 1
    assert during[0] > 10
    visit.page.click("#reset-zoom")
    visit.page.wait_for_timeout(200)
    assert visit.page.evaluate(ranges) == before
    visit.context.close()


def test_hostile_names_do_nothing_not_even_under_the_pointer(browser: Any, tmp_path: Path) -> None:
    run = runs.hostile()
    visit = Visit(browser, tmp_path, html.render(run, runs.verdict(run)))
    for chart in ("errors", "memory", "generator-lag", "load"):
        box = visit.page.locator(f"#{chart}-drawing").bounding_box()
        visit.page.evaluate(f"window.scrollBy(0, {box['y'] - 200})")
        box = visit.page.locator(f"#{chart}-drawing").bounding_box()
        visit.page.mouse.move(box["x"] + box["width"] / 2.6, box["y"] + 120)
        visit.page.wait_for_timeout(120)
        visit.page.mouse.move(box["x"] + box["width"] / 2.5, box["y"] + 130)
        visit.page.wait_for_timeout(120)
    assert visit.page.evaluate("window.hacked") is None
    assert visit.requests == []
    assert visit.complaints == []
    visit.context.close()


@pytest.mark.parametrize("variant", ["empty", "never started", "zero requests", "many of everything", "open model"])
def test_runs_with_parts_missing_load_without_a_complaint(browser: Any, tmp_path: Path, variant: str) -> None:
    visit = Visit(browser, tmp_path, runs.page(variant))
    assert visit.requests == []
    assert visit.complaints == []
    visit.context.close()
