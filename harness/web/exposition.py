"""The text format of Prometheus, version 0.0.4.

Not prometheus_client's ``generate_latest``: it takes 60 ms for the histograms of a hundred names, and the process that
answers releases herds. Its parser reads in the tests what is written here.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import accumulate
from typing import TypeAlias

from harness.live.request_durations import BOUNDS_S, Durations
from harness.run.locust_output import hidden
from harness.safe_text import one_line

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LONGEST_VALUE = 200
BORN_S = 0.9
"""For how long a series is 0 when it is new."""
FORGETFUL_S = 60.0
Sample: TypeAlias = tuple[Mapping[str, object], float | None]
"""Labels, and the figure."""
Samples: TypeAlias = Iterable[Sample]
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Births:
    """Which series are new. To Prometheus a counter that comes with a figure has not grown: it would never see the herd
    whose requests have a name of their own. So it is shown as 0 first, for about a second, which is until it has been
    scraped so. What is there when nobody has asked before, or not for a minute, comes as it is.
    """

    def __init__(self) -> None:
        self._first_s: dict[str, float] = {}
        self._now_s: float | None = None
        self._is_watched = False

    def turn_page(self, now_s: float) -> None:
        """A page is made, at an instant of a monotonic clock."""
        self._is_watched = self._now_s is not None and now_s - self._now_s < FORGETFUL_S
        self._now_s = now_s

    def begin_anew(self) -> None:
        """Counters are at 0 again."""
        self._first_s = {}

    def is_new(self, series: str) -> bool:
        assert self._now_s is not None
        first_s = self._first_s.setdefault(series, self._now_s if self._is_watched else -math.inf)
        return self._now_s - first_s < BORN_S


class Page:
    """What all families of one page after another share: which series are new, and what is not shown."""

    def __init__(self, secrets: Collection[str], births: Births) -> None:
        self._secrets = secrets
        self.births = births

    def labels(self, values: Mapping[str, object]) -> str:
        """``name="value",…``; a value that is empty is left out, as to Prometheus it is none. Values are shortened, and
        cleaned of what changes how they are shown, of user info and of secrets.
        """
        shown = ((name, one_line(hidden(str(value), self._secrets))[:LONGEST_VALUE]) for name, value in values.items())
        return ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in shown if value)

    def gauge(self, name: str, about: str, samples: Samples) -> Iterator[str]:
        """A family of this kind; samples without a figure are left out, and without samples there is no family."""
        yield from self._family(name, about, "gauge", samples)

    def counter(self, name: str, about: str, samples: Samples) -> Iterator[str]:
        """As :meth:`gauge`; one that is new begins at 0."""
        yield from self._family(name, about, "counter", samples)

    def _family(self, name: str, about: str, kind: str, samples: Samples) -> Iterator[str]:
        # By their labels: what looks alike, once it is cleaned, would make Prometheus refuse all of the page.
        figures: dict[str, float] = {}
        for values, figure in samples:
            if figure is not None:
                key = self.labels(values)
                figures[key] = figures.get(key, 0.0) + figure if kind == "counter" else figure
        if figures:
            yield _head(name, about, kind)
            for key, figure in figures.items():
                series = f"{name}{{{key}}}" if key else name
                is_new = kind == "counter" and self.births.is_new(series)
                yield f"{series} {0.0 if is_new else float(figure)!r}\n"


_NOTHING = Durations()


class Histogram:
    """A family of histograms. The text of a series but for its figures is made once: there may be hundreds."""

    def __init__(self, name: str, about: str) -> None:
        self._name = name
        self._head = _head(name, about, "histogram")
        self._texts: dict[str, str] = {}

    def text(self, series: Iterable[tuple[str, Durations]], births: Births) -> Iterator[str]:
        """``series`` are by their :meth:`Page.labels`; those with equal ones are added up, and new ones begin at 0."""
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
            if births.is_new(self._name + key):
                durations = _NOTHING
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
