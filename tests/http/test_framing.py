"""Framing: wherever an answer is cut, it reads the same; and the same as the standard library reads it."""

from __future__ import annotations

import http.client
import io
import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.load.http import ProtocolError, Response, TooLargeError, TruncatedError, response_parser
from harness.load.http.response import HeadFacts
from harness.load.http.response_parser import ResponseParser

LIMIT = 1 << 20


def reader(method: str = "GET", head: int = 65536, body: int = LIMIT) -> ResponseParser:
    made = ResponseParser(head, body)
    made.begin(method)
    return made


def read(parts: list[bytes], method: str = "GET") -> tuple[Response, bool]:
    """The answer in these parts, after which the peer closes; and whether the connection could be used again."""
    made = reader(method)
    for part in parts:
        if part and (response := made.feed(part)) is not None:
            return response, made.keep_alive
    return made.end(), made.keep_alive


def by_standard_library(answer: bytes, method: str) -> http.client.HTTPResponse:
    class Peer:
        def makefile(self, _: str) -> io.BytesIO:
            return io.BytesIO(answer)

    response = http.client.HTTPResponse(Peer(), method=method)  # type: ignore[arg-type]
    response.begin()
    return response


NAMES = st.sampled_from(["Server", "X-A", "x-a", "Set-Cookie", "ETag", "Vary", "Content-Type"])
VALUES = st.text(st.sampled_from("abcXYZ019 ;=,/\t\"'é"), max_size=30)
BODIES = st.one_of(
    st.binary(max_size=300), st.sampled_from([b"", b"\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"0\r\n\r\n"])
)


@st.composite
def answers(draw: st.DrawFn) -> tuple[bytes, str, int, bytes]:
    """A valid answer, the method it is for, its status and its body."""
    status = draw(st.sampled_from([200, 200, 200, 201, 204, 304, 404, 503]))
    method = draw(st.sampled_from(["GET", "GET", "POST", "HEAD"]))
    version = draw(st.sampled_from(["1.1", "1.1", "1.0"]))
    fields = [f"{name}: {value.strip()}" for name, value in draw(st.lists(st.tuples(NAMES, VALUES), max_size=6))]
    body = draw(BODIES)
    bodiless = status in (204, 304) or method == "HEAD"
    kind = draw(st.sampled_from(["length", "chunked", "close"]))
    sent = b""
    if kind == "length":
        if status != 204:
            fields.append(f"Content-Length: {len(body)}")
        sent = body
    elif kind == "chunked" and version == "1.1" and not bodiless:
        fields.append("Transfer-Encoding: chunked")
        sizes = draw(st.lists(st.integers(1, 50), max_size=8))
        rest = body
        for size in sizes:
            if rest:
                piece, rest = rest[:size], rest[size:]
                extension = draw(st.sampled_from([b"", b";a=b"]))
                sent += b"%x%b\r\n%b\r\n" % (len(piece), extension, piece)
        if rest:
            sent += b"%X\r\n%b\r\n" % (len(rest), rest)
        sent += b"0\r\n" + draw(st.sampled_from([b"", b"X-Trailer: t\r\n", b"A: 1\r\nB: 2\r\n"])) + b"\r\n"
    else:
        fields.append("Connection: close")
        sent = body
    if draw(st.booleans()):
        fields.append("Connection: " + draw(st.sampled_from(["keep-alive", "close"])))
    head = f"HTTP/{version} {status} {draw(st.sampled_from(['OK', 'Whatever', '']))}\r\n"
    head += "".join(f"{one}\r\n" for one in fields) + "\r\n"
    interim = draw(
        st.sampled_from([b"", b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"])
    )
    if version == "1.0":
        interim = b""
    return interim + head.encode("latin-1") + (b"" if bodiless else sent), method, status, b"" if bodiless else body


@settings(max_examples=400, deadline=None)
@given(answers(), st.lists(st.integers(0, 700), max_size=12))
def test_a_cut_anywhere_changes_nothing(answer: tuple[bytes, str, int, bytes], cuts: list[int]) -> None:
    """Parts of any size give the response that the whole gives: status, headers, body, and whether it goes on."""
    sent, method, status, body = answer
    whole, whole_alive = read([sent], method)
    edges = [0, *sorted(cut for cut in cuts if cut < len(sent)), len(sent)]
    parts, alive = read([sent[a:b] for a, b in itertools.pairwise(edges)], method)
    assert (whole.status_code, whole.body) == (status, body)
    assert (parts.status_code, parts.body, parts.headers.pairs, parts.reason) == (
        whole.status_code, whole.body, whole.headers.pairs, whole.reason,
    )  # fmt: skip
    assert alive == whole_alive


@settings(max_examples=100, deadline=None)
@given(answers())
def test_one_byte_at_a_time_changes_nothing(answer: tuple[bytes, str, int, bytes]) -> None:
    """The slowest peer there is."""
    sent, method, status, body = answer
    response, alive = read([bytes([byte]) for byte in sent], method)
    whole, whole_alive = read([sent], method)
    assert (response.status_code, response.body, response.headers.pairs) == (status, body, whole.headers.pairs)
    assert alive == whole_alive


@settings(max_examples=400, deadline=None)
@given(answers())
@example((b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 0\r\n\r\n", "GET", 200, b""))
def test_the_standard_library_reads_the_same(answer: tuple[bytes, str, int, bytes]) -> None:
    """Status, every header field and the body, for every answer that is valid."""
    sent, method, _, _ = answer
    # It knows no interim answer but 100.
    if sent.startswith(b"HTTP/1.1 103"):
        sent = sent.partition(b"\r\n\r\n")[2]
    theirs = by_standard_library(sent, method)
    ours, _ = read([sent], method)
    assert ours.status_code == theirs.status
    assert ours.body == theirs.read()
    assert [(k, v.strip(" \t")) for k, v in theirs.getheaders()] == ours.headers.pairs


@settings(max_examples=300, deadline=None)
@given(answers(), st.integers(1, 50))
def test_a_truncated_answer_is_never_taken_for_a_whole_one(answer: tuple[bytes, str, int, bytes], lost: int) -> None:
    """Unless the end of the connection is what ends the answer."""
    sent, method, _, body = answer
    lost = min(lost, len(sent) - 1)
    try:
        response, _ = read([sent[:-lost]], method)
    except TruncatedError:
        return
    assert b"chunked" not in sent.partition(b"\r\n\r\n")[0]
    assert body.startswith(response.body)
    assert "content-length" not in response.headers or len(response.body) == int(response.headers["content-length"])


@settings(max_examples=300, deadline=None)
@given(st.binary(min_size=1, max_size=200))
def test_noise_is_an_error_and_nothing_else(noise: bytes) -> None:
    """Random bytes give a ProtocolError, at once or at the end; never another exception, never an answer."""
    with pytest.raises(ProtocolError):
        read([noise])


@settings(max_examples=300, deadline=None)
@given(answers(), st.integers(0, 400), st.binary(min_size=1, max_size=4))
def test_damage_never_raises_anything_else(answer: tuple[bytes, str, int, bytes], at: int, put: bytes) -> None:
    """A valid answer with some bytes overwritten is read, or refused as a ProtocolError."""
    sent, method, _, _ = answer
    try:
        response, _ = read([sent[:at] + put + sent[at + len(put) :]], method)
    except ProtocolError:
        return
    assert isinstance(response.headers.pairs, list)


def test_surplus_bytes_end_the_connection_but_not_the_answer() -> None:
    """What comes after the answer was never asked for: the answer stands, the connection cannot be trusted."""
    for surplus in (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nWORLD", b"HTTP/1.", b"garbage"):
        response, alive = read([b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello" + surplus])
        assert (response.status_code, response.body, alive) == (201, b"hello", False)


def test_one_reader_reads_one_answer_after_the_other() -> None:
    """Of every kind, also after an answer to HEAD, which the parser cannot follow."""
    made = ResponseParser(65536, LIMIT)
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    chunked = b"HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\nT: 1\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"
    for method, sent, body in [
        ("GET", whole, b"ok"),
        ("GET", chunked, b"no"),
        ("HEAD", head, b""),
        ("GET", whole, b"ok"),
    ] * 3:
        made.begin(method)
        response = made.feed(sent)
        assert response is not None and response.body == body and made.keep_alive


@settings(max_examples=300, deadline=None)
@given(answers(), st.integers(0, 700), st.sampled_from([b"", b"", b"x", b"HTTP/1.1 200 OK\r\n\r\n"]))
def test_an_answer_whose_head_is_known_reads_as_if_it_were_not(
    answer: tuple[bytes, str, int, bytes], cut: int, surplus: bytes
) -> None:
    """Whole, in two parts, and with bytes behind it: as by a parser that has never seen it."""
    sent, method, _, _ = answer
    for parts in ([sent + surplus], [sent[:cut], sent[cut:] + surplus]):
        response_parser._known_heads.clear()
        first, alive = read(parts, method)
        for before in ([sent], [sent[:cut], sent[cut:]]):
            read(before, method)
            again, alive_again = read(parts, method)
            assert (again.status_code, again.body, again.headers.pairs, again.facts, alive_again) == (
                first.status_code, first.body, first.headers.pairs, first.facts, alive,
            )  # fmt: skip


def test_what_is_asked_of_a_known_head_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    response_parser._known_heads.clear()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: Text/HTML; charset=utf-8\r\nSet-Cookie: a=b\r\nContent-Length: 1\r\n\r\n"
    read([head + b"a"])
    monkeypatch.delattr(HeadFacts, "of")
    answers = [read([head + body])[0] for body in (b"b", b"c")]
    assert [(each.body, each.media_type, each.sets_cookies) for each in answers] == [
        (b"b", "text/html", True),
        (b"c", "text/html", True),
    ]


def test_only_a_head_that_tells_the_length_of_its_body_becomes_known() -> None:
    """Here the last part of an answer in chunks is just as long as the head and what is in the chunks."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"
    last = b"5;%b\r\nhello\r\n0\r\n\r\n" % (b"a" * 36)
    assert len(last) == len(head) + 4 + len(b"hello")
    first, _ = read([head + b"\r\n\r\n", last])
    empty, _ = read([head + b"\r\n\r\n" + b"0\r\n\r\n"])
    assert (first.body, empty.body) == (b"hello", b"")


def test_a_known_head_with_another_body() -> None:
    """The same bytes of the head, and a body of the same length, of another or not all of it."""
    response_parser._known_heads.clear()
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    assert read([head + b"hello"])[0].body == b"hello"
    assert head[:-4] in response_parser._known_heads
    assert read([head + b"WORLD"])[0].body == b"WORLD"
    assert read([head + b"he", b"llo"])[0].body == b"hello"
    assert read([head], "HEAD")[0].body == b""
    with pytest.raises(TruncatedError):
        read([head + b"hell"])
    for small in (reader(head=len(head) - 5), reader(body=4)):
        with pytest.raises(TooLargeError):
            small.feed(head + b"hello")
    # One byte short of the blank line: nothing of it is an answer yet.
    short = b"HTTP/1.1 200 OK\r\nContent-Length: 35\r\n\r\n"
    read([short + b"x" * 35])
    with pytest.raises(TruncatedError):
        read([short[:-3]])


def test_heads_without_end_do_not_fill_the_memory() -> None:
    """Each answer has another one."""
    for number in range(3 * response_parser.MOST_KNOWN_HEADS):
        read([b"HTTP/1.1 200 OK\r\nX-Request-Id: %d\r\nContent-Length: 1\r\n\r\na" % number])
    read([b"HTTP/1.1 200 OK\r\nX-Long: %b\r\nContent-Length: 1\r\n\r\na" % (b"a" * 5000)])
    known = response_parser._known_heads
    assert 0 < len(known) <= response_parser.MOST_KNOWN_HEADS
    assert max(map(len, known)) <= response_parser.LONGEST_KNOWN_HEAD


@pytest.mark.parametrize(
    ("version", "says", "goes_on"),
    [
        ("1.1", "", True),
        ("1.1", "close", False),
        ("1.1", "upgrade, Close", False),
        ("1.0", "", False),
        ("1.0", "te, Keep-Alive", True),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_an_answer_says_of_its_connection(version: str, says: str, goes_on: bool, method: str) -> None:
    """A list of words, in any case; and the same for HEAD, whose answers the parser does not follow."""
    field = f"Connection: {says}\r\n" if says else ""
    made = reader(method)
    body = "" if method == "HEAD" else "ok"
    assert made.feed(f"HTTP/{version} 200 OK\r\n{field}Content-Length: 2\r\n\r\n{body}".encode()) is not None
    assert made.keep_alive == goes_on


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", ProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello", ProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", ProtocolError),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello", ProtocolError),
        (b"HTTP/1.1 200 OK\r\nBad Name: 1\r\n\r\n", ProtocolError),
        (b"HTTP/1.1 200 OK\r\nName: a\x00b\r\n\r\n", ProtocolError),
        (b"HTTP/2 200\r\n\r\n", ProtocolError),
        (b"SSH-2.0-OpenSSH_9.2\r\n", ProtocolError),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", ProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Le", TruncatedError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", TruncatedError),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", TruncatedError),
        (b"HTTP/1.1 100 Continue\r\n\r\n", TruncatedError),
    ],
)
def test_what_is_not_an_answer(sent: bytes, error: type[Exception]) -> None:
    """Each malformed answer is refused, and a truncated one is told apart from it."""
    with pytest.raises(ProtocolError) as raised:
        read([sent])
    assert type(raised.value) is error


def test_limits_of_size() -> None:
    """Neither a head without end nor a body without end fills the generator's memory."""
    with pytest.raises(TooLargeError):
        reader(head=1000).feed(b"HTTP/1.1 200 OK\r\nA: " + b"x" * 1000)
    with pytest.raises(TooLargeError):
        reader(head=1000).feed(b"HTTP/1.1 200 OK\r\nA: " + b"x" * 1000 + b"\r\n\r\n")
    with pytest.raises(TooLargeError):
        reader(body=10).feed(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n" + b"x" * 11)
    made = reader(body=10_000)
    with pytest.raises(TooLargeError):
        made.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(1000):
            made.feed(b"400\r\n" + b"x" * 1024 + b"\r\n")
    assert reader(body=11).feed(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n" + b"x" * 11) is not None
