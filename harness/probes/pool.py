"""A connection pool, as the service's metrics page shows it, under names of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from harness.errors import ConfigurationError
from harness.probes import Reading
from harness.probes.prometheus import Prometheus

_METRIC = re.compile(r"([A-Za-z_:][A-Za-z0-9_:]*)(?:\{(.*)\})?")
_LABEL = re.compile(r'\s*[A-Za-z_][A-Za-z0-9_]*="(?:[^"\\]|\\.)*"\s*')


@dataclass(frozen=True)
class Pool:
    """``size``, ``in_use`` and ``waiting`` of the pool of each process, from its Prometheus page.

    Each is a metric, where need be with labels that it must have (``hikaricp_connections_active{pool="main"}``); what
    fits is added up. ``size`` may also be a plain number, for a service that does not export it, and ``waiting`` may be
    empty. The source is host and port.
    """

    urls: tuple[str, ...]
    size: str
    in_use: str
    waiting: str = ""
    timeout_s: float = 2.0
    _page: list[Prometheus] = field(default_factory=list, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        metrics = {"size": self.size, "in_use": self.in_use, "waiting": self.waiting}
        others = {"size": _is_number(self.size), "waiting": not self.waiting}
        faults = [
            f'Probe pool: {name} is {text!r}. Give a metric, like connections_active{{pool="main"}}'
            for name, text in metrics.items()
            if not _is_metric(text) and not others.get(name)
        ]
        names = {text.partition("{")[0].strip() for text in metrics.values() if text and not _is_number(text)}
        try:
            self._page.append(Prometheus(self.urls, tuple(sorted(names)), self.timeout_s))
        except ConfigurationError as error:
            faults += [message.replace("Probe prometheus", "Probe pool") for message in error.messages]
        if faults:
            raise ConfigurationError(faults)

    def sample(self) -> Iterator[Reading]:
        for reading in self._page[0].sample():
            yield reading if reading.error is not None else self._named(reading)

    def _named(self, reading: Reading) -> Reading:
        values = {"in_use": _total(reading.values, self.in_use)}
        values["size"] = float(self.size) if _is_number(self.size) else _total(reading.values, self.size)
        if self.waiting:
            values["waiting"] = _total(reading.values, self.waiting)
        missing = [getattr(self, name) for name, value in values.items() if value is None]
        if missing:
            return Reading.failed(reading.source, f"no metric {', '.join(missing)} on the page")
        return Reading.of(reading.source, {name: value for name, value in values.items() if value is not None})


def _total(values: Mapping[str, float], metric: str) -> float | None:
    name, _, labels = metric.partition("{")
    wanted = [label.strip() for label in _LABEL.findall(labels)]
    fitting = [
        value
        for key, value in values.items()
        if key.partition("{")[0] == name.strip() and all(label in key.partition("{")[2] for label in wanted)
    ]
    return sum(fitting) if fitting else None


def _is_metric(text: str) -> bool:
    found = _METRIC.fullmatch(text.strip())
    return found is not None and not _LABEL.sub("", found[2] or "").strip(", ")


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[0-9]+(\.[0-9]+)?", text.strip()) is not None
