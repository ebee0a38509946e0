"""The requests of a HAR file, without whatever may be a secret: headers, cookies, query strings, bodies."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harness.clients.address import strip_url, url_problems
from harness.errors import ConfigurationError
from harness.learn.paths import SAFE, path_of
from harness.regular_file import regular

MOST_BYTES = 256 * 1024 * 1024
MOST_REQUESTS = 200


@dataclass(frozen=True)
class Step:
    """A request of the visit, in its order."""

    method: str
    path: str
    template: str


@dataclass
class Visit:
    """What of a HAR file can be sent again to one host."""

    host: str
    """Origin of the requests that are kept, e.g. ``https://shop.example``."""
    steps: list[Step] = field(default_factory=list)
    removed: Counter[str] = field(default_factory=Counter)
    """What was taken away → how often."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Why requests are not among the steps → how many."""
    unsent: list[tuple[str, str, str]] = field(default_factory=list)
    """(method, template, what its body was of: ``form``, ``multipart``, ``json``, or empty for none) of those that only
    the user can complete."""


def read_har(name: str, host: str = "") -> Visit:
    """The requests to ``host``, by default the host of the first one. Raises ConfigurationError."""
    entries = _entries(name)
    origins = [_origin(entry) for entry in entries]
    chosen = host.rstrip("/").lower() or next((origin for origin in origins if origin), "")
    if host and (problems := url_problems(host)):
        raise ConfigurationError([f"--host {problem}" for problem in problems])
    if not chosen or chosen not in origins:
        others = ", ".join(sorted({origin for origin in origins if origin})[:8]) or "none"
        raise ConfigurationError(f"{name}: no request to {strip_url(chosen) or 'any http address'}; it has {others}")
    visit = Visit(chosen)
    for entry, origin in zip(entries, origins, strict=True):
        if origin == chosen:
            _take(entry["request"], visit)
        else:
            visit.left_out[f"to another host, {origin}" if origin else _not_http(entry)] += 1
    if not visit.steps:
        why = "; ".join(f"{count}: {reason}" for reason, count in visit.left_out.items())
        raise ConfigurationError(f"{name}: no request that can be sent as it is ({why}); record one with GETs")
    return visit


def _not_http(entry: dict[str, Any]) -> str:
    if str(entry["request"].get("url", "")).startswith(("ws:", "wss:")):
        return "a WebSocket: `springback new NAME --kind websocket` writes a scenario for it"
    return "no request to an http address"


def _entries(name: str) -> list[dict[str, Any]]:
    try:
        path = regular(Path(name))
        if path.stat().st_size > MOST_BYTES:
            raise ConfigurationError(f"{name}: larger than {MOST_BYTES // 2**20} MB; export it without contents")
        told: Any = json.loads(path.read_bytes().decode("utf-8-sig"))
        entries = told["log"]["entries"]
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not text in UTF-8"
        raise ConfigurationError(f"{name}: cannot be read ({reason})") from None
    except (ValueError, RecursionError):
        raise ConfigurationError(f"{name}: not JSON to its end; export the HAR again") from None
    except (KeyError, TypeError):
        entries = None
    if not isinstance(entries, list):
        raise ConfigurationError(f"{name}: no HAR: it has no log.entries; export one from the browser's network panel")
    if not entries:
        raise ConfigurationError(f"{name}: it has no requests; record a visit, then export it")
    return [entry if isinstance(entry, dict) else {} for entry in entries]


def _origin(entry: dict[str, Any]) -> str:
    """Scheme, host and port, without user info; empty where it is no address for HTTP."""
    request = entry.get("request")
    if not isinstance(request, dict) or not isinstance(request.get("method"), str):
        return ""
    url = request.get("url")
    if not isinstance(url, str):
        return ""
    try:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()
    except ValueError:
        return ""
    return origin if not url_problems(origin) else ""


def _take(request: dict[str, Any], visit: Visit) -> None:
    method, url = request["method"].upper(), request["url"]
    path = path_of(url)
    _count_removed(request, url, visit.removed)
    if path is None or not method.isascii() or not method.isalpha():
        visit.left_out["no path that can be sent"] += 1
    elif method not in SAFE:
        unsent = method, path.template, _kind_of_body(request)
        without = "its body was removed, and " if unsent[2] else ""
        visit.left_out[f"{method}: {without}to send it may change data"] += 1
        if unsent not in visit.unsent:
            visit.unsent.append(unsent)
    elif path.is_secret:
        visit.left_out["a part of the path that may be a secret (a key, a session, an address)"] += 1
    elif len(visit.steps) >= MOST_REQUESTS:
        visit.left_out[f"after the first {MOST_REQUESTS}"] += 1
    else:
        visit.steps.append(Step(method, path.path, path.template))


def _kind_of_body(request: dict[str, Any]) -> str:
    body = request.get("postData")
    if not body:
        return ""
    kind = str(body.get("mimeType", "") if isinstance(body, dict) else "").lower()
    if kind.startswith("multipart/"):
        return "multipart"
    return "form" if kind.startswith("application/x-www-form-urlencoded") else "json"


def _count_removed(request: dict[str, Any], url: str, removed: Counter[str]) -> None:
    for key, what in (("headers", "headers"), ("cookies", "cookies")):
        if isinstance(request.get(key), list):
            removed[what] += len(request[key])
    removed["query strings"] += "?" in url or bool(request.get("queryString"))
    removed["bodies"] += bool(request.get("postData"))
    removed["user names and passwords in addresses"] += "@" in urlsplit(url).netloc
