"""When did a share of requests come back below a threshold, for good? A hidden Markov model answers.

The true share is a level that stays from one window to the next, or, with a small probability, jumps to another one,
drawn anew. That is a product partition model (Barry & Hartigan 1992; Fearnhead 2006) on a grid of levels, which makes
it exact at a cost of windows × levels. It supposes neither how many changes there were nor how large: a target that
fails wholly and is back at once is told to the window, and one that comes back gradually as long as it is near the
threshold. Half of the prior lies on each side of the threshold, so without requests nothing is known.
"""

from __future__ import annotations

import functools
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
    moves = (1 - change) * _drift() + change * prior
    expected = np.empty_like(likelihood)
    state = prior
    for window in range(windows):
        expected[window] = state @ moves
        state = expected[window] * likelihood[window]
        state = state / state.sum()
    # Of what follows: with any levels, and with none above the threshold; scaled alike. Shape (windows, levels, 2).
    follows = np.empty((*likelihood.shape, 2))
    allowed = likelihood[..., np.newaxis] * np.stack([np.ones_like(levels), within], axis=1)
    after = np.stack([np.where(within, 1.0, LAST), np.ones_like(levels)], axis=1)
    for window in reversed(range(windows)):
        follows[window] = after
        came = allowed[window] * after
        after = moves @ came / came[:, 0].sum()
    here = expected * likelihood
    whole = (here * follows[..., 0]).sum(axis=1)
    within_from = (here * within * follows[..., 1]).sum(axis=1) / whole
    above = (here * ~within * follows[..., 0]).sum(axis=1) / whole
    return Posterior(within_from, above)


@functools.cache
def _drift() -> NDArray[np.float64]:
    """Probabilities to go from one level to another in a window without a jump: to a neighbour on the same side."""
    levels = BELOW + ABOVE
    stay = np.eye(levels)
    for here, there in ((n, m) for n in range(levels) for m in (n - 1, n + 1) if 0 <= m < levels):
        if (here < BELOW) == (there < BELOW):
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
