"""Do bad requests come in bursts, each too small for a window to stand out, and yet too many in all?

An outage that takes three in ten of the requests of half a second, every fifteen seconds, leaves one or two in a
window: no window shows it, and on the whole they are one in a hundred. What shows it is that they come *together*, and
that there were none before. Both are measured without any threshold of a window, and both are exact for few requests.
"""

from __future__ import annotations

from harness.analysis.distributions import beta_probability
from harness.analysis.intervals import chance_of_more
from harness.analysis.lazy import IntArray, NDArray, np

FEWEST_WINDOWS = 5
"""Fewer do not show how a share differs from window to window."""
TOGETHER = 0.05
"""Chance with which bad requests that are independent come so close together: the most that is looked at."""
BOTH = 0.005
"""The same, times the chance of so many more of them than before; about 2 in 100 targets that are well have it."""
DRAWS, BATCH, ENOUGH = 2000, 200, 40
"""Shuffles, how many at once, and how many with as many pairs need no more of them (Besag & Clifford 1991)."""
SEED = 20260314
STANDS_OUT = 0.01
"""Chance with which a window would have so many bad requests, by their share in all of them."""


def is_by_turns(hits: IntArray, n: IntArray, hits_before: int, n_before: int) -> bool:
    """Whether ``hits`` of ``n`` requests in each window come by turns, more of them than the baseline's make expect.

    Two chances are multiplied. They are independent, as the first is given the number of hits: that hits come so close
    together (:func:`chance_of_closeness`), and that there are so many (:func:`chance_of_more`).
    """
    if len(n) < FEWEST_WINDOWS:
        return False
    close = chance_of_closeness(hits, n)
    return close <= TOGETHER and close * chance_of_more(int(hits.sum()), int(n.sum()), hits_before, n_before) <= BOTH


def chance_of_closeness(hits: IntArray, n: IntArray) -> float:
    """With which as many pairs of hits fall into the same window, when hits are dealt out to the requests at random: by
    shuffling, at a fixed seed. The window with the most hits is left out, here and there: once is no turn.
    """
    pairs = _pairs(hits)
    if pairs == 0:
        return 1.0
    random = np.random.default_rng(SEED)
    drawn = as_many = 0
    while drawn < DRAWS and as_many < ENOUGH:
        dealt = random.multivariate_hypergeometric(n, int(hits.sum()), size=BATCH, method="marginals")
        as_many += int((_pairs(dealt) >= pairs).sum())
        drawn += BATCH
    return (as_many + 1) / (drawn + 1)


def standing_out(hits: IntArray, n: IntArray) -> NDArray[np.intp]:
    """The windows in which most of them come, ascending."""
    ratio = float(hits.sum() / n.sum()) if n.sum() else 0.0
    by_chance = beta_probability(ratio, np.maximum(hits, 1e-9), n - hits + 1)
    return np.flatnonzero((hits > 1) & (by_chance < STANDS_OUT))


def _pairs(hits: IntArray) -> IntArray:
    """Of hits in the same window, but in the window with the most; over the last axis."""
    pairs = hits * (hits - 1) // 2
    return np.asarray(pairs.sum(axis=-1) - pairs.max(axis=-1))
