"""The band of normal windows, learned from the baseline.

Two figures of a window are held against the baseline, because each sees what the other cannot. The share of
bad requests sees errors and slow tails. The median sees a target that is slower for everybody, even when the
baseline has so long a tail that its p95, and with it the SLO, lies above the slower latency.

Limit of each = one-sided quantile of the baseline's windows + an absolute floor, and never narrower than
chance: of n requests, as many may be bad as a binomial with the baseline's share plus the floor reaches in 99
of 100 windows, and the median may be as slow as a lognormal with the spread of the baseline's medians reaches
in 99 of 100. So windows with ten requests are not judged like those with thousands.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.distributions import beta_quantile, binomial_quantile, normal_quantile
from harness.analysis.lazy import LazyModule
from harness.analysis.quality import Windows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    np = LazyModule("numpy")

QUANTILE = 0.95
CHANCE = 0.01
EXIT_CHANCE = 0.001
SHARE_FLOOR = 0.1
"""Share of bad requests above the baseline's that a single window may have."""
LONG_SHARE_FLOOR = 0.05
"""The same over many windows together, where chance evens out."""


@dataclass(frozen=True)
class Band:
    """What is normal, and a wider band that a recovered target must leave to count as degraded again."""

    bad_ratio: float
    """Share of bad requests in the whole baseline."""
    bad_ratio_upper: float
    """Upper 99 % bound of it."""
    window_ratio: float
    """One-sided quantile of the share of bad requests in the baseline's windows."""
    median_s: float
    """One-sided quantile of the median latency of the baseline's windows, in seconds."""
    log_median: tuple[float, float]
    """Mean and standard deviation of the logarithm of those medians."""
    floor_s: float

    def inside(self, windows: Windows) -> NDArray[np.bool_]:
        """Windows with evidence that they are normal."""
        return windows.evident & ~self._beyond(windows, 1, CHANCE)

    def outside(self, windows: Windows) -> NDArray[np.bool_]:
        """Windows with evidence that they are not normal."""
        return windows.evident & self._beyond(windows, 1, CHANCE)

    def far_outside(self, windows: Windows) -> NDArray[np.bool_]:
        """Windows outside the exit band, which has twice the floors and a tenth of the chance."""
        return windows.evident & self._beyond(windows, 2, EXIT_CHANCE)

    def holds(self, windows: Windows) -> bool:
        """Whether the share of bad requests is normal in the first window, the first two … and in all
        together.

        A target that fails every other request often passes a window with ten requests, but not three in a
        row taken together. Windows that are outside by themselves are left out: how many of them are
        tolerated is for the caller to say.
        """
        kept = self.inside(windows)
        intended, bad = np.cumsum(windows.intended[kept]), np.cumsum(windows.bad[kept])
        return bool(np.all(bad <= binomial_quantile(1 - EXIT_CHANCE, intended, self._share(LONG_SHARE_FLOOR))))

    def may_be_beyond(self, bad: int, intended: int) -> float | None:
        """The 95 % upper bound (Clopper & Pearson, one-sided) of the share of bad requests, where it is beyond that of
        the baseline and its floor: then nobody can say that the target is normal. None where it is not.
        """
        upper = 1.0 if bad >= intended else float(beta_quantile(0.95, bad + 1, intended - bad))
        return upper if upper > self._share(SHARE_FLOOR) else None

    def _beyond(self, windows: Windows, floors: int, chance: float) -> NDArray[np.bool_]:
        by_chance = binomial_quantile(1 - chance, windows.intended, self._share(floors * SHARE_FLOOR))
        by_windows = np.floor(windows.intended * (self.window_ratio + floors * SHARE_FLOOR))
        too_many = windows.bad > np.maximum(by_chance, by_windows)
        with np.errstate(invalid="ignore"):
            too_slow = windows.median_s > self._median_limit_s(chance) + floors * self.floor_s
        return np.asarray(too_many | too_slow, dtype=np.bool_)

    def _median_limit_s(self, chance: float) -> float:
        mean, deviation = self.log_median
        return max(self.median_s, math.exp(mean + normal_quantile(1 - chance) * deviation))

    def _share(self, floor: float) -> float:
        return min(1.0, self.bad_ratio_upper + floor)


def band(baseline: Windows, floor_s: float) -> Band:
    """The band of a baseline, of which there must be at least one window with evidence."""
    used = baseline.evident
    intended, bad = int(baseline.intended.sum()), int(baseline.bad.sum())
    upper = 1.0 if bad == intended else beta_quantile(0.99, bad + 1, intended - bad)
    # "lower": where a window of the baseline has an infinite median, it must not become the limit.
    medians_s = baseline.median_s[used]
    logs = np.log(np.maximum(medians_s[np.isfinite(medians_s)], 1e-6))
    return Band(
        bad_ratio=bad / intended,
        bad_ratio_upper=upper,
        window_ratio=float(np.quantile(1 - baseline.quality[used], QUANTILE, method="higher")),
        median_s=float(np.quantile(medians_s, QUANTILE, method="lower")),
        log_median=(float(logs.mean()), float(logs.std())),
        floor_s=floor_s,
    )
