"""Whatever is sent to the web UI: never a failure of its own, never a secret, and no start that would be refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.browser.session import Session, session
from tests.run import runs

SCENARIO = Path(__file__).parents[1] / "config" / "every_kind.py"
SECRET = "hush-4711"
EXAMPLES = 60
FORMS = "application/x-www-form-urlencoded", "multipart/form-data"


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    given = ("--token", SECRET, *runs.UNHURRIED)
    with session(tmp_path_factory.mktemp("fuzz"), *given, scenario=str(SCENARIO)) as opened:
        yield opened


@pytest.fixture(scope="module")
def fields(ui: Session) -> list[str]:
    """Of the form, and some that it does not have."""
    names = re.findall(r'"([a-z0-9_]+)": \{"(?:choices|default_value)": ', ui.get("/").text)
    assert {"herd_users", "share", "colour", "is_bright"} <= set(names) and "token" not in names
    return [*names, "host", "user_count", "spawn_rate", "run_time", "profile", "token", "runs_dir", "user_classes", "x"]


TEXTS = st.one_of(
    st.sampled_from(
        [
            *(
                "",
                " ",
                "0",
                "-1",
                "nan",
                "inf",
                "1e309",
                "9" * 400,
                "x" * 50_000,
                "\x1b[31m",
                "\u202e",
                "\r\n\r\n",
                "\0",
            ),
            *("<script>alert(1)</script>", "{{7*7}}", "%s%n", "../../etc/passwd", "/dev/zero", "true", "null", "[]"),
            *("http://127.0.0.1:9", "http://192.0.2.1", "http://[::1", f"http://u:{SECRET}@127.0.0.1:9", "file:///etc"),
        ]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
)
REFUSED = st.sampled_from(
    [("herd_users", "many"), ("host", "http://192.0.2.1"), ("allow_host", "staging.example"), ("colour", "blue")]
)
PATHS = st.sampled_from(
    [
        *("/", "/swarm", "/stop", "/user", "/stats/reset", "/stats/report", "/stats/requests", "/stats/requests/csv"),
        *(
            "/stats/requests_full_history/csv",
            "/stats/failures/csv",
            "/exceptions",
            "/exceptions/csv",
            "/tasks",
            "/logs",
        ),
        *(
            "/login",
            "/worker-count",
            "/assets/..%2f..%2fweb.py",
            "/springback/",
            "/springback/status",
            "/springback/live",
            "/springback/form",
            "/springback/check",
            "/metrics",
        ),
        *("/springback/panel.js", "/springback/runs.css", "/springback/runs/%2e%2e/recording.jsonl"),
        *(
            "/springback/runs/..%2f../x",
            "/springback/runs/%00/report.html",
            "/springback/runs/%FF/%FF",
            "//evil/%0d%0aa",
        ),
    ]
)
METHODS = st.sampled_from(["GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
BODIES = st.one_of(
    TEXTS, st.sampled_from(["{", "[]", "[" * 5000, '{"user_class_name": "x"}', '{"user_class_name": {}}', "1", '"x"'])
)
TYPES = st.sampled_from(["", "application/json", "application/x-www-form-urlencoded", "multipart/form-data", "\xff/x"])


def assert_in_order(answer: requests.Response) -> None:
    told = (answer.request.method, answer.request.url, answer.request.body, answer.status_code, answer.text[:500])
    assert answer.status_code < 500, told
    assert SECRET not in answer.text + str(answer.headers) and "Traceback (most recent" not in answer.text, told


@settings(max_examples=EXAMPLES)
@given(data=st.data(), refused=REFUSED)
def test_the_form(ui: Session, fields: list[str], data: st.DataObject, refused: tuple[str, str]) -> None:
    """With one field that cannot be used, whatever stands in the others."""
    given = data.draw(st.dictionaries(st.sampled_from(fields), TEXTS, max_size=6))
    answer = ui.post("/swarm", {**given, refused[0]: refused[1]})
    assert_in_order(answer)
    assert answer.json()["success"] is False, (given, refused)
    assert "Not started" in answer.json()["message"]
    assert ui.status()["runs"] == 0


@settings(max_examples=2 * EXAMPLES)
@example("/swarm", "POST", {}, json.dumps({"host": "http://192.0.2.1"}), "application/json")
@example("/swarm", "POST", {}, "host=http://192.0.2.1", "")
@given(path=PATHS, method=METHODS, parameters=st.dictionaries(TEXTS, TEXTS, max_size=2), body=BODIES, kind=TYPES)
def test_every_route(ui: Session, path: str, method: str, parameters: dict[str, str], body: str, kind: str) -> None:
    if path == "/swarm" and (not body or kind in FORMS):
        body, kind = "host=http://192.0.2.1", FORMS[0]  # a form in which nothing is filled in starts a run
    options = {"params": parameters, "data": body.encode(), "headers": {"Content-Type": kind} if kind else {}}
    assert_in_order(requests.request(method, ui.url + path, timeout=30, allow_redirects=False, **options))
    assert ui.status()["runs"] == 0
