"""A HAR file becomes a scenario; whatever may be a secret does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.commands.import_traffic import import_har
from harness.errors import ConfigurationError
from harness.learn.har import read_har

SECRET = "hush-4711"


def entry(method: str, url: str, **more: Any) -> dict[str, Any]:
    return {"request": {"method": method, "url": url, **more}, "response": {"content": {"text": SECRET}}}


def har(path: Path, *entries: Any) -> str:
    path.write_text(json.dumps({"log": {"version": "1.2", "entries": entries}}))
    return str(path)


VISIT = (
    entry(
        "GET", f"https://me:{SECRET}@shop.example/?token={SECRET}", headers=[{"name": "Cookie", "value": SECRET}] * 3
    ),
    entry("GET", "https://shop.example/items/7", cookies=[{"name": "sid", "value": SECRET}]),
    entry("POST", "https://shop.example/login", postData={"text": f"password={SECRET}"}),
    entry(
        "POST",
        "https://shop.example/signup",
        postData={"mimeType": "application/x-www-form-urlencoded; charset=utf-8", "text": f"password={SECRET}"},
    ),
    entry(
        "POST", "https://shop.example/photo", postData={"mimeType": "multipart/form-data; boundary=x", "text": SECRET}
    ),
    entry("DELETE", "https://shop.example/cart/7"),
    entry("GET", f"https://shop.example/reset/{SECRET}"),
    entry("GET", f"https://cdn.example/a.js?sig={SECRET}"),
    entry("GET", f"data:text/plain,{SECRET}"),
    entry("GET", f"wss://shop.example/feed?key={SECRET}"),
)


def test_a_visit_is_taken_over_without_what_may_be_secret(tmp_path: Path) -> None:
    told = import_har(har(tmp_path / "shop.har", *VISIT), "", tmp_path / "visit.py", force=False)
    text = (tmp_path / "visit.py").read_text()
    assert SECRET not in text + "\n".join(told)
    assert '("GET", "/", "/"),' in text and '("GET", "/items/7", "/items/{id}"),' in text
    assert '# self.client.request("POST", "/login", json={})' in text
    assert '# self.client.request("POST", "/signup", data={})' in text
    assert '# self.client.request("POST", "/photo", data=b"", headers={"Content-Type": "multipart/form-data; ' in text
    assert '# self.client.request("DELETE", "/cart/{id}")' in text
    for words in (
        "2 requests to https://shop.example",
        "headers (3)",
        "cookies (1)",
        "query strings (1)",
        "bodies (3)",
        "user names and passwords in addresses (1)",
        "left out 3: POST: its body was removed, and to send it may change data",
        "left out 1: DELETE: to send it may change data",
        "left out 1: a part of the path that may be a secret",
        "left out 1: to another host, https://cdn.example",
        "left out 1: no request to an http address",
        "left out 1: a WebSocket: `springback new NAME --kind websocket` writes a scenario for it",
    ):
        assert words in "\n".join(told) and words in text
    command = f"springback run {tmp_path / 'visit.py'} --host http://127.0.0.1:8000"
    assert told[-1].endswith(command) and command in text, "never a host of others without being asked"


@pytest.mark.parametrize("host", ["http://127.0.0.1:8301", "http://localhost:3000", "https://[::1]:8443"])
def test_a_visit_to_this_machine_is_run_against_the_same_address(tmp_path: Path, host: str) -> None:
    name = har(tmp_path / "shop.har", entry("GET", f"{host}/items"))
    told = import_har(name, "", tmp_path / "a visit.py", force=False)
    assert told[-1].endswith(f"springback run '{tmp_path / 'a visit.py'}' --host {host}")


def test_another_host_may_be_asked_for(tmp_path: Path) -> None:
    found = read_har(har(tmp_path / "shop.har", *VISIT), "https://cdn.example")
    assert [step.path for step in found.steps] == ["/a.js"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not JSON to its end"),
        ('{"log": {"entries": [', "not JSON to its end"),
        ("[" * 100_000, "not JSON to its end"),
        ("[]", "it has no log.entries"),
        ('{"log": 7}', "it has no log.entries"),
        ('{"log": {"entries": {}}}', "it has no log.entries"),
        ('{"log": {"entries": []}}', "it has no requests"),
        ('{"log": {"entries": [7, {"request": 7}, {"request": {"url": 7}}]}}', "no request to any http address"),
        (json.dumps({"log": {"entries": [VISIT[2]]}}), "no request that can be sent as it is (1: POST"),
        ("\ud800", "not text in UTF-8"),
    ],
)
def test_what_is_no_har_is_refused_in_one_line(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "a.har").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ConfigurationError) as raised:
        read_har(str(tmp_path / "a.har"))
    (message,) = raised.value.messages
    assert told in message and "a.har" in message and SECRET not in message


@pytest.mark.parametrize("url", ["http://[::1", "ftp://shop.example/", "about:blank", 7])
def test_an_address_that_is_none_is_left_out(tmp_path: Path, url: str | int) -> None:
    found = read_har(har(tmp_path / "a.har", entry("GET", url), entry("GET", "http://shop.example/")))  # type: ignore[arg-type]
    assert (len(found.steps), found.left_out) == (1, {"no request to an http address": 1})


def test_why_a_file_cannot_be_read_is_said(tmp_path: Path) -> None:
    for path, why in ((tmp_path / "none.har", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigurationError, match=why):
            read_har(str(path))


def test_nothing_is_written_over_unless_it_is_asked_for(tmp_path: Path) -> None:
    name = har(tmp_path / "shop.har", *VISIT)
    file = tmp_path / "visit.py"
    file.write_text("mine")
    with pytest.raises(ConfigurationError, match="is there already"):
        import_har(name, "", file, force=False)
    assert file.read_text() == "mine"
    import_har(name, "", file, force=True)
    with pytest.raises(ConfigurationError, match="whose name ends with"):
        import_har(name, "", tmp_path / "visit.txt", force=False)
    with pytest.raises(ConfigurationError, match="cannot be written"):
        import_har(name, "", Path("/dev/null/visit.py"), force=True)
