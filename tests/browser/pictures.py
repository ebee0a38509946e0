"""Makes the pictures of README and pages anew, from one run of ``login_herd.py`` on the reference target.

Run as ``python -m tests.browser.pictures``, or by ``make pictures``; it takes about two minutes and writes to
``docs/images``. Text beside these pictures names no figure of theirs. Only a run that passes becomes the picture of a
report, so leave the machine to it. ``fail.png`` is not among them: its page tells its figures one by one.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.browser.page import until
from tests.chromium import CHROMIUM, FLAGS
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
WIDTH = 1100
COLOURS = 256
STARTS_S, RUNS_S = 120, 240
FIELDS = {"herd_users": "500"}


def until_true(condition: Callable[[], bool], within_s: float, what: str) -> None:
    deadline_s = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"{what} did not come within {within_s:.0f} s")
        time.sleep(0.2)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def keep(page: Any, name: str, height: int | None = None) -> None:
    """The page from its top, to ``height`` pixels or to its end, in few colours."""
    size = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": WIDTH, "height": min(size, height or size)})
    page.wait_for_timeout(600)  # charts fit themselves into the new size
    picture = Image.open(io.BytesIO(page.screenshot()))
    picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(IMAGES / name, optimize=True)
    page.set_viewport_size({"width": WIDTH, "height": 900})


def draw(url: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = browser.new_context(viewport={"width": WIDTH, "height": 900}, color_scheme="light").new_page()
        page.set_default_timeout(1000 * RUNS_S)
        page.goto(url)
        for name, value in FIELDS.items():
            page.fill(f"springback-form input[name={name}]", value)
        page.wait_for_timeout(1000)
        keep(page, "form.png", 1100)
        page.click("springback-form button[type=submit]")
        page.locator("springback-panel h2", has_text="Running: recovery").wait_for()
        spike_ends_s = page.evaluate("document.querySelector('springback-panel').data.phase('spike')[2]")
        page.goto(f"{url}/springback/live")
        until(page, f"() => document.querySelector('springback-panel').data?.newest >= {spike_ends_s + 12}")
        page.get_by_role("button", name="Spike", exact=True).click()
        keep(page, "live.png", 1400)
        page.locator("springback-panel .verdict").wait_for()
        outcome = page.locator("springback-panel .verdict .word").inner_text()
        if outcome != "PASS":
            browser.close()
            sys.exit(
                f"report.png is left as it was: the run was {outcome}. Try again on a machine that does nothing else"
            )
        report = page.locator("springback-panel .verdict a.main").get_attribute("href")
        page.goto(str(report))
        page.wait_for_selector("html[data-charts]")
        keep(page, "report.png", 2400)
        browser.close()


def main() -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="springback-pictures-") as directory:
        command = [
            sys.executable,
            "-P",
            "-m",
            "harness.cli",
            "run",
            str(ROOT / "locustfiles" / "login_herd.py"),
            "--web",
        ]
        options = ["--web-port", str(port), "--runs-dir", directory, "--report-formats", "html"]
        started = subprocess.Popen([*command, *options], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
        try:
            until_true(
                lambda: answers(f"{url}/springback/status") or started.poll() is not None, STARTS_S, "the web UI"
            )
            draw(url)
        finally:
            started.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                started.wait(60)
            started.kill()


if __name__ == "__main__":
    main()
