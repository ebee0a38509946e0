"""A connection pool, as the service's metrics page shows it, under names of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.plugins import parameter
from harness.probes import Probe, Reading
from harness.probes.prometheus import Prometheus, page_problems

_METRIC = re.compile(r"([A-Za-z_:][A-Za-z0-9_:]*)(?:\{(.*)\})?")
_LABEL = re.compile(r'\s*[A-Za-z_][A-Za-z0-9_]*="(?:[^"\\]|\\.)*"\s*')


@dataclass(frozen=True)
class Pool(Probe):
    """``size``, ``in_use`` and ``waiting`` of the pool of each process, from its Prometheus page.

    Each is a metric, where need be with labels that it must have (``hikaricp_connections_active{pool="main"}``); what
    fits is added up. ``size`` may also be a plain number, for a service that does not export it, and ``waiting`` may be
    empty. The source is host and port.
    """

    urls: tuple[str, ...] = parameter(help="addresses of the metrics pages, one a process")
    size: str = parameter(help="metric with the largest number of connections, or that number itself")
    in_use: str = parameter(help="metric with the number of connections in use")
    waiting: str = parameter("", "metric with the number of those who wait for one; empty: not measured")
    timeout_s: float = parameter(2.0, "longest time for one sample", lowest=0.001)

    def conflicts(self) -> Iterator[str]:
        others = {"size": _is_number(self.size), "waiting": not self.waiting}
        for name in ("size", "in_use", "waiting"):
            text = getattr(self, name)
            if not is_metric(text) and not others.get(name):
                yield f'{name} is {text!r}. Give a metric, like connections_active{{pool="main"}}'
        yield from page_problems(self.urls)

    def sample(self) -> Iterator[Reading]:
        texts = [text for text in (self.size, self.in_use, self.waiting) if text and not _is_number(text)]
        names = {text.partition("{")[0].strip() for text in texts}
        for reading in Prometheus(self.urls, tuple(sorted(names)), self.timeout_s).sample():
            yield reading if reading.error is not None else self._named(reading)

    def _named(self, reading: Reading) -> Reading:
        found = {"in_use": total_of(reading.values, self.in_use)}
        found["size"] = float(self.size) if _is_number(self.size) else total_of(reading.values, self.size)
        if self.waiting:
            found["waiting"] = total_of(reading.values, self.waiting)
        values = {name: value for name, value in found.items() if value is not None}
        if missing := [getattr(self, name) for name in found if name not in values]:
            return Reading.failed(reading.source, f"no metric {', '.join(missing)} on the page", may_come=True)
        return Reading.of(reading.source, values)


def total_of(values: Mapping[str, float], metric: str) -> float | None:
    """The sum of the samples of this metric that have the labels given; None where there are none."""
    name, _, labels = metric.partition("{")
    wanted = [label.strip() for label in _LABEL.findall(labels)]
    fitting = [
        value
        for key, value in values.items()
        if key.partition("{")[0] == name.strip() and all(label in key.partition("{")[2] for label in wanted)
    ]
    return sum(fitting) if fitting else None


def is_metric(text: str) -> bool:
    found = _METRIC.fullmatch(text.strip())
    return found is not None and not _LABEL.sub("", found[2] or "").strip(", ")


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[0-9]+(\.[0-9]+)?", text.strip()) is not None
