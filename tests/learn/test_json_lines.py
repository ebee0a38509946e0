"""Lines of JSON that are decoded together are what each of them is alone."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.learn import json_lines
from harness.learn.log_lines import Request
from tests.learn.logs import WRITERS, Seen, combined

METHODS, TARGETS = st.sampled_from(["GET", "POST", "x"]), st.sampled_from(["/", "/a?b", "*"])
SEEN = st.builds(Seen, st.integers(0, 2**31), METHODS, TARGETS)
LIKE = st.sampled_from([writer for name, writer in WRITERS.items() if name.startswith("json")])
UNLIKE = st.sampled_from(
    [
        "",
        "{}",
        "7",
        "hush",
        '{"time": 1e400}',
        '{"time": null, "method": "GET", "path": "/"}',
        '{"ts": 9, "request": {"method": 7, "uri": "/"}}',
        '{"ts": 9, "request": {"method": "GET"}}',
        '{"ts": 9, "request": null, "method": "GET", "path": "/only"}',
        '{"time": "2026-06-13T10:00:00.5Z", "request": "GET", "status": {}}',
        '{"time": 1781344800123, "method": "GET", "url": "https://a.example/x?y", "response": {"status": 404}}',
        '{"log": "hush", "time": "9"}',
        json.dumps({"log": "a\nb", "time": "9"}),
        "[" * 3000,
    ]
)


@given(LIKE, st.lists(st.one_of(SEEN, UNLIKE), max_size=40))
def test_together_is_as_one_by_one(writer: object, drawn: list[Seen | str]) -> None:
    lines = [each if isinstance(each, str) else writer(each) for each in drawn]  # type: ignore[operator]
    piece = "\n".join(lines).encode()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(json_lines, "BLOCK_LINES", 3)
        assert json_lines.requests(piece) == json_lines._one_by_one(piece)


def test_lines_of_one_second_have_one_time() -> None:
    """Or each would be read anew."""
    for name, value in (("time", "2026-06-13T10:00:00.{}Z"), ("ts", "1781344800.{}"), ("msec", "1781344800{:0<3}")):
        lines = [{name: value.format(n), "method": "GET", "path": "/"} for n in (1, 25, 999)]
        if name != "time":
            lines = [{**line, name: json.loads(line[name])} for line in lines]
        found = json_lines.requests("\n".join(map(json.dumps, lines)).encode())
        assert len({each.time for each in found}) == 1 and len(found) == 3
        (told,) = {json_lines.moment(each.time) for each in found}
        assert told is not None and told.second == 1_781_344_800


TIMES = ["time", "timestamp", "@timestamp", "ts", "time_iso8601", "msec", "time_local", "StartUTC", "start_time"]
METHOD_NAMES = ["method", "request_method", "RequestMethod", "requestMethod", "http_method", "verb"]
TARGET_NAMES = ["uri", "request_uri", "path", "RequestPath", "url", "requestUrl", "target", "request_path"]
STATUSES = ["status", "status_code", "statusCode", "DownstreamStatus", "response_code", "OriginStatus"]


@pytest.mark.parametrize(
    ("usual", "names"), [("ts", TIMES), ("method", METHOD_NAMES), ("path", TARGET_NAMES), ("status", STATUSES)]
)
def test_a_field_has_one_of_several_names(usual: str, names: list[str]) -> None:
    """Of nginx, Caddy, Traefik, Envoy, cloud services and others."""
    line = {"ts": 9, "method": "GET", "path": "/a", "status": 404}
    for name in names:
        named = {name if key == usual else key: value for key, value in line.items()}
        (found,) = json_lines.requests(json.dumps(named).encode())
        assert (found.time, found.method, found.target, found.status) == (b"9", b"GET", b"/a", b"404"), name


@pytest.mark.parametrize("name", ["request", "httpRequest", "req", "http"])
def test_a_request_may_stand_in_a_field_of_its_own(name: str) -> None:
    for inner in ("GET /a HTTP/1.1", {"method": "GET", "path": "/a"}):
        (found,) = json_lines.requests(json.dumps({"ts": 9, name: inner, "status": 404}).encode())
        assert (found.method, found.target, found.status) == (b"GET", b"/a", b"404")
    for around in ({"verb": "PUT"}, {"url": "/b"}):
        (found,) = json_lines.requests(json.dumps({"ts": 9, name: {"verb": "GET", "url": "/a"}, **around}).encode())
        assert (found.method, found.target) == (around.get("verb", "GET").encode(), around.get("url", "/a").encode())


@pytest.mark.parametrize("name", ["response", "res", "httpRequest", "http"])
def test_a_status_may_stand_in_the_answer(name: str) -> None:
    (found,) = json_lines.requests(json.dumps({"ts": 9, "method": "GET", "path": "/", name: {"status": 404}}).encode())
    assert found.status == b"404"


@pytest.mark.parametrize("name", ["log", "message", "msg"])
def test_a_line_of_another_log_may_stand_in_an_envelope(name: str) -> None:
    (found,) = json_lines.requests(json.dumps({"time": "hush", name: combined(Seen(9, "GET", "/a?b", 404))}).encode())
    assert found == Request(b"01/Jan/1970:00:00:09 +0000", b"GET", b"/a", b"?", b"404")


@pytest.mark.parametrize("name", [name for name in WRITERS if name.startswith("json")])
def test_lines_that_are_alike_are_decoded_together(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One by one takes several times as long."""
    seen = [Seen(9, "GET", "/a"), Seen(8, "PUT", "/b?c", 404)]
    lines = [WRITERS[name](each) for each in seen]  # type: ignore[operator]
    monkeypatch.setattr(json_lines, "_one_by_one", None)
    json_lines._reader.cache_clear()
    found = json_lines.requests("\n".join(lines).encode())
    assert [(each.method, each.target, each.query, each.status) for each in found] == [
        (b"GET", b"/a", b"", b"200"),
        (b"PUT", b"/b", b"?", b"404"),
    ]


def test_a_line_within_a_text_of_another_log_is_none_of_its_own() -> None:
    """It is what somebody has sent."""
    one, within = combined(Seen(9, "GET", "/a")), f"hush\n{combined(Seen(9, 'GET', '/b'))}"
    piece = "\n".join(json.dumps({"time": "hush", "log": text}) for text in (one, within)).encode()
    assert [each.target for each in json_lines.requests(piece)] == [b"/a"]


@pytest.mark.parametrize(("method", "path"), [("get", "/"), ("GE T", "/"), ("GÉT", "/"), ("", "/"), ("GET", "?a")])
def test_what_is_no_request_is_a_line_without_one(method: str, path: str) -> None:
    for outer in ([], [{"ts": 9, "method": "GET", "path": "/", "status": 200}]):
        lines = [*outer, {"ts": 9, "method": method, "path": path, "status": 200}]
        *_, found = json_lines.requests("\n".join(map(json.dumps, lines)).encode())
        assert found == Request(b"9", b"", b"", b"", b"200")
