"""The options that Locust's web UI shows, looked up once for each parser.

Locust looks through all options again for each question about each of them: with those of a scenario beside its own,
some hundreds, a page took a quarter of a second, in which no user of a run in the same process is served.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from locust.argument_parser import LocustArgumentParser

PROPERTIES = (
    "args_included_in_web_ui",
    "secret_args_included_in_web_ui",
    "required_args_included_in_web_ui",
    "multiple_args_included_in_web_ui",
)


@cache
def look_up_once() -> None:
    """From now on, in this process."""
    for name in PROPERTIES:
        known = getattr(LocustArgumentParser, name, None)
        if isinstance(known, property):
            setattr(LocustArgumentParser, name, _kept(name, known))


def _kept(name: str, found: property) -> property:
    """Of a parser that gets another option, it is found anew."""

    def options(parser: LocustArgumentParser) -> Any:
        kept: dict[str, Any] = parser.__dict__.setdefault("_springback_shown", {})
        count, value = kept.get(name, (0, None))
        if count != len(parser._actions):
            value = found.__get__(parser)
            kept[name] = len(parser._actions), value
        return value

    return property(options, doc=found.__doc__)
