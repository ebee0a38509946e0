"""Kubernetes' API server: one request, with the token and the authority of a pod or of files, and what it says of it.

https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from harness.clients.address import url_problems
from harness.clients.connection import NoAnswerError
from harness.clients.http_get import Answer, request
from harness.regular_file import regular

LIMIT_BYTES = 2_000_000
PAGE_LIMIT_BYTES = 32_000_000
"""A kubelet tells some 60 kB of each of its pods, and has 110 of them at most by default. In a list, a pod has 10 to
20 kB with what is kept of who set which field.
"""
MOST_PAGES = 20
"""Most pages of a list that are read. None are asked for, but a proxy may make them, and the second would go unseen."""
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
IN_POD = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds token, authority and namespace of its service account."""
_EQUALITY = re.compile(r"(?:^|,)\s*([\w./-]+)\s*==?\s*([\w.-]*)\s*(?=,|$)")
"""Terms of a selector that say which value a label has; there are others, as ``env in (a, b)``."""
MERGE_PATCH = "application/merge-patch+json"
"""RFC 7396: null takes a key away."""


_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)([KMGTPE]i|[numkMGTPE]?)")
_DECIMAL = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}


class RefusedError(NoAnswerError):
    """The API server answered with another status than 2xx."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


@dataclass
class Clock:
    """Of whoever has made the last answer, to the second: the API server, or who stands behind it."""

    unix_s: float = 0.0
    """0 where he does not say."""


@dataclass(frozen=True)
class ApiServer:
    """``token_file`` and ``ca_file`` are read for each request, because Kubernetes replaces them; empty: those of a
    pod, where there are any.
    """

    url: str
    token_file: str
    ca_file: str
    timeout_s: float
    clock: Clock = field(default_factory=Clock, repr=False, compare=False)

    def ask(self, verb: str, path: str, what: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """The document that comes back. ``path`` has its names escaped, see :func:`path_of`; ``what`` it is about, in
        words. ``verb``: get, list, patch (with a merge patch) or delete.

        Raises RefusedError for another status than 2xx, and NoAnswerError for no answer, or none of an API server.
        """
        limit_bytes = PAGE_LIMIT_BYTES if verb == "list" else LIMIT_BYTES
        answer = self._answer(verb, path, what, body, "application/json", limit_bytes)
        try:
            document = json.loads(answer.body)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise NoAnswerError(f"the answer of {len(answer.body)} bytes is no JSON object: is this the API server?")
        return document

    def pods(self, namespace: str, selector: str) -> list[Mapping[str, Any]]:
        """Those of the namespace that have these labels. Raises as :meth:`ask` does, also where one has not: then
        somebody on the way takes the selector away, and another service would be measured, or disturbed.
        """
        what = f"pods of {namespace}"
        found = self.items(path_of("api/v1", namespace, "pods"), selector, what)
        for pod in found:
            labels = part_of(pod, "metadata").get("labels") or {}
            if any(labels.get(key) != value for key, value in _EQUALITY.findall(selector)):
                raise NoAnswerError(f"the answer has {what} without {selector}: does a proxy take the selector away?")
        return found

    def items(self, path: str, selector: str, what: str) -> list[Mapping[str, Any]]:
        """All of a list that have these labels, whatever the number of its pages. Raises as :meth:`ask` does."""
        query = f"?labelSelector={quote(selector, safe='')}"
        found: list[Mapping[str, Any]] = []
        page = ""
        for _ in range(MOST_PAGES):
            document = self.ask("list", path + query + page, what)
            items = document.get("items")
            if not isinstance(items, list) or not all(isinstance(each, dict) for each in items):
                raise NoAnswerError(f"the answer lists no {what}: is this the API server?")
            found += items
            metadata = document.get("metadata")
            following = metadata.get("continue") if isinstance(metadata, dict) else None
            if not following:
                return found
            page = f"&continue={quote(str(following), safe='')}"
        raise NoAnswerError(f"the list of the {what} has more than {MOST_PAGES} pages")

    def text(self, path: str, what: str) -> str:
        """The page at ``path``, e.g. the metrics of a node's kubelet. Raises as :meth:`ask` does."""
        try:
            return self._answer("get", path, what, None, "text/plain", PAGE_LIMIT_BYTES).body.decode()
        except UnicodeDecodeError:
            raise NoAnswerError(f"the {what} is not text") from None

    def _answer(
        self, verb: str, path: str, what: str, body: Mapping[str, Any] | None, accept: str, limit_bytes: int
    ) -> Answer:
        token = _token(Path(self.token_file) if self.token_file else IN_POD / "token", optional=not self.token_file)
        ca_file = self.ca_file
        if ca_file:
            _contents(Path(ca_file))
        elif _contents(IN_POD / "ca.crt", optional=True):
            ca_file = str(IN_POD / "ca.crt")
        answer = request(
            self.url.rstrip("/") + path,
            self.timeout_s,
            limit_bytes,
            method="GET" if verb == "list" else verb.upper(),
            accept=accept,
            json_body="" if body is None else json.dumps(body),
            content_type=MERGE_PATCH if verb == "patch" else "application/json",
            bearer_token=token,
            ca_file=ca_file,
        )
        self.clock.unix_s = _unix_s(answer.date)
        if not 200 <= answer.status < 300:
            raise RefusedError(answer.status, _refusal(answer.status, answer.reason, what, verb))
        return answer


def path_of(group: str, namespace: str, kind: str, name: str = "") -> str:
    """Of one object, or of all of a kind. ``group``: ``api/v1``, or ``apis/apps/v1``."""
    parts = [group, "namespaces", quote(namespace, safe=""), kind, *([quote(name, safe="")] if name else [])]
    return "/" + "/".join(parts)


def namespace_of(given: str) -> str:
    """The one given, else the pod's own, else default. Raises NoAnswerError."""
    return given or _contents(IN_POD / "namespace", optional=True) or "default"


def part_of(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The object under that key. Raises NoAnswerError."""
    part = document.get(key)
    if not isinstance(part, dict):
        raise NoAnswerError(f"the answer has no {key}: is this the API server?")
    return part


def list_in(document: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The objects under that key: Kubernetes leaves out what is empty. Raises NoAnswerError."""
    items = document.get(key) or []
    if not isinstance(items, list) or not all(isinstance(each, dict) for each in items):
        raise NoAnswerError(f"{key} is no list: is this the API server?")
    return items


def quantity(text: object) -> float:
    """``250m``, ``1536Mi``, ``2``, ``129e6`` as a number: cores of CPU, bytes of memory. Raises NoAnswerError.

    https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
    """
    found = _QUANTITY.fullmatch(str(text))
    if found is None:
        raise NoAnswerError(f"{text!r} is no quantity of Kubernetes: is this the API server?")
    number, suffix = float(found[1]), found[2]
    return number * (1024.0 ** ("KMGTPE".index(suffix[0]) + 1) if suffix.endswith("i") else _DECIMAL[suffix])


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


def _unix_s(date: str) -> float:
    """0 for what is none."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def _refusal(status: int, reason: str, what: str, verb: str) -> str:
    hints = {
        401: "the token is missing, wrong or expired: name its file with token_file",
        403: f"the account may not {verb} the {what}: give it a Role with the verb {verb}",
        404: f"there is no {what}: check names and namespace, and that the API version is served",
        409: f"the {what} is another one by now, or was changed at the same time: try again",
    }
    return f"HTTP {status} {reason}".rstrip() + (f": {hints[status]}" if status in hints else "")
