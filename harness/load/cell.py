"""What is counted of one second, name, outcome, status and media type."""

from __future__ import annotations

from collections.abc import Mapping

from harness.analysis.histogram import add


class Cell:
    __slots__ = ("bytes", "count", "latency", "service", "sizes", "starts")

    def __init__(self) -> None:
        self.count = 0
        self.starts = 0
        self.bytes = 0
        self.latency: dict[int, int] = {}
        self.service: dict[int, int] | None = None
        self.sizes: dict[int, int] = {}


def merge(into: Cell, other: Cell) -> None:
    into.count += other.count
    into.starts += other.starts
    into.bytes += other.bytes
    if into.service is None and other.service is not None:
        into.service = {**into.latency}
    elif into.service is not None and other.service is None:
        other.service = other.latency
    add(into.latency, other.latency)
    add(into.sizes, other.sizes)
    if into.service is not None and other.service is not None:
        add(into.service, other.service)


def positive(counts: Mapping[int, int]) -> dict[int, int]:
    return {index: count for index, count in counts.items() if count}
