"""Makes the pictures of README and pages anew: of a run of ``login_herd.py``, and of the tutorial's FAIL.

Run as ``python -m tests.browser.pictures``, or by ``make pictures``; it takes about four minutes and writes to
``docs/images``. Text beside these pictures names no figure of theirs. A picture of a report is made only of a run with
the verdict that its page tells of, so leave the machine to it.
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
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from harness.findings import Outcome
from tests.browser.page import until
from tests.chromium import CHROMIUM, FLAGS
from tests.docs.blocks import in_page
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
WIDTH = 1100
COLOURS = 256
STARTS_S, RUNS_S = 120, 240
RUN = (sys.executable, "-P", "-m", "harness.cli", "run")
FIELDS = {"herd_users": "500"}
TUTORIAL_PORT = "8000"
FAILING = ("--baseline-s", "30", "--recovery-s", "45", "--latency-quantile-limit-s", "0.5")
"""Of the tutorial's step 5."""


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


@contextlib.contextmanager
def open_page(url: str) -> Iterator[Any]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = browser.new_context(viewport={"width": WIDTH, "height": 900}, color_scheme="light").new_page()
        page.set_default_timeout(1000 * RUNS_S)
        page.goto(url)
        yield page
        browser.close()


@contextlib.contextmanager
def started(command: Sequence[str], directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, cwd=directory, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(60)
        process.kill()


def draw_login_herd(directory: Path) -> str:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    options = ["--web", "--web-port", str(port), "--runs-dir", str(directory), "--report-formats", "html"]
    with started([*RUN, str(ROOT / "locustfiles" / "login_herd.py"), *options], ROOT) as run:
        until_true(lambda: answers(f"{url}/springback/status") or run.poll() is not None, STARTS_S, "the web UI")
        return draw_session(url)


def draw_session(url: str) -> str:
    with open_page(url) as page:
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
            return left_as_it_was("report.png", outcome)
        report = page.locator("springback-panel .verdict a.main").get_attribute("href")
        page.goto(str(report))
        page.wait_for_selector("html[data-charts]")
        keep(page, "report.png", 2400)
    return ""


def draw_fail(directory: Path) -> str:
    """The FAIL of the tutorial: its shop, its scenario, its limit."""
    port = free_port()
    for block in in_page(ROOT / "docs" / "tutorial.md"):
        if block.file in ("shop.py", "sale.py"):
            (directory / block.file).write_text(block.text.replace(TUTORIAL_PORT, str(port)))
    with started([sys.executable, "shop.py"], directory):
        options = [*FAILING, "--host", f"http://127.0.0.1:{port}", "--runs-dir", "runs", "--report-formats", "html"]
        with started([*RUN, "sale.py", *options, "--wait-for-target", "10"], directory) as run:
            code = run.wait(RUNS_S)
    if code != Outcome.FAIL.exit_code:
        return left_as_it_was("fail.png", f"one with exit code {code}")
    (report,) = directory.glob("runs/*-sale/report.html")
    with open_page(report.as_uri()) as page:
        page.wait_for_selector("html[data-charts]")
        keep(page, "fail.png", page.evaluate("document.getElementById('timeline').offsetTop"))
    return ""


def left_as_it_was(name: str, outcome: str) -> str:
    return f"{name} is left as it was: the run was {outcome}. Try again on a machine that does nothing else"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="springback-pictures-") as directory:
        problems = [draw_login_herd(Path(directory)), draw_fail(Path(directory))]
    sys.exit("\n".join(filter(None, problems)) or None)


if __name__ == "__main__":
    main()
