"""Paths without what differs from request to request, and without what may be a secret."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

MOST_SAMPLES = 20
"""Paths of one template that are kept, those asked for most."""
LONGEST_PATH = 2000

SAFE = ("GET", "HEAD", "OPTIONS")
"""Methods that change nothing, and need no body."""
SECRET = frozenset({"uuid", "hash", "token", "email"})
"""Kinds of segments that may be somebody's: a session, a key of a share, a link to reset a password."""
_KINDS = (
    ("id", re.compile(r"\d{1,18}")),
    ("date", re.compile(r"\d{4}-\d\d(-\d\d)?")),
    ("uuid", re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)),
    ("hash", re.compile(r"(?=[a-f]*\d)[0-9a-f]{16,}", re.IGNORECASE)),
    ("email", re.compile(r".*[^@]@[^@].*")),
    ("token", re.compile(r".*=.*|eyJ.*|\d{19,}|[^.]{48,}|(?=.*\d)(?=.*[A-Za-z])[\w+=~.-]{20,}")),
)
_BEFORE_SECRETS = re.compile(
    r"(password|passwd|reset|token|tokens|verify|verification|confirm|confirmation|activate|activation|unsubscribe|"
    r"invite|invites|invitation|secret|secrets|key|keys|apikey|api-key|auth|oauth|session|sessions|magic|share|shared|"
    r"otp|code|sso|signature|webhook|webhooks|hooks)",
    re.IGNORECASE,
)
_WORD = re.compile(r"[a-z]{1,16}([-_][a-z]{1,16})?(\.[a-z]{2,5})?|v\d{1,2}", re.IGNORECASE)
_SAFE = "/%:@!$&'()*+,=-._~"


class Path(NamedTuple):
    path: str
    """As it can be sent: without query, fragment and parameters, in ASCII."""
    template: str
    """The same with ``{id}`` and the like in place of what differs from request to request."""
    is_secret: bool
    """Whether there is something in it that may be a secret. Then only the template may be shown or written."""


def path_of(target: str) -> Path | None:
    """Of the target of a request, an absolute address among them; None where it is none, as ``*`` is."""
    if "://" in target[:20]:
        try:
            target = urlsplit(target).path or "/"
        except ValueError:
            return None
    target = re.split(r"[?#;]", target, maxsplit=1)[0]
    if not target.startswith("/") or len(target) > LONGEST_PATH or not target.isprintable():
        return None
    sent = quote(target, safe=_SAFE)
    before = ""
    segments: list[str] = []
    is_secret = False
    for segment in sent.split("/"):
        text = unquote(segment)
        kind = _kind(text, before)
        is_secret = is_secret or kind in SECRET
        segments.append(f"{{{kind}}}" if kind else segment)
        before = text
    return Path(sent, "/".join(segments), is_secret)


def _kind(text: str, before: str) -> str:
    """What a segment is the value of; empty for a word of the path itself."""
    kind = next((kind for kind, pattern in _KINDS if text and pattern.fullmatch(text)), "")
    if kind not in SECRET and text and _BEFORE_SECRETS.fullmatch(before) and not _WORD.fullmatch(text):
        return "token"
    return kind


@dataclass
class Kind:
    """Requests of one method and one template."""

    method: str
    template: str
    is_secret: bool
    count: int = 0
    samples: Counter[str] = field(default_factory=Counter)
    """Path → how often. Empty where there may be a secret in it."""

    @property
    def name(self) -> str:
        return f"{self.method} {self.template}"


class Mix:
    """Which requests there are, and how often each. Counted as they come, and folded into kinds now and then, because
    there may be as many paths as requests.
    """

    MOST_RAW, MOST_KINDS = 100_000, 20_000

    def __init__(self) -> None:
        self._raw: Counter[tuple[bytes, bytes]] = Counter()
        self._kinds: dict[tuple[str, str], Kind] = {}
        self.without_path = 0
        """Requests whose target is no path."""
        self.of_others = 0
        """Requests of so many kinds that they are not told apart."""

    def add(self, requests: Counter[tuple[bytes, bytes]]) -> None:
        """(method, target) → how often."""
        self._raw.update(requests)
        if len(self._raw) > self.MOST_RAW:
            self._fold()

    def kinds(self) -> list[Kind]:
        """The most frequent first."""
        self._fold()
        return sorted(self._kinds.values(), key=lambda kind: (-kind.count, kind.name))

    def _fold(self) -> None:
        for (method, target), count in self._raw.items():
            path = path_of(target.decode("utf-8", errors="replace"))
            if path is None:
                self.without_path += count
                continue
            key = method.decode("ascii", errors="replace"), path.template
            if key not in self._kinds:
                if len(self._kinds) >= self.MOST_KINDS:
                    self.of_others += count
                    continue
                self._kinds[key] = Kind(*key, path.is_secret)
            kind = self._kinds[key]
            kind.count += count
            if not path.is_secret:
                kind.samples[path.path] += count
                if len(kind.samples) > 10 * MOST_SAMPLES:
                    kind.samples = Counter(dict(kind.samples.most_common(2 * MOST_SAMPLES)))
        self._raw.clear()


def sendable(kinds: Iterable[Kind], most: int) -> tuple[list[Kind], dict[str, int]]:
    """The kinds that can be sent as they are, at most so many; and reason → requests of those that cannot."""
    kept: list[Kind] = []
    left_out: dict[str, int] = {}
    for kind in kinds:
        if kind.method not in SAFE:
            why = f"{kind.method}: a log has no bodies, and to send it may change data"
        elif kind.is_secret:
            why = "a part of the path that may be a secret (a key, a session, an address)"
        elif len(kept) >= most:
            why = f"rarer than the {most} most frequent"
        else:
            kept.append(kind)
            continue
        left_out[why] = left_out.get(why, 0) + kind.count
    return kept, left_out
