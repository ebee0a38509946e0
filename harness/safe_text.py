"""Text from elsewhere, without the characters that change how the text around them is shown, and short enough.

A request name, the answer to a health check or a path may hold escape sequences for terminals, marks that turn the
reading direction, or half a character. Each of these becomes U+FFFD. Escaping for HTML, Markdown or XML comes on top
and is the format's own affair.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterable

MOST_LETTERS = 2000
"""Of a line that is printed: a server may answer with a book."""

SHORTEST_SECRET = 4
_hidden: dict[str, dict[int, set[str]]] = {}
"""First letters of values that no message may show → their lengths → the values: thousands may begin alike."""

_USER_INFO = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30}:/{1,2})[^/\s\"'<>@\\]*@")
"""The scheme is bounded, or a long word without one would take time by the square of its length."""
_BARE_USER_INFO = re.compile(r"(?<![^\s\"'=(,])[^\s/:\"'<>@\\=]{0,64}:[^\s/\"'<>@\\]{1,256}@(?=[\w.\[-])")
"""``user:password@host``, as somebody writes who has forgotten the scheme."""
_TURNING = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_UNPRINTABLE = re.compile(f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f{_TURNING}\ud800-\udfff\ufffe\uffff]")


def safe(text: str) -> str:
    """The text with such characters replaced; line ends and tabs stay."""
    return _UNPRINTABLE.sub("\ufffd", text)


def escaped(text: str) -> str:
    """The text with such characters written as JSON writes them, so that nothing of it is lost."""
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text).replace("\r", "\\r")


def one_line(text: str) -> str:
    """The same on one line, with single spaces."""
    return safe(" ".join(text.split()))


def without_user_info(text: str) -> str:
    """The text with user and password left out of every address in it."""
    return _BARE_USER_INFO.sub("", _USER_INFO.sub(r"\1", text))


def hide_values(values: Iterable[str]) -> None:
    """From now on :func:`without_values` leaves these out, in this process, which cannot list them for each message:
    a file may have a hundred thousand. Shorter ones than :data:`SHORTEST_SECRET` are words that stand anywhere.
    """
    for value in values:
        if len(value) >= SHORTEST_SECRET:
            _hidden.setdefault(value[:SHORTEST_SECRET], {}).setdefault(len(value), set()).add(value)


def without_values(text: str, instead: str) -> str:
    """The text without what was given to :func:`hide_values`."""
    if not _hidden:
        return text
    parts: list[str] = []
    place = 0
    while place < len(text):
        alike = _hidden.get(text[place : place + SHORTEST_SECRET], {})
        length = max((length for length in alike if text[place : place + length] in alike[length]), default=0)
        parts.append(instead if length else text[place])
        place += length or 1
    return "".join(parts)


def say(text: str) -> None:
    """One line on standard error, without user info. When nobody reads that any more (``2>&1 | head``), the run goes on
    all the same.
    """
    shown = one_line(without_values(without_user_info(text), "…"))
    shown = shown if len(shown) <= MOST_LETTERS else f"{shown[:MOST_LETTERS]} …"
    with contextlib.suppress(OSError):
        print(f"springback: {shown}", file=sys.stderr, flush=True)
