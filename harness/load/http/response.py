"""An answer, with the attributes Locust users know. What nobody asks for is not computed: a load generator looks at
the headers of few answers, and decompresses fewer."""

from __future__ import annotations

import json as json_module
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from harness.load.http.errors import ContentEncodingError, HttpError, NotJsonError, ProtocolError, TooLargeError
from harness.load.http.settings import LIMITS
from harness.load.media_types import media_type

_CHARSET = re.compile(r"charset\s*=\s*\"?([^\s\";]+)", re.IGNORECASE)
_CONTENT_TYPE = re.compile(rb"\ncontent-type:([^\r]*)", re.IGNORECASE)
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
BLANKS = " \t"
MAX_CODINGS = 5
"""So many on top of each other are undone; honest servers use one."""
PIECE_BYTES = 16 * 1024


class HeaderFields(Mapping[str, str]):
    """Header fields by name, whatever its case. Values of a repeated field are joined with commas."""

    __slots__ = ("_fields", "pairs")

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self.pairs = pairs
        """All of them in order: name as sent, value."""
        self._fields: dict[str, str] = {}
        for name, value in pairs:
            key = name.lower()
            self._fields[key] = f"{self._fields[key]}, {value}" if key in self._fields else value

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def get_all(self, name: str) -> list[str]:
        return [value for key, value in self.pairs if key.lower() == name.lower()]


def parse_header_fields(head: bytes) -> HeaderFields:
    """Fields of a head that the parser has found valid: everything before the blank line."""
    pairs: list[tuple[str, str]] = []
    for line in head.decode("latin-1").split("\r\n")[1:]:
        if line[0:1] in (" ", "\t") and pairs:
            # A folded line (obsolete, but still sent) goes on with the value before it.
            name, value = pairs[-1]
            pairs[-1] = (name, f"{value} {line.strip(BLANKS)}".strip(BLANKS))
        elif line:
            name, _, value = line.partition(":")
            pairs.append((name, value.strip(BLANKS)))
    return HeaderFields(pairs)


class HeadFacts(NamedTuple):
    """What is asked of the head of each answer, so that not all of its fields are read for it."""

    media_type: str
    sets_cookies: bool

    @staticmethod
    def of(head: bytes) -> HeadFacts:
        found = _CONTENT_TYPE.search(head)
        return HeadFacts(media_type(found[1]) if found is not None else "", b"\nset-cookie:" in head.lower())


class Response:
    """An answer; or the lack of one, with ``status_code`` 0 and the reason in ``error``."""

    __slots__ = (
        *("__dict__", "_content", "_facts", "_head", "_headers", "_max_bytes"),
        *("body", "error", "history", "status_code", "url"),
    )

    def __init__(
        self,
        status_code: int,
        head: bytes,
        body: bytes,
        max_bytes: int = LIMITS.max_body_bytes,
        facts: HeadFacts | None = None,
    ) -> None:
        """``facts``: those of the head, where they are known."""
        self.status_code = status_code
        self.body = body
        """As it came, compressed perhaps."""
        self.error: BaseException | None = None
        self.history: Sequence[Response] = ()
        """The redirects that led to it, the first of them first; called as in Requests."""
        self.url = ""
        """What was asked last, after redirects."""
        self._head = head
        self._facts = facts
        self._headers: HeaderFields | None = None
        self._content: bytes | None = None
        self._max_bytes = max_bytes
        """Of the body, after decompression too."""

    def __repr__(self) -> str:
        return f"<Response {self.status_code}>"

    @property
    def headers(self) -> HeaderFields:
        if self._headers is None:
            self._headers = parse_header_fields(self._head)
        return self._headers

    @property
    def facts(self) -> HeadFacts:
        if self._facts is None:
            self._facts = HeadFacts.of(self._head)
        return self._facts

    @property
    def media_type(self) -> str:
        """What its body is said to be, e.g. ``application/json``; empty where that is not said."""
        return self.facts.media_type

    @property
    def sets_cookies(self) -> bool:
        return self.facts.sets_cookies

    @property
    def reason(self) -> str:
        return self._head.partition(b"\r\n")[0].decode("latin-1")[13:].strip()

    @property
    def ok(self) -> bool:
        return 0 < self.status_code < 400

    @property
    def is_success(self) -> bool:
        """Whether its status is 2xx (RFC 9110 §15.3): a redirect, which is ``ok`` as in Requests, has done nothing."""
        return 200 <= self.status_code < 300

    @property
    def content(self) -> bytes:
        """The body, decompressed where it was compressed; so are ``text`` and ``json()``.

        Raises ContentEncodingError for a coding other than gzip and deflate (``body`` has the bytes as they came),
        ProtocolError for one that is broken, TooLargeError when ``max_body_bytes`` do not hold what comes out.
        """
        if self._content is None:
            codings = self.headers.get("content-encoding", "")
            self._content = decode_content(self.body, codings, self._max_bytes) if codings and self.body else self.body
        return self._content

    @property
    def encoding(self) -> str:
        found = _CHARSET.search(self.headers.get("content-type", ""))
        return found.group(1) if found else "utf-8"

    @property
    def text(self) -> str:
        try:
            return self.content.decode(self.encoding, errors="replace")
        except LookupError:
            return self.content.decode("utf-8", errors="replace")

    def json(self, **arguments: Any) -> Any:
        """Raises NotJsonError, which is a ValueError, when the body is not JSON."""
        try:
            return json_module.loads(self.content, **arguments)
        except json_module.JSONDecodeError as error:
            raise NotJsonError(error.msg, error.doc, error.pos) from None
        except UnicodeDecodeError as error:
            raise NotJsonError(str(error), "", 0) from None

    def json_object(self) -> dict[str, Any]:
        """Empty where the body is not JSON, or no object."""
        try:
            document = self.json()
        except Exception:  # not even text, or compressed wrongly
            return {}
        return document if isinstance(document, dict) else {}

    def raise_for_status(self) -> None:
        """Raises why the request failed, if it did."""
        if self.error is not None:
            raise self.error
        if not self.ok:
            raise HttpError(f"status {self.status_code}")

    def __enter__(self) -> Response:
        raise ValueError("a with-block around a request needs catch_response=True")

    def __exit__(self, kind: Any, error: Any = None, trace: Any = None) -> Any:
        return False

    def success(self) -> None:
        raise ValueError("success() needs catch_response=True and a with-block")

    def failure(self, _: object) -> None:
        raise ValueError("failure() needs catch_response=True and a with-block")


def decode_content(body: bytes, codings: str, max_bytes: int) -> bytes:
    """Undoes Content-Encoding, the last coding first. Raises ContentEncodingError, ProtocolError, TooLargeError."""
    names = [name for part in codings.lower().split(",") if (name := part.strip(BLANKS)) not in ("", "identity")]
    if len(names) > MAX_CODINGS:
        raise ContentEncodingError(
            f"{len(names)} content-encodings on top of each other: at most {MAX_CODINGS} are undone"
        )
    for name in reversed(names):
        body = _decode_one(body, name, max_bytes)
    return body


def _decode_one(body: bytes, coding: str, max_bytes: int) -> bytes:
    if coding not in ("gzip", "x-gzip", "deflate"):
        raise ContentEncodingError(f"content-encoding {coding!r} cannot be undone: ask for gzip or deflate")
    try:
        return _inflate(body, _GZIP_OR_ZLIB, max_bytes)
    except zlib.error as error:
        if coding == "deflate":
            # Some servers send deflate without the zlib wrapper that the standard asks for.
            try:
                return _inflate(body, -zlib.MAX_WBITS, max_bytes)
            except zlib.error:
                pass
        raise ProtocolError(f"broken {coding} body: {error}") from None


def _inflate(body: bytes, window: int, max_bytes: int) -> bytes:
    """In pieces, because zlib copies what is left whenever a member of the body ends; gzip may have many."""
    stream = zlib.decompressobj(window)
    parts: list[bytes] = []
    size = 0
    for at in range(0, len(body), PIECE_BYTES):
        piece = body[at : at + PIECE_BYTES]
        while piece:
            if stream.eof:
                stream = zlib.decompressobj(window)
            part = stream.decompress(piece, max_bytes - size + 1)
            size += len(part)
            if size > max_bytes:
                raise TooLargeError(f"more than {max_bytes} bytes after decompression")
            parts.append(part)
            piece = stream.unused_data
    if not stream.eof:
        raise zlib.error("it ends too early")
    return b"".join(parts)
