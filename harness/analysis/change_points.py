"""Where a series of figures, one a run, changed: E-divisive (Matteson & James 2014, "A nonparametric approach for
multiple change point analysis of multivariate data", JASA 109; for performance tests Fleming et al., arXiv 2301.03034).

A series is cut where the energy distance between what comes before and after, weighted by m·n ÷ (m + n), is largest; a
cut stands where no more than ``SIGNIFICANT`` of random orders of the same figures have one as large. Both parts are
then looked at in the same way. Distances are those of ranks: one run that took ten times as long is one that was last,
and one that was never seen to end has a place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.analysis.distributions import ranks
from harness.analysis.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    np = LazyModule("numpy")

SIGNIFICANT = 0.01
"""The share of random orders that may have a cut as good, for one to stand."""
ORDERS = 199
FEWEST_BESIDE = 2
"""Figures on either side of a cut."""
FEWEST = 10
"""Fewer cannot show a change, wherever it lies: of eight, 1 in 35 orders are as good as the best."""
SEED = 20140123


def change_points(values: Sequence[float]) -> tuple[int, ...]:
    """Places at which a new level begins: the first figure of each level but the first. Values may be infinite, not
    NaN. The same values give the same places: random orders are drawn from a fixed seed.
    """
    series = np.asarray(values, dtype=np.float64)
    random = np.random.default_rng(SEED)
    found: list[int] = []
    waiting = [(0, len(series))]
    while waiting:
        begin, end = waiting.pop()
        cut = _cut(series[begin:end], random)
        if cut is not None:
            found.append(begin + cut)
            waiting += [(begin, begin + cut), (begin + cut, end)]
    return tuple(sorted(found))


def _cut(part: NDArray[np.float64], random: np.random.Generator) -> int | None:
    """Where the part is to be cut; None where it is of one level."""
    if len(part) < FEWEST or np.all(part == part[0]):
        return None
    places = ranks(part)
    divergences = _divergences(places)
    best = float(divergences.max())
    allowed = int(SIGNIFICANT * (ORDERS + 1)) - 1
    as_good = 0
    for _ in range(ORDERS):
        as_good += float(_divergences(random.permutation(places)).max()) >= best * (1 - 1e-12)
        if as_good > allowed:
            return None
    return FEWEST_BESIDE + int(divergences.argmax())


def _divergences(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of a cut at each place from ``FEWEST_BESIDE`` on, shape (n − 2 · FEWEST_BESIDE + 1,): m·n ÷ (m + n) times the
    energy distance, 2 E|X − Y| − E|X − X′| − E|Y − Y′|.
    """
    n = len(values)
    sums = np.abs(values[:, None] - values[None, :]).cumsum(axis=0).cumsum(axis=1)
    cuts = np.arange(FEWEST_BESIDE, n - FEWEST_BESIDE + 1)
    before, after = cuts.astype(np.float64), (n - cuts).astype(np.float64)
    left = sums[cuts - 1, cuts - 1]
    across = sums[cuts - 1, n - 1] - left
    right = sums[n - 1, n - 1] - left - 2 * across
    between = 2 * across / (before * after)
    within = left / (before * (before - 1)) + right / (after * (after - 1))
    return np.asarray(before * after / n * (between - within), dtype=np.float64)
