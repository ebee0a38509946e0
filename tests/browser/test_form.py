"""The form of a run in headless Chromium: what it has, what it draws, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.page import FORM, open_form, start
from tests.browser.session import Session

pytestmark = pytest.mark.browser


def test_the_form_has_every_option_in_its_group_with_unit_and_meaning_and_none_that_is_the_operators(page: Any) -> None:
    """Options of shape, users and criteria are fields; where load may go and where files are written is not. Of
    Locust's own form nothing is to be seen.
    """
    open_form(page)
    form = page.locator(FORM)
    fields = form.locator("input[name], select[name]").all()
    values = {field.get_attribute("name"): field.input_value() for field in fields}
    assert values["herd_users"] == "20"
    assert values["greeting"] == "hello"
    assert values["error_ratio_limit"] == "0.3"
    assert values["alert_p95_s"] == "2"
    assert not {"allow_host", "runs_dir", "target_state", "probe_pids", "probe_ports", "probe_json"} & set(values)
    assert not {"user_count", "spawn_rate", "run_time"} & set(values)
    groups = form.locator("legend, summary").all_inner_texts()
    assert groups == ["Target", "Shape", "Scenario", "Limits of the verdict", "Limits of the alerts", "Every run"]
    field = form.locator("fieldset", has_text="Shape").locator(".field", has=page.locator("[name=baseline_s]"))
    assert field.locator("label").inner_text() == "Baseline s"
    for each in fields:
        assert form.locator(f"[id='{each.get_attribute('aria-describedby').split()[0]}']").text_content()
    assert not page.locator("main form input[name=userCount]").is_visible()
    assert [link.inner_text() for link in page.locator("main a").all() if link.is_visible()] == []


def test_the_shape_is_drawn_as_its_fields_change_and_a_wrong_value_is_told_beside_its_field(
    page: Any, ui: Session
) -> None:
    runs = ui.status()["runs"]
    open_form(page)
    drawing = page.locator(f"{FORM} canvas.preview")
    page.fill(f"{FORM} input[name=herd_users]", "77")
    page.locator(f"{FORM} .shape figcaption", has_text="herd of 77").wait_for()
    before = drawing.evaluate("canvas => canvas.toDataURL()")
    page.fill(f"{FORM} input[name=recovery_s]", "55")
    page.wait_for_function(
        f"before => document.querySelector('{FORM}').preview.canvas.toDataURL() !== before", arg=before
    )
    assert "recovery 55 s" in drawing.get_attribute("aria-label")
    page.fill(f"{FORM} input[name=herd_users]", "-5")
    told = page.locator(f"{FORM} .field", has=page.locator("[name=herd_users]")).locator(".problem")
    told.filter(has_text="--herd-users -5: give").wait_for()
    assert page.get_attribute(f"{FORM} input[name=herd_users]", "aria-invalid") == "true"
    page.fill(f"{FORM} input[name=herd_users]", "5")
    page.wait_for_selector(f"{FORM} input[name=herd_users]:not([aria-invalid])")
    assert ui.status()["runs"] == runs


def test_bad_values_are_refused_all_at_once_and_the_form_keeps_them(page: Any, ui: Session) -> None:
    """Nothing starts, every problem is told beside its field, and the fields hold what was typed."""
    runs = ui.status()["runs"]
    start(page, baseline_s="soon", herd_users="-5", host="")
    page.locator(f"{FORM} .refused .word", has_text="Not started: 3 things to put right").wait_for()
    for name in ("baseline_s", "herd_users", "host"):
        assert page.get_attribute(f"{FORM} input[name={name}]", "aria-invalid") == "true"
    assert page.input_value(f"{FORM} input[name=baseline_s]") == "soon"
    assert page.input_value(f"{FORM} input[name=herd_users]") == "-5"
    assert ui.status()["runs"] == runs
