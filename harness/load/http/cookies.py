"""Cookies of one user, for one origin (RFC 6265, without what only matters between sites)."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import mktime_tz, parsedate_tz

MAX_COOKIES = 200
MAX_COOKIE_BYTES = 4096
_SENDABLE = re.compile(r"[\x20-\x3a\x3c-\x7e\x80-\xff]*\Z")


@dataclass(frozen=True, slots=True)
class Cookie:
    name: str
    value: str
    path: str
    expires_s: float | None
    """Epoch; None: with the user."""
    secure: bool


class Cookies:
    """A jar. Full jars drop their oldest cookie."""

    __slots__ = ("_cookies", "_host", "_secure")

    def __init__(self, host: str, secure: bool) -> None:
        self._host = host.lower()
        self._secure = secure
        self._cookies: dict[tuple[str, str], Cookie] = {}

    def __len__(self) -> int:
        return len(self._cookies)

    def get(self, name: str) -> str | None:
        return next((cookie.value for cookie in self._cookies.values() if cookie.name == name), None)

    def set(self, name: str, value: str, path: str = "/") -> None:
        """Raises ValueError for what cannot be sent."""
        if not name or "=" in name or not _SENDABLE.match(name + value):
            raise ValueError(f"cookie {name!r}: such a value cannot be sent")  # it may be a session
        self._keep(Cookie(name, value, path, None, False))

    def clear(self) -> None:
        self._cookies.clear()

    def header(self, target: str) -> str:
        """Value of the Cookie header for a request target; empty when none applies."""
        path, now_s = target.partition("?")[0], time.time()
        for key in [key for key, one in self._cookies.items() if one.expires_s is not None and one.expires_s <= now_s]:
            del self._cookies[key]
        fitting = [
            one for one in self._cookies.values() if _covers(one.path, path) and (self._secure or not one.secure)
        ]
        # Longer paths first, as the standard recommends; otherwise in the order in which they were set.
        fitting.sort(key=lambda one: -len(one.path))
        return "; ".join(f"{one.name}={one.value}" for one in fitting)

    def store(self, fields: Iterable[str], target: str) -> None:
        """Stores the cookies of an answer. What is malformed or meant for another host is ignored, as browsers do."""
        for field in fields:
            self._store_field(field, target.partition("?")[0])

    def _store_field(self, field: str, path: str) -> None:
        pair, *attributes = field.split(";")
        name, equals, value = (part.strip(" \t") for part in pair.partition("="))
        if not equals or not name or len(pair) > MAX_COOKIE_BYTES or not _SENDABLE.match(name + value):
            return
        of_path, expires_s, max_age_s, secure = _default_path(path), None, None, False
        for attribute in attributes:
            key, _, given = (part.strip(" \t") for part in attribute.partition("="))
            key = key.lower()
            if key == "path" and given.startswith("/"):
                of_path = given
            elif key == "expires":
                expires_s = _instant(given)
            elif key == "max-age" and re.fullmatch(r"-?\d{1,12}", given):
                max_age_s = int(given)
            elif key == "secure":
                secure = True
            elif key == "domain" and given and not self._is_ours(given):
                return
        if max_age_s is not None:
            expires_s = time.time() + max_age_s
        if expires_s is not None and expires_s <= time.time():
            self._cookies.pop((name, of_path), None)
        else:
            self._keep(Cookie(name, value, of_path, expires_s, secure))

    def _keep(self, cookie: Cookie) -> None:
        key = cookie.name, cookie.path
        if key not in self._cookies and len(self._cookies) >= MAX_COOKIES:
            del self._cookies[next(iter(self._cookies))]
        self._cookies[key] = cookie

    def _is_ours(self, domain: str) -> bool:
        domain = domain.lower().lstrip(".")
        return self._host == domain or self._host.endswith("." + domain)


def _instant(date: str) -> float | None:
    """Epoch seconds of a date as servers write it, None for what is no date."""
    try:
        found = parsedate_tz(date)
        return None if found is None else float(mktime_tz(found))
    except (ValueError, OverflowError):
        return None


def _default_path(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def _covers(cookie_path: str, path: str) -> bool:
    if path == cookie_path:
        return True
    return path.startswith(cookie_path) and (cookie_path.endswith("/") or path[len(cookie_path)] == "/")
