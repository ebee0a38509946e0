"""Metrics of a Prometheus text endpoint, as most services have one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

from harness.clients.address import url_faults
from harness.clients.http_get import Answer, NoAnswerError, get_all
from harness.errors import ConfigurationError
from harness.probes import Reading

LIMIT_BYTES = 4_000_000
LIMIT_VALUES = 500
"""Each value is a number in each line of the recording, once a second."""
BULKY = ("_bucket", "_created")
"""Buckets and creation times are many and rarely wanted: read only where a pattern ends like them."""


@dataclass(frozen=True)
class Prometheus:
    """Samples of each of ``urls`` whose name matches one of ``metrics``, with ``*`` for anything; empty: all.

    A value's key is the metric's name with its labels in alphabetical order: ``pool_in_use{db="main"}``.
    The source is host and port, so that the same page of several instances gives comparable series.
    User info in a URL is sent as basic authentication and never enters a reading.
    """

    urls: tuple[str, ...]
    metrics: tuple[str, ...] = ()
    timeout_s: float = 2.0

    def __post_init__(self) -> None:
        faults = [f"Probe prometheus: {fault}" for url in self.urls for fault in url_faults(url)]
        if not self.urls:
            faults.append("Probe prometheus: urls is empty. Give at least one address of a metrics page")
        if self.timeout_s <= 0:
            faults.append(f"Probe prometheus: timeout_s is {self.timeout_s:g}. Give more than 0 seconds")
        if faults:
            raise ConfigurationError(faults)

    def sample(self) -> Iterator[Reading]:
        answers = get_all(self.urls, self.timeout_s, LIMIT_BYTES, "text/plain;version=0.0.4")
        for url, answer in zip(self.urls, answers, strict=True):
            source = urlsplit(url).netloc.rpartition("@")[2]
            if isinstance(answer, NoAnswerError):
                yield Reading.failed(source, str(answer))
            else:
                yield self._read(source, answer)

    def _read(self, source: str, answer: Answer) -> Reading:
        if answer.status != 200:
            to = f" to {answer.location}, which is not followed" if answer.location else ""
            return Reading.failed(source, f"HTTP {answer.status} {answer.reason}".rstrip() + to)
        try:
            values = self._values(answer.body.decode())
        except Exception as error:  # the parser raises whatever its string handling happens to raise
            return Reading.failed(source, f"the answer is not Prometheus text ({type(error).__name__}: {error})")
        if not values:
            wanted = ", ".join(self.metrics) or "anything"
            return Reading.failed(source, f"no metric named {wanted} in the answer of {len(answer.body)} bytes")
        if len(values) > LIMIT_VALUES:
            return Reading.failed(source, f"{len(values)} values, at most {LIMIT_VALUES}: choose some with metrics")
        return Reading.of(source, values)

    def _values(self, text: str) -> dict[str, float]:
        return {
            _key(sample.name, sample.labels): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if self._wants(sample.name)
        }

    def _wants(self, name: str) -> bool:
        bulky = next((ending for ending in BULKY if name.endswith(ending)), "")
        patterns = self.metrics or ("*",)
        return any(fnmatchcase(name, pattern) and pattern.endswith(bulky) for pattern in patterns)


def _key(name: str, labels: dict[str, str]) -> str:
    pairs = ",".join(f'{label}="{_escaped(labels[label])}"' for label in sorted(labels))
    return f"{name}{{{pairs}}}" if pairs else name


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
