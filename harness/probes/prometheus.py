"""Metrics of a Prometheus text endpoint, as most services have one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

from harness.clients.address import url_problems
from harness.clients.http_get import Answer, NoAnswerError, get_all
from harness.plugins import parameter
from harness.probes import Probe, Reading

LIMIT_BYTES = 4_000_000
LIMIT_VALUES = 500
"""Each value is a number in each line of the recording, once a second."""
BULKY = ("_bucket", "_created")
"""Buckets and creation times are many and rarely wanted: read only where a pattern ends like them."""


@dataclass(frozen=True)
class Prometheus(Probe):
    """Samples of each of ``urls`` whose name matches one of ``metrics``, with ``*`` for anything; empty: all.

    A value's key is the metric's name with its labels in alphabetical order: ``pool_in_use{db="main"}``.
    The source is host and port, so that the same page of several instances gives comparable series.
    User info in a URL is sent as basic authentication and never enters a reading.
    """

    urls: tuple[str, ...] = parameter(help="addresses of the metrics pages, one an instance")
    metrics: tuple[str, ...] = parameter((), "names of metrics, with * for anything; empty: all")
    timeout_s: float = parameter(2.0, "longest time for one sample", lowest=0.001)

    def conflicts(self) -> Iterable[str]:
        return page_problems(self.urls)

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
            return Reading.failed(source, answer.in_words)
        try:
            values = values_of(answer.body.decode(), self.metrics)
        except Exception as error:  # the parser raises whatever its string handling happens to raise
            return Reading.failed(source, f"the answer is not Prometheus text ({type(error).__name__}: {error})")
        if not values:
            wanted = ", ".join(self.metrics) or "anything"
            nothing = f"no metric named {wanted} in the answer of {len(answer.body)} bytes"
            return Reading.failed(source, nothing, may_come=True)
        if len(values) > LIMIT_VALUES:
            return Reading.failed(source, f"{len(values)} values, at most {LIMIT_VALUES}: choose some with metrics")
        return Reading.of(source, values)


def values_of(text: str, metrics: Sequence[str] = ()) -> dict[str, float]:
    """The samples of a page whose name matches one of ``metrics``, as :class:`Prometheus` reads them. Raises whatever
    the parser's string handling happens to raise for what is no such page.
    """
    return {
        _key(sample.name, sample.labels): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if _wants(metrics, sample.name)
    }


def _wants(metrics: Sequence[str], name: str) -> bool:
    bulky = next((ending for ending in BULKY if name.endswith(ending)), "")
    return any(fnmatchcase(name, pattern) and pattern.endswith(bulky) for pattern in metrics or ("*",))


def page_problems(urls: Sequence[str]) -> list[str]:
    """What keeps these from being addresses of metrics pages."""
    if not urls:
        return ["urls is empty. Give at least one address of a metrics page"]
    return [problem for url in urls for problem in url_problems(url)]


def _key(name: str, labels: dict[str, str]) -> str:
    pairs = ",".join(f'{label}="{_escaped(labels[label])}"' for label in sorted(labels))
    return f"{name}{{{pairs}}}" if pairs else name


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
