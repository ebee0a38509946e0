"""The text format of Prometheus, version 0.0.4.

Not prometheus_client's ``generate_latest``: it takes 60 ms for the histograms of a hundred names, and the process that
answers releases herds. Its parser reads in the tests what is written here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate

from harness.live.request_durations import BOUNDS_S, Durations
from harness.safe_text import one_line

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LONGEST_VALUE = 200
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def labels(values: Mapping[str, object]) -> str:
    """``name="value",…``; a value that is empty is left out, as to Prometheus it is none. A value that changes how it
    is shown, or is long, is shortened and cleaned.
    """
    shown = ((name, one_line(str(value))[:LONGEST_VALUE]) for name, value in values.items())
    return ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in shown if value)


def gauge(name: str, about: str, samples: Iterable[tuple[Mapping[str, object], float | None]]) -> Iterator[str]:
    """A family of this kind; samples without a figure are left out, and without samples there is no family."""
    yield from _family(name, about, "gauge", samples)


def counter(name: str, about: str, samples: Iterable[tuple[Mapping[str, object], float | None]]) -> Iterator[str]:
    yield from _family(name, about, "counter", samples)


def _family(
    name: str, about: str, kind: str, samples: Iterable[tuple[Mapping[str, object], float | None]]
) -> Iterator[str]:
    # By their labels: what looks alike, once it is cleaned, would make Prometheus refuse all of the page.
    figures: dict[str, float] = {}
    for values, figure in samples:
        if figure is not None:
            key = labels(values)
            figures[key] = figures.get(key, 0.0) + figure if kind == "counter" else figure
    if figures:
        yield _head(name, about, kind)
        for key, figure in figures.items():
            yield f"{name}{{{key}}} {float(figure)!r}\n" if key else f"{name} {float(figure)!r}\n"


class Histogram:
    """A family of histograms. The text of a series but for its figures is made once: there may be hundreds."""

    def __init__(self, name: str, about: str) -> None:
        self._name = name
        self._head = _head(name, about, "histogram")
        self._texts: dict[str, str] = {}

    def text(self, series: Iterable[tuple[str, Durations]]) -> Iterator[str]:
        """``series`` are by their :func:`labels`; those with equal labels are added up."""
        merged: dict[str, Durations] = {}
        for key, durations in series:
            if key in merged:
                both = Durations()
                both.merge(merged[key])
                both.merge(durations)
                merged[key] = both
            else:
                merged[key] = durations
        if merged:
            yield self._head
        for key, durations in merged.items():
            text = self._texts.get(key)
            if text is None:
                text = self._texts[key] = self._text(key)
            cumulative = tuple(accumulate(durations.counts))
            yield text % (*cumulative, durations.sum_s, cumulative[-1])

    def _text(self, key: str) -> str:
        fixed = key.replace("%", "%%")
        comma = "," if fixed else ""
        bounds = [*(f"{bound:g}" for bound in BOUNDS_S), "+Inf"]
        lines = [f'{self._name}_bucket{{{fixed}{comma}le="{bound}"}} %d\n' for bound in bounds]
        braces = f"{{{fixed}}}" if fixed else ""
        return "".join([*lines, f"{self._name}_sum{braces} %.9g\n", f"{self._name}_count{braces} %d\n"])


def _head(name: str, about: str, kind: str) -> str:
    return f"# HELP {name} {about}\n# TYPE {name} {kind}\n"
