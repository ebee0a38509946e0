"""Kubernetes' API server: one request, with the token and the authority of a pod or of files, and what it says of it.

https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from harness.clients.address import url_problems
from harness.clients.connection import NoAnswerError
from harness.clients.http_get import request
from harness.regular_file import regular

LIMIT_BYTES = 2_000_000
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
IN_POD = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds token, authority and namespace of its service account."""
MERGE_PATCH = "application/merge-patch+json"
"""RFC 7396: null takes a key away."""


class RefusedError(NoAnswerError):
    """The API server answered with another status than 2xx."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


@dataclass(frozen=True)
class ApiServer:
    """``token_file`` and ``ca_file`` are read for each request, because Kubernetes replaces them; empty: those of a
    pod, where there are any.
    """

    url: str
    token_file: str
    ca_file: str
    timeout_s: float

    def ask(self, verb: str, path: str, what: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """The document that comes back. ``path`` has its names escaped, see :func:`path_of`; ``what`` it is about, in
        words. ``verb``: get, list, patch (with a merge patch) or delete.

        Raises RefusedError for another status than 2xx, and NoAnswerError for no answer, or none of an API server.
        """
        token = _token(Path(self.token_file) if self.token_file else IN_POD / "token", optional=not self.token_file)
        ca_file = self.ca_file
        if ca_file:
            _contents(Path(ca_file))
        elif _contents(IN_POD / "ca.crt", optional=True):
            ca_file = str(IN_POD / "ca.crt")
        answer = request(
            self.url.rstrip("/") + path,
            self.timeout_s,
            LIMIT_BYTES,
            method="GET" if verb == "list" else verb.upper(),
            accept="application/json",
            json_body="" if body is None else json.dumps(body),
            content_type=MERGE_PATCH if verb == "patch" else "application/json",
            bearer_token=token,
            ca_file=ca_file,
        )
        if not 200 <= answer.status < 300:
            raise RefusedError(answer.status, _refusal(answer.status, answer.reason, what, verb))
        try:
            document = json.loads(answer.body)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise NoAnswerError(f"the answer of {len(answer.body)} bytes is no JSON object: is this the API server?")
        return document


def path_of(group: str, namespace: str, kind: str, name: str = "") -> str:
    """Of one object, or of all of a kind. ``group``: ``api/v1``, or ``apis/apps/v1``."""
    parts = [group, "namespaces", quote(namespace, safe=""), kind, *([quote(name, safe="")] if name else [])]
    return "/" + "/".join(parts)


def namespace_of(given: str) -> str:
    """The one given, else the pod's own, else default. Raises NoAnswerError."""
    return given or _contents(IN_POD / "namespace", optional=True) or "default"


def access_problems(url: str, token_file: str) -> Iterator[str]:
    """What is wrong with where the API server is, and with sending it a token."""
    yield from url_problems(url)
    if token_file and url.startswith("http://") and urlsplit(url).hostname not in LOOPBACK:
        yield "over http:// anybody on the way could read the token. Use https://"


def _contents(path: Path, optional: bool = False) -> str:
    """Of a file; empty where one that is ``optional`` is missing. Raises NoAnswerError, without what is in it."""
    try:
        return regular(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        if optional and not path.exists():
            return ""
        raise NoAnswerError(f"{path} cannot be read ({getattr(error, 'strerror', None) or 'not text'})") from None


def _token(path: Path, optional: bool) -> str:
    """Fit for a header. Raises NoAnswerError."""
    text = _contents(path, optional)
    if not (text or optional) or not text.isascii() or not text.isprintable() or " " in text:
        raise NoAnswerError(f"{path} holds no token: it must be one line without spaces")
    return text


def _refusal(status: int, reason: str, what: str, verb: str) -> str:
    hints = {
        401: "the token is missing, wrong or expired: name its file with token_file",
        403: f"the account may not {verb} the {what}: give it a Role with the verb {verb}",
        404: f"there is no {what}: check names and namespace, and that the API version is served",
        409: f"the {what} is another one by now, or was changed at the same time: try again",
    }
    return f"HTTP {status} {reason}".rstrip() + (f": {hints[status]}" if status in hints else "")
