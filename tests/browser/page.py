"""What tests do on Locust's page: its form, by hand and without a page."""

from __future__ import annotations

import time
from typing import Any

from tests.browser.session import Session

PATIENCE_MS = 30_000
FORM = "springback-form"


def open_form(page: Any) -> None:
    """The form of the first run, or the one behind the button of all later runs."""
    if page.get_by_role("button", name="New").count():
        page.get_by_role("button", name="New").click()
    page.wait_for_selector(f"{FORM} input[name=baseline_s]", state="visible")


PLANNED = {"baseline_s": "3", "spike_s": "3", "recovery_s": "2", "herd_users": "20", "greeting": "hello"}
"""Named in every start, because a field that is not keeps the value of the run before; phases long enough to be seen,
whatever else the machine does."""


def start(page: Any, **fields: str) -> None:
    """Fills the form and starts."""
    open_form(page)
    for name, value in {**PLANNED, **fields}.items():
        page.fill(f"{FORM} input[name={name}]", value)
    page.click(f"{FORM} button[type=submit]")


def start_without_page(ui: Session, **fields: str) -> None:
    """The same from elsewhere; returns when the new run, and not the one before, makes load."""
    before = ui.status()["runs"]
    answer = ui.start(**{**PLANNED, **fields})
    assert answer["success"], answer["message"]
    ui.wait("running", before)


def until(page: Any, expression: str, argument: Any = None) -> None:
    """Waits until ``expression`` holds on the page. Playwright's own way to wait for one asks the page to evaluate it,
    which our pages' policy forbids.
    """
    deadline_s = time.monotonic() + PATIENCE_MS / 1000
    while not page.evaluate(expression, argument):
        assert time.monotonic() < deadline_s, expression
        page.wait_for_timeout(50)
