"""Events, with-blocks, redirects, cookies and compressed bodies."""

from __future__ import annotations

import gzip
import json
import re
import time
import tracemalloc
import zlib
from typing import Any

import gevent
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from locust.contrib.fasthttp import FastHttpSession
from locust.env import Environment
from locust.exception import InterruptTaskSet

from harness.load.http import ContentEncodingError, HttpClient, ProtocolError, Response, ResponseLimits, TooLargeError
from harness.load.http.cookies import Cookies
from harness.load.http.errors import NotJsonError
from harness.load.http.response import decode_content
from harness.load.outcomes import outcome_of
from tests.http.conftest import Make
from tests.http.scripted import READ, scripted

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BAD = b"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\nno"


NOWHERE = HttpClient(Environment(), "http://127.0.0.1:1")


def redirect(location: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


def targets(seen: bytes) -> list[str]:
    return re.findall(r"((?:GET|HEAD|POST) \S+) HTTP/1.1", seen.decode("latin-1"))


def test_the_event_is_that_of_the_stock_clients(make: Make) -> None:
    """The same arguments with the same meaning, and the exact instants."""
    with scripted([READ, 0.1, OK]) as server:
        made = make(server.url)
        before_s, before_epoch_s = time.monotonic(), time.time()
        response = made.get("/a?b=1", name="A", context={"c": 1})
        (event,) = made.events
        assert 100 <= event["response_time"] < 2000 and event["response_length"] == 2 and event["exception"] is None
        assert (event["request_type"], event["name"], event["context"]) == ("GET", "A", {"c": 1})
        assert event["url"] == response.url == f"{server.url}/a?b=1" and event["response"] is response
        assert before_s <= event["sent_s"] < event["done_s"] <= time.monotonic()
        assert before_epoch_s <= event["start_time"] <= time.time() - 0.1
        assert event["response_time"] == pytest.approx((event["done_s"] - event["sent_s"]) * 1000)


def test_the_length_of_a_body_is_told_unless_its_content_is_known(make: Make) -> None:
    """As it is when it is unpacked: some services compress only when they are busy."""
    packed = gzip.compress(b"ok" * 500)
    small = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(packed), packed)
    with scripted([READ, OK, READ, small, READ, OK, READ, OK, READ, OK]) as server:
        made = make(server.url)
        made.get("/")
        made.get("/")
        made.get("/", expect_text="ok")
        made.send(made.prepare("GET", "/"), check=lambda _: None)
        with made.get("/", catch_response=True) as response:
            response.success()
        assert [event["unchecked_bytes"] for event in made.events] == [2, 1000, None, None, None]
        assert made.outcomes == ["ok"] * 5 and made.events[1]["response_length"] == len(packed)


def test_with_blocks(make: Make) -> None:
    """The user decides; without a decision the status does. One event for each request, whatever happens."""
    with scripted([READ, OK, READ, BAD, READ, BAD, READ, OK, READ, OK, READ, OK]) as server:
        made = make(server.url)
        with made.get("/", catch_response=True) as response:
            response.failure("wrong text")
        with made.get("/", catch_response=True) as response:
            response.success()
        with made.get("/", catch_response=True) as response:
            assert made.events[2:] == []
        with pytest.raises(KeyError), made.get("/", catch_response=True) as response:
            raise KeyError("in the block")
        with pytest.raises(InterruptTaskSet), made.get("/", catch_response=True) as response:
            raise InterruptTaskSet
        with made.get("/", catch_response=True) as response:
            response.request_meta["name"] = "renamed"
            response.js = response.text
        assert made.outcomes == ["wrong answer", "ok", "http 500", "wrong answer", "ok", "ok"]
        assert made.events[-1]["name"] == "renamed" and made.events[-1]["response"] is response


def test_what_had_failed_keeps_its_cause_whatever_is_raised_in_its_block(make: Make) -> None:
    """Users ask for the JSON of an answer that is an error page, or of none; that they do is not why it failed."""
    with scripted([READ, BAD, READ, BAD, READ, OK]) as server:
        made = make(server.url)
        for error in (NotJsonError, KeyError, NotJsonError):
            with pytest.raises(error), made.get("/", catch_response=True) as response:
                assert response.json()["order"] if error is NotJsonError else {}["order"]
        assert made.outcomes == ["http 500", "http 500", "not JSON"]
    made = make("http://127.0.0.1:1")
    with pytest.raises(NotJsonError) as raised, made.get("/", catch_response=True) as response:
        response.json()
    assert made.outcomes == ["connection refused"] and raised.value.counts_as_answer


def test_with_blocks_that_are_not_asked_for(make: Make) -> None:
    """As in Locust, they need catch_response."""
    with scripted([READ, OK, READ, OK]) as server:
        made = make(server.url)
        response = made.get("/")
        for wrong in (response.success, lambda: response.failure("x"), response.__enter__):
            with pytest.raises(ValueError, match="catch_response"):
                wrong()
        with pytest.raises(ValueError, match="with-block"):
            made.get("/", catch_response=True).success()  # type: ignore[no-untyped-call, unused-ignore]


def test_a_request_whose_with_block_was_forgotten_counts_as_it_is(make: Make) -> None:
    """Locust counts it nowhere, so that a service that always fails there would look well."""
    with scripted([READ, BAD, READ, OK, READ, OK]) as server:
        made = make(server.url)
        response = made.get("/", catch_response=True)
        assert response.status_code == 500 and made.outcomes == []
        del response
        assert made.outcomes == ["http 500"]
        made.get("/", catch_response=True)
        assert made.outcomes == ["http 500", "ok"]
        response = made.get("/", catch_response=True)
        with response:
            pass
        del response
        assert made.outcomes == ["http 500", "ok", "ok"]


def test_a_request_that_the_users_own_timeout_ends_has_failed(make: Make) -> None:
    """With ``gevent.Timeout(…, False)`` the user goes on as if nothing had happened."""
    with scripted([READ, 5.0, OK]) as server:
        made = make(server.url)
        for block in (False, True):
            went_on = True
            with gevent.Timeout(0.05, False):
                made.get("/", catch_response=block)
                went_on = False
            assert went_on
        assert made.outcomes == ["timeout", "timeout"]
        with pytest.raises(gevent.Timeout), gevent.Timeout(0.05):
            made.get("/")


def test_a_failed_request_in_a_with_block(make: Make) -> None:
    """There is a response to look at, whose status is 0."""
    made = make("http://127.0.0.1:1")
    with made.get("/", catch_response=True) as response:
        assert response.status_code == 0 and response.content == b"" and not response.headers
        with pytest.raises(ConnectionRefusedError):
            response.raise_for_status()
    assert made.outcomes == ["connection refused"]


@pytest.mark.parametrize("says", [False, True])
def test_a_check_that_says_yes_or_no_is_a_mistake(make: Make, says: bool) -> None:
    """False would be taken for "nothing is wrong", True for the reason."""
    told: list[str] = []
    with scripted([READ, OK]) as server:
        made = make(server.url)
        made._user_error.add_listener(lambda exception, **_: told.append(str(exception)))
        made.send(made.prepare("GET", "/"), check=lambda _: says)  # type: ignore[arg-type, return-value]
    assert made.outcomes == ["wrong answer"]
    assert told == [f"check() returned {says}: return why the answer is wrong, as text, or None where it is right"]


def test_a_check_that_cannot_cope_has_found_a_wrong_answer(make: Make) -> None:
    """It must not lose the request. What is not JSON is the answer's mistake, a look beside it that of the check."""
    told: list[Exception] = []
    with scripted([READ, OK, READ, OK, READ, OK]) as server:
        made = make(server.url)
        made._user_error.add_listener(lambda exception, **_: told.append(exception))
        request = made.prepare("GET", "/")
        made.send(request, check=lambda response: str(response.json()["token"]))
        made.send(request, check=lambda _: None)
        assert made.outcomes == ["not JSON", "ok"] and not told
        made.send(request, check=lambda response: {}[response.text])
        assert made.outcomes[2:] == ["wrong answer"] and [type(each) for each in told] == [KeyError]


@pytest.mark.parametrize("body", [b"<html>", b"", b"\xff\xfe{"])
def test_what_is_not_json_raises_what_everybody_catches(body: bytes) -> None:
    with pytest.raises(json.JSONDecodeError) as raised:
        Response(200, b"", body).json()
    assert outcome_of(raised.value, None) == "not JSON"


def test_redirects_within_the_origin(make: Make) -> None:
    """Followed within the one request: one event, its name, the time of all hops."""
    with scripted([READ, redirect("/b?x=1"), READ, 0.1, redirect("c"), READ, OK]) as server:
        made = make(server.url)
        response = made.post("/a", json={"x": 1})
        assert response.url == f"{server.url}/c" and len(made.events) == 1 and made.events[0]["name"] == "/a"
        assert made.events[0]["response_time"] > 100 and [each.status_code for each in response.history] == [302, 302]
        seen = server.seen()[0]
        assert targets(seen) == ["POST /a", "GET /b?x=1", "GET /c"] and seen.count(b"Content-") == 2


@pytest.mark.parametrize(
    ("status", "expected"), [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")]
)
def test_methods_after_a_redirect(make: Make, status: int, expected: str) -> None:
    """307 and 308 repeat the request with its body, the others become GET."""
    with scripted([READ, redirect("/b", status), READ, OK]) as server:
        assert make(server.url).post("/a", data="body").ok
        seen = server.seen()[0]
        assert targets(seen) == ["POST /a", f"{expected} /b"] and seen.count(b"body") == (
            2 if expected == "POST" else 1
        )


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.2:{port}/",
        "http://127.0.0.1:1/",
        "https://127.0.0.1:{port}/",
        "//example.com/",
        "ftp://127.0.0.1/",
    ],
)
def test_load_never_follows_to_another_origin(make: Make, location: str) -> None:
    """The redirect itself is the answer then, and none that anybody has asked for unless it is declared."""
    with scripted([READ, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", READ, OK]) as server:
        port = server.port
    with scripted([READ, redirect(location.format(port=port)), READ, OK]) as server:
        made = make(server.url)
        assert made.get("/").status_code == 302 and made.outcomes == ["http 302"]
        assert targets(server.seen()[0]) == ["GET /"]


def test_redirects_are_bounded(make: Make) -> None:
    """A circle ends, as a failure; no following when it is not wanted, nor for HEAD."""
    with scripted([READ, redirect("/")] * 50) as server:
        made = make(server.url, max_redirects=3)
        made.get("/")
        assert made.get("/", allow_redirects=False).status_code == 302 and made.head("/").status_code == 302
        assert made.outcomes == ["too many redirects", "http 302", "http 302"]
        assert len(targets(server.seen()[0])) == 6
    with scripted([READ, redirect("http://[broken/"), READ, OK]) as server:
        made = make(server.url)
        assert made.get("/").status_code == 0 and made.outcomes == ["malformed answer"]


def test_cookies_are_kept_for_the_user(make: Make) -> None:
    """Set by an answer (a redirect too), sent by every later request (a prepared one too), until they expire."""
    cookies = b"set-cookie: s=1; Path=/; HttpOnly\r\nSet-Cookie: t=2; Path=/in\r\n"
    login = b"HTTP/1.1 302 Found\r\nLocation: /in\r\n" + cookies + b"Content-Length: 0\r\n\r\n"
    logout = b"HTTP/1.1 200 OK\r\nSet-Cookie: s=; Max-Age=0; Path=/\r\nContent-Length: 0\r\n\r\n"
    with scripted([READ, login, READ, OK, READ, OK, READ, logout, READ, OK]) as server:
        made = make(server.url)
        prepared = made.prepare("GET", "/x")
        made.post("/login", data={"a": "b"})
        made.send(prepared)
        made.get("/out", cookies={"u": "3"})
        made.send(prepared)
        lines = server.seen()[0].decode().split("\r\n")
        assert [line for line in lines if line.startswith("Cookie")] == [
            "Cookie: t=2; s=1",
            "Cookie: s=1",
            "Cookie: u=3; s=1",
        ]


def test_what_the_jar_takes() -> None:
    """Domain, path, expiry and Secure, as the standard has them."""
    jar = Cookies("www.example.com", secure=False)
    jar.store(
        [
            "a=1", "b=2; Domain=example.com", "c=3; Domain=other.com", "d=4; Domain=ample.com", "e=5; Path=/deep",
            "f=6; Expires=Wed, 09 Jun 2021 10:18:14 GMT", "g=7; Expires=nonsense", "h=8; Max-Age=60", "i=9; Max-Age=-1",
            "j=10; Secure", "=11", "novalue", "k=12; Path=relative", "bad=\x01", "l=a=b",
        ],
        "/dir/page?x=/y/z",
    )  # fmt: skip
    assert jar.header("/dir/") == "a=1; b=2; g=7; h=8; k=12; l=a=b"
    assert jar.header("/deep/er").startswith("e=5") and jar.header("/deeper") == "" and jar.header("/dirt") == ""
    assert "j=10" in _secure_jar().header("/")
    for number in range(1000):
        jar.set(f"n{number}", "x")
    assert len(jar) == 200 and jar.get("n999") == "x"
    with pytest.raises(ValueError):
        jar.set("a", "b; c")
    jar.clear()
    assert not jar


def _secure_jar() -> Cookies:
    jar = Cookies("x", secure=True)
    jar.store(["j=10; Secure"], "/")
    return jar


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60), st.text(max_size=20))
def test_no_cookie_of_a_target_breaks_a_request(field: str, path: str) -> None:
    """Whatever an answer sets, the next request has the lines it should have."""
    made = NOWHERE
    made.cookies.clear()
    made.cookies.store([field], "/")
    payload = made.payload(made.prepare("GET", "/" + "".join(filter(str.isalnum, path))))
    assert payload.count(b"\r\n") <= 6 and payload.endswith(b"\r\n\r\n") and payload.count(b"\r\n\r\n") == 1


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=2000))
def test_compressed_bodies(body: bytes) -> None:
    """gzip, also in several members; deflate with and without its wrapper; one on top of the other."""
    raw = zlib.compressobj(wbits=-15)
    bare, packed = raw.compress(body) + raw.flush(), gzip.compress(body)
    for sent, codings in (
        (packed, "gzip"), (packed, "X-GZIP"), (body, "identity"), (zlib.compress(body), "deflate"), (bare, "deflate"),
        (gzip.compress(zlib.compress(body)), "deflate, gzip"), (packed, "identity ,, gzip"),
    ):  # fmt: skip
        assert decode_content(sent, codings, 2000) == body
    assert decode_content(packed + gzip.compress(b"") + gzip.compress(b"more"), "gzip", 2004) == body + b"more"


def encoded(body: bytes, coding: str) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n%b" % (
        coding.encode(),
        len(body),
        body,
    )


def test_a_compressed_answer(make: Make) -> None:
    """Is undone when it is read; ``body`` and the event's length are as it came."""
    packed = gzip.compress(b'{"a": "\xc3\xa9"}')
    with scripted([READ, encoded(packed, "gzip")]) as server:
        made = make(server.url)
        response = made.get("/", headers={"Accept-Encoding": "gzip"})
        assert response.json() == {"a": "é"} and response.body == packed
        assert made.events[0]["response_length"] == len(packed)


def test_no_coding_is_offered_unasked(make: Make) -> None:
    """So none comes that could not be undone; what the user offers goes as it is."""
    made = make("http://127.0.0.1:1")
    for method in ("GET", "HEAD", "POST", "OPTIONS"):
        assert b"accept-encoding" not in made.prepare(method, "/", data=b"x").payload.lower()
    assert b"\r\nAccept-Encoding: br\r\n" in made.prepare("GET", "/", headers={"Accept-Encoding": "br"}).payload


def test_an_unknown_coding_fails_who_reads_it_and_nobody_else(make: Make) -> None:
    """The answer stands, with its bytes as they came; in a with-block the request fails under a cause of its own."""
    with scripted([READ, encoded(b"\x0b\x02\x80ok\x03", "br")] * 2 + [READ, OK]) as server:
        made = make(server.url)
        response = made.get("/")
        assert response.ok and response.body == b"\x0b\x02\x80ok\x03"
        for read in (lambda: response.content, lambda: response.text, response.json):
            with pytest.raises(ContentEncodingError, match="'br' cannot be undone"):
                read()
        with pytest.raises(ContentEncodingError), made.get("/", catch_response=True) as response:
            response.json()
        assert made.get("/").text == "ok"
        assert made.outcomes == ["ok", "unknown content encoding", "ok"] and len(server.seen()) == 1


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_broken_compression(coding: str) -> None:
    """Nonsense, and what is cut off anywhere."""
    packed = gzip.compress(b"x" * 99) if coding == "gzip" else zlib.compress(b"x" * 99)
    for body in (b"nonsense", b"?", *(packed[:length] for length in range(1, len(packed)))):
        with pytest.raises(ProtocolError, match="broken"):
            decode_content(body, coding, 1000)


def test_a_body_that_explodes(make: Make) -> None:
    """``max_body_bytes`` hold after decompression too, however many codings are on top of each other."""
    bomb = gzip.compress(b"\0" * 20_000_000)
    with scripted([READ, encoded(bomb, "gzip"), READ, encoded(gzip.compress(bomb), "gzip, gzip")]) as server:
        made = make(server.url, limits=ResponseLimits(max_body_bytes=100_000))
        for _ in range(2):
            with pytest.raises(TooLargeError), made.get("/", catch_response=True) as response:
                tracemalloc.start()
                try:
                    response.text  # noqa: B018
                finally:
                    _, peak_bytes = tracemalloc.get_traced_memory()
                    tracemalloc.stop()
            assert peak_bytes < 2_000_000
        assert made.outcomes == ["answer too large"] * 2
    assert decode_content(gzip.compress(b"x" * 1000), "gzip", 1000) == b"x" * 1000
    with pytest.raises(TooLargeError):
        decode_content(gzip.compress(b"x" * 1000), "gzip", 999)
    with pytest.raises(ContentEncodingError, match="at most 5"):
        decode_content(b"", ", ".join(["gzip"] * 6), 1000)


def test_many_empty_members_take_no_time() -> None:
    """Copying the rest of four megabytes for each of them would block every user of the process for half a minute."""
    begun_s = time.process_time()
    assert decode_content(gzip.compress(b"") * 200_000 + gzip.compress(b"end"), "gzip", 1000) == b"end"
    assert time.process_time() - begun_s < 5


def test_texts_and_headers() -> None:
    """Character sets by the header; header names in any case; repeated fields joined, or all of them."""
    head = b"HTTP/1.1 404 Not Here\r\nContent-Type: text/plain; charset=latin-1\r\nA: 1\r\na:\t 2 \r\n"
    response = Response(404, head, b"\xe9")
    assert response.text == "é" and response.reason == "Not Here" and response.encoding == "latin-1"
    assert response.headers["A"] == "1, 2" and response.headers.get_all("a") == ["1", "2"]
    assert "content-TYPE" in response.headers and set(response.headers) == {"content-type", "a"}
    assert Response(200, b"HTTP/1.1 200\r\nContent-Type: x; charset=nonsense", b"\xff").text == "\ufffd"


def test_locust_s_own_users_events_have_the_same_arguments(make: Make) -> None:
    """Whatever a listener of FastHttpUser's events may rely on is there."""
    theirs: list[dict[str, Any]] = []
    with scripted([READ, OK], [READ, OK]) as server:
        environment = Environment()
        environment.events.request.add_listener(lambda **event: theirs.append(event))
        FastHttpSession(server.url, environment.events.request, None).get("/a")
        made = make(server.url)
        made.get("/a")
    assert set(theirs[0]) <= set(made.events[0])
    same = ("request_type", "name", "response_length", "exception", "context", "url")
    assert [theirs[0][key] for key in same] == [made.events[0][key] for key in same]
