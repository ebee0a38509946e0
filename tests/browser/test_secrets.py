"""No answer of the web UI shows a secret, and a field that is blank because it holds one is left as it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.session import Session, session
from tests.run import runs

SCENARIO = """
import harness
from harness.load.http import HerdHttpUser
from harness.plugins import parameter
from shapes import herd

class Visitor(HerdHttpUser):
    def prepare(self):
        token = self.environment.parsed_options.token
        return self.client.prepare("GET", "/visit", headers={"Authorization": token}, name=f"length {len(token)}")

class Herd(herd.Herd):
    baseline_s, herd_users, spike_s, recovery_s, canary_users = 1, 5, 1, 1, 5

class Options:
    token: str = parameter("springback", "of the service", secret=True, web=True)
    word: str = parameter("", "of a user", secret=True, web=True)
    dsn: str = parameter("", "of the database", secret=True)

harness.attach("secretive", criteria=["error_ratio"], options=Options)
"""
SECRETS = ("hush-token", "hush-dsn", "hush-host", "hush-other")


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    directory = tmp_path_factory.mktemp("secrets")
    file = directory / "secretive.py"
    file.write_text(SCENARIO)
    given = (
        "--token",
        "hush-token",
        "--word",
        "script",
        "--dsn",
        "postgresql://u:hush-dsn@127.0.0.1/",
        *runs.UNHURRIED,
    )
    with session(directory, *given, scenario=str(file)) as opened:
        yield opened


def names(ui: Session) -> set[str]:
    """Of the requests of the last run, which end with the length of the token that they had."""
    rows = ui.get("/stats/requests").json()["stats"]
    return {row["name"] for row in rows} - {"Aggregated"}


def test_no_answer_shows_a_secret_and_a_blank_field_is_unchanged(ui: Session) -> None:
    page = ui.get("/").text
    assert '"token"' in page and '<script type="module" src="/springback/start.js"></script>' in page, (
        "a word is only hidden in data"
    )
    with_user_info = ui.target.url.replace("http://", "http://user:hush-host@")
    ui.run_once(host=with_user_info, token="")
    assert names(ui) == {f"length {len('hush-token')}"}
    ui.wait_idle()
    shown = ui.get("/")
    assert f'"host": "{ui.target.url}"' in shown.text
    ui.run_once(host=ui.target.url, token="hush-other-one")
    assert names(ui) == {f"length {len('hush-other-one')}"}
    paths = ("/", "/stats/requests", "/stats/report", "/stats/requests/csv", "/exceptions", "/logs", "/tasks")
    for path in (*paths, "/springback/", "/springback/status", "/springback/form", "/springback/live"):
        answer = ui.get(path)
        assert answer.ok, path
        assert not [secret for secret in SECRETS if secret in answer.text + str(answer.headers)], path
    refused = ui.start(host="http://user:hush-host@staging.example", token="hush-token")
    assert not refused["success"] and "staging.example" in str(refused) and "hush" not in str(refused)
