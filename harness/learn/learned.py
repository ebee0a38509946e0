"""Everything that is learned from one source."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from harness.learn import expected as peaks_over_threshold
from harness.learn import level, spikes
from harness.learn.expected import Expected
from harness.learn.fitting import Fit
from harness.learn.level import Ahead, Observed, Pattern, Values
from harness.learn.spikes import Spike, Spikes
from harness.learn.traffic import Traffic

MOST_FITTED = 12


@dataclass(frozen=True)
class Source:
    observed: Observed
    traffic: Traffic | None
    """None of a series: it says nothing of which requests there are."""
    notes: tuple[str, ...]
    """What was read, and what was left out."""


@dataclass(frozen=True)
class Learned:
    source: Source
    usual: Values
    """Usual level of each window."""
    found: Spikes
    fits: tuple[tuple[Spike, Fit], ...]
    """The largest spikes, the largest first, each with the curve that it is nearest to."""
    pattern: Pattern
    ahead: Ahead | None
    expected: Expected

    @property
    def observed(self) -> Observed:
        return self.source.observed

    @property
    def middle(self) -> float:
        """The usual level in the middle of all windows."""
        return float(np.median(self.usual))

    def utc(self, after_s: float) -> datetime:
        """Of a time after the first window."""
        return datetime.fromtimestamp(self.observed.start_s + after_s, UTC)


def expect(observed: Observed, usual: Values) -> Expected:
    """How big a spike to expect, by all peaks above the noise."""
    peaks = spikes.find(observed, usual, spikes.PEAKS_SD)
    at_days = [spike.peak_s / level.DAY_S for spike in peaks.spikes]
    return peaks_over_threshold.expected(
        [spike.m for spike in peaks.spikes], peaks.threshold, observed.known_days, at_days, peaks.noise
    )


def learn(source: Source) -> Learned:
    observed = source.observed
    usual = level.usual_level(observed)
    found = spikes.find(observed, usual)
    largest = sorted(found.spikes, key=lambda spike: -spike.m)[:MOST_FITTED]
    return Learned(
        source,
        usual,
        found,
        tuple((spike, spikes.fit(observed, usual, spike)) for spike in largest),
        level.pattern(observed),
        level.ahead(spikes.without(observed, found)),
        expect(observed, usual),
    )
