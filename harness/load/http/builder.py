"""Requests to one base URL: building them, and keeping the plain ones ready."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.load.http.request import Base, Body, Request, build, parse_base, target_of

KNOWN_REQUESTS = 500
"""So many different plain requests are kept ready-built."""

_ready_built: dict[tuple[str, tuple[tuple[str, str], ...]], dict[tuple[str, str, str | None], Request]] = {}
"""Plain requests by host and default headers: ten thousand users need not keep the same bytes ten thousand times."""


class Builder:
    """Builds requests to ``host`` and paths beneath it. Raises ValueError at once for what could not be sent."""

    def __init__(self, host: str, headers: Mapping[str, str]) -> None:
        self._base: Base = parse_base(host)
        self.headers: dict[str, str] = {**self._base.headers, **headers}
        """Sent with every request; may be changed, by a login for instance."""
        self._built_for = dict(self.headers)
        self._built = _ready_built.setdefault((host, tuple(self.headers.items())), {})

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
    ) -> Request:
        """Builds a request without sending it. It can be sent any number of times.

        ``path`` begins with a slash, or is a URL of the client's own origin. Raises ValueError for what cannot be sent.
        """
        target = target_of(self._base.prefix + self._path(path), params)
        label = name or target.partition("?")[0]
        everywhere = self.headers
        if headers:
            given = {key.lower() for key in headers}
            everywhere = {key: value for key, value in everywhere.items() if key.lower() not in given}
        if auth is not None:
            everywhere = {key: value for key, value in everywhere.items() if key.lower() != "authorization"}
        merged = {**everywhere, **(headers or {})}
        return build(
            self._base.origin, method, target,
            name=label, headers=merged, data=data, json=json, auth=auth, cookies=cookies,
        )  # fmt: skip

    def _path(self, path: str) -> str:
        if path.startswith("/"):
            return path
        other = parse_base(path)
        if other.origin != self._base.origin or other.headers:
            raise ValueError(f"{path!r} is not on {self._base.origin.url}: use a stock class for other hosts")
        rest = path.partition("://")[2].partition("/")[2]
        if not ("/" + rest).startswith(self._base.prefix):
            raise ValueError(f"{path!r} is outside {self._base.prefix}")
        return ("/" + rest)[len(self._base.prefix) :]

    def plain(self, method: str, path: str, name: str | None) -> Request:
        """A request without arguments is built once."""
        if self.headers != self._built_for:
            self._built_for, self._built = dict(self.headers), {}
        request = self._built.get((method, path, name))
        if request is None:
            request = self.prepare(method, path, name=name)
            if len(self._built) >= KNOWN_REQUESTS:
                self._built.clear()
            self._built[method, path, name] = request
        return request
