"""HTTP/1.1 on the wire: building a request's bytes, and reading an answer with httptools (llhttp)."""

from __future__ import annotations

import json as json_module
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httptools

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*\Z")
_PATH = re.compile(r"/[\x21-\x7e]*\Z")


class ProtocolError(Exception):
    """The peer sent something that is not HTTP/1.1, or closed before its answer was complete."""


@dataclass(frozen=True)
class Request:
    """A request ready to be written."""

    method: str
    name: str
    """What it is called in statistics and reports."""
    payload: bytes


def build(
    authority: str,
    method: str,
    path: str,
    *,
    name: str | None = None,
    params: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    data: bytes | str | Mapping[str, Any] | None = None,
    json: Any = None,
) -> Request:
    """Builds a request for ``authority`` (host:port). ``path`` begins with ``/``.

    Raises ValueError for anything that would break the framing, such as a line break in a header.
    """
    target = f"{path}{'&' if '?' in path else '?'}{urlencode(params, doseq=True)}" if params else path
    if not _TOKEN.match(method) or not _PATH.match(target):
        raise ValueError(f"{method!r} {target!r}: a method is a token, a path begins with / and has no spaces")
    fields = {"Host": authority, "User-Agent": "springback", "Accept": "*/*"}
    body = b""
    if json is not None:
        body = json_module.dumps(json, separators=(",", ":")).encode()
        fields["Content-Type"] = "application/json"
    elif isinstance(data, Mapping):
        body = urlencode(data, doseq=True).encode()
        fields["Content-Type"] = "application/x-www-form-urlencoded"
    elif data is not None:
        body = data.encode() if isinstance(data, str) else data
    own = {key.lower() for key in headers or ()}
    fields = {key: value for key, value in fields.items() if key.lower() not in own} | dict(headers or {})
    for key, value in fields.items():
        if not _TOKEN.match(key) or not _FIELD_VALUE.match(value):
            raise ValueError(f"header {key!r}: {value!r} cannot be sent")
        if key.lower() in ("content-length", "transfer-encoding"):
            raise ValueError(f"header {key!r} follows from the body and cannot be given")
    if body or method in ("POST", "PUT", "PATCH"):
        fields["Content-Length"] = str(len(body))
    head = "".join(f"{key}: {value}\r\n" for key, value in fields.items())
    payload = f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body
    return Request(method, name or path.partition("?")[0], payload)


class Response:
    """An answer, with the attributes Locust users know from requests."""

    __slots__ = ("content", "headers", "status_code")

    def __init__(self, status_code: int, headers: dict[str, str], content: bytes) -> None:
        self.status_code = status_code
        self.headers = headers
        """Names in lower case; values of a repeated header are joined with commas."""
        self.content = content

    @property
    def ok(self) -> bool:
        return 0 < self.status_code < 400

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", errors="replace")

    def json(self) -> Any:
        return json_module.loads(self.content)


class AnswerReader:
    """Reads one answer. Feed it what the socket gives until it returns a Response."""

    def __init__(self, method: str) -> None:
        self._method = method
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._begun = False
        self._headers_done = False
        self._done = False
        self.keep_alive = False

    def feed(self, data: bytes) -> Response | None:
        """Takes some bytes; empty bytes mean that the peer has closed. Raises ProtocolError."""
        if not data:
            return self._closed()
        self._begun = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if not self._done:
                raise ProtocolError(f"malformed answer: {error}") from None
        return self._response() if self._done else None

    @property
    def begun(self) -> bool:
        """Whether any byte of the answer has arrived."""
        return self._begun

    def _closed(self) -> Response:
        framed = "content-length" in self._headers or "transfer-encoding" in self._headers
        if not self._headers_done or framed:
            raise ProtocolError("the peer closed before its answer was complete")
        self.keep_alive = False
        return self._response()

    def _response(self) -> Response:
        return Response(self._parser.get_status_code(), self._headers, b"".join(self._body))

    # Callbacks of httptools

    def on_header(self, name: bytes, value: bytes) -> None:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        if self._parser.get_status_code() < 200:
            return
        self._headers_done = True
        self.keep_alive = self._parser.should_keep_alive()
        if self._method == "HEAD":
            # An answer to HEAD has the length of a body that does not come; the parser would wait for it.
            self._done = True

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        if self._headers_done:
            self._done = True
        else:
            self._headers.clear()  # 1xx: the final answer follows
