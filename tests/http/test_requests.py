"""What goes over the wire, and what is refused before it could."""

from __future__ import annotations

import base64
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from locust.env import Environment

from harness.load.http import HttpClient, Request, Timeouts
from tests.http.conftest import Make
from tests.http.scripted import READ, scripted

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def client(host: str = "http://127.0.0.1:1/base") -> HttpClient:
    return HttpClient(Environment(), host)


NOWHERE = client()


def parts(request: Request) -> tuple[str, list[tuple[str, str]], bytes]:
    head, _, body = request.payload.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    return line, [tuple(field.split(": ", 1)) for field in fields], body  # type: ignore[misc]


def test_arguments_become_bytes() -> None:
    """Method, path, query, headers and each kind of body."""
    line, fields, body = parts(client().prepare("GET", "/a b/é?x=1#part", params={"q": ["1", "ü&"], "r": 2}))
    assert line == "GET /base/a%20b/%C3%A9?x=1&q=1&q=%C3%BC%26&r=2 HTTP/1.1"
    assert fields == [("Host", "127.0.0.1:1"), ("User-Agent", "springback"), ("Accept", "*/*")] and body == b""
    _, fields, body = parts(client().prepare("POST", "/", json={"a": [1, "é"]}))
    assert ("Content-Type", "application/json") in fields and body == b'{"a":[1,"\\u00e9"]}'
    _, fields, body = parts(client().prepare("POST", "/", data={"a": 1, "b": ["x y", "&"]}))
    assert ("Content-Type", "application/x-www-form-urlencoded") in fields and body == b"a=1&b=x+y&b=%26"
    assert parts(client().prepare("POST", "/", data=[("b", "x"), ("a", 1), ("b", "y")]))[2] == b"b=x&a=1&b=y"
    _, fields, body = parts(client().prepare("PUT", "/", data="é"))
    assert ("Content-Length", "2") in fields and body == "é".encode()
    assert ("Content-Length", "0") in parts(client().prepare("POST", "/"))[1]
    assert "Content-Length" not in dict(parts(client().prepare("DELETE", "/"))[1])
    _, fields, _ = parts(client().prepare("GET", "/", headers={"accept": "x", "USER-AGENT": "me"}))
    assert [key.lower() for key, _ in fields].count("accept") == 1 and ("USER-AGENT", "me") in fields


def test_names() -> None:
    """A request is called by its path without the query, whose values may be secret, or as the user says."""
    assert client().prepare("GET", "/a?token=1").name == "/base/a"
    assert client().prepare("GET", "/a/17", name="/a/[id]").name == "/a/[id]"


def test_logins() -> None:
    """From the host's URL, by the argument, which has the last word, and by a header changed later."""
    made = client("http://me:p%40ss@127.0.0.1:1")
    assert dict(parts(made.prepare("GET", "/"))[1])["Authorization"] == "Basic " + base64.b64encode(b"me:p@ss").decode()
    fields = parts(made.prepare("GET", "/", auth=("you", "x")))[1]
    assert [value for key, value in fields if key == "Authorization"] == [
        "Basic " + base64.b64encode(b"you:x").decode()
    ]
    made.headers["Authorization"] = "Bearer t"
    assert dict(parts(made.cached("GET", "/", None))[1])["Authorization"] == "Bearer t"
    made.headers["Authorization"] = "Bearer u"
    assert dict(parts(made.cached("GET", "/", None))[1])["Authorization"] == "Bearer u"


def test_plain_requests_are_built_once_for_all_users() -> None:
    """The bytes of ten thousand users that ask for the same are the same object."""
    assert client().cached("GET", "/", None) is client().cached("GET", "/", None)


def test_urls_of_the_own_origin_only() -> None:
    """A full URL is taken when it is on the client's host, and refused before any byte goes elsewhere."""
    assert client().prepare("GET", "http://127.0.0.1:1/base/x?y").target == "/base/x?y"
    for url in (
        "http://127.0.0.2:1/base/x",
        "https://127.0.0.1:1/base/x",
        "http://127.0.0.1:2/base",
        "ftp://127.0.0.1:1",
    ):
        with pytest.raises(ValueError, match=r"stock class|give a URL"):
            client().prepare("GET", url)


@pytest.mark.parametrize(
    "host", ["", "127.0.0.1:80", "ftp://x", "http://", "http://x y", "http://x\r\nA: b", "http://x:99999"]
)
def test_hosts_that_are_none(host: str) -> None:
    """Refused when the client is made, not at its first request."""
    with pytest.raises(ValueError):
        client(host)


WRONG: list[dict[str, Any]] = [
    *({"path": path} for path in ("/a\r\nHost: b", "/a\x00", "a", "")),
    *({"method": method} for method in ("GE T", "GET\r\n", "", "CONNECT")),
    *({"headers": {"A": value}} for value in ("b\r\nC: d", "b\x00", "b\n", "€", 1)),
    *({"headers": {name: "b"}} for name in ("A\n", "A b", "", "Content-Length", "transfer-encoding")),
    {"headers": {"Cookie": "a=b\r\nC: d"}},
    {"cookies": {"a": "b\r\nC: d"}},
    {"data": 5},
    {"data": b"x", "json": 1},
]


@pytest.mark.parametrize("arguments", WRONG, ids=str)
def test_wrong_use_is_refused_at_once(arguments: dict[str, Any]) -> None:
    """Whatever could break the framing or slip in a header raises ValueError, and nothing is sent."""
    made = client()
    with pytest.raises(ValueError):
        made.prepare(**{"method": "GET", "path": "/", **arguments})
    with pytest.raises(ValueError):
        made.request(**{"method": "GET", "path": "/", **arguments})


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20), st.text(max_size=10))
def test_no_text_can_break_out_of_its_place(path: str, key: str, value: str, query: str) -> None:
    """Whatever the texts: the request is refused, or has exactly the lines it should have."""
    try:
        request = NOWHERE.prepare("GET", "/" + path, headers={"X-" + key: value}, params={"q": query})
    except ValueError:
        return
    line, fields, body = parts(request)
    assert line.count(" ") == 2 and all(letter in string.printable and letter not in "\r\n" for letter in line)
    assert len(fields) == 4 and body == b"" and request.payload.count(b"\r\n\r\n") == 1


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan")])
def test_time_limits_that_are_none(seconds: float) -> None:
    """A limit that would never or always strike is a mistake."""
    with pytest.raises(ValueError):
        Timeouts(total_s=seconds)
    with pytest.raises(ValueError):
        client().get("/", timeout=seconds)


def test_unknown_arguments_are_a_mistake() -> None:
    """``files`` and ``stream`` belong to the stock classes; they are not ignored."""
    for argument in ("files", "stream", "verify", "nonsense"):
        with pytest.raises(TypeError):
            client().get("/", **{argument: 1})


def test_a_prepared_request_is_sent_as_it_was_built(make: Make) -> None:
    """Several of them, many times over one connection; the server sees the same bytes each time."""
    with scripted([READ, OK] * 30) as server:
        made = make(server.url)
        requests = [
            made.prepare("GET", "/a"),
            made.prepare("POST", "/b", json={"x": 1}),
            made.prepare("PUT", "/c", data="z"),
        ]
        for _ in range(10):
            for request in requests:
                assert made.send(request).text == "ok"
        assert made.outcomes == ["ok"] * 30
        assert server.seen() == [b"".join(request.payload for request in requests) * 10]


def test_a_body_in_chunks(make: Make) -> None:
    """An iterable is sent piece by piece; empty pieces, which would end the body, are left out."""
    with scripted([READ, OK] * 2) as server:
        made = make(server.url)
        assert made.post("/", data=iter([b"abc", b"", "é", b"x" * 300_000])).text == "ok"
        assert made.get("/").text == "ok"
        head, _, body = server.seen()[0].partition(b"\r\n\r\n")
        assert b"Transfer-Encoding: chunked" in head and b"Content-Length" not in head
        expected = b"3\r\nabc\r\n2\r\n\xc3\xa9\r\n493e0\r\n" + b"x" * 300_000 + b"\r\n0\r\n\r\n"
        assert body.startswith(expected) and body[len(expected) :].startswith(b"GET / HTTP/1.1")


def test_a_piece_that_cannot_be_sent(make: Make) -> None:
    """A mistake of the user's; the half request spoils nothing."""
    with scripted([READ, OK]) as server:
        made = make(server.url)
        pieces: Any = iter([b"abc", 5])
        with pytest.raises(ValueError, match="piece of data"):
            made.post("/", data=pieces)
    with scripted([READ, OK]) as server:
        assert make(server.url).get("/").text == "ok"
