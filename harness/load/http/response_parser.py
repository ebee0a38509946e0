"""Reading an answer's bytes: framing by httptools (llhttp), one parser for all answers of a connection.

The parser checks the whole head, but hands over no header: that would cost as much as all the rest. A response keeps
the head's bytes and takes them apart when somebody asks.
"""

from __future__ import annotations

import httptools

from harness.load.http.errors import ProtocolError, TooLargeError, TruncatedError
from harness.load.http.response import HeadFacts, Response, parse_header_fields

BLANK_LINE = b"\r\n\r\n"
MOST_KNOWN_HEADS = 200
LONGEST_KNOWN_HEAD = 1024

_known_heads: dict[bytes, tuple[int, int, HeadFacts]] = {}
"""Head of an answer that came in one piece, gave its length and left the connection open → its status, the length of
its body, and what else is asked of it. Most answers of a service within a second differ in nothing else, and need not
be parsed again."""


class ResponseParser:
    """Reads the answers of one connection, one after the other."""

    __slots__ = (
        "_body",
        "_buffered",
        "_complete",
        "_head",
        "_head_only",
        "_max_body",
        "_max_head",
        "_parser",
        "_received",
        "_status",
        "begun",
        "keep_alive",
        "on_body",
    )

    def __init__(self, max_head_bytes: int, max_body_bytes: int) -> None:
        self._max_head = max_head_bytes
        self._max_body = max_body_bytes
        self._body: list[bytes] = []
        self.on_body = self._body.append  # called by the parser, without a frame of Python
        self._parser: httptools.HttpResponseParser | None = None
        self.begun = False
        """Whether any byte of the present answer has arrived."""
        self.keep_alive = False
        """Whether the connection can be used after the answer that was read last."""

    def begin(self, method: str) -> None:
        """The next answer is to a request with this method."""
        if self._parser is None:
            self._parser = httptools.HttpResponseParser(self)
        self._head_only = method == "HEAD"
        self._head = self._buffered = b""
        self._complete = False
        self._status = self._received = 0
        self.begun = self.keep_alive = False

    def feed(self, data: bytes) -> Response | None:
        """Takes what has arrived; the response when it is complete. Raises ProtocolError."""
        self.begun = True
        if not self._head:
            if self._buffered:
                data = self._buffered + data
            end = data.find(BLANK_LINE)
            head = data[:end] if end > 0 else b""
            known = _known_heads.get(head)
            if known is not None and not self._head_only and len(data) == end + 4 + known[1]:
                return self._as_known(head, data, *known)
            # The usual case: the whole final head in one piece. What begins otherwise (an interim answer, blank
            # lines before the answer) is taken apart step by step.
            if end > 0 and data.startswith(b"HTTP/1.") and data[9:10] != b"1":
                if end > self._max_head:
                    self._check_head(end)
                self._head = head
                if self._head_only:
                    return self._bodiless(data, end)
            else:
                data = self._up_to_final_head(data)
                if not data:
                    return None
                if self._head_only:
                    return self._bodiless(data, len(self._head))
        self._parse(data)
        if self._complete:
            response = self._response()
            # Not one in chunks, nor one that has other bytes behind it: of them the head alone does not tell all.
            if not self._received and len(data) == len(self._head) + 4 + len(response.body) and self.keep_alive:
                _remember(self._head, response)
            return response
        self._received += len(data)
        if self._received > self._max_head + self._max_body:
            raise self._body_too_large()
        return None

    def _as_known(self, head: bytes, data: bytes, status: int, length: int, facts: HeadFacts) -> Response:
        """Of an answer with a known head, all of which is there."""
        self._check_head(len(head))
        if length > self._max_body:
            raise self._body_too_large()
        self.keep_alive = True
        return Response(status, head, data[len(head) + 4 :], self._max_body, facts)

    def end(self) -> Response:
        """The peer has closed. The answer, where the end of the connection is its end. Raises ProtocolError."""
        if not self._head:
            raise TruncatedError("the peer closed in the middle of the answer's head")
        if self._is_framed():
            raise TruncatedError("the peer closed in the middle of the answer's body")
        self.keep_alive = False
        return self._response()

    def _up_to_final_head(self, data: bytes) -> bytes:
        """Passes over interim (1xx) answers and blank lines; what remains from the final head on, or nothing yet."""
        while True:
            data = data.lstrip(b"\r\n") if data[:1] in (b"\r", b"\n") else data
            end = data.find(BLANK_LINE)
            if end < 0:
                self._check_head(len(data))
                self._check_start(data)
                self._buffered = data
                return b""
            self._check_head(end)
            self._check_start(data)
            if data[9:10] != b"1":
                self._head, self._buffered = data[:end], b""
                return data
            if data[9:12] == b"101":
                raise ProtocolError("the peer switches protocols, which nobody asked for")
            interim, data = data[: end + 4], data[end + 4 :]
            self._check_interim(interim)

    def _check_start(self, data: bytes) -> None:
        """A peer that does not speak HTTP/1 is noticed at once, not when its head is too large."""
        if data and not data.startswith(b"HTTP/1."[: len(data)]):
            raise ProtocolError(f"malformed answer: begins with {data[:20]!r}")

    def _check_interim(self, interim: bytes) -> None:
        try:
            httptools.HttpResponseParser(_Ignored()).feed_data(interim)
        except httptools.HttpParserError as error:
            raise ProtocolError(f"malformed interim answer: {error}") from None

    def _check_head(self, length: int) -> None:
        if length > self._max_head:
            raise TooLargeError(f"the answer's head is larger than {self._max_head} bytes")

    def _body_too_large(self) -> TooLargeError:
        return TooLargeError(f"the answer's body is larger than {self._max_body} bytes")

    def _parse(self, data: bytes) -> None:
        assert self._parser is not None
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            raise ProtocolError("the peer switches protocols, which nobody asked for") from None
        except httptools.HttpParserError as error:
            if not self._complete:
                raise ProtocolError(f"malformed answer: {error}") from None
            self.keep_alive = False  # bytes after the answer, which nobody asked for

    def _bodiless(self, data: bytes, end: int) -> Response:
        """An answer to HEAD: it may give the length of a body that does not come, so the parser would wait for it."""
        assert self._parser is not None
        self._parse(data[: end + 4])
        fields = parse_header_fields(self._head)
        says = {word.strip() for word in fields.get("connection", "").lower().split(",")}
        persistent = "close" not in says if self._head.startswith(b"HTTP/1.1") else "keep-alive" in says
        self.keep_alive = persistent and len(data) == end + 4
        self._parser = None
        return Response(self._status, self._head, b"")

    def _is_framed(self) -> bool:
        fields = parse_header_fields(self._head)
        if coding := fields.get("transfer-encoding"):
            return coding.rpartition(",")[2].strip().lower() == "chunked"
        return "content-length" in fields

    def _response(self) -> Response:
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body.clear()
        if len(body) > self._max_body:
            raise self._body_too_large()
        return Response(self._status, self._head, body, self._max_body)

    def close(self) -> None:
        """The parser and the reader hold each other."""
        self._parser = None

    # Callbacks of httptools

    def on_message_begin(self) -> None:
        if self._complete:
            raise ProtocolError("an answer to a request that was never made")

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        self._status = self._parser.get_status_code()
        self.keep_alive = self._parser.should_keep_alive()

    def on_message_complete(self) -> None:
        self._complete = True


def _remember(head: bytes, response: Response) -> None:
    if len(head) <= LONGEST_KNOWN_HEAD:
        if len(_known_heads) >= MOST_KNOWN_HEADS:
            _known_heads.clear()
        _known_heads[head] = response.status_code, len(response.body), response.facts


class _Ignored:
    """Nobody wants to know what an interim answer says, only that it is one."""
