"""Requests to one base URL, as bytes that are built once: a prepared request can be sent any number of times."""

from __future__ import annotations

import base64
import json as json_module
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from harness.load.http.expectation import Expectation

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*\Z")
_TARGET = re.compile(r"/[\x21\x22\x24-\x7e]*\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_KEEP = "!\"$%&'()*+,/:;<=>?@[\\]^`{|}~"
"""Quoting leaves all of ASCII alone except spaces: what is already quoted must not be quoted again."""
METHODS_WITH_BODY = frozenset(("POST", "PUT", "PATCH"))
DEFAULT_PORTS = {"http": 80, "https": 443}

Body = bytes | str | Mapping[str, Any] | list[tuple[str, Any]] | Iterable[bytes | str]


@dataclass(frozen=True)
class Origin:
    """Scheme, host and port: all that one client ever talks to."""

    scheme: str
    host: str
    """Without the brackets of an IPv6 address."""
    port: int
    authority: str = field(compare=False)
    """As the ``Host`` header gives it."""

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}"


@dataclass(frozen=True)
class BaseUrl:
    """What a user's ``host`` says."""

    origin: Origin
    prefix: str
    """Path put before every path, without a slash at its end."""
    headers: dict[str, str]
    """Authorization, where the URL has a user name."""


def parse_base_url(host: str) -> BaseUrl:
    """Raises ValueError for anything but an http or https URL with a host."""
    parts = urlsplit(host)
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or _CONTROL.search(host) or " " in host:
        raise ValueError(f"host {host!r}: give a URL such as http://127.0.0.1:8000")
    authority = parts.netloc.rpartition("@")[2]
    origin = Origin(parts.scheme, parts.hostname, parts.port or DEFAULT_PORTS[parts.scheme], authority)
    headers = {}
    if parts.username:
        headers["Authorization"] = basic_auth(unquote(parts.username), unquote(parts.password or ""))
    return BaseUrl(origin, request_target(parts.path).rstrip("/") if parts.path else "", headers)


def basic_auth(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def request_target(path: str, params: Mapping[str, Any] | None = None) -> str:
    """The request target of a path, without its fragment. Raises ValueError for control characters."""
    if _CONTROL.search(path):
        raise ValueError(f"path {path!r}: a control character cannot be sent")
    target = quote(path.partition("#")[0], safe=_KEEP)
    if params:
        target += ("&" if "?" in target else "?") + urlencode(params, doseq=True)
    if not _TARGET.match(target):
        raise ValueError(f"path {path!r}: a path begins with /")
    return target


@dataclass(frozen=True, slots=True)
class Request:
    """A request ready to be written. Reusable, unless its body is an iterable that can be read only once."""

    method: str
    name: str
    """What it is called in statistics and reports."""
    target: str
    """Path and query as they are sent."""
    url: str
    payload: bytes
    """All of it; only the head where ``chunks`` gives the body."""
    head_length: int
    """Bytes of ``payload`` before the blank line."""
    chunks: Iterable[bytes | str] | None = None

    cookies: str = ""
    """Cookies of this request alone, as the header gives them."""
    expectation: Expectation | None = None
    """What the answer has to be like, where it is not what the client expects of all."""

    def with_cookies(self, cookies: str) -> bytes:
        """The payload with a Cookie header. ``cookies`` must have been checked."""
        cut = self.head_length
        return b"%b\r\nCookie: %b%b" % (self.payload[:cut], cookies.encode("latin-1"), self.payload[cut:])


def build_request(
    origin: Origin,
    method: str,
    target: str,
    *,
    name: str,
    headers: Mapping[str, str],
    data: Body | None = None,
    json: Any = None,
    auth: tuple[str, str] | None = None,
    cookies: Mapping[str, str] | None = None,
) -> Request:
    """Builds a request for ``target``, which comes from :func:`request_target`.

    Raises ValueError for anything that would break the framing, such as a line break in a header.
    """
    if not isinstance(method, str) or not _TOKEN.match(method):
        raise ValueError(f"{method!r}: a method is a token such as GET")
    if method == "CONNECT":
        raise ValueError("CONNECT: proxies are out of scope, use a stock class")
    body, chunks, content_type = _body(data, json)
    fields = {"Host": origin.authority, "User-Agent": "springback", "Accept": "*/*"}
    if content_type:
        fields["Content-Type"] = content_type
    if auth is not None:
        fields["Authorization"] = basic_auth(*auth)
    own = {key.lower() for key in headers}
    fields = {key: value for key, value in fields.items() if key.lower() not in own} | dict(headers)
    own_cookies = [f"{key}={value}" for key, value in (cookies or {}).items()]
    for key in [key for key in fields if key.lower() == "cookie"]:
        own_cookies.insert(0, fields.pop(key))  # it is joined with the user's jar when the request is sent
    _check({**fields, "Cookie": "; ".join(own_cookies)})
    if chunks is not None:
        fields["Transfer-Encoding"] = "chunked"
    elif body or method in METHODS_WITH_BODY:
        fields["Content-Length"] = str(len(body))
    lines = "".join(f"\r\n{key}: {value}" for key, value in fields.items())
    head = f"{method} {target} HTTP/1.1{lines}".encode("latin-1")
    payload = head + b"\r\n\r\n" + body
    return Request(method, name, target, origin.url + target, payload, len(head), chunks, "; ".join(own_cookies))


def _check(fields: Mapping[str, str]) -> None:
    for key, value in fields.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise ValueError(f"header {key!r}: a {type(value).__name__}: names and values are text")
        if not _TOKEN.match(key) or not _FIELD_VALUE.match(value):
            raise ValueError(f"header {key!r}: such a value cannot be sent")  # it may be a token
        if key.lower() in ("content-length", "transfer-encoding"):
            raise ValueError(f"header {key!r} follows from the body and cannot be given")


def _body(data: Body | None, json: Any) -> tuple[bytes, Iterable[bytes | str] | None, str]:
    """The body as bytes or as chunks, and its content type."""
    if json is not None and data is not None:
        raise ValueError("give json or data, not both")
    if json is not None:
        return json_module.dumps(json, separators=(",", ":")).encode(), None, "application/json"
    if data is None:
        return b"", None, ""
    if isinstance(data, Mapping) or (isinstance(data, list) and data and isinstance(data[0], tuple)):
        return urlencode(data, doseq=True).encode(), None, "application/x-www-form-urlencoded"
    if isinstance(data, str):
        return data.encode(), None, ""
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data), None, ""
    if isinstance(data, Iterable):
        chunks: Iterable[Any] = data
        return b"", chunks, ""
    raise ValueError(f"data of type {type(data).__name__}: give bytes, text, a form or an iterable of bytes")


def encode_chunk(chunk: bytes | str) -> bytes:
    """One chunk of a body, as it goes over the wire; nothing for an empty one, which would end the body.

    Raises ValueError for anything but bytes and text.
    """
    if not isinstance(chunk, bytes | bytearray | memoryview | str):
        raise ValueError(f"a piece of data of type {type(chunk).__name__}: give bytes or text")
    content = chunk.encode() if isinstance(chunk, str) else bytes(chunk)
    return b"%x\r\n%b\r\n" % (len(content), content) if content else b""


LAST_CHUNK = b"0\r\n\r\n"


MAX_CACHED_REQUESTS = 500
"""So many different plain requests are kept ready-built."""

_request_cache: dict[tuple[str, tuple[tuple[str, str], ...]], dict[tuple[str, str, str | None], Request]] = {}
"""Plain requests by host and default headers: ten thousand users need not keep the same bytes ten thousand times."""


class RequestBuilder:
    """Builds requests to ``host`` and paths beneath it, whose answers have to be as ``expectation`` says. Raises
    ValueError at once for what could not be sent, or expected.
    """

    def __init__(self, host: str, headers: Mapping[str, str], expectation: Expectation) -> None:
        self._expectation = expectation
        self._base: BaseUrl = parse_base_url(host)
        self.headers: dict[str, str] = {**self._base.headers, **headers}
        """Sent with every request; may be changed, by a login for instance."""
        self._cache_headers = dict(self.headers)
        self._cache = _request_cache.setdefault((host, tuple(self.headers.items())), {})

    def prepare(
        self,
        method: str,
        path: str,
        *,
        name: str | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        data: Body | None = None,
        json: Any = None,
        auth: tuple[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
        **expected: Any,
    ) -> Request:
        """Builds a request without sending it. It can be sent any number of times.

        ``path`` begins with a slash, or is a URL of the client's own origin. ``expect``, ``shed``, ``expect_text`` and
        ``expect_json`` say what its answer has to be like, see :mod:`harness.load.http.expectation`.

        Raises ValueError for what cannot be sent, or expected.
        """
        target = request_target(self._base.prefix + self._path(path), params)
        label = name or target.partition("?")[0]
        everywhere = self.headers
        if headers:
            given = {key.lower() for key in headers}
            everywhere = {key: value for key, value in everywhere.items() if key.lower() not in given}
        if auth is not None:
            everywhere = {key: value for key, value in everywhere.items() if key.lower() != "authorization"}
        merged = {**everywhere, **(headers or {})}
        request = build_request(
            self._base.origin, method, target,
            name=label, headers=merged, data=data, json=json, auth=auth, cookies=cookies,
        )  # fmt: skip
        return replace(request, expectation=self._expectation.but(**expected)) if expected else request

    def _path(self, path: str) -> str:
        if path.startswith("/"):
            return path
        other = parse_base_url(path)
        if other.origin != self._base.origin or other.headers:
            raise ValueError(f"{path!r} is not on {self._base.origin.url}: use a stock class for other hosts")
        rest = path.partition("://")[2].partition("/")[2]
        if not ("/" + rest).startswith(self._base.prefix):
            raise ValueError(f"{path!r} is outside {self._base.prefix}")
        return ("/" + rest)[len(self._base.prefix) :]

    def cached(self, method: str, path: str, name: str | None) -> Request:
        """A request without arguments is built once."""
        if self.headers != self._cache_headers:
            self._cache_headers, self._cache = dict(self.headers), {}
        request = self._cache.get((method, path, name))
        if request is None:
            request = self.prepare(method, path, name=name)
            if len(self._cache) >= MAX_CACHED_REQUESTS:
                self._cache.clear()
            self._cache[method, path, name] = request
        return request
