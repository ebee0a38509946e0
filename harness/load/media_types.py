"""The media types of answers, by which an error page in HTML is told from the JSON that was asked for."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,60}")
"""RFC 6838, 4.2; no longer than any that is registered, as each is kept apart."""


@lru_cache(maxsize=1000)
def media_type(content_type: str | bytes) -> str:
    """Of a ``Content-Type``, without its parameters; empty where it has none (RFC 9110, 8.3)."""
    text = content_type.decode("latin-1") if isinstance(content_type, bytes) else content_type
    named = text.partition(";")[0].strip().lower()
    return named if _MEDIA_TYPE.fullmatch(named) else ""


def media_type_of(response: Any) -> str:
    """Of the answer of any client of HTTP. Ours tells it by itself, without all fields being read."""
    try:
        told = getattr(response, "media_type", None)
        if told is None:
            field = response.headers.get("content-type")
            told = "" if field is None else media_type(field)  # what the cache raises for None takes ten times as long
    except Exception:  # no fields, or none of HTTP: whatever it is that a user has called an answer
        return ""
    return told if type(told) is str else ""
