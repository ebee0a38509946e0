"""When did a share of requests come back below a threshold, for good? A hidden Markov model answers.

The true share is a level that stays from one window to the next, or, with a small probability, jumps to another one,
drawn anew. That is a product partition model (Barry & Hartigan 1992; Fearnhead 2006) on a grid of levels, which makes
it exact at a cost of windows × levels. It supposes neither how many changes there were nor how large: a target that
fails wholly and is back at once is told to the window, and one that comes back gradually as long as it is near the
threshold. Half of the prior lies on each side of the threshold, so without requests nothing is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    np = LazyModule("numpy")

BELOW, ABOVE = 16, 32
"""Levels on the two sides of the threshold, the denser the nearer to the ends of the scale."""
LAST = 0.05
"""How much less likely the last level is above than below, before anything is known: a stretch in the middle takes two
jumps, and the last windows shall need no less evidence.
"""
DRIFT = 0.2
"""Probability with which a level moves to a neighbouring one, without a jump."""
CHANGES = 0.5
"""Expected in the whole run, before anything is known of it."""


@dataclass(frozen=True, eq=False)
class Posterior:
    """What is known of the level of each window from all of them; shape (windows,)."""

    within_from: NDArray[np.float64]
    """Probability that it is at or below the threshold in this window and in all that follow."""
    above: NDArray[np.float64]
    """Probability that it is above in this window."""


def posterior(hits: NDArray[np.float64], n: NDArray[np.float64], threshold: float) -> Posterior:
    """``hits`` of ``n`` requests in each window; both may be fractions, where requests are worth less than one."""
    levels, prior = _grid(threshold)
    logs = np.outer(hits, np.log(levels)) + np.outer(n - hits, np.log1p(-levels))
    likelihood = np.exp(logs - logs.max(axis=1, keepdims=True))
    within = levels <= threshold
    windows = len(n)
    change = min(0.1, CHANGES / max(windows, 1))
    moves = (1 - change) * _drift(within) + change * prior
    expected = np.empty_like(likelihood)
    state = prior
    for window in range(windows):
        expected[window] = state @ moves
        state = expected[window] * likelihood[window]
        state = state / state.sum()
    within_from, above = np.empty(windows), np.empty(windows)
    # Of what follows: with any levels, and with none above the threshold; scaled alike.
    any_level, none_above = np.where(within, 1.0, LAST), np.ones_like(levels)
    for window in reversed(range(windows)):
        here = expected[window] * likelihood[window]
        whole = here @ any_level
        within_from[window] = (here[within] @ none_above[within]) / whole
        above[window] = (here[~within] @ any_level[~within]) / whole
        came = likelihood[window] * any_level
        came_within = np.where(within, likelihood[window] * none_above, 0.0)
        scale = came.sum()
        any_level, none_above = moves @ came / scale, moves @ came_within / scale
    return Posterior(within_from, above)


def _drift(within: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Probabilities to go from one level to another in a window without a jump: to a neighbour on the same side."""
    levels = len(within)
    stay = np.eye(levels)
    for here, there in ((n, m) for n in range(levels) for m in (n - 1, n + 1) if 0 <= m < levels):
        if within[here] == within[there]:
            stay[here, there] += DRIFT / 2
            stay[here, here] -= DRIFT / 2
    return stay


def _grid(threshold: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Levels and their prior probabilities."""
    below = threshold * ((np.arange(BELOW) + 0.5) / BELOW) ** 2
    # Squares of sines are dense at both ends, near the threshold and near the whole.
    above = threshold + (1 - threshold) * np.sin(np.pi / 2 * (np.arange(ABOVE) + 0.5) / ABOVE) ** 2
    prior = np.concatenate([np.full(BELOW, 0.5 / BELOW), np.full(ABOVE, 0.5 / ABOVE)])
    return np.concatenate([below, above]), prior
