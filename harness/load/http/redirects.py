"""Following a redirect: the next request, or None where it must not be followed."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urljoin, urlsplit

from harness.load.http.errors import ProtocolError
from harness.load.http.request import DEFAULT_PORTS, Origin, Request, request_target
from harness.load.http.response import Response

REDIRECTS = frozenset((301, 302, 303, 307, 308))
_OF_THE_BODY = (b"content-", b"transfer-encoding:")


def next_request(request: Request, response: Response, origin: Origin) -> Request | None:
    """None when the answer leads nowhere, to another origin, or would need a body that can be read only once.

    Load goes to the host that the user named, and to no other. Raises ProtocolError for an unusable location.
    """
    location = response.headers.get("location", "")
    if response.status_code not in REDIRECTS or not location:
        return None
    try:
        parts = urlsplit(urljoin(request.url, location.strip(), allow_fragments=False))
        port = parts.port or DEFAULT_PORTS.get(parts.scheme)
        target = request_target((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
    except ValueError as error:
        raise ProtocolError(f"redirect to an unusable address: {error}") from None
    if (parts.scheme, parts.hostname, port) != (origin.scheme, origin.host, origin.port):
        return None
    code = response.status_code
    as_get = (code == 303 and request.method != "HEAD") or (code in (301, 302) and request.method == "POST")
    if request.chunks is not None and not as_get:
        return None
    return _moved(request, target, origin.url + target, "GET" if as_get else request.method, drop_body=as_get)


def _moved(request: Request, target: str, url: str, method: str, drop_body: bool) -> Request:
    head, rest = request.payload[: request.head_length], request.payload[request.head_length :]
    lines = head.split(b"\r\n")[1:]
    if drop_body:
        lines = [line for line in lines if not line.lower().startswith(_OF_THE_BODY)]
        rest = b"\r\n\r\n"
    head = b"\r\n".join([f"{method} {target} HTTP/1.1".encode("latin-1"), *lines])
    return replace(
        request, method=method, target=target, url=url, payload=head + rest, head_length=len(head), chunks=None
    )
