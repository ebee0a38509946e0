"""What Locust logs and puts into its report: without secrets, and the log without what moves a terminal's cursor."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import locust.main
import pytest
from locust.env import Environment

from harness.run import locust_output
from harness.web import secrets as web_secrets

SECRET = "hush-4711"
ADDRESS = f"http://user:{SECRET}@127.0.0.1:9"


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> Iterator[logging.Handler]:
    """Of Locust's, as its command line sets them up."""
    monkeypatch.setattr(locust.main, "get_html_report", locust.main.get_html_report)  # type: ignore[attr-defined]
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    logging.getLogger("locust").addHandler(handler)
    yield handler
    logging.getLogger("locust").removeHandler(handler)


def test_a_line_of_the_log_is_cleaned_also_of_newer_secrets(handler: logging.Handler) -> None:
    record = logging.makeLogRecord({"msg": "%s \x1b]0;owned\x07 and %s, second", "args": (ADDRESS, "token-0815")})
    locust_output.hide(lambda: ())
    assert handler.format(record).endswith(": http://127.0.0.1:9 \ufffd]0;owned\ufffd and token-0815, second")
    locust_output.hide(lambda: ("token-0815",))
    assert handler.format(record).endswith(f"owned\ufffd and {locust_output.HIDDEN}, second")


@pytest.mark.usefixtures("handler")
def test_the_report_shows_no_secret() -> None:
    environment = Environment(host=ADDRESS)
    environment.create_local_runner()
    secrets = ["first"]
    locust_output.hide(lambda: secrets)
    locust_output.hide(lambda: secrets)
    secrets.append("hush")
    page = locust.main.get_html_report(environment)  # type: ignore[attr-defined]
    assert SECRET not in page and '"host": "http://127.0.0.1:9"' in page


def test_an_answer_that_says_it_is_json_and_is_none_keeps_its_text() -> None:
    """It may be of a route of the user's own."""
    assert web_secrets._hidden_in_json("{hush: 1}", ("hush",)) == f"{{{locust_output.HIDDEN}: 1}}"
    assert web_secrets._hidden_in_json('{"hush": "hush"}', ("hush",)) == '{"hush": "\\u2022\\u2022\\u2022"}'
