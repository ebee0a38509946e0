"""Numbers of a JSON document: a status page, a pool's figures, ``/health`` with details."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from harness.clients.address import strip_url, url_problems
from harness.clients.http_get import NoAnswerError, page
from harness.plugins import parameter
from harness.probes import Probe, Reading

LIMIT_BYTES = 1_000_000
LIMIT_VALUES = 500
"""Each value is a number in each line of the recording, once a second."""


@dataclass(frozen=True)
class HttpJson(Probe):
    """Each number of the document at ``url`` under its path: ``{"pool": {"busy": 3}}`` → ``pool.busy``.

    ``true`` is 1 and ``false`` is 0; list items go by their index; text and ``null`` are left out.
    ``keys`` selects by path, with ``*`` for anything; empty: all. User info in the URL is sent as basic
    authentication and never enters a reading.
    """

    url: str = parameter(help="address of the document")
    keys: tuple[str, ...] = parameter((), "paths of the numbers, with * for anything; empty: all")
    timeout_s: float = parameter(2.0, "longest time for one sample", lowest=0.001)

    def conflicts(self) -> Iterable[str]:
        return url_problems(self.url)

    def sample(self) -> Iterator[Reading]:
        source = strip_url(self.url)
        try:
            body = page(self.url, self.timeout_s, LIMIT_BYTES, "application/json")
        except NoAnswerError as error:
            yield Reading.failed(source, str(error))
            return
        try:
            values = numbers_in(body)
        except (ValueError, RecursionError):
            yield Reading.failed(source, f"the answer of {len(body)} bytes is not JSON")
            return
        yield from self._select(source, values)

    def _select(self, source: str, values: dict[str, float]) -> Iterator[Reading]:
        there = ", ".join(list(values)[:10]) or "none"
        missing = [key for key in self.keys if not any(fnmatchcase(path, key) for path in values)]
        if self.keys:
            values = {p: v for p, v in values.items() if any(fnmatchcase(p, key) for key in self.keys)}
        if len(values) > LIMIT_VALUES:
            yield Reading.failed(source, f"{len(values)} numbers, at most {LIMIT_VALUES}: choose some with keys")
            return
        if values:
            yield Reading.of(source, values)
        if missing or not values:
            what = f"no number at {', '.join(missing)}" if missing else "no number in the document"
            yield Reading.failed(source, f"{what}; numbers there: {there}", may_come=True)


def numbers_in(body: bytes) -> dict[str, float]:
    """Path → number. Raises ValueError or RecursionError for what is no JSON document."""
    return dict(_numbers(json.loads(body), ""))


def _numbers(node: object, path: str) -> Iterator[tuple[str, float]]:
    match node:
        case bool() | int() | float():
            yield path or "value", _as_float(node)
        case dict():
            for key, child in node.items():
                yield from _numbers(child, f"{path}.{key}" if path else str(key))
        case list():
            for index, child in enumerate(node):
                yield from _numbers(child, f"{path}.{index}" if path else str(index))


def _as_float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:  # an integer of more than 308 digits
        return float("inf")
