"""The access logs that are known, and which of them a file is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.learn.json_lines import JSON
from harness.learn.log_lines import COMMON, HAPROXY, LOAD_BALANCER, LogFormat

FORMATS = (COMMON, HAPROXY, LOAD_BALANCER, JSON)
KNOWN = "; ".join(each.title for each in FORMATS)


def best(lines: Sequence[bytes]) -> tuple[LogFormat, int]:
    """The format of which most of the lines are, and how many."""
    counted = [(each, len(each.requests(b"\n".join(lines)))) for each in FORMATS]
    return max(counted, key=lambda pair: pair[1])


def misses(of: LogFormat, lines: Sequence[bytes]) -> Iterator[int]:
    """The places of the lines that are not of the format; empty lines are passed over."""
    return (place for place, line in enumerate(lines) if line.strip() and not of.requests(line))
