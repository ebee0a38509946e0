"""Locust's page in headless Chromium, for the tests that look at it. Runs that a failing test leaves behind are ended;
see tests/run/conftest.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.page import PATIENCE_MS
from tests.browser.session import Session, session
from tests.chromium import CHROMIUM, FLAGS, MISSING
from tests.run.conftest import nobody_left  # noqa: F401  # a fixture is found by its name


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM.exists():
        pytest.skip(MISSING)
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with session(tmp_path_factory.mktemp("ui"), "--report-formats", "html") as opened:
        yield opened


@pytest.fixture(scope="package")
def context(browser: Any) -> Iterator[Any]:
    """One for all pages: what the browser has compiled of Locust's page is kept for the next."""
    opened = browser.new_context(color_scheme="light")
    opened.set_default_timeout(PATIENCE_MS)
    yield opened
    opened.close()


@pytest.fixture
def page(context: Any, ui: Session) -> Iterator[Any]:
    """Locust's page, as somebody sees it who has never been there."""
    ui.wait_idle()
    opened = context.new_page()
    opened.complaints = []
    opened.on("pageerror", lambda error: opened.complaints.append(str(error)))
    opened.on("request", lambda request: _same_site(request.url, ui.url, opened.complaints))
    opened.goto(ui.url)
    opened.wait_for_selector("springback-form [name=baseline_s], springback-panel h2")
    yield opened
    opened.evaluate("localStorage.clear()")
    context.clear_cookies()
    for each in context.pages:
        each.close()
    assert not opened.complaints


def _same_site(url: str, own: str, complaints: list[str]) -> None:
    if not url.startswith((own, "data:", "blob:")):
        complaints.append(f"asked for {url}")
